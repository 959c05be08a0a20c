"""Arrays that are files: written from front to back, mapped into memory to be read."""

import mmap
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

_AT_ONCE = 2**22


def mapped(path: Path, dtype: DTypeLike) -> NDArray[Any]:
    """A file's content as an array that the system reads page by page, when they are needed, and may let go again."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return np.zeros(0, dtype)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype)


class GrowingFile:
    """A file that is appended to, with the count and the checksum of its bytes."""

    def __init__(self, path: Path, size: int = 0, checksum: int = 0):
        """Goes on behind the first `size` bytes; what stands after them is cut off."""
        self.size, self.checksum = size, checksum
        self._file = path.open("r+b" if size else "wb")
        self._file.truncate(size)
        self._file.seek(size)

    def append(self, data: bytes | memoryview) -> None:
        """Writes at the end."""
        self._file.write(data)
        self.size += len(data)
        self.checksum = zlib.crc32(data, self.checksum)

    def append_array(self, array: NDArray[Any]) -> None:
        """Writes an array's numbers."""
        self.append(np.ascontiguousarray(array).tobytes())

    def flush(self) -> None:
        """Hands everything to the system, so that the end of this process loses nothing."""
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def checksum(path: Path, size: int) -> int:
    """The CRC-32 of a file's first bytes."""
    found, left = 0, size
    with path.open("rb") as file:
        while left and (data := file.read(min(left, _AT_ONCE))):
            found, left = zlib.crc32(data, found), left - len(data)
    return found
