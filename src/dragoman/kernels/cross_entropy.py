"""A chunk of logits becomes its own gradient, in its own memory. Letters for axes: N rows, V vocabulary."""

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
    prange,
    rank,
    widen,
)


@kernel
def cross_entropy(logits: Any, targets: Any, smoothing: float, totals: Any, rights: Any) -> None:
    """softmax(logits), less 1 - smoothing at the target, written over the logits.

    Keeps log(sum(exp)) of each row in `totals` and the right token's logit in `rights`; zeros where a target is
    negative.
    """
    rows, size = logits.shape
    for block in prange(BLOCKS):
        held = np.empty(size, np.float32)
        for row in range(first_row(block, rows), first_row(block + 1, rows)):
            right = targets[row]
            if right < 0:
                totals[row] = rights[row] = np.float32(0)
                for at in range(size):
                    logits[row, at] = narrow(np.float32(0), logits)
                continue
            top = LEAST
            for at in range(size):
                held[at] = widen(logits[row, at])
                top = max(top, rank(held[at]))
            largest = of_rank(top)
            total = np.float32(0)
            for at in range(size):
                held[at] = exponential(held[at] - largest)
                total += held[at]
            totals[row], rights[row] = largest + np.float32(log(total)), widen(logits[row, right])
            share = np.float32(1) / total
            for at in range(size):
                logits[row, at] = narrow(held[at] * share, logits)
            logits[row, right] = narrow(held[right] * share - np.float32(1 - smoothing), logits)
