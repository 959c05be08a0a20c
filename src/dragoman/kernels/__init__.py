"""A training step's small operations as fused passes over memory, compiled by numba on the machine where they run.

On a processor the matrix products of a small translator take a third of a step's time; the rest goes into reading and
writing the same tensors again and again: casts, masks, dropout, sums, norms. Each kernel here makes in one pass what
torch makes in several. The layers' own formulas stay the reference: they run wherever nobody asked for kernels, while
a trace records, and on every device but the processor; tests hold the two together, values and gradients.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from dragoman.tracing import recorded

_wanted: ContextVar[bool] = ContextVar("fused kernels", default=False)


@contextmanager
def fused(wanted: bool = True) -> Iterator[None]:
    """Lets layers use the kernels inside the `with` block."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def wanted(values: Tensor) -> bool:
    """Whether kernels serve here: somebody asked for them, nobody records, and the values lie on a processor."""
    return _wanted.get() and values.device.type == "cpu" and values.dtype != torch.float64 and not recorded()
