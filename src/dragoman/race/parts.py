"""What a race consists of, part by part, and about how long each takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from dragoman.race.copying import CopyTask
from dragoman.race.folder import RaceFolder
from dragoman.race.logs import MEASURES
from dragoman.race.plan import Plan

START, MEASURE_START = 8.0, 3.0
"""Seconds that a process needs before it works: libraries; for a training corpus and compiled kernels too."""
COPYING_UPDATE = 0.1
"""Seconds of an update of the copy task."""
AFTER_COPYING = 10.0
"""Seconds for testing each contestant on the copy task."""
PER_RUN = {"pronouns": 10.0, "quality": 10.0}
"""Seconds for each run."""
PER_CONTESTANT = {"speed": 40.0, "translation_speed": 30.0, "chain": 5.0, "gradients": 25.0}
"""Seconds for each contestant."""
IN_A_TRIAL = 0.05
"""Share of a measure's time that it takes in small."""


@dataclass(frozen=True)
class Part:
    """One training or one measure."""

    label: str
    """What people are told: `main lstm-attention, seed 1`, `measuring speed`."""
    arguments: tuple[str, ...]
    """Of the process that does it."""
    expected: float
    """Seconds by the clock."""
    measure: str = ""
    """Its name, where it is one."""

    def is_done(self, folder: RaceFolder) -> bool:
        """Whether nothing of it is left to do."""
        if self.measure:
            return folder.is_measured(self.measure)
        _, course, name, seed = self.arguments
        return folder.is_trained(course, name, int(seed))


def parts(plan: Plan) -> list[Part]:
    """All of a race's parts in their order: trainings, seed by seed, then what is measured of them."""
    return [*trainings(plan), *(_measure(plan, name) for name in measures(plan))]


def trainings(plan: Plan) -> list[Part]:
    """The trainings; all contestants have had their turn with one seed before the next seed."""
    return [
        Part(
            f"{course.name} {one.name}, seed {seed}",
            ("train", course.name, one.name, str(seed)),
            START + course.part_seconds[one.name],
        )
        for course in plan.courses
        for seed in course.seeds
        for one in plan.contestants
    ]


def measures(plan: Plan) -> Sequence[str]:
    """What is measured; pronouns only where some run translates the pizzeria into German."""
    return [name for name in MEASURES if name != "pronouns" or plan.pizzeria]


def _measure(plan: Plan, name: str) -> Part:
    expected = MEASURE_START + _seconds(plan, name)
    return Part(f"measuring {name.replace('_', ' ')}", ("measure", name), expected, name)


def _seconds(plan: Plan, name: str) -> float:
    """How long a measure takes once its process works."""
    count, scale = len(plan.contestants), IN_A_TRIAL if plan.trial else 1.0
    if name == "copying":
        each, kind = plan.budget.copying, plan.budget.kind
        if kind == "minutes":
            return count * (60 * each + scale * AFTER_COPYING)
        updates = each if kind == "updates" else each / CopyTask().batch_tokens
        return scale * count * (COPYING_UPDATE * updates + AFTER_COPYING)
    if name == "quality":
        # The test set is as large in a trial.
        return PER_RUN[name] * count * len(plan.seeds)
    if name == "pronouns":
        return scale * PER_RUN[name] * count * len((plan.pizzeria or plan.main).seeds)
    return scale * PER_CONTESTANT[name] * count
