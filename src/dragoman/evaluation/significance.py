"""Whether one system is really better than another: paired bootstrap resampling (Koehn 2004)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dragoman.config import EvaluationSettings
from dragoman.evaluation.scoring import Metric, check_counts, interval, make_metrics


@dataclass(frozen=True)
class Difference:
    """How much the system's score is above (positive) or below the baseline's."""

    difference: float
    """In points of the score."""
    low: float
    high: float
    """95 % bootstrap interval of the difference."""
    p_value: float
    """Chance (0-1) of a difference this large if both systems were equally good."""


@dataclass(frozen=True)
class Comparison:
    """A system against a baseline, on the same sentences."""

    bleu: Difference
    chrf: Difference

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def compare(
    hypotheses: Sequence[str],
    baseline_hypotheses: Sequence[str],
    references: Sequence[str],
    settings: EvaluationSettings | None = None,
) -> Comparison:
    """Compares two systems' translations of the same sentences.

    Raises:
        DragomanError: the counts differ, or there are no sentences.
    """
    settings = settings or EvaluationSettings()
    check_counts(references, hypotheses=hypotheses, baseline_hypotheses=baseline_hypotheses)
    bleu, chrf = (
        _difference(
            metric,
            metric.statistics(hypotheses, references),
            metric.statistics(baseline_hypotheses, references),
            settings,
        )
        for metric in make_metrics(settings)
    )
    return Comparison(bleu, chrf)


def _difference(metric: Metric, rows: Any, baseline: Any, settings: EvaluationSettings) -> Difference:
    """Takes the p-value as sacrebleu does: the resamples' absolute differences, less their mean.

    Only a tie is not the same: it counts here, so that two identical systems have p = 1.
    """
    differences = metric.resampled(rows, settings) - metric.resampled(baseline, settings)
    real = metric.score(rows.sum(0)) - metric.score(baseline.sum(0))
    sizes = np.abs(differences)
    as_large = int(np.sum(sizes - sizes.mean() >= abs(real)))
    low, high = interval(differences)
    return Difference(real, low, high, (as_large + 1) / (len(sizes) + 1))
