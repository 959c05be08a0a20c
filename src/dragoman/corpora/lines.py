"""Lines of text that stay on the disk.

Two files hold them: the text as UTF-8, each line with its line feed, and where each line begins (and the last one
ends) as 64-bit numbers. Only the lines that are asked for become strings.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from dragoman.corpora.mapping import GrowingFile, mapped

START = np.dtype("<u8")
ROW = np.dtype("<u4")
_AT_ONCE = 20_000
_FEED = 10


class Lines(Sequence[str]):
    """The lines of two files, or some of them in a given order."""

    def __init__(self, text: NDArray[np.uint8], starts: NDArray[Any], rows: NDArray[Any] | None = None):
        """Takes the text, where each line begins, and which lines these are (all of them where None)."""
        self._text, self._starts, self.rows = text, starts, rows

    @classmethod
    def open(cls, folder: Path, stem: str) -> "Lines":
        """Maps the files that `LineWriter` wrote."""
        return cls(mapped(folder / text_name(stem), np.uint8), mapped(folder / starts_name(stem), START))

    def __len__(self) -> int:
        return len(self._starts) - 1 if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        places = range(len(self))[at]
        if isinstance(places, int):
            return self.take([places])[0]
        if self.rows is None and places.step == 1:
            return self._stretch(places.start, places.stop)
        return self.take(places)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self[first : first + _AT_ONCE] for first in range(0, len(self), _AT_ONCE))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def take(self, places: Sequence[int] | NDArray[Any]) -> list[str]:
        """The lines at these places."""
        rows = np.asarray(places, dtype=np.int64)
        rows = rows if self.rows is None else self.rows[rows].astype(np.int64)
        ends = zip(self._starts[rows].tolist(), (self._starts[rows + 1] - 1).tolist(), strict=True)
        return [self._text[start:end].tobytes().decode() for start, end in ends]

    def where(self, kept: NDArray[np.bool_]) -> "Lines":
        """The lines whose place in `kept` is True."""
        rows = np.flatnonzero(kept).astype(ROW) if self.rows is None else self.rows[kept]
        return Lines(self._text, self._starts, rows)

    def only(self, rows: NDArray[Any]) -> "Lines":
        """The lines of these rows of the files."""
        return Lines(self._text, self._starts, rows)

    def _stretch(self, first: int, end: int) -> list[str]:
        if first >= end:
            return []
        text = self._text[int(self._starts[first]) : int(self._starts[end]) - 1]
        return text.tobytes().decode().split("\n")


class LineWriter:
    """Writes lines into two growing files."""

    def __init__(self, text: GrowingFile, starts: GrowingFile):
        self._text, self._starts = text, starts
        starts.append_array(np.zeros(1, START))

    def append(self, lines: Sequence[str]) -> None:
        """Writes some lines, which have no line feed in them."""
        data = "".join(f"{line}\n" for line in lines).encode()
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _FEED) + 1
        self._starts.append_array((ends + self._text.size).astype(START))
        self._text.append(data)


def text_name(stem: str) -> str:
    """The file with the text."""
    return f"{stem}.txt"


def starts_name(stem: str) -> str:
    """The file with the lines' beginnings."""
    return f"{stem}.starts"
