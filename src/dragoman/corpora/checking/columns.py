"""What is taken down of every pair, in files: one column is in memory at a time."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dragoman.errors import DragomanError


@dataclass(frozen=True)
class Columns:
    """Some pairs' numbers."""

    flags: NDArray[np.uint64]
    """Their faults. (pairs,)"""
    exact: NDArray[np.uint64]
    """The pair as written. (pairs,)"""
    near: NDArray[np.uint64]
    """The pair without case, digits and signs. (pairs,)"""
    source: NDArray[np.uint64]
    """The source. (pairs,)"""
    lengths: NDArray[np.uint16]
    """Characters. (pairs, side)"""
    digits: NDArray[np.uint32]
    """The numbers in the line, 0 where there are none. (pairs, side)"""
    ends: NDArray[np.uint8]
    """The sign at the end. (pairs, side)"""


_KINDS: dict[str, tuple[Any, int]] = {
    "flags": (np.uint64, 1),
    "exact": (np.uint64, 1),
    "near": (np.uint64, 1),
    "source": (np.uint64, 1),
    "lengths": (np.uint16, 2),
    "digits": (np.uint32, 2),
    "ends": (np.uint8, 2),
}


class ColumnFiles:
    """Columns of a whole corpus in a temporary folder, which goes at the end of the `with` block.

    Raises:
        DragomanError: nothing can be written there.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        with _writing():
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="dragoman-check-")))
            self._files: dict[str, IO[bytes]] = {
                name: self._stack.enter_context((self._folder / name).open("wb")) for name in _KINDS
            }
        self.pairs = 0

    def append(self, columns: Columns) -> None:
        """Writes some pairs behind those before."""
        with _writing():
            for column in fields(columns):
                self._files[column.name].write(np.ascontiguousarray(getattr(columns, column.name)).tobytes())
        self.pairs += len(columns.flags)

    def read(self, name: str, places: slice | None = None) -> NDArray[Any]:
        """Reads a column, or the pairs from one place to before another."""
        kind, width = _KINDS[name]
        first, end, _ = (places or slice(None)).indices(self.pairs)
        with _writing():
            self._files[name].flush()
        count = max(0, end - first) * width
        found = np.fromfile(
            self._folder / name, dtype=kind, count=count, offset=first * width * np.dtype(kind).itemsize
        )
        return found.reshape(-1, width) if width > 1 else found

    def blocks(self, size: int) -> Sequence[slice]:
        """The corpus in parts of equal size."""
        return [slice(first, min(first + size, self.pairs)) for first in range(0, self.pairs, size)]

    def __enter__(self) -> "ColumnFiles":
        return self

    def __exit__(self, *_: object) -> None:
        # What a full disk did not take is tried once more when a file is closed; it has been told of.
        with suppress(OSError):
            self._stack.close()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DragomanError(
            f"cannot write temporary files into {tempfile.gettempdir()} ({error.strerror}); "
            f"free some space there, or set TMPDIR to another folder"
        ) from error
