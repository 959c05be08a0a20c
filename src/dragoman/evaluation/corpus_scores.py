"""What is measured on a set of translations: BLEU, chrF, exact match, and both scores by source length."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.config import EvaluationSettings
from dragoman.evaluation.scoring import (
    Metric,
    Score,
    check_counts,
    interval,
    make_metrics,
)

_LENGTHS = ((0, 0), (1, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, 50), (51, math.inf))
"""Fewest and most words of a source sentence in each bucket; an empty line is a bucket of its own."""


@dataclass(frozen=True)
class Bucket:
    """The sentences whose sources are similarly long."""

    label: str
    """Words of the source: 0, 1-5, ..., 51+."""
    sentences: int
    bleu: float
    chrf: float


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on one set of translations."""

    bleu: Score
    chrf: Score
    exact_match: float
    """Share (0-1) of translations that equal their reference, white space at the ends left aside."""
    sentences: int
    by_length: list[Bucket]
    """Buckets that have sentences, shortest first; none where the sources are unknown."""

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def evaluate(
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str] | None = None,
    settings: EvaluationSettings | None = None,
) -> Evaluation:
    """Scores translations against references; the sources are needed for the buckets by length only.

    Raises:
        DragomanError: the counts differ, or there are no sentences.
    """
    settings = settings or EvaluationSettings()
    check_counts(references, hypotheses=hypotheses, **({} if sources is None else {"sources": sources}))
    bleu, chrf = make_metrics(settings)
    bleu_rows = bleu.statistics(hypotheses, references)
    chrf_rows = chrf.statistics(hypotheses, references)
    buckets = [
        Bucket(label, len(chosen), bleu.score(bleu_rows[chosen].sum(0)), chrf.score(chrf_rows[chosen].sum(0)))
        for label, chosen in _by_length(sources or [])
    ]
    return Evaluation(
        bleu=_scored(bleu, bleu_rows, settings),
        chrf=_scored(chrf, chrf_rows, settings),
        exact_match=_exact_match(hypotheses, references, settings),
        sentences=len(references),
        by_length=buckets,
    )


def _scored(metric: Metric, rows: NDArray[np.int64], settings: EvaluationSettings) -> Score:
    low, high = interval(metric.resampled(rows, settings))
    return Score(metric.score(rows.sum(0)), low, high, metric.signature(settings))


def _exact_match(hypotheses: Sequence[str], references: Sequence[str], settings: EvaluationSettings) -> float:
    pairs = [
        (hypothesis.strip(), reference.strip()) for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    if settings.lowercase:
        pairs = [(hypothesis.lower(), reference.lower()) for hypothesis, reference in pairs]
    return sum(hypothesis == reference for hypothesis, reference in pairs) / len(pairs)


def _by_length(sources: Sequence[str]) -> list[tuple[str, list[int]]]:
    """The sentences of each bucket that has any."""
    words = [len(source.split()) for source in sources]
    buckets = []
    for fewest, most in _LENGTHS:
        chosen = [index for index, count in enumerate(words) if fewest <= count <= most]
        label = "0" if most == 0 else f"{fewest}+" if math.isinf(most) else f"{fewest}-{most}"
        if chosen:
            buckets.append((label, chosen))
    return buckets
