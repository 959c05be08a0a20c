"""What a race consists of, part by part, and about how long each takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from dragoman.race.folder import RaceFolder
from dragoman.race.logs import MEASURES
from dragoman.race.plan import Plan

START = 8.0
"""Seconds that a process needs before it works: libraries, corpus, compiled kernels."""
AFTER_COPYING = 10.0
"""Seconds for testing each contestant on the copy task."""
PER_RUN = {"pronouns": 20.0, "quality": 15.0}
"""Seconds for each run."""
PER_CONTESTANT = {"speed": 60.0, "translation_speed": 90.0, "chain": 10.0, "gradients": 90.0}
"""Seconds for each contestant; in a trial a twentieth."""


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
    count = len(plan.contestants)
    if name == "copying":
        each = 60 * plan.budget.copying if plan.budget.kind == "minutes" else 60.0
        seconds = count * (each + AFTER_COPYING)
    elif name in PER_RUN:
        course = plan.main if name == "quality" else plan.pizzeria or plan.main
        seconds = PER_RUN[name] * count * len(course.seeds)
    else:
        seconds = PER_CONTESTANT[name] * count
    scale = 0.05 if plan.trial and (name != "copying" or plan.budget.kind != "minutes") else 1.0
    return Part(f"measuring {name.replace('_', ' ')}", ("measure", name), START + scale * seconds, name)
