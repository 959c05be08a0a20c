"""What a search finds, how it is scored, and how long it may become."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dragoman.batches.padded import EOS, SourceBatch
from dragoman.config.settings import EXTRA_TOKENS, SearchSettings
from dragoman.errors import DragomanError


@dataclass(frozen=True)
class Hypothesis:
    """One translation as ids."""

    tokens: list[int]
    """Target ids without BOS and EOS."""
    log_probability: float
    """Sum of the tokens' natural-log probabilities, EOS included where it ended."""
    score: float
    """`log_probability` divided by the length penalty; the length counts EOS."""
    token_log_probabilities: list[float]
    """One for each token, EOS last where it ended."""
    finished: bool
    """False where the length limit cut it."""
    attention: list[list[float]] | None = None
    """For each of `token_log_probabilities` the weights over the source (EOS last); None if not asked for."""


def length_penalty(length: int, alpha: float) -> float:
    """Gives ((5 + length) / 6) ** alpha (Wu et al. 2016, eq. 14); `length` counts EOS."""
    return float(((5 + length) / 6) ** alpha)


def length_limits(source: SourceBatch, settings: SearchSettings) -> list[int]:
    """Gives the most tokens, EOS counted, that each sentence's translation may have."""
    tokens = (source.lengths - 1).tolist()  # without EOS
    return [math.ceil(settings.longest_ratio * count) + EXTRA_TOKENS for count in tokens]


def best_tokens(log_probabilities: Float[Tensor, "R V"], count: int) -> tuple[Float[Tensor, "R C"], Int[Tensor, "R C"]]:
    """Finds each row's `count` likeliest next tokens, likeliest first, equal ones by lower id.

    PAD, UNKNOWN and BOS are never chosen. The values come back on the CPU in float64: long sums stay exact.

    Raises:
        DragomanError: a score is not a number.
    """
    allowed = log_probabilities[:, EOS:]  # the ids below EOS are those that no translation contains
    width = allowed.shape[1]
    count = min(count, width)
    values, tokens = allowed.topk(min(count + 1, width), dim=1)
    values, tokens = values.cpu().double(), tokens.cpu()
    if values.isnan().any():
        raise DragomanError("the model's scores are not numbers; translate with an earlier checkpoint or train anew")
    if (values[:, 1:] == values[:, :-1]).any():
        by_token = tokens.argsort(dim=1)
        by_value = values.gather(1, by_token).argsort(dim=1, descending=True, stable=True)
        order = by_token.gather(1, by_value)
        values, tokens = values.gather(1, order), tokens.gather(1, order)
    if width > count:  # topk takes any of several equal ones at the edge
        edge = values[:, count - 1]
        for row in ((values[:, count] == edge) & (edge > -torch.inf)).nonzero()[:, 0].tolist():
            scores = allowed[row].cpu().double()
            near = (scores >= edge[row]).nonzero()[:, 0]
            chosen = near[scores[near].argsort(descending=True, stable=True)[:count]]
            values[row, :count], tokens[row, :count] = scores[chosen], chosen
    return values[:, :count], tokens[:, :count] + EOS
