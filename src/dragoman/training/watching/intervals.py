"""How sure a validation's BLEU is."""

from dataclasses import replace

from dragoman.config import EvaluationSettings
from dragoman.evaluation.scoring import interval, make_metrics
from dragoman.training.validation import Validation


def bleu_interval(validation: Validation | None, settings: EvaluationSettings) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of a validation's BLEU (with case); None where there is nothing to draw from."""
    if validation is None or len(validation.hypotheses) < 2:
        return None
    settings = replace(settings, lowercase=False)
    bleu, _ = make_metrics(settings)
    rows = bleu.statistics(validation.hypotheses, validation.references)
    return interval(bleu.resampled(rows, settings))
