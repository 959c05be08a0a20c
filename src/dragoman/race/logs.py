"""What a race left behind: its plan, the measures that are finished, and the logs of its trainings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError
from dragoman.race.folder import RaceFolder
from dragoman.race.plan import Plan
from dragoman.runs import Run

MEASURES = ("speed", "translation_speed", "chain", "gradients", "copying", "pronouns", "quality")
"""What the report is made from, in the order in which it is told."""
_BY_CONTESTANT = {"lengths", "contestants"}
_PARTS: Mapping[str, set[str]] = {
    "speed": _BY_CONTESTANT | {"target_tokens"},
    "translation_speed": _BY_CONTESTANT,
    "chain": _BY_CONTESTANT,
    "gradients": {"plan", "curves", "trainings", "translators"},
    "copying": {"distances", "kinds", "chance", "contestants"},
    "pronouns": {"distances", "contestants", "shortcuts", "trained_up_to"},
    "quality": {"corpus", "split", "signature", "runs", "paired"},
}
"""What every finished measure has."""
MEND = "remove it and add --resume, which measures it again"
"""What to do about a measure that is damaged."""

Json = Mapping[str, Any]


@dataclass(frozen=True)
class TrainingLog:
    """The lines of one training's metrics.jsonl."""

    course: str
    contestant: str
    seed: int
    lines: tuple[Json, ...]
    given_up: str = ""
    """Why it ended before its time; empty where it did not."""

    @property
    def last(self) -> Json:
        """The newest line."""
        return self.lines[-1]


@dataclass(frozen=True)
class Logs:
    """Everything that the report is made from."""

    plan: Plan
    measures: Mapping[str, Json]
    """Those that are finished, by name."""
    trainings: tuple[TrainingLog, ...]
    """Those that wrote at least one line, in the plan's order."""

    @property
    def names(self) -> tuple[str, ...]:
        """The contestants, in the plan's order."""
        return tuple(one.name for one in self.plan.contestants)

    def of(self, measure: str) -> Json:
        """A measure's figures by contestant; empty where it is not finished."""
        found: Json = self.measures.get(measure, {}).get("contestants", {})
        return found

    def measured(self, measure: str) -> list[str]:
        """The contestants that a measure has figures of, in the plan's order."""
        return [name for name in self.names if name in self.of(measure)]

    def untrained(self) -> list[str]:
        """The trainings that the plan foresees and that left no line, as the folder calls them."""
        there = {(one.course, one.contestant, one.seed) for one in self.trainings}
        return [
            f"{course.name}/{name}-{seed}"
            for course in self.plan.courses
            for name in self.names
            for seed in course.seeds
            if (course.name, name, seed) not in there
        ]


def read_logs(folder: Path) -> Logs:
    """Reads a race's folder.

    Raises:
        DragomanError: it is no race, or one of its files is damaged.
    """
    race = RaceFolder(folder)
    plan = race.plan()
    if plan is None:
        raise DragomanError(
            f"{folder} is not a race (no {race.plan_file.name} in it): give a folder that `dragoman race` made"
        )
    measures = {name: _measure(race, plan, name) for name in MEASURES if race.is_measured(name)}
    return Logs(plan, measures, tuple(_trainings(race, plan)))


def _trainings(folder: RaceFolder, plan: Plan) -> list[TrainingLog]:
    found = []
    for course in plan.courses:
        for contestant in course.contestants:
            for seed in course.seeds:
                which = course.name, contestant.name, seed
                if lines := Run(folder.run(*which)).read_metrics():
                    found.append(TrainingLog(*which, tuple(lines), folder.costs(*which).given_up))
    return found


def _measure(folder: RaceFolder, plan: Plan, name: str) -> Json:
    """Reads one measure.

    Raises:
        DragomanError: it is damaged, or another race's.
    """
    file = folder.measure(name)
    found = _json(file)
    if missing := sorted(_PARTS[name] - found.keys()):
        raise DragomanError(f"{file} is damaged (no {', '.join(missing)} in it): {MEND}")
    entries = [entry for part in ("runs", "curves", "trainings") for entry in found.get(part, ())]
    entries += found.get("translators", {}).get("curves", ())
    named = [*found.get("contestants", ()), *(entry["contestant"] for entry in entries)]
    if strangers := sorted(set(named) - {one.name for one in plan.contestants}):
        raise DragomanError(f"{file} is another race's ({', '.join(strangers)} does not race here): {MEND}")
    return found


def _json(file: Path) -> Json:
    """Reads one JSON object.

    Raises:
        DragomanError: it is none.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DragomanError(f"{file} is damaged ({error}): {MEND}") from error
    if not isinstance(value, dict):
        raise DragomanError(f"{file} is not a JSON object: {MEND}")
    return value
