"""Rows of ids of unequal length as two arrays: all ids in one, and where each row begins.

Letters for axes: R rows, K ids of all rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """Some rows, one after the other."""

    ids: NDArray[Any]
    """K ids."""
    lengths: Places
    """R lengths."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], dtype: DTypeLike) -> "Ragged":
        """The same as arrays."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls(np.fromiter(chain.from_iterable(rows), dtype, int(lengths.sum())), lengths)


class Rows(Sequence[list[int]]):
    """Rows in memory, or mapped from the disk."""

    def __init__(self, ids: NDArray[Any], starts: NDArray[Any]):
        """Takes K ids, and R+1 places: where each row begins, and where the last one ends."""
        self._ids, self._starts = ids, starts

    @classmethod
    def of(cls, parts: Sequence[Ragged]) -> "Rows":
        """Joins parts."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.ids for part in parts]), np.concatenate([[0], lengths.cumsum()]))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, at: int) -> list[int]: ...
    @overload
    def __getitem__(self, at: slice) -> list[list[int]]: ...
    def __getitem__(self, at: int | slice) -> list[int] | list[list[int]]:
        if isinstance(at, slice):
            return [self[place] for place in range(len(self))[at]]
        place = range(len(self))[at]
        found: list[int] = self._ids[int(self._starts[place]) : int(self._starts[place + 1])].tolist()
        return found

    def __iter__(self) -> Iterator[list[int]]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows):
            return isinstance(other, Sequence) and list(self) == list(other)
        return np.array_equal(self._starts, other._starts) and np.array_equal(self._ids, other._ids)

    __hash__ = None  # type: ignore[assignment]

    def lengths(self, places: Places) -> Places:
        """Ids of each of these rows."""
        lengths: Places = (self._starts[places + 1] - self._starts[places]).astype(np.int64)
        return lengths

    def take(self, places: Places) -> Ragged:
        """These rows, in this order."""
        lengths = self.lengths(places)
        first = self._starts[places].astype(np.int64) - (lengths.cumsum() - lengths)
        return Ragged(self._ids[np.repeat(first, lengths) + np.arange(lengths.sum())], lengths)

    def touch(self, places: Places) -> None:
        """Lets the system fetch these rows from the disk, if it has not yet."""
        if len(self._ids):
            self._ids[np.minimum(self._starts[places].astype(np.int64), len(self._ids) - 1)].any()
