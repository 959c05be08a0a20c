"""What several verbs begin with: a trained run, lines to read, a place to write."""

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from dragoman.errors import DragomanError, UsageError

if TYPE_CHECKING:
    from dragoman.translation import Translator


def open_translator(run: Path, checkpoint: str) -> "Translator":
    """Loads a run's translator; `checkpoint` is best, last or a step, as it was typed.

    Raises:
        UsageError: the checkpoint is none of these.
        DragomanError: the run cannot be used.
    """
    if checkpoint not in ("best", "last") and not checkpoint.isdecimal():
        raise UsageError(f"--checkpoint {checkpoint!r} is neither best nor last nor a step's number")
    from dragoman.translation.loading import load

    if checkpoint == "best":
        return load(run, "best")
    return load(run, "last" if checkpoint == "last" else int(checkpoint))


@contextmanager
def reading(file: str) -> Iterator[TextIO]:
    """Opens a text file (plain or .gz), or standard input for `-`.

    Raises:
        DragomanError: there is no such file, or it may not be read.
    """
    if file == "-":
        yield sys.stdin
        return
    try:
        opened = (gzip.open if file.endswith(".gz") else open)(file, "rt", encoding="utf-8")
    except FileNotFoundError:
        raise DragomanError(f"no such file: {file}; give a text file with one sentence a line, or -") from None
    except OSError as error:
        raise DragomanError(f"cannot read {file} ({error.strerror}); give a text file that can be read") from None
    with opened as stream:
        yield stream


@contextmanager
def writing(out: Path | None, source: TextIO | None = None) -> Iterator[TextIO]:
    """Opens the file for results, or standard output.

    Args:
        source: what is being read, which must be another file.

    Raises:
        DragomanError: the file cannot be made, or it is the one that is read.
    """
    if out is None:
        yield sys.stdout
        return
    if source and _same_file(out, source):
        raise DragomanError(f"{out} is the text that is read, and writing would empty it; give --out another name")
    try:
        opened = out.open("w", encoding="utf-8")
    except OSError as error:
        raise DragomanError(f"cannot write {out} ({error.strerror}); choose another place") from None
    with opened as stream:
        yield stream


def _same_file(path: Path, stream: TextIO) -> bool:
    try:
        return path.is_file() and os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except OSError:
        return False
