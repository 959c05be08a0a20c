"""Whether one system is really better than another: paired bootstrap resampling (Koehn 2004)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.config import EvaluationSettings
from dragoman.evaluation.scoring import Metric, check_counts, interval, make_metrics

Rows = NDArray[np.int64]
"""A metric's statistics of each sentence."""


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
    return compare_trained([hypotheses], [baseline_hypotheses], references, settings)


def compare_trained(
    hypotheses: Sequence[Sequence[str]],
    baseline_hypotheses: Sequence[Sequence[str]],
    references: Sequence[str],
    settings: EvaluationSettings | None = None,
) -> Comparison:
    """Compares two systems of which each was trained several times: the mean scores of their trainings.

    A resample draws the same sentences for every training of both, so that more trainings are no more sentences.

    Raises:
        DragomanError: the counts differ, or there are no sentences.
    """
    settings = settings or EvaluationSettings()
    for texts in hypotheses:
        check_counts(references, hypotheses=texts)
    for texts in baseline_hypotheses:
        check_counts(references, baseline_hypotheses=texts)
    bleu, chrf = (
        _difference(
            metric,
            [metric.statistics(texts, references) for texts in hypotheses],
            [metric.statistics(texts, references) for texts in baseline_hypotheses],
            settings,
        )
        for metric in make_metrics(settings)
    )
    return Comparison(bleu, chrf)


def _difference(
    metric: Metric, trainings: Sequence[Rows], baselines: Sequence[Rows], settings: EvaluationSettings
) -> Difference:
    """Takes the p-value as sacrebleu does: the resamples' absolute differences, less their mean.

    Only a tie is not the same: it counts here, so that two identical systems have p = 1.
    """
    resampled = [
        np.mean([metric.resampled(rows, settings) for rows in system], axis=0) for system in (trainings, baselines)
    ]
    scores = [fmean(metric.score(rows.sum(0)) for rows in system) for system in (trainings, baselines)]
    differences, real = resampled[0] - resampled[1], scores[0] - scores[1]
    sizes = np.abs(differences)
    as_large = int(np.sum(sizes - sizes.mean() >= abs(real)))
    low, high = interval(differences)
    return Difference(real, low, high, (as_large + 1) / (len(sizes) + 1))
