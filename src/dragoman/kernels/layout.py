"""Sentences and heads between two layouts: one after the other in rows, and side by side for batched products.

Side by side they lie in memory of few different shapes (sentences and positions rounded up), since a product of a new
shape costs a library milliseconds of preparation. Letters for axes: see `dragoman.kernels.heads`.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from dragoman.kernels.arrays import as_array
from dragoman.kernels.numbers import BLOCKS, first_row, kernel, narrow, prange

SENTENCES, POSITIONS = 16, 8
"""What the number of sentences and of positions is rounded up to."""


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
    out[int(starts[-1]) :] = 0
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
    """G x (B H) x P x D becomes N x G x H x D, as far as there are sentences."""
    groups, heads, each = out.shape[1:]
    sentences = len(starts) - 1
    for block in prange(BLOCKS):
        for sentence in range(first_row(block, sentences), first_row(block + 1, sentences)):
            for row in range(starts[sentence], starts[sentence + 1]):
                for group in range(groups):
                    for head in range(heads):
                        for at in range(each):
                            out[row, group, head, at] = parted[
                                group, sentence * heads + head, row - starts[sentence], at
                            ]
