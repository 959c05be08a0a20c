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
    order = draw.permutation(len(target))
    order = order[np.lexsort((source[order], target[order]))]
    batches: list[Indices] = []
    first, widest_source = 0, 0
    for at, pair in enumerate(order):
        widest_source = max(widest_source, int(source[pair]))
        rows = at - first + 1
        if rows > 1 and (rows * target[pair] > budget or rows * widest_source > 2 * budget):
            batches.append(order[first:at])
            first, widest_source = at, int(source[pair])
    if len(order):
        batches.append(order[first:])
    return [batches[at] for at in draw.permutation(len(batches))]


def real_share(lengths: Sequence[int], batches: Sequence[Indices]) -> float:
    """The share of positions in these batches that hold a token and no padding."""
    table = np.asarray(lengths)
    positions = sum(len(batch) * int(table[batch].max()) for batch in batches)
    return float(sum(int(table[batch].sum()) for batch in batches) / positions)
