"""What was typed becomes a question to plan a race by, or is compared with the plan of a race that goes on."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from dragoman.errors import UsageError
from dragoman.models.hardware import usable_cores
from dragoman.race import material
from dragoman.race.budget import OPTIONS, Asked
from dragoman.race.contestants import chosen
from dragoman.race.machine import versions
from dragoman.race.plan import Kind, Plan, Values
from dragoman.race.recipe import Question
from dragoman.runs.made_with import processor

MINUTES = 70.0
"""Of training for a whole race: ten for each of seven contestants."""


@dataclass(frozen=True)
class Given:
    """The command's options; what was not given is None or empty."""

    data: Values
    """Data settings by their dotted keys."""
    budget: Mapping[Kind, float | None]
    sets: Sequence[str]
    test: tuple[Path, Path] | None = None
    seeds: int | None = None
    preset: str | None = None
    only: str | None = None
    lengths: str | None = None
    trial: bool = False

    def question(self, out: Path) -> Question:
        """The question that a new race is planned by.

        Raises:
            UsageError: an option is out of range, or they contradict each other.
        """
        if self.seeds is not None and self.seeds < 1:
            raise UsageError(f"--seeds {self.seeds} is too small; give 1 or more")
        kind, amount = self._asked() or ("minutes", MINUTES)
        return Question(
            data=self.data,
            asked=Asked(kind, amount, self.seeds),
            test=self.test,
            preset=self.preset,
            sets=tuple(self.sets),
            names=tuple(chosen(self.only)),
            lengths=self._lengths(),
            trial=self.trial,
            command=self._command(out),
        )

    def differences(self, plan: Plan) -> list[str]:
        """What was given otherwise than the plan has it, in words."""
        budget = plan.budget
        was = f"{_exact(budget.total if budget.kind == 'minutes' else budget.each)} {budget.kind}"
        asked = self._asked()
        pairs = [
            *((key, plan.corpus.get(key, ""), value) for key, value in self.data.items()),
            ("the test text", plan.corpus.get("test"), [str(path) for path in self.test] if self.test else None),
            ("the budget", was, f"{_exact(asked[1])} {asked[0]}" if asked else None),
            ("--seeds", len(plan.seeds), self.seeds),
            ("--preset", plan.preset, self.preset),
            ("--set", " ".join(plan.sets), " ".join(self.sets) or None),
            ("--only", ",".join(one.name for one in plan.contestants), self.only and ",".join(chosen(self.only))),
            ("--lengths", plan.lengths, list(self._lengths()) or None),
            ("--trial", plan.trial, self.trial or None),
        ]
        others = [(what, had or "not given", now) for what, had, now in pairs if now is not None and now != had]
        return [f"{what} is {had} in the race, {now} was given" for what, had, now in others]

    def _asked(self) -> tuple[Kind, float] | None:
        given = {kind: amount for kind, amount in self.budget.items() if amount is not None}
        if len(given) > 1:
            raise UsageError(f"more than one budget ({', '.join(OPTIONS[kind] for kind in given)}); give one of them")
        for kind, amount in given.items():
            if amount <= 0:
                raise UsageError(f"{OPTIONS[kind]} {amount:g} is too small; give more than 0")
            if not amount < inf:
                raise UsageError(f"{OPTIONS[kind]} {amount:g} is no budget; give a number")
            return kind, amount
        return None

    def _lengths(self) -> tuple[int, ...]:
        try:
            found = tuple(sorted({int(length) for length in (self.lengths or "").split(",") if length.strip()}))
        except ValueError:
            raise UsageError(f"--lengths {self.lengths!r} is not a list of whole numbers; write 8,64,256") from None
        if found and found[0] < 2:
            raise UsageError(f"--lengths: {found[0]} is too short, a sentence ends with its end mark; give 2 or more")
        return found

    def _command(self, out: Path) -> str:
        """The command that repeats the race."""
        named = {f"--{key.removeprefix('data.').replace('_', '-')}": value for key, value in self.data.items()}
        named |= dict(zip(("--test-source", "--test-target"), self.test or (), strict=False))
        kind, amount = self._asked() or ("minutes", MINUTES)
        named |= {OPTIONS[kind]: _exact(amount), "--seeds": self.seeds, "--preset": self.preset, "--only": self.only}
        named |= {"--lengths": self.lengths}
        words = [str(word) for name, value in named.items() if value is not None for word in (name, value)]
        sets = [word for one in self.sets for word in ("--set", one)]
        return shlex.join(["dragoman", "race", str(out), *words, *sets, *(["--trial"] if self.trial else [])])


def _exact(amount: float) -> str:
    """An amount of a budget, digit by digit: it is compared and typed again."""
    return f"{amount:.15g}"


def check_same(plan: Plan, given: Given) -> None:
    """Makes sure that a race goes on as it began: asked the same, of the same files, on the same machine.

    Raises:
        UsageError: something differs; it is named.
    """
    found = given.differences(plan)
    found += [f"{path} has changed since the race began" for path in material.changed(plan.files)]
    found += other_versions(plan)
    machine = {"processor": processor(), "cores": usable_cores()}
    found += [
        f"the machine's {name} is {plan.machine[name]} in the race, {now} here"
        for name, now in machine.items()
        if plan.machine[name] != now
    ]
    if found:
        raise UsageError(f"a race goes on as it began: {'; '.join(found)}; race anew in another folder instead")


def other_versions(plan: Plan) -> list[str]:
    """What is here in another version than the race was run with, in words."""
    here = versions()
    return [
        f"{name} is {had} in the race, {here.get(name, 'missing')} here"
        for name, had in plan.versions.items()
        if here.get(name) != had
    ]
