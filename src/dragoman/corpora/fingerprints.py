"""Whether a file is still the one that a training began with."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from dragoman.errors import DragomanError


@dataclass(frozen=True)
class Fingerprint:
    """What a file was when it was read."""

    path: str
    """From the root of the disk."""
    bytes: int
    sha256: str
    """Of the file as it lies there, packed or not; empty for a pipe, which cannot be read twice."""

    @property
    def pipe(self) -> bool:
        """Whether it could be read once only."""
        return not self.sha256

    @property
    def missing(self) -> bool:
        """Whether there is no such file now.

        Raises:
            DragomanError: the disk does not say.
        """
        return not _is_file(Path(self.path))

    @property
    def changed(self) -> bool:
        """Whether there is another file now."""
        return not (self.pipe or self.missing) and fingerprint(Path(self.path)) != self


def fingerprint(path: Path) -> Fingerprint:
    """Reads a file's size and hash.

    Raises:
        DragomanError: it cannot be read.
    """
    place = os.path.abspath(path)
    if not _is_file(path):
        return Fingerprint(place, 0, "")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Fingerprint(place, file.tell(), digest)
    except OSError as error:
        raise _unreadable(path, error) from error


def _is_file(path: Path) -> bool:
    """Whether it is there and can be read twice."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> DragomanError:
    return DragomanError(f"cannot read {path} ({error.strerror}); check its path and its permissions")
