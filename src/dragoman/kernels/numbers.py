"""What the kernels count with: bfloat16 as its sixteen bits, powers of two and random bits without a call.

Everything here becomes a few machine instructions in a loop that the compiler turns into vector arithmetic.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic, overload

from dragoman.kernels.compiling import KernelCompiler

__all__ = [
    "BLOCKS",
    "LEAST",
    "exponential",
    "first_row",
    "kept",
    "kernel",
    "narrow",
    "of_rank",
    "prange",
    "rank",
    "use_threads",
    "widen",
]

BLOCKS = 16
"""Parts that rows are dealt into: a fixed number, so that sums over rows don't depend on the number of threads."""

# OpenMP first: on Linux that is the library that torch has loaded, so kernels and products share the same threads.
numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]

LEAST = np.int32(-(2**31))
"""Below every rank."""

_FAST = {"contract", "reassoc", "nsz", "arcp"}
_I16, _I32, _FLOAT = ir.IntType(16), ir.IntType(32), ir.FloatType()

part: Callable[..., Any] = njit(cache=True, error_model="numpy")
"""A piece of a kernel: arithmetic in the order that it is written in."""
kernel: Callable[..., Any] = njit(
    cache=True, error_model="numpy", parallel=True, fastmath=_FAST, pipeline_class=KernelCompiler
)
"""A whole kernel: its `prange` is shared among the threads; sums may be taken in any order."""


@intrinsic
def _from_bits(_: Any, bits: Any) -> Any:
    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        wide = builder.zext(arguments[0], _I32)
        return builder.bitcast(builder.shl(wide, _I32(16)), _FLOAT)

    return types.float32(types.uint16), build


@intrinsic
def _to_bits(_: Any, number: Any) -> Any:
    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], _I32)
        odd = builder.and_(builder.lshr(bits, _I32(16)), _I32(1))
        rounded = builder.add(builder.add(bits, _I32(0x7FFF)), odd)
        return builder.trunc(builder.lshr(rounded, _I32(16)), _I16)

    return types.uint16(types.float32), build


@intrinsic
def _two_to_the(_: Any, power: Any) -> Any:
    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.shl(builder.add(arguments[0], _I32(127)), _I32(23)), _FLOAT)

    return types.float32(types.int32), build


@intrinsic
def rank(_: Any, number: Any) -> Any:
    """A float32 as an integer of the same order, NaN last: the largest of many integers is vector arithmetic."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return _turned(builder, builder.bitcast(arguments[0], _I32))

    return types.int32(types.float32), build


@intrinsic
def of_rank(_: Any, number: Any) -> Any:
    """The float32 of that rank."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.bitcast(_turned(builder, arguments[0]), _FLOAT)

    return types.float32(types.int32), build


def _turned(builder: Any, bits: Any) -> Any:
    return builder.xor(bits, builder.and_(builder.ashr(bits, _I32(31)), _I32(0x7FFFFFFF)))


@intrinsic
def _mixed(_: Any, index: Any, seed: Any) -> Any:
    """32 random bits for an index under a seed: multiplications, shifts and xors (the lowbias32 mixer)."""

    def build(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        number, word = (builder.trunc(argument, _I32) for argument in arguments)
        number = builder.xor(builder.mul(number, _I32(0x9E3779B1)), word)
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            number = builder.mul(builder.xor(number, builder.lshr(number, _I32(shift))), _I32(factor))
        return builder.xor(number, builder.lshr(number, _I32(16)))

    return types.uint32(types.int64, types.int64), build


def widen(value: Any) -> Any:
    """A value of an array as float32: float32 as it is, bfloat16 from its bits."""
    raise NotImplementedError(value)


def narrow(value: Any, out: Any) -> Any:
    """A float32 as `out` holds it: as it is, or rounded to the nearest bfloat16 (to the even one of two)."""
    raise NotImplementedError(value, out)


@overload(widen, inline="always")
def _widen(value: Any) -> Any:
    def from_bits(value: Any) -> Any:
        return _from_bits(value)

    def as_it_is(value: Any) -> Any:
        return value

    return from_bits if value == types.uint16 else as_it_is


@overload(narrow, inline="always")
def _narrow(value: Any, out: Any) -> Any:
    def to_bits(value: Any, out: Any) -> Any:
        return _to_bits(value)

    def as_it_is(value: Any, out: Any) -> Any:
        return value

    return to_bits if out.dtype == types.uint16 else as_it_is


@part
def exponential(x: Any) -> Any:
    """exp(x) for x <= 0, within 1e-6 of it relatively; never below exp(-87).

    x is a whole number of ln 2 and a rest between -ln 2 and 0; Taylor's series serves the rest, around its middle. ln 2
    is taken away in two parts, the first so short that its product is exact.
    """
    x = max(x, types.float32(-87.0))
    whole = types.int32(x * types.float32(1.4426950408889634))
    number = types.float32(whole)
    y = x - number * types.float32(0.693359375) + number * types.float32(0.00021219444) + types.float32(0.34657359)
    one = types.float32(1)
    series = one + y / types.float32(5) * (one + y / types.float32(6))
    series = one + y / types.float32(3) * (one + y / types.float32(4) * series)
    series = one + y * (one + y / types.float32(2) * series)
    return series * types.float32(0.7071067811865476) * _two_to_the(whole)


@part
def kept(index: int, seed: int, dropped: int) -> bool:
    """Whether dropout keeps the value at `index`: `dropped` of 256 are not."""
    return (_mixed(index, seed) >> types.uint32(24)) >= types.uint32(dropped)


@part
def first_row(block: int, rows: int) -> int:
    """Where a block's rows begin; the next block's beginning is where they end."""
    return types.int64(block) * rows // BLOCKS


def use_threads(number: int) -> None:
    """Lets kernels run on this many threads, or as many as there are cores."""
    numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
