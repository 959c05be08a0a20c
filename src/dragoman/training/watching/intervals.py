"""How sure a validation's BLEU is."""

from dragoman.config import EvaluationSettings
from dragoman.evaluation.scoring import interval, make_metrics
from dragoman.training.validation import Validation


def bleu_interval(validation: Validation | None) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of the BLEU; None where there are no translations to draw from."""
    if validation is None or len(validation.hypotheses) < 2:
        return None
    settings = EvaluationSettings()
    bleu, _ = make_metrics(settings)
    rows = bleu.statistics(validation.hypotheses, validation.references)
    return interval(bleu.resampled(rows, settings))
