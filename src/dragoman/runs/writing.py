"""Files that are whole or not there: written aside, flushed to the disk, renamed."""

import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

_ASIDE = ".writing-"
_REPLACED = "-replaced"


def is_aside(path: Path) -> bool:
    """Whether a killed process may have left this file or folder half written."""
    return path.name.startswith(_ASIDE)


def beside(path: Path) -> Path:
    """Gives the temporary path on the same disk from which a rename to `path` is atomic."""
    return path.with_name(f"{_ASIDE}{os.getpid()}-{path.name}")


def flush_to_disk(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path to write a file to; in the end it replaces `path`, or goes without a trace.

    Raises:
        OSError: The disk is full or may not be written to; `path` is as it was.
    """
    aside = beside(path)
    try:
        yield aside
        flush_to_disk(aside)
        aside.replace(path)
        flush_to_disk(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Writes one JSON object in one piece; numbers that are not finite become null."""
    with replacing(path) as aside:
        aside.write_text(json.dumps(finite(value), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def note_owner(lock: TextIO) -> None:
    """Writes this process's number into a lock's file, unbuffered: closing the file must not fail once more.

    Raises:
        OSError: The disk is full.
    """
    try:
        lock.truncate(0)
        os.write(lock.fileno(), f"{os.getpid()}\n".encode())
    except OSError as error:
        error.filename = lock.name
        raise


def finite(value: Any) -> Any:
    """Puts None where a number is not finite, which JSON cannot say."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


def replace_folder(new: Path, final: Path) -> None:
    """Puts a folder in another one's place; if a kill comes in between, `remove_leftovers` puts the old one back."""
    if final.exists():
        aside = beside(final)
        final.replace(aside.with_name(f"{aside.name}{_REPLACED}"))
    new.replace(final)


def remove_leftovers(folder: Path) -> None:
    """Removes what a killed process left half written, and puts back what it was about to replace."""
    for path in [path for path in folder.iterdir() if is_aside(path)] if folder.is_dir() else []:
        *_, name = path.name.removesuffix(_REPLACED).split("-", 2)
        if path.name.endswith(_REPLACED) and not (folder / name).exists():
            path.replace(folder / name)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
