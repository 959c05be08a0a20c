"""Attention on short sentences: batched matrix products, and between them softmax in one pass over the scores.

Letters for axes: N query rows, J key rows, B sentences, Q query positions, K key positions, H heads, D width of a head,
M = H D, G vectors that stand side by side in one projection (query, key, value).
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from dragoman.kernels.arrays import as_array
from dragoman.kernels.dropout import drawn_seed, scale_kept
from dragoman.kernels.layout import merge, split
from dragoman.kernels.long_heads import attend_long
from dragoman.kernels.numbers import (
    BLOCKS,
    LEAST,
    exponential,
    first_row,
    kernel,
    narrow,
    of_rank,
    prange,
    rank,
    widen,
)

LONG = {torch.float32: 448, torch.bfloat16: 1024}
"""Keys of the longest sentence above which torch's flash kernel serves: measured beforehand (docs/performance.md)."""


class Attention(NamedTuple):
    """What the heads need to know besides the vectors."""

    queries: Int[Tensor, "B+1"]
    """Where each sentence's queries begin; the last entry is where they end."""
    keys: Int[Tensor, "B+1"]
    causal: bool
    """Whether a query sees the keys up to its own position only."""
    heads: int
    scale: float
    dropped: int
    """Weights of 256 that dropout sets to zero."""


def attend(
    query: Float[Tensor, "N _"], key_value: Float[Tensor, "J _"] | None, about: Attention
) -> Float[Tensor, "N M"]:
    """The heads' contexts, joined; zeros in rows that belong to no sentence.

    Args:
        query: N x M; for self-attention query, key and value side by side, N x 3M.
        key_value: key and value side by side, J x 2M; None for self-attention.
    """
    starts = about.queries, about.queries if key_value is None else about.keys
    if not about.dropped and int(starts[1].diff().max()) > LONG[query.dtype]:
        return attend_long((query, key_value), starts, about.causal, about.heads, about.scale)
    joined: Tensor = _Attend.apply(query, key_value, about)
    return joined


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, query: Tensor, key_value: Tensor | None, about: Attention) -> Tensor:
        if key_value is None:
            q, k, v = split(query, about.queries, about.heads, 3)
        else:
            (q,) = split(query, about.queries, about.heads, 1)
            k, v = split(key_value, about.keys, about.heads, 2)
        weights = torch.bmm(q, k.transpose(1, 2))
        starts = as_array(about.queries), as_array(about.keys)
        softmax(as_array(weights), *starts, about.causal, about.heads, about.scale)
        context.seed = drawn_seed() if about.dropped else 0
        thinned = _thinned(weights, about.dropped, context.seed)
        context.save_for_backward(q, k, v, weights, thinned)
        context.about, context.shapes = about, (query.shape, None if key_value is None else key_value.shape)
        return merge(
            torch.bmm(thinned, v)[None], about.queries, about.heads, query.new_empty(len(query), _width(v, about))
        )

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        q, k, v, weights, thinned = context.saved_tensors
        about: Attention = context.about
        (coming,) = split(gradients[0].contiguous(), about.queries, about.heads, 1)
        scores = _thinned(torch.bmm(coming, v.transpose(1, 2)), about.dropped, context.seed)
        softmax_backward(as_array(weights), as_array(scores), about.scale)
        query_shape, key_value_shape = context.shapes
        room = q.new_empty(3 if key_value_shape is None else 1, *q.shape)
        pair = room[1:] if key_value_shape is None else k.new_empty(2, *k.shape)
        torch.bmm(scores, k, out=room[0])
        torch.bmm(scores.transpose(1, 2), q, out=pair[0])
        torch.bmm(thinned.transpose(1, 2), coming, out=pair[1])
        query = merge(room, about.queries, about.heads, q.new_empty(query_shape))
        if key_value_shape is None:
            return query, None, None
        return query, merge(pair, about.keys, about.heads, k.new_empty(key_value_shape)), None


def _width(values: Tensor, about: Attention) -> int:
    return about.heads * values.shape[-1]


def _thinned(weights: Tensor, dropped: int, seed: int) -> Tensor:
    if not dropped:
        return weights
    thinned = torch.empty_like(weights)
    shape = (-1, weights.shape[-1])
    scale_kept(as_array(weights.view(shape)), dropped, seed, as_array(thinned.view(shape)))
    return thinned


@kernel
def softmax(scores: Any, queries: Any, keys: Any, causal: bool, heads: int, scale: float) -> None:
    """softmax(scores * scale) over each sentence's keys, in the scores' own memory, (B H) x Q x K; zeros elsewhere."""
    rows, places, width = scores.shape
    factor, zero = np.float32(scale), narrow(np.float32(0), scores)
    for block in prange(BLOCKS):
        held = np.empty(width, np.float32)
        for row in range(first_row(block, rows), first_row(block + 1, rows)):
            sentence = row // heads
            length = queries[sentence + 1] - queries[sentence] if sentence < len(queries) - 1 else 0
            seen = keys[sentence + 1] - keys[sentence] if sentence < len(keys) - 1 else 0
            for query in range(places):
                shown = (min(query + 1, seen) if causal else seen) if query < length else 0
                top = LEAST
                for key in range(shown):
                    held[key] = widen(scores[row, query, key]) * factor
                    top = max(top, rank(held[key]))
                largest = of_rank(top)
                total = np.float32(0)
                for key in range(shown):
                    held[key] = exponential(held[key] - largest)
                    total += held[key]
                share = np.float32(1) / total
                for key in range(shown):
                    scores[row, query, key] = narrow(held[key] * share, scores)
                for key in range(shown, width):
                    scores[row, query, key] = zero


@kernel
def softmax_backward(weights: Any, coming: Any, scale: float) -> None:
    """The scores' gradient from the weights', in the latter's memory; both are (B H) x Q x K."""
    rows, queries, keys = weights.shape
    factor = np.float32(scale)
    for block in prange(BLOCKS):
        for row in range(first_row(block, rows), first_row(block + 1, rows)):
            for query in range(queries):
                product = np.float32(0)
                for key in range(keys):
                    product += widen(weights[row, query, key]) * widen(coming[row, query, key])
                for key in range(keys):
                    apart = widen(coming[row, query, key]) - product
                    coming[row, query, key] = narrow(widen(weights[row, query, key]) * apart * factor, coming)
