"""Two passes' logits of the same tokens become their own gradients (R-Drop). Letters for axes: N rows, V vocabulary."""

from math import log
from typing import Any

import numpy as np

from dragoman.kernels.numbers import (
    BLOCKS,
    LEAST,
    exponential,
    first_row,
    kernel,
    narrow,
    of_rank,
    part,
    prange,
    rank,
    widen,
)


@part
def log_total(logits: Any, held: Any) -> Any:
    """log(sum(exp)) of one row, which is left in `held` as float32."""
    top = LEAST
    for at in range(len(logits)):
        held[at] = widen(logits[at])
        top = max(top, rank(held[at]))
    largest = of_rank(top)
    total = np.float32(0)
    for at in range(len(logits)):
        total += exponential(held[at] - largest)
    return largest + np.float32(log(total))


@part
def pulled(here: Any, there: Any, apart: Any, mean: Any, half: Any) -> Any:
    """One logit's gradient: its probability, and the pull towards the other pass' (`mean` is this pass' divergence)."""
    return here + half * (here * (apart - mean) + here - there)


@kernel
def agreement(first: Any, second: Any, targets: Any, smoothing: float, pull: float, facts: Any) -> None:
    """The gradients of both cross-entropies and of pull * (KL(p|q) + KL(q|p)) / 2, written over the logits, 2 x N x V.

    Smoothing's even share is left out, as in `cross_entropy`.

    Args:
        facts: 5 x N: log(sum(exp)) and the right token's logit of the first and of the second; the divergences' sum.
    """
    rows, size = first.shape
    half = np.float32(pull / 2)
    for block in prange(BLOCKS):
        p, q = np.empty(size, np.float32), np.empty(size, np.float32)
        for row in range(first_row(block, rows), first_row(block + 1, rows)):
            right = targets[row]
            total_p, total_q = log_total(first[row], p), log_total(second[row], q)
            facts[0, row], facts[1, row] = total_p, p[right]
            facts[2, row], facts[3, row] = total_q, q[right]
            apart_p, apart_q = np.float32(0), np.float32(0)
            for at in range(size):
                apart = (p[at] - total_p) - (q[at] - total_q)
                apart_p += exponential(p[at] - total_p) * apart
                apart_q -= exponential(q[at] - total_q) * apart
            facts[4, row] = apart_p + apart_q
            here, there = exponential(p[right] - total_p), exponential(q[right] - total_q)
            apart = (p[right] - total_p) - (q[right] - total_q)
            at_right = pulled(here, there, apart, apart_p, half), pulled(there, here, -apart, apart_q, half)
            for at in range(size):
                here, there = exponential(p[at] - total_p), exponential(q[at] - total_q)
                apart = (p[at] - total_p) - (q[at] - total_q)
                first[row, at] = narrow(pulled(here, there, apart, apart_p, half), first)
                second[row, at] = narrow(pulled(there, here, -apart, apart_q, half), second)
            first[row, right] = narrow(at_right[0] - np.float32(1 - smoothing), first)
            second[row, right] = narrow(at_right[1] - np.float32(1 - smoothing), second)
