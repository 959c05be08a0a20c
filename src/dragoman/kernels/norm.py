"""Layer normalisation (Ba et al. 2016) at the start of a residual branch.

Forward reads the stream once; backward joins the gradient that came through the branch with the one that came along the
stream, in one pass. Letters for axes: N rows (all positions of a batch), M d_model, K blocks of rows.
"""

from math import sqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dragoman.kernels.arrays import as_array, product_dtype
from dragoman.kernels.numbers import BLOCKS, first_row, kernel, narrow, prange, widen


def branch_norm(
    stream: Float[Tensor, "... M"], weight: Float[Tensor, "M"], bias: Float[Tensor, "M"], epsilon: float
) -> tuple[Float[Tensor, "... M"], Float[Tensor, "... M"]]:
    """The stream as it is, and normalised in the dtype of the products; gradients of both come back as one."""
    onward, normed = _BranchNorm.apply(stream, weight, bias, epsilon, product_dtype(stream))
    return onward, normed


class _BranchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, stream: Tensor, weight: Tensor, bias: Tensor, epsilon: float, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        rows = stream.detach().reshape(-1, stream.shape[-1])
        normed = torch.empty_like(rows, dtype=dtype)
        facts = torch.empty(len(rows), 2)
        normalise(as_array(rows), as_array(weight), as_array(bias), epsilon, as_array(normed), as_array(facts))
        context.save_for_backward(rows, weight, facts)
        return stream.view_as(stream), normed.view(stream.shape)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        rows, weight, facts = context.saved_tensors
        along, through = (gradient.reshape(rows.shape).contiguous() for gradient in gradients)
        found = torch.empty_like(rows)
        sums = torch.zeros(BLOCKS, 2, rows.shape[1])
        arrays = (as_array(tensor) for tensor in (rows, weight, facts, along, through, found, sums))
        normalise_backward(*arrays)
        weight_sum, bias_sum = sums.sum(0)
        return found.view(gradients[0].shape), weight_sum, bias_sum, None, None


@kernel
def normalise(rows: Any, weight: Any, bias: Any, epsilon: float, out: Any, facts: Any) -> None:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias; keeps each row's mean and 1 / deviation in `facts`."""
    width = rows.shape[1]
    one = np.float32(1)
    for block in prange(BLOCKS):
        for row in range(first_row(block, len(rows)), first_row(block + 1, len(rows))):
            total = np.float32(0)
            for at in range(width):
                total += rows[row, at]
            mean = total / np.float32(width)
            spread = np.float32(0)
            for at in range(width):
                apart = rows[row, at] - mean
                spread += apart * apart
            inverse = one / np.float32(sqrt(spread / np.float32(width) + np.float32(epsilon)))
            facts[row, 0], facts[row, 1] = mean, inverse
            for at in range(width):
                out[row, at] = narrow((rows[row, at] - mean) * inverse * weight[at] + bias[at], out)


@kernel
def normalise_backward(rows: Any, weight: Any, facts: Any, along: Any, through: Any, out: Any, sums: Any) -> None:
    """The stream's gradient: what came along it plus what came through the norm; the parameters' sums by block."""
    width = rows.shape[1]
    share = np.float32(1) / np.float32(width)
    for block in prange(BLOCKS):
        for row in range(first_row(block, len(rows)), first_row(block + 1, len(rows))):
            mean, inverse = facts[row, 0], facts[row, 1]
            total, product = np.float32(0), np.float32(0)
            for at in range(width):
                normed = (rows[row, at] - mean) * inverse
                coming = widen(through[row, at])
                sums[block, 0, at] += coming * normed
                sums[block, 1, at] += coming
                total += coming * weight[at]
                product += coming * weight[at] * normed
            total, product = total * share, product * share
            for at in range(width):
                normed = (rows[row, at] - mean) * inverse
                inner = widen(through[row, at]) * weight[at] - total - normed * product
                out[row, at] = along[row, at] + inner * inverse
