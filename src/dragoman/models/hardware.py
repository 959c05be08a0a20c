"""What this machine computes with: the only place that knows devices."""

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

TURNS = 6
"""How often each arithmetic is timed before a training."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_APART, _NEVER_APART = 4 * 2**20, 2**30
"""Bytes from which a tensor lies outside the heap; smaller bounds slow a validation's search down."""


def device() -> str:
    """cuda or mps where torch finds one, else cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def wait_for(result: Tensor | None) -> None:
    """Reads a number, so that a device that works on its own has come to its end."""
    if result is not None:
        float(result.detach().flatten()[0])


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def crowding(threads: int) -> str:
    """What is to be said of more threads than cores; nothing where each has a core."""
    cores = usable_cores()
    if threads <= cores:
        return ""
    return (
        f"training.threads is {threads}, but this process may use {cores} of the cores: threads will wait for threads"
    )


def faster_dtype() -> Literal["float32", "bfloat16"]:
    """bfloat16 where it multiplies matrices at least 1.3 times as fast as float32, else float32.

    Asked once before a training, never during one: the answer is stored in the run. The two take turns on one thread,
    and the best of each counts, so that a moment's other work decides nothing.
    """
    kinds, threads = (torch.float32, torch.bfloat16), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        turns = [[_product_seconds(kind) for kind in kinds] for _ in range(TURNS)]
    finally:
        torch.set_num_threads(threads)
    wide, narrow = map(min, zip(*turns, strict=True))
    return "bfloat16" if wide > 1.3 * narrow else "float32"


def _product_seconds(kind: torch.dtype, rows: int = 512, width: int = 256, seconds: float = 0.02) -> float:
    left = torch.ones(rows, width, dtype=kind, device=device())
    right = torch.ones(width, 4 * width, dtype=kind, device=device())
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        begin = time.perf_counter()
        float((left @ right)[0, 0])
        best = min(best, time.perf_counter() - begin)
    return best


def keep_freed_memory() -> None:
    """Tells glibc not to hand freed memory back, so that large tensors don't fault in anew at every step."""
    if libc := _glibc():
        libc.mallopt(_MMAP_THRESHOLD, _NEVER_APART)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def memory_of_its_own() -> Iterator[None]:
    """Large tensors made inside lie apart from those of the training, and go when they are freed.

    Between the training's they would leave gaps that its batches do not fit into, and its memory would grow with each
    validation. What the training has freed is handed back first, so that the two do not add up. Only to be used after
    `keep_freed_memory`.
    """
    libc = _glibc()
    if libc:
        libc.malloc_trim(0)
        libc.mallopt(_MMAP_THRESHOLD, _APART)
    try:
        yield
    finally:
        if libc:
            libc.mallopt(_MMAP_THRESHOLD, _NEVER_APART)


def _glibc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libc.so.6")
    except OSError:
        return None
