"""Pairs of like length come into one batch, so that little is padding; the order is drawn from a seed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def cut_batches(source_lengths: Sequence[int], target_lengths: Sequence[int], budget: int, seed: int) -> list[Indices]:
    """Cuts a corpus into batches of at most `budget` target and twice as many source positions.

    Pairs are shuffled, sorted by target and then source length (the shuffle decides among equals), cut, and the
    batches shuffled. Lengths count the end mark that each side gets. A pair larger than the budget is a batch alone.

    Returns:
        The pairs' indices, batch by batch; the same for the same arguments.
    """
    source, target = np.asarray(source_lengths, dtype=np.int64), np.asarray(target_lengths, dtype=np.int64)
    draw = np.random.default_rng(seed)
    return shuffled(cut_sorted(source, target, draw.permutation(len(target)), budget), draw)


def cut_sorted(source: Indices, target: Indices, order: Indices, budget: int) -> list[Indices]:
    """Sorts pairs by their lengths, those of like lengths as they stand in `order`, and cuts them into batches."""
    order = order[np.lexsort((source[order], target[order]))]
    source, target = source[order], target[order]
    batches: list[Indices] = []
    first = 0
    while first < len(order):
        # No pair behind is shorter, so that no more than these can share a batch with the first one.
        end = min(len(order), first + max(1, budget // int(target[first])))
        rows = np.arange(1, end - first + 1)
        widest = np.maximum.accumulate(source[first:end])
        over = (rows * target[first:end] > budget) | (rows * widest > 2 * budget)
        over[0] = False
        count = int(over.argmax()) if over.any() else end - first
        batches.append(order[first : first + count])
        first += count
    return batches


def shuffled(batches: list[Indices], draw: np.random.Generator) -> list[Indices]:
    """The batches in a drawn order."""
    return [batches[at] for at in draw.permutation(len(batches))]


def real_share(lengths: Sequence[int] | Indices, batches: Sequence[Indices]) -> float:
    """The share of positions in these batches that hold a token and no padding."""
    table = np.asarray(lengths)
    positions = sum(len(batch) * int(table[batch].max()) for batch in batches)
    return float(sum(int(table[batch].sum()) for batch in batches) / positions)
