"""How a race's budget is shared out: equally among the contestants, and for each one among what it is trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from dragoman.errors import UsageError
from dragoman.race.plan import Kind, RaceBudget
from dragoman.training.watching.words import count, duration

SHARES = {"main": 0.7, "pizzeria": 0.2, "copying": 0.1}
"""Of a contestant's minutes; where the main corpus is the pizzeria it has the pizzeria's share too."""
MOST_SEEDS = 3
LEAST_MINUTES, LEAST_PASSES = 3.0, 3
"""Of one training, and passes over its corpus, below which there is no second seed."""
OPTIONS: Mapping[Kind, str] = {"minutes": "--minutes", "updates": "--updates", "tokens": "--target-tokens"}


@dataclass(frozen=True)
class Asked:
    """What the user wants to be spent, and on how many seeds."""

    kind: Kind
    amount: float
    """Minutes of the whole race; updates or target tokens of each training."""
    seeds: int | None = None


@dataclass(frozen=True)
class Pass:
    """What one pass over a course's corpus takes."""

    corpus: str
    updates: int
    tokens: int
    """Target tokens."""
    seconds: Mapping[str, float]
    """Forecast, by contestant."""


def minutes_of(asked: Asked, courses: Sequence[str], contestants: int) -> dict[str, float]:
    """Minutes that each contestant has for each course and for the copy task."""
    shares = {name: SHARES[name] for name in (*courses, "copying")}
    shares["main"] += 0.0 if "pizzeria" in courses else SHARES["pizzeria"]
    return {name: share * asked.amount / contestants for name, share in shares.items()}


def seeds_of(asked: Asked, passes: Mapping[str, Pass], contestants: int) -> dict[str, list[int]]:
    """The seeds of each course: those asked for, or as many of three as leave each training time enough."""
    minutes = minutes_of(asked, list(passes), contestants)
    found = {}
    for name, one in passes.items():
        least = max(LEAST_MINUTES, LEAST_PASSES * max(one.seconds.values()) / 60)
        fitting = min(MOST_SEEDS, int(minutes[name] / least + 1e-9)) if asked.kind == "minutes" else MOST_SEEDS
        found[name] = list(range(1, (asked.seeds or max(1, fitting)) + 1))
    return found


def each_of(asked: Asked, seeds: Mapping[str, Sequence[int]], contestants: int) -> dict[str, float]:
    """What each training of each course has of the budget."""
    if asked.kind != "minutes":
        return dict.fromkeys(seeds, asked.amount)
    minutes = minutes_of(asked, list(seeds), contestants)
    return {name: minutes[name] / len(numbers) for name, numbers in seeds.items()}


def shared_out(asked: Asked, seeds: Mapping[str, Sequence[int]], contestants: int) -> RaceBudget:
    """The budget as the plan has it."""
    each = each_of(asked, seeds, contestants)
    if asked.kind == "minutes":
        copying = minutes_of(asked, list(seeds), contestants)["copying"]
        return RaceBudget(asked.kind, asked.amount, each["main"], copying)
    trainings = contestants * (1 + sum(map(len, seeds.values())))
    return RaceBudget(asked.kind, asked.amount * trainings, asked.amount, asked.amount)


def check_enough(
    asked: Asked, passes: Mapping[str, Pass], seeds: Mapping[str, Sequence[int]], contestants: Sequence[str]
) -> None:
    """Makes sure that every training sees its whole corpus once.

    Raises:
        UsageError: the budget is too small for that; it says what would do.
    """
    each, needed = each_of(asked, seeds, len(contestants)), dict[str, float]()
    for name, one in passes.items():
        if asked.kind == "minutes":
            share = each[name] / asked.amount
            needed[name] = max(one.seconds.values()) / 60 / share
        else:
            needed[name] = one.updates if asked.kind == "updates" else one.tokens
    course = max(needed, key=lambda name: needed[name])
    if needed[course] <= asked.amount:
        return
    one, option = passes[course], OPTIONS[asked.kind]
    if asked.kind == "minutes":
        slowest = max(contestants, key=lambda name: one.seconds[name])
        raise UsageError(
            f"{option} {asked.amount:g} is too small: a pass over {one.corpus} takes {slowest} about "
            f"{duration(one.seconds[slowest])}, and each of its trainings has {duration(60 * each[course])} "
            f"({count(len(contestants), 'contestant')}, {count(len(seeds[course]), 'seed')}); "
            f"give {option} {ceil(1.1 * needed[course])}, or fewer of them (--only, --seeds)"
        )
    raise UsageError(
        f"{option} {asked.amount:.0f} is too small: a pass over {one.corpus} takes {needed[course]:.0f}; "
        f"give {option} {needed[course]:.0f} at least"
    )
