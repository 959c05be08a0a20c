"""Attention on short sentences: batched matrix products, and between them softmax in one pass over the scores.

Sentences lie one after the other in rows; only here they are laid out side by side, in memory of few different shapes
(sentences and positions rounded up), since a product of a new shape costs a library milliseconds of preparation.

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

SENTENCES, POSITIONS = 16, 8
"""What the number of sentences and of positions is rounded up to."""


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


def rounded_up(number: int, multiple: int) -> int:
    """The next multiple."""
    return -(-number // multiple) * multiple


def split(rows: Float[Tensor, "N _"], starts: Int[Tensor, "B+1"], heads: int, groups: int) -> Float[Tensor, "G BH P D"]:
    """Lays sentences and heads side by side, positions (and sentences, where there are many) rounded up with zeros."""
    sentences, longest = len(starts) - 1, int(starts.diff().max())
    sentences = rounded_up(sentences, SENTENCES if sentences > SENTENCES else 1)
    each = rows.shape[1] // (groups * heads)
    out = rows.new_empty(groups, sentences * heads, rounded_up(longest, POSITIONS), each)
    part_rows(as_array(rows.view(-1, groups, heads, each)), as_array(starts), as_array(out))
    return out


def merge(
    vectors: Float[Tensor, "G BH P D"], starts: Int[Tensor, "B+1"], heads: int, out: Float[Tensor, "N _"]
) -> Float[Tensor, "N _"]:
    """Brings sentences and heads back into rows; rows of no sentence become zeros."""
    join_rows(as_array(vectors), as_array(starts), as_array(out.view(-1, len(vectors), heads, vectors.shape[-1])))
    return out


@kernel
def part_rows(rows: Any, starts: Any, out: Any) -> None:
    """N x G x H x D becomes G x (B H) x P x D."""
    groups, all_heads, positions, each = out.shape
    heads, sentences = rows.shape[2], len(starts) - 1
    zero = narrow(np.float32(0), out)
    for block in prange(BLOCKS):
        for which in range(first_row(block, all_heads), first_row(block + 1, all_heads)):
            sentence, head = which // heads, which % heads
            first = starts[sentence] if sentence < sentences else 0
            length = starts[sentence + 1] - first if sentence < sentences else 0
            for group in range(groups):
                for place in range(length):
                    for at in range(each):
                        out[group, which, place, at] = rows[first + place, group, head, at]
                for place in range(length, positions):
                    for at in range(each):
                        out[group, which, place, at] = zero


@kernel
def join_rows(parted: Any, starts: Any, out: Any) -> None:
    """G x (B H) x P x D becomes N x G x H x D."""
    groups, heads, each = out.shape[1:]
    sentences = len(starts) - 1
    zero = narrow(np.float32(0), out)
    for block in prange(BLOCKS):
        for sentence in range(first_row(block, sentences), first_row(block + 1, sentences)):
            for row in range(starts[sentence], starts[sentence + 1]):
                for group in range(groups):
                    for head in range(heads):
                        for at in range(each):
                            out[row, group, head, at] = parted[
                                group, sentence * heads + head, row - starts[sentence], at
                            ]
    for row in range(starts[sentences], len(out)):
        for group in range(groups):
            for head in range(heads):
                for at in range(each):
                    out[row, group, head, at] = zero


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
