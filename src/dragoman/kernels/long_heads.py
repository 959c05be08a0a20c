"""Attention on long sentences: torch's flash kernel, which never holds all scores at once (Dao et al. 2022).

Letters for axes: see `dragoman.kernels.heads`.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from dragoman.kernels.layout import merge, split


def attend_long(
    rows: tuple[Float[Tensor, "N _"], Float[Tensor, "J _"] | None],
    starts: tuple[Int[Tensor, "B+1"], Int[Tensor, "B+1"]],
    causal: bool,
    heads: int,
    scale: float,
) -> Float[Tensor, "N M"]:
    """The heads' contexts, joined, as `heads.attend` gives them; `rows` and `starts` are of queries and keys."""
    query, key_value = rows
    if key_value is None:
        q, k, v = _Split.apply(query, starts[0], heads, 3)
    else:
        (q,), (k, v) = _Split.apply(query, starts[0], heads, 1), _Split.apply(key_value, starts[1], heads, 2)
    queries, seen, values = (one.unflatten(0, (-1, heads)) for one in (q, k, v))
    # A causal query sees nothing behind itself, so no padding either.
    mask = None if causal else _shown(starts[1], seen.shape[0], seen.shape[2])
    context = torch.nn.functional.scaled_dot_product_attention(
        queries, seen, values, attn_mask=mask, is_causal=causal, scale=scale
    ).flatten(0, 1)
    joined: Tensor = _Merge.apply(context, starts[0], heads, len(query))
    return joined


def _shown(starts: Tensor, sentences: int, positions: int) -> Bool[Tensor, "B 1 1 K"]:
    """True at a sentence's keys; everywhere in sentences that only fill the shape up."""
    lengths = torch.full((sentences,), positions)
    lengths[: len(starts) - 1] = starts.diff()
    return (torch.arange(positions) < lengths[:, None])[:, None, None]


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor, starts: Tensor, heads: int, groups: int) -> Tensor:
        context.save_for_backward(starts)
        context.heads, context.shape = heads, rows.shape
        return split(rows, starts, heads, groups)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        (starts,) = context.saved_tensors
        out = gradients[0].new_empty(context.shape)
        return merge(gradients[0].contiguous(), starts, context.heads, out), None, None, None


class _Merge(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, vectors: Tensor, starts: Tensor, heads: int, rows: int) -> Tensor:
        context.save_for_backward(starts)
        context.heads = heads
        return merge(vectors.contiguous()[None], starts, heads, vectors.new_empty(rows, heads * vectors.shape[-1]))

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        (starts,) = context.saved_tensors
        return split(gradients[0].contiguous(), starts, context.heads, 1)[0], None, None, None
