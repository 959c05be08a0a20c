"""Whether one system is really better than another: paired bootstrap resampling (Koehn 2004)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.config import EvaluationSettings
from dragoman.evaluation.scoring import Metric, check_counts, interval, make_metrics

Scores = tuple[float, NDArray[np.float64]]
"""A score of all sentences, and of each resample of them."""


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


@dataclass(frozen=True)
class Resampled:
    """One training's scores, of all sentences and of resamples that are the same for every training."""

    bleu: Scores
    chrf: Scores


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
    systems = (
        [resampled(texts, references, settings) for texts in trained] for trained in (hypotheses, baseline_hypotheses)
    )
    return compare_resampled(*systems)


def resampled(hypotheses: Sequence[str], references: Sequence[str], settings: EvaluationSettings) -> Resampled:
    """What a comparison needs of one training's translations: to be taken once, however many it is compared with.

    Raises:
        DragomanError: the counts differ, or there are no sentences.
    """
    check_counts(references, hypotheses=hypotheses)
    bleu, chrf = (_scores(metric, hypotheses, references, settings) for metric in make_metrics(settings))
    return Resampled(bleu, chrf)


def compare_resampled(trainings: Sequence[Resampled], baselines: Sequence[Resampled]) -> Comparison:
    """As `compare_trained`, of trainings that were resampled with the same settings and references."""
    return Comparison(
        _difference([one.bleu for one in trainings], [one.bleu for one in baselines]),
        _difference([one.chrf for one in trainings], [one.chrf for one in baselines]),
    )


def _scores(
    metric: Metric, hypotheses: Sequence[str], references: Sequence[str], settings: EvaluationSettings
) -> Scores:
    rows = metric.statistics(hypotheses, references)
    return metric.score(rows.sum(0)), metric.resampled(rows, settings)


def _difference(trainings: Sequence[Scores], baselines: Sequence[Scores]) -> Difference:
    """Takes the p-value as sacrebleu does: the resamples' absolute differences, less their mean.

    Only a tie is not the same: it counts here, so that two identical systems have p = 1.
    """
    systems = trainings, baselines
    scores = [fmean(score for score, _ in system) for system in systems]
    drawn = [np.mean([resamples for _, resamples in system], axis=0) for system in systems]
    differences, real = drawn[0] - drawn[1], scores[0] - scores[1]
    sizes = np.abs(differences)
    as_large = int(np.sum(sizes - sizes.mean() >= abs(real)))
    low, high = interval(differences)
    return Difference(real, low, high, (as_large + 1) / (len(sizes) + 1))
