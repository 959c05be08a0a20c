"""What the measurements share: shares with their 95 % bootstrap intervals, and traces in batches.

Shapes: N sentences, R resamples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dragoman.config import EvaluationSettings
from dragoman.corpora.pizzeria import PizzeriaPair
from dragoman.evaluation.scoring import interval
from dragoman.tracing import Trace
from dragoman.translation import Translator

SENTENCES_AT_ONCE = 50
"""Bounds the memory of what is recorded."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % bootstrap interval over sentences."""

    value: float
    low: float
    high: float

    def percent(self) -> str:
        """As people read it."""
        return f"{self.value:.1%} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def mean(values: ArrayLike) -> Estimate:
    """The mean over N sentences."""
    return ratio(values, np.ones_like(values, dtype=np.float64))


def ratio(tops: ArrayLike, bottoms: ArrayLike) -> Estimate:
    """The sum of `tops` over the sum of `bottoms`, one of each for a sentence."""
    above, below = np.asarray(tops, dtype=np.float64), np.asarray(bottoms, dtype=np.float64)
    settings = EvaluationSettings()
    sentences = len(above)
    draw = np.random.default_rng(settings.seed)
    times = draw.multinomial(sentences, np.full(sentences, 1 / sentences), size=settings.resamples)
    low, high = interval((times @ above) / (times @ below))
    return Estimate(float(above.sum() / below.sum()), low, high)


def traced(translator: Translator, pairs: Sequence[PizzeriaPair]) -> Iterator[tuple[PizzeriaPair, Trace]]:
    """Traces each pair with its gold translation forced, a batch at a time."""
    for start in range(0, len(pairs), SENTENCES_AT_ONCE):
        group = pairs[start : start + SENTENCES_AT_ONCE]
        traces = translator.explain_batch([pair.source for pair in group], [pair.target for pair in group])
        yield from zip(group, traces, strict=True)
