"""Makes a race's plan: text, vocabulary, equal models, a forecast of each, and the budget shared out."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from math import ceil
from typing import Literal

from dragoman.config.loading import override
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.race import material
from dragoman.race.budget import Pass, check_enough, each_of, seeds_of, shared_out
from dragoman.race.contestants import enter
from dragoman.race.folder import RaceFolder
from dragoman.race.machine import machine, versions
from dragoman.race.measuring import check_sizes
from dragoman.race.plan import Contestant, Course, Kind, Plan
from dragoman.race.recipe import Question, Recipe, main_recipe, pizzeria_recipe
from dragoman.training.preparing import Prepared, prepare
from dragoman.training.watching.probe import Pace, probe

PROBED = 0.5
"""Seconds of timed passes behind each forecast."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Entered:
    """A course before the budget is shared out."""

    name: Literal["main", "pizzeria"]
    recipe: Recipe
    contestants: list[Contestant]
    paces: dict[str, Pace]
    whole: Pass
    vocabulary: int
    pairs: dict[str, int]

    def course(self, kind: Kind, seeds: list[int], each: float) -> Course:
        """The course as the plan has it."""
        base = self.recipe.base
        tokens = self.whole.tokens / self.whole.updates
        updates = {
            name: {"minutes": 60 * each / pace.update_seconds(tokens), "updates": each, "tokens": each / tokens}[kind]
            for name, pace in self.paces.items()
        }
        seconds = {
            name: updates[name] * pace.update_seconds(tokens) + base.training.validations * pace.validation_seconds
            for name, pace in self.paces.items()
        }
        return Course(
            name=self.name,
            settings=asdict(base),
            contestants=self.contestants,
            seeds=seeds,
            each=each,
            pairs=self.pairs,
            vocabulary=self.vocabulary,
            epoch_updates=self.whole.updates,
            epoch_seconds=dict(self.whole.seconds),
            part_seconds=seconds,
        )


def make_plan(folder: RaceFolder, question: Question, tell: Tell) -> Plan:
    """Decides everything that a race needs before it begins; takes a minute.

    Raises:
        UsageError: the question contradicts itself, or the budget is too small for a pass over the corpus.
        DragomanError: the corpus cannot be used, or a model does not fit.
    """
    folder.clear()
    names = question.names
    given = main_recipe(question)
    text = material.divided(folder.data("main"), given.base, question.test)
    main = given.on(text.data)
    entered = [_enter(folder, "main", main, names, tell)]
    if material.title(text.data) != material.PIZZERIA:
        entered.append(_enter(folder, "pizzeria", pizzeria_recipe(main), names, tell))
    courses = [one.name for one in entered]
    seeds = seeds_of(question.asked, courses, len(names))
    check_enough(question.asked, {one.name: one.whole for one in entered}, seeds, names)
    each = each_of(question.asked, seeds, len(names))
    ready = [one.course(question.asked.kind, seeds[one.name], each[one.name]) for one in entered]
    first = given.base
    plan = Plan(
        corpus={name: value for name, value in question.data.items() if value}
        | ({"test": [str(path) for path in question.test]} if question.test else {}),
        name=material.title(first.data),
        preset=given.preset,
        sets=list(question.sets),
        budget=shared_out(question.asked, seeds, len(names)),
        courses=ready,
        languages=material.language_pair(first),
        test=[str(path) for path in text.test or ()],
        files=material.fingerprints(first.data, question.test),
        versions=versions(),
        machine=machine(first.training),
        command=question.command,
        date=str(date.today()),
        lengths=list(question.lengths),
        trial=question.trial,
    )
    check_sizes(plan)
    return plan


def _enter(
    folder: RaceFolder, course: Literal["main", "pizzeria"], recipe: Recipe, names: Sequence[str], tell: Tell
) -> Entered:
    """Learns the course's vocabulary, finds the contestants' widths, and times each."""
    base, place = recipe.base, folder.data(course)
    tell(f"reading {material.title(base.data)} and learning its vocabulary")
    place.mkdir(parents=True, exist_ok=True)
    prepared = prepare(base, None, None, place, tell)
    try:
        sizes = prepared.tokenizers.source.size, prepared.tokenizers.target.size
        tell(f"finding equal widths for {', '.join(names)}")
        contestants = enter(base, recipe.tuned, names, sizes)
        tell("timing a few passes of each contestant")
        paces = {one.name: _pace(prepared, recipe, one, sizes) for one in contestants}
        epoch = prepared.epochs.epoch(0)
        updates = ceil(epoch.pass_batches / base.training.accumulate)
        tokens = epoch.pass_tokens[1]
        seconds = {name: updates * pace.update_seconds(tokens / updates) for name, pace in paces.items()}
        whole = Pass(material.title(base.data), updates, tokens, seconds)
        pairs = {"train": len(prepared.corpus.train), "valid": len(prepared.corpus.valid)}
        return Entered(course, recipe, contestants, paces, whole, sizes[1], pairs)
    finally:
        prepared.epochs.close()
        # Each training has a store of its own.
        shutil.rmtree(place / "store", ignore_errors=True)


def _pace(prepared: Prepared, recipe: Recipe, contestant: Contestant, sizes: tuple[int, int]) -> Pace:
    """Times a contestant's passes.

    Raises:
        DragomanError: there is too little memory for them.
    """
    settings = override(recipe.base, None, contestant.settings)
    model = build_model(settings.model, *sizes, settings.training.seed).to(prepared.model.output.weight.device)
    try:
        return probe(replace(prepared, settings=settings, model=model), seconds=PROBED)
    except (MemoryError, RuntimeError) as error:
        raise DragomanError(
            f"{contestant.name} does not fit into memory ({error}); lower batches.target_tokens or model.d_model"
        ) from error
