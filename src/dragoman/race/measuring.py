"""Which measures a race makes, of what, and how large; each one's own module does the work."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from dragoman.config import ModelSettings, Settings, TrainingSettings
from dragoman.errors import UsageError, nearest
from dragoman.race import chain, speed
from dragoman.race.contestants import attention_kind, shapes
from dragoman.race.copying import RATES, SHAPE, CopyBudget, CopyContestant, CopyTask, measure_copying
from dragoman.race.folder import RaceFolder
from dragoman.race.gradient_flow import FlowPlan, measure_gradients
from dragoman.race.lengths import check_lengths
from dragoman.race.material import Material
from dragoman.race.plan import Course, Plan
from dragoman.race.pronouns import DRAWN, SENTENCES, measure_pronouns
from dragoman.race.quality import TrainedRun, measure_quality
from dragoman.race.speed import SpeedPlan, measure_speed, measure_translation_speed
from dragoman.race.translator_flow import Looked, measure_translators

Tell = Callable[[str, float], None]
"""Is told what is being measured, and the share (0-1) that is over."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    lengths: Sequence[int] = speed.LENGTHS
    speed_tokens: int = 4096
    repetitions: int = 5
    chains: Sequence[int] = chain.LENGTHS
    task: CopyTask = field(default_factory=CopyTask)
    flow: FlowPlan = field(default_factory=FlowPlan)
    translators: Looked = field(default_factory=Looked)
    pronouns: int = SENTENCES
    drawn: int = DRAWN


TRIAL = Sizes(
    lengths=(4, 8),
    speed_tokens=64,
    repetitions=2,
    chains=(4, 8),
    task=CopyTask(kinds=8, distances=(5, 10), batch_tokens=100, tested_tokens=50),
    flow=FlowPlan(length=8, lengths=(4, 8), sentences=2, places=4, updates=2, learnt_length=4, batch=4),
    translators=Looked(sentences=2, longest=16, places=4),
    pronouns=10,
    drawn=1000,
)
"""For trying a race out: every measure is made, none says much."""
SMALL_MODELS = 0.75
"""Share of the time for gradients that the small models take; the race's translators take the rest."""


def sizes(plan: Plan) -> Sizes:
    """How much this race measures."""
    usual = TRIAL if plan.trial else Sizes()
    return replace(usual, lengths=tuple(plan.lengths)) if plan.lengths else usual


def measure(name: str, plan: Plan, folder: RaceFolder, tell: Tell) -> dict[str, Any]:
    """Makes one measure; gives its figures.

    Raises:
        UsageError: there is no such measure.
        DragomanError: it cannot be made, such as for lack of memory.
    """
    if name not in _MEASURES:
        raise UsageError(f"no measure is named {name!r}{nearest(name, _MEASURES)}")
    _use_threads(plan.main.shared.training)
    return _MEASURES[name](plan, folder, tell)


def check_sizes(plan: Plan) -> None:
    """Makes sure that the longest sentences fit into memory.

    Raises:
        DragomanError: they do not.
    """
    timed = _speed_plan(plan)
    check_lengths(_models(plan), timed.training, timed.vocabulary, timed.lengths, timed.positions)


def trained_runs(plan: Plan, folder: RaceFolder, course: Course) -> list[TrainedRun]:
    """A course's trainings, with what they took."""
    found = []
    for seed in course.seeds:
        for one in course.contestants:
            costs = folder.costs(course.name, one.name, seed)
            path = folder.run(course.name, one.name, seed)
            found.append(TrainedRun(one.name, seed, path, costs.peak_mib, costs.told_joules))
    return found


def _use_threads(training: TrainingSettings) -> None:
    if training.kernels == "fused":
        from dragoman.kernels.numbers import use_threads

        use_threads(training.threads)
    torch.set_num_threads(training.threads)


def _models(plan: Plan) -> dict[str, ModelSettings]:
    """The contestants as they race on the main corpus."""
    return {name: settings.model for name, settings in _settings(plan).items()}


def _settings(plan: Plan) -> dict[str, Settings]:
    return {one.name: plan.settings("main", one.name, plan.seeds[0]) for one in plan.contestants}


def _speed_plan(plan: Plan) -> SpeedPlan:
    size = sizes(plan)
    training = plan.main.shared.training
    return SpeedPlan(plan.main.vocabulary, training, size.lengths, size.speed_tokens, size.repetitions)


def _speed(plan: Plan, folder: RaceFolder, tell: Tell) -> dict[str, Any]:
    return measure_speed(_models(plan), _speed_plan(plan), tell)


def _translation_speed(plan: Plan, folder: RaceFolder, tell: Tell) -> dict[str, Any]:
    return measure_translation_speed(_models(plan), _speed_plan(plan), tell)


def _chain(plan: Plan, folder: RaceFolder, tell: Tell) -> dict[str, Any]:
    return chain.measure_chain(_models(plan), sizes(plan).chains, tell=tell)


def _gradients(plan: Plan, folder: RaceFolder, tell: Tell) -> dict[str, Any]:
    flow = sizes(plan).flow
    small = _small(plan, flow.vocabulary)
    models = {name: one.model for name, one in small.items()}
    training = {name: one.training for name, one in small.items()}
    both = [name for name, model in models.items() if model.family == "rnn"]
    found = measure_gradients(models, training, flow, both, lambda text, share: tell(text, SMALL_MODELS * share))
    shared = plan.main.shared
    runs = [run for run in trained_runs(plan, folder, plan.main) if run.seed == plan.seeds[0]]
    found["translators"] = measure_translators(
        runs,
        Material(shared.data).valid_text(shared.pizzeria),
        sizes(plan).translators,
        lambda text, share: tell(text, SMALL_MODELS + (1 - SMALL_MODELS) * share),
    )
    return found


def _copying(plan: Plan, folder: RaceFolder, tell: Tell) -> dict[str, Any]:
    task, budget = sizes(plan).task, plan.budget
    small = _small(plan, task.vocabulary)
    if budget.kind == "minutes":
        spent = CopyBudget(seconds=60 * budget.copying)
    elif budget.kind == "updates":
        spent = CopyBudget(updates=round(budget.copying))
    else:
        spent = CopyBudget(target_tokens=round(budget.copying))
    order = {name: number for number, name in enumerate(small)}
    return measure_copying(
        small,
        spent,
        task,
        lambda name, share: tell(name, (order[name] + share) / len(order)),
    )


def _small(plan: Plan, vocabulary: int) -> dict[str, CopyContestant]:
    """The contestants as small models for the copy task, each with the learning rate that suits it there."""
    shared, names = plan.main.shared, [one.name for one in plan.contestants]
    base = replace(SHAPE, attention=attention_kind(shared.model))
    training = replace(shared.training, label_smoothing=0.0)
    return {
        name: CopyContestant(shape, replace(training, learning_rate=RATES[name]))
        for name, shape in shapes(base, names, (vocabulary, vocabulary)).items()
    }


def _pronouns(plan: Plan, folder: RaceFolder, tell: Tell) -> dict[str, Any]:
    course, size = plan.pizzeria or plan.main, sizes(plan)
    runs = trained_runs(plan, folder, course)
    return measure_pronouns(runs, size.pronouns, size.drawn, _counting(tell, len(runs)))


def _quality(plan: Plan, folder: RaceFolder, tell: Tell) -> dict[str, Any]:
    runs, shared = trained_runs(plan, folder, plan.main), plan.main.shared
    test = (plan.test_files[0], plan.test_files[1]) if plan.test_files else None
    text = Material(shared.data, test).test_text(shared.pizzeria)
    return measure_quality(runs, text, "test", _counting(tell, len(runs)))


def _counting(tell: Tell, total: int) -> Callable[[str], None]:
    """Turns what is told at the beginning of each of so many parts into a share."""
    begun = -1

    def count(text: str) -> None:
        nonlocal begun
        begun += 1
        tell(text, begun / total)

    return count


_MEASURES: Mapping[str, Callable[[Plan, RaceFolder, Tell], dict[str, Any]]] = {
    "speed": _speed,
    "translation_speed": _translation_speed,
    "chain": _chain,
    "gradients": _gradients,
    "copying": _copying,
    "pronouns": _pronouns,
    "quality": _quality,
}
