"""Dropout inside the passes that are made anyway: its mask is reckoned anew from a seed, never kept.

Letters for axes: N rows (all positions of a batch), W their width.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dragoman.kernels.arrays import as_array
from dragoman.kernels.numbers import BLOCKS, first_row, kept, kernel, narrow, prange, widen


def drawn_seed() -> int:
    """A word from torch's generator, so that a training that goes on draws what it would have drawn."""
    return int(torch.randint(-(2**31), 2**31, ()))


def add_dropped(stream: Float[Tensor, "... W"], found: Float[Tensor, "... W"], dropped: int) -> Float[Tensor, "... W"]:
    """stream + dropout(found); `dropped` of 256 values are set to zero, the others scaled up."""
    summed: Tensor = _AddDropped.apply(stream, found, dropped)
    return summed


def relu_dropped(inner: Float[Tensor, "... W"], dropped: int) -> Float[Tensor, "... W"]:
    """dropout(relu(inner)) in one pass; of all that backward needs only the outcome."""
    thinned: Tensor = _ReluDropped.apply(inner, dropped)
    return thinned


class _AddDropped(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, stream: Tensor, found: Tensor, dropped: int) -> Tensor:
        context.dropped, context.seed, context.dtype = dropped, drawn_seed() if dropped else 0, found.dtype
        out = torch.empty_like(stream)
        add_kept(_rows(stream), _rows(found.contiguous()), dropped, context.seed, _rows(out))
        return out

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        coming = gradients[0].contiguous()
        found = torch.empty_like(coming, dtype=context.dtype)
        scale_kept(_rows(coming), context.dropped, context.seed, _rows(found))
        return coming, found, None


class _ReluDropped(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, inner: Tensor, dropped: int) -> Tensor:
        context.dropped = dropped
        seed = drawn_seed() if dropped else 0
        thinned = torch.empty_like(inner)
        relu_kept(_rows(inner), dropped, seed, _rows(thinned))
        context.save_for_backward(thinned)
        return thinned

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        (thinned,) = context.saved_tensors
        found = torch.empty_like(thinned)
        relu_backward(_rows(thinned), _rows(gradients[0].contiguous()), context.dropped, _rows(found))
        return found, None


def _rows(tensor: Tensor) -> Any:
    return as_array(tensor.reshape(-1, tensor.shape[-1]))


@kernel
def add_kept(stream: Any, found: Any, dropped: int, seed: int, out: Any) -> None:
    """out = stream + kept(found) / (1 - share)."""
    width = stream.shape[1]
    scale = np.float32(256 / (256 - dropped))
    for block in prange(BLOCKS):
        for row in range(first_row(block, len(stream)), first_row(block + 1, len(stream))):
            for at in range(width):
                value = widen(found[row, at]) * scale
                stays = kept(row * width + at, seed, dropped)
                out[row, at] = stream[row, at] + (value if stays else np.float32(0))


@kernel
def scale_kept(coming: Any, dropped: int, seed: int, out: Any) -> None:
    """out = kept(coming) / (1 - share), under the same seed the same values."""
    width = coming.shape[1]
    scale = np.float32(256 / (256 - dropped))
    for block in prange(BLOCKS):
        for row in range(first_row(block, len(coming)), first_row(block + 1, len(coming))):
            for at in range(width):
                stays = kept(row * width + at, seed, dropped)
                out[row, at] = narrow(widen(coming[row, at]) * scale if stays else np.float32(0), out)


@kernel
def relu_kept(inner: Any, dropped: int, seed: int, out: Any) -> None:
    """out = kept(max(inner, 0)) / (1 - share)."""
    width = inner.shape[1]
    scale = np.float32(256 / (256 - dropped))
    zero = np.float32(0)
    for block in prange(BLOCKS):
        for row in range(first_row(block, len(inner)), first_row(block + 1, len(inner))):
            for at in range(width):
                value = widen(inner[row, at]) * scale
                stays = value > zero and kept(row * width + at, seed, dropped)
                out[row, at] = narrow(value if stays else zero, out)


@kernel
def relu_backward(thinned: Any, coming: Any, dropped: int, out: Any) -> None:
    """What comes passes where something went forward, scaled alike."""
    width = thinned.shape[1]
    scale = np.float32(256 / (256 - dropped))
    zero = np.float32(0)
    for block in prange(BLOCKS):
        for row in range(first_row(block, len(thinned)), first_row(block + 1, len(thinned))):
            for at in range(width):
                coming_here = widen(coming[row, at]) * scale
                out[row, at] = narrow(coming_here if thinned[row, at] != 0 else zero, out)
