"""Quality as the verdicts and tables need it: means over trainings, and paired tests."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from dragoman.race.plan import Contestant

TRANSFORMER = "transformer"
LEAST_BLEU = 1
"""Below it nothing is translated, and no difference says who translates better."""
SIGNIFICANT = 0.05
"""Chance of a difference this large between equals, below which it counts."""


def measure_of_size(contestants: Sequence[Contestant]) -> Contestant:
    """Whose number of parameters the others are told beside: the Transformer, or the first where it does not race."""
    return next((one for one in contestants if one.name == TRANSFORMER), contestants[0])


class Tested(NamedTuple):
    """One score of a contestant less another's, of a paired test."""

    difference: float
    low: float
    high: float
    chance: float
    """The test's p-value."""
    corrected: float
    """The same, corrected for the number of tests."""

    @property
    def significant(self) -> bool:
        """Whether the difference counts."""
        return self.corrected < SIGNIFICANT


class Pair(NamedTuple):
    """A contestant's scores less another's."""

    name: str
    other: str
    bleu: Tested
    chrf: Tested


def every_pair(quality: Mapping[str, Any]) -> list[Pair]:
    """All paired tests, each score's corrected for all of them."""
    paired = quality.get("paired", [])
    bleu, chrf = ([_test(one[metric]) for one in paired] for metric in ("bleu", "chrf"))
    return [
        Pair(one["contestant"], one["other"], *tests)
        for one, *tests in zip(paired, _corrected(bleu), _corrected(chrf), strict=True)
    ]


def against_transformer(quality: Mapping[str, Any]) -> dict[str, Tested]:
    """BLEU of every other contestant less the Transformer's, corrected for these tests alone.

    They are the ones that claim 5 is decided by, whoever else races. None where the Transformer or the measure is
    missing.
    """
    found = {}
    for one in quality.get("paired", []):
        if one["other"] == TRANSFORMER:
            found[one["contestant"]] = _test(one["bleu"])
        elif one["contestant"] == TRANSFORMER:
            found[one["other"]] = _turned(_test(one["bleu"]))
    return dict(zip(found, _corrected(list(found.values())), strict=True))


def _test(found: Mapping[str, float]) -> Tested:
    return Tested(found["difference"], found["low"], found["high"], found["p"], found["p"])


def _turned(test: Tested) -> Tested:
    """The other one's score less this one's."""
    return test._replace(difference=-test.difference, low=-test.high, high=-test.low)


def _corrected(tests: Sequence[Tested]) -> list[Tested]:
    """Tests of one family, corrected for their number."""
    chances = holm({str(number): test.chance for number, test in enumerate(tests)})
    return [test._replace(corrected=chances[str(number)]) for number, test in enumerate(tests)]


def holm(chances: Mapping[str, float]) -> dict[str, float]:
    """Corrects p-values for being several (Holm 1979): chance alone makes any of them small as seldom as one alone."""
    corrected, before = {}, 0.0
    for place, (name, chance) in enumerate(sorted(chances.items(), key=lambda item: item[1])):
        before = max(before, min(1.0, chance * (len(chances) - place)))
        corrected[name] = before
    return corrected


def mean_score(quality: Mapping[str, Any], contestant: str, metric: str) -> float:
    """BLEU or chrF of a contestant: the mean over its trainings."""
    return mean(float(run[metric]["score"]) for run in quality["runs"] if run["contestant"] == contestant)
