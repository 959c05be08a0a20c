"""The matrix products of a training: recorded while it runs, then each one timed alone.

Letters for axes: B products side by side, N rows, K summed over, M columns.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

FLASH = "aten::_scaled_dot_product_flash_attention_for_cpu"
PLAIN = frozenset(
    f"aten::{name}" for name in ("mm", "addmm", "addmm_", "_addmm_activation", "bmm", "baddbmm", "baddbmm_")
)
"""Torch's operators that are one matrix product."""
OPERATORS = PLAIN | {FLASH, f"{FLASH}_backward"}
"""Those, and fused attention, which has several inside."""

WARM_UP, LEAST_REPETITIONS, LEAST_SECONDS = 2, 5, 0.01
"""Of a product alone: the median time of so many repetitions and seconds, after the warm-up."""
PEAK = (4096, 256, 1024)
"""N, K and M of the product that stands for the machine's best."""


@dataclass(frozen=True)
class Layout:
    """What a tensor's memory looks like."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: torch.dtype

    @staticmethod
    def of(tensor: Tensor) -> "Layout":
        """A tensor's layout."""
        return Layout(tuple(tensor.shape), tensor.stride(), tensor.dtype)

    @property
    def turned(self) -> str:
        """A word where rows' neighbours do not lie side by side."""
        return "" if self.strides[-1] == 1 else " turned"

    @staticmethod
    def packed(shape: tuple[int, ...], dtype: torch.dtype, turned: bool = False) -> "Layout":
        """Row after row without gaps; `turned` where the last two axes lie in memory the other way round."""
        columns_apart = (1, shape[-2]) if turned else (shape[-1], 1)
        size = shape[-1] * shape[-2]
        outer = [size * prod(shape[at + 1 : -2]) for at in range(len(shape) - 2)]
        return Layout(shape, (*outer, *columns_apart), dtype)

    def tensor(self) -> Tensor:
        """A tensor of this layout with numbers like a layer's."""
        length = max(0, 1 + sum((size - 1) * apart for size, apart in zip(self.shape, self.strides, strict=True)))
        some = torch.randn(8191).to(self.dtype)
        return some.repeat(-(-length // len(some)))[:length].as_strided(self.shape, self.strides)


@dataclass(frozen=True)
class Product:
    """A product as torch was asked for it; equal ones take equal time."""

    operator: Callable[..., Any]
    operands: tuple[Any, ...]
    """In the operator's order; tensors by their layouts."""
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def matrices(self) -> tuple[Layout, Layout]:
        """The two that are multiplied; what stands before them is added."""
        left, right = [operand for operand in self.operands if isinstance(operand, Layout)][-2:]
        return left, right

    @property
    def flop(self) -> int:
        """2 B N K M."""
        left, right = self.matrices
        return 2 * prod(left.shape) * right.shape[-1]

    def __str__(self) -> str:
        name = str(self.operator).split(".")[1]
        left, right = (" x ".join(map(str, matrix.shape)) + matrix.turned for matrix in self.matrices)
        return f"{name}: {left} by {right}"


Call = tuple[Product, ...]
"""The products inside one call of an operator."""


class Recorder(TorchDispatchMode):
    """Notes every product that torch is asked for inside the `with` block, in the backward pass too."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Notes the call and lets it happen."""
        options = kwargs or {}
        name = str(func.overloadpacket).replace(".", "::", 1)
        if name in PLAIN:
            named = tuple(zip(options, _layouts(options.values()), strict=True))
            self.calls.append((Product(func, _layouts(args), named),))
        elif name == FLASH:
            self.calls.append(attention_products(_layouts(args[:3]), backward=False))
        elif name == f"{FLASH}_backward":
            self.calls.append(attention_products(_layouts(args[1:4]), backward=True))
        return func(*args, **options)


def attention_products(inputs: Sequence[Layout], backward: bool) -> Call:
    """Two products forward (scores, context), five backward (scores again; the gradients of weights, v, q, k).

    Args:
        inputs: query, key and value, ... x positions x width.
    """
    query, key, value = inputs
    batch, queries, width = prod(query.shape[:-2]), query.shape[-2], query.shape[-1]
    keys, depth, dtype = key.shape[-2], value.shape[-1], query.dtype

    def bmm(rows: int, inner: int, columns: int, turned: tuple[bool, bool]) -> Product:
        left = Layout.packed((batch, rows, inner), dtype, turned[0])
        right = Layout.packed((batch, inner, columns), dtype, turned[1])
        return Product(torch.ops.aten.bmm.default, (left, right))

    scores = bmm(queries, width, keys, (False, True))
    if not backward:
        return scores, bmm(queries, keys, depth, (False, False))
    weights = bmm(queries, depth, keys, (False, True))
    values = bmm(keys, queries, depth, (True, False))
    return scores, weights, values, bmm(queries, keys, width, (False, False)), bmm(keys, queries, width, (True, False))


def _layouts(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(Layout.of(value) if isinstance(value, Tensor) else value for value in values)


def seconds_alone(product: Product) -> float:
    """How long the product takes by itself, on operands of its own: the median of its repetitions."""
    operands = [_tensor(operand) for operand in product.operands]
    options = {name: _tensor(value) for name, value in product.options}
    with torch.no_grad():
        for _ in range(WARM_UP):
            product.operator(*operands, **options)
        times: list[float] = []
        while len(times) < LEAST_REPETITIONS or sum(times) < LEAST_SECONDS:
            begin = perf_counter()
            product.operator(*operands, **options)
            times.append(perf_counter() - begin)
    return median(times)


def _tensor(value: Any) -> Any:
    return value.tensor() if isinstance(value, Layout) else value


def peak(dtype: torch.dtype) -> float:
    """FLOP a second that this process reaches in a product of a good size."""
    rows, inner, columns = PEAK
    left, right = Layout.packed((rows, inner), dtype), Layout.packed((inner, columns), dtype)
    product = Product(torch.ops.aten.mm.default, (left, right))
    return product.flop / min(seconds_alone(product) for _ in range(10))
