"""BLEU and chrF with intervals, exact match, buckets by source length, and the paired test of two systems."""

from dragoman.evaluation.corpus_scores import Bucket, Evaluation, evaluate
from dragoman.evaluation.pronouns import PronounScores, score_pronouns
from dragoman.evaluation.scoring import Score, look_tokenized, look_unspaced
from dragoman.evaluation.significance import (
    Comparison,
    Difference,
    Resampled,
    compare,
    compare_resampled,
    compare_trained,
    resampled,
)

__all__ = [
    "Bucket",
    "Comparison",
    "Difference",
    "Evaluation",
    "PronounScores",
    "Resampled",
    "Score",
    "compare",
    "compare_resampled",
    "compare_trained",
    "evaluate",
    "look_tokenized",
    "look_unspaced",
    "resampled",
    "score_pronouns",
]
