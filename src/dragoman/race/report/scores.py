"""Quality as the verdicts and tables need it: means over trainings, and tests against the Transformer."""

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


class Paired(NamedTuple):
    """A contestant's BLEU less the Transformer's."""

    name: str
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


def against_transformer(quality: Mapping[str, Any]) -> list[Paired]:
    """The paired test of every other contestant; none where the Transformer or the measure is missing."""
    against = quality.get("against_transformer", {})
    corrected = holm({name: one["p"] for name, one in against.items()})
    return [
        Paired(name, one["difference"], one["low"], one["high"], one["p"], corrected[name])
        for name, one in against.items()
    ]


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
