"""How likely given translations are, all their positions at once (teacher forcing).

Shapes: N real target positions of a batch, M d_model.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.errors import DragomanError
from dragoman.models.contract import ScoringModel
from dragoman.text import Tokenizers
from dragoman.translation.grouping import by_length
from dragoman.translation.results import Scored

_POSITIONS_AT_ONCE = 1024
"""Bounds the memory of the scores over the whole vocabulary."""


def score_pairs(
    model: ScoringModel[Any],
    tokenizers: Tokenizers,
    lines: tuple[Sequence[str], Sequence[str]],
    batch_tokens: int,
    device: torch.device | str = "cpu",
) -> list[Scored]:
    """Scores each target line as the translation of its source line; `lines` are sources and targets.

    Raises:
        DragomanError: unequal numbers of lines.
    """
    sources, targets = lines
    check_counts(sources, targets)
    source_ids, target_ids = tokenizers.source.encode(sources), tokenizers.target.encode(targets)
    lengths = [1 + max(len(s), len(t)) for s, t in zip(source_ids, target_ids, strict=True)]
    token_scores: list[list[float]] = [[] for _ in lengths]
    for group in by_length(lengths, batch_tokens):
        batch = pair_batch([source_ids[i] for i in group], [target_ids[i] for i in group], device)
        for place, scores in zip(group, _token_scores(model, batch), strict=True):
            token_scores[place] = scores
    return [
        Scored(source, target, tokenizers.target.pieces(ids), scores)
        for source, target, ids, scores in zip(sources, targets, target_ids, token_scores, strict=True)
    ]


def check_counts(sources: Sequence[str], targets: Sequence[str]) -> None:
    """Makes sure that each source line has a target line.

    Raises:
        DragomanError: unequal numbers of lines.
    """
    if len(sources) != len(targets):
        raise DragomanError(
            f"{len(sources)} source lines but {len(targets)} target lines; give one target for each source"
        )


def _token_scores(model: ScoringModel[Any], batch: PairBatch) -> list[list[float]]:
    """Gives each pair's log-probabilities of its target tokens, EOS last."""
    with torch.inference_mode():
        real = batch.target_mask
        hidden, gold = model.hidden(batch)[real], batch.target_out[real]
        chunks = zip(hidden.split(_POSITIONS_AT_ONCE), gold.split(_POSITIONS_AT_ONCE), strict=True)
        scores = torch.cat([_gold_scores(model, *chunk) for chunk in chunks])
    return [row.tolist() for row in scores.split(batch.target_lengths.tolist())]


def _gold_scores(model: ScoringModel[Any], hidden: Float[Tensor, "N M"], gold: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
    logits = model.project(hidden)
    exact = logits if logits.dtype == torch.float64 else logits.float()
    return exact.log_softmax(dim=-1).gather(1, gold[:, None])[:, 0].cpu()
