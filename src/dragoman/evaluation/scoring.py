"""BLEU (Papineni et al. 2002) and chrF (Popovic 2015) by sacrebleu, with bootstrap intervals (Koehn 2004).

A metric is computed from sufficient statistics: one row of counts a sentence. The sum of the rows gives
the score, so a resample of the sentences is scored without looking at their words again.

Shapes: N sentences, R resamples, K statistics of a metric.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.config import EvaluationSettings
from dragoman.corpora.scripts import IDEOGRAMS, SYLLABLES
from dragoman.errors import DragomanError

_DRAWN_AT_ONCE = 4_000_000
"""Sentences drawn in one go: about 100 MB."""
_UNSPACED = re.compile(f"{IDEOGRAMS}|{SYLLABLES}")
_BETWEEN_SPACES, _LOOKED_AT = 5, 300
"""How many letters of such scripts between two spaces are more than a word, and lines that are looked at."""


@dataclass(frozen=True)
class Score:
    """A corpus score (0-100) with its 95 % bootstrap interval."""

    score: float
    low: float
    high: float
    signature: str
    """sacrebleu's account of how it was computed."""


@dataclass(frozen=True)
class Metric:
    """A sacrebleu metric that scores rows of statistics."""

    scorer: Any

    def statistics(self, hypotheses: Sequence[str], references: Sequence[str]) -> NDArray[np.int64]:
        """Sufficient statistics of each sentence, N x K."""
        rows = self.scorer._extract_corpus_statistics(hypotheses, [references])
        return np.array(rows, dtype=np.int64)

    def score(self, total: NDArray[Any]) -> float:
        """The score (0-100) of summed statistics, K."""
        # Rounding may leave a perfect score a hair above 100.
        return min(100.0, float(self.scorer._compute_score_from_stats(total.tolist()).score))

    def resampled(self, rows: NDArray[np.int64], settings: EvaluationSettings) -> NDArray[np.float64]:
        """Scores of the bootstrap resamples, R; the same sentences are drawn for every metric and system."""
        draw = np.random.default_rng(settings.seed)
        sentences = len(rows)
        at_once = max(1, _DRAWN_AT_ONCE // sentences)
        scores: list[float] = []
        for start in range(0, settings.resamples, at_once):
            count = min(at_once, settings.resamples - start)
            drawn = draw.choice(sentences, size=(count, sentences), replace=True)
            drawn += np.arange(count)[:, None] * sentences
            times = np.bincount(drawn.ravel(), minlength=count * sentences).reshape(count, sentences)
            # In float64, where counts are exact too, the product is a fast one.
            scores += [self.score(total) for total in times.astype(np.float64) @ rows.astype(np.float64)]
        return np.array(scores)

    def signature(self, settings: EvaluationSettings) -> str:
        """sacrebleu's signature; complete once statistics were taken."""
        signature = self.scorer.get_signature()
        signature.update("bs", settings.resamples)
        signature.update("seed", settings.seed)
        return str(signature)


def make_metrics(settings: EvaluationSettings) -> tuple[Metric, Metric]:
    """BLEU and chrF as sacrebleu computes them by default."""
    from sacrebleu.metrics import BLEU, CHRF

    # `force` only silences a warning about text that is tokenized already.
    bleu = BLEU(tokenize=settings.tokenize, lowercase=settings.lowercase, force=True)
    return Metric(bleu), Metric(CHRF(lowercase=settings.lowercase))


def look_tokenized(references: Sequence[str]) -> bool:
    """Whether half of the sentences that end in a period, ten at least, have a space before it."""
    ends = [line.endswith(" .") for line in references if line.endswith(".")]
    return sum(ends) >= max(10, len(ends) / 2)


def look_unspaced(references: Sequence[str]) -> bool:
    """Whether the text has no spaces between words: of scripts that are written so, many letters between two spaces."""
    text = " ".join(references[:_LOOKED_AT])
    letters = len(_UNSPACED.findall(text))
    return letters > sum(map(str.isalpha, text)) / 2 and letters > _BETWEEN_SPACES * len(text.split())


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % percentile interval of bootstrap values."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def check_counts(references: Sequence[str], **others: Sequence[str]) -> None:
    """Makes sure that every text has as many sentences as the references.

    Raises:
        DragomanError: the counts differ, or there are no sentences.
    """
    for what, texts in others.items():
        if len(texts) != len(references):
            raise DragomanError(
                f"{len(texts)} {what.replace('_', ' ')} but {len(references)} references; "
                "give exactly one for each reference"
            )
    if not references:
        raise DragomanError("no sentences to evaluate; give at least one reference")
