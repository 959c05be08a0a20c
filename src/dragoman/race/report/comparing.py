"""Whether one contestant is clearly ahead of another, and what many such comparisons come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from dragoman.race.report.document import Judgement
from dragoman.race.report.wording import family, listed, shown

Result = Literal[-1, 0, 1]
"""1: as the claim has it; 0: no clear difference; -1: the other way round."""


class Reading(NamedTuple):
    """A measured value and the span in which it lies."""

    value: float
    low: float
    high: float


class Outcome(NamedTuple):
    """One comparison."""

    who: str
    where: int | str
    """A length, or words."""
    result: Result


@dataclass(frozen=True)
class Tally:
    """Several comparisons."""

    outcomes: Sequence[Outcome]

    @property
    def judgement(self) -> Judgement:
        """All, some or none as the claim has it."""
        if not self.outcomes:
            return "not measured"
        agreed = sum(one.result == 1 for one in self.outcomes)
        return "holds" if agreed == len(self.outcomes) else "holds partly" if agreed else "does not hold here"

    @property
    def at_most_partly(self) -> Judgement:
        """The same where something else is not as the claim has it."""
        return "holds partly" if self.judgement == "holds" else self.judgement

    def told(self, words: tuple[str, str, str], name_all: bool = False) -> str:
        """The counts in words: slower in 7 of 12 comparisons (RNN from 64 tokens on), level in 2 (...).

        Args:
            words: for outcomes as the claim has it, without a clear difference, and the other way round.
            name_all: whether to name who it was even where all came out alike.
        """
        parts: list[str] = []
        results: tuple[Result, ...] = (1, 0, -1)
        for word, result in zip(words, results, strict=True):
            count = sum(one.result == result for one in self.outcomes)
            if count:
                who = f" ({self._who(result)})" if name_all or count < len(self.outcomes) else ""
                parts.append(f"{word} in {_share(count, len(self.outcomes), not parts)}{who}")
        return ", ".join(parts)

    def _who(self, result: Result) -> str:
        """Who came out so, and where; those with the same places together."""
        groups: dict[str, list[str]] = {}
        for who in dict.fromkeys(one.who for one in self.outcomes):
            mine = [one for one in self.outcomes if one.who == who]
            there = [one.where for one in mine if one.result == result]
            if there:
                groups.setdefault(_places(there, [one.where for one in mine]), []).append(who)
        return "; ".join(" ".join([listed(whos), where]).strip() for where, whos in groups.items())


def _share(count: int, total: int, first: bool) -> str:
    """So many of all comparisons; the word stands at the first number only."""
    if count == total:
        return {1: "the only comparison", 2: "both comparisons"}.get(total, f"all {total} comparisons")
    return f"{count} of {total} comparisons" if first else f"{count}"


def _places(there: Sequence[int | str], known: Sequence[int | str]) -> str:
    """Where it was: lengths are numbers, anything else is told as it is."""
    if isinstance(there[0], str):
        return " and ".join(str(one) for one in there)
    if len(there) == len(known):
        return "at every length"
    if list(there) == list(known[-len(there) :]):
        return f"from {there[0]} tokens on" if len(there) > 1 else f"at {there[0]} tokens"
    if list(there) == list(known[: len(there)]):
        return f"up to {there[-1]} tokens" if len(there) > 1 else f"at {there[0]} tokens"
    return f"at {listed([str(one) for one in there])} tokens"


def sign(value: float) -> Result:
    """1 above zero, -1 below."""
    return 1 if value > 0 else -1 if value < 0 else 0


def apart(one: Reading, other: Reading) -> Result:
    """1 where the first lies clearly above the second, -1 below; 0 where their spans touch."""
    if one.low > other.high:
        return 1
    return -1 if one.high < other.low else 0


def speeds(contestants: Mapping[str, Any], name: str) -> dict[int, Reading]:
    """A contestant's tokens a second by length, with the slowest and the fastest repetition."""
    return {
        row["length"]: Reading(row["tokens_per_second"], *row["spread"])
        for row in contestants.get(name, [])
        if row.get("tokens_per_second") is not None
    }


def slower(contestants: Mapping[str, Any], pairs: Sequence[tuple[str, str]]) -> Tally:
    """Whether the first of each pair is slower than the second, at every length that both ran."""
    outcomes = []
    for one, other in pairs:
        mine, theirs = speeds(contestants, one), speeds(contestants, other)
        outcomes += [Outcome(shown(one), at, apart(theirs[at], mine[at])) for at in sorted(mine.keys() & theirs.keys())]
    return Tally(outcomes)


def grows(counts: Sequence[float]) -> bool:
    """Whether a chain is longer for the longest sentence than for the shortest."""
    return counts[-1] > counts[0]


def siblings(names: Sequence[str], one: str, other: str) -> list[tuple[str, str]]:
    """Contestants of two families that are otherwise alike: lstm with rnn, lstm-attention with rnn-attention."""
    pairs = [(name, other + name.removeprefix(one)) for name in names if family(name) == one]
    return [pair for pair in pairs if pair[1] in names]
