"""A folder of files that belong together: written step by step, sealed at the end, checked when it is opened.

`journal.json` says while the files grow how much of each is right, and `seal.json` in the end that they are whole.
Both are replaced in one piece; so a killed process leaves what the next one goes on with.
"""

import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dragoman.corpora.mapping import GrowingFile, checksum
from dragoman.errors import DragomanError

_SEAL, _JOURNAL = "seal.json", "journal.json"
FORMAT = 1


@dataclass(frozen=True)
class Note:
    """What is known about a folder."""

    key: str
    """What it was made from, so that another's is not taken for ours."""
    files: dict[str, list[int]]
    """Each file's bytes and their CRC-32."""
    facts: dict[str, Any]
    """What its maker wants to know again."""


def is_sealed(folder: Path) -> bool:
    """Whether the files were written to their end once."""
    return (folder / _SEAL).exists()


def read_seal(folder: Path, key: str, files: dict[str, list[int]] | None = None) -> Note | None:
    """What was sealed; None where nothing is.

    Args:
        files: bytes and CRC-32 of what is known to belong here, by whatever key it was sealed.

    Raises:
        DragomanError: a file is cut off, damaged or missing (the seal too, if it is damaged), or the folder was made
            from something else.
    """
    note = _read(folder / _SEAL)
    if note is None:
        return None
    if note.key != key and note.files != files:
        raise DragomanError(f"{folder} was made from another text or other settings")
    _check(folder, note.files, exactly=True)
    return note


def read_journal(folder: Path, key: str) -> Note | None:
    """What was written before a killed process ended; None where there is nothing to go on with."""
    try:
        note = _read(folder / _JOURNAL)
        if note is None or note.key != key:
            return None
        _check(folder, note.files, exactly=False)
    except DragomanError:
        return None
    return note


def journal(folder: Path, key: str, files: dict[str, GrowingFile], facts: dict[str, Any]) -> None:
    """Notes how far the files are."""
    for file in files.values():
        file.flush()
    _write(folder / _JOURNAL, Note(key, _sizes(files), facts))


def seal(folder: Path, key: str, files: dict[str, GrowingFile], facts: dict[str, Any]) -> Note:
    """Says that the files are whole, once they are on the disk."""
    for name, file in files.items():
        file.flush()
        _to_disk(folder / name)
    note = Note(key, _sizes(files), facts)
    _write(folder / _SEAL, note)
    (folder / _JOURNAL).unlink(missing_ok=True)
    return note


def seal_anew(folder: Path, key: str, note: Note, facts: dict[str, Any]) -> Note:
    """Seals the same files by another key, with other facts."""
    renewed = Note(key, note.files, facts)
    _write(folder / _SEAL, renewed)
    return renewed


def empty(folder: Path) -> None:
    """Makes the folder, without the files of an earlier one; the seal goes first."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir(), key=lambda path: path.name != _SEAL):
        path.unlink()


def _sizes(files: dict[str, GrowingFile]) -> dict[str, list[int]]:
    return {name: [file.size, file.checksum] for name, file in files.items()}


def _check(folder: Path, files: dict[str, list[int]], exactly: bool) -> None:
    for name, (size, expected) in files.items():
        path = folder / name
        if not path.is_file():
            raise DragomanError(f"{path} is missing")
        found = path.stat().st_size
        if found < size or (exactly and found > size):
            raise DragomanError(f"{path} has {found:,} bytes and should have {size:,}")
        if checksum(path, size) != expected:
            raise DragomanError(f"{path} is damaged: its checksum differs")


def _read(path: Path) -> Note | None:
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            return None
        note = Note(content["key"], content["files"], content["facts"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DragomanError(f"{path} is damaged") from error
    # Stores of earlier versions say no checksum.
    if content.get("checksum", own := _own_checksum(note)) != own:
        raise DragomanError(f"{path} is damaged: its checksum differs")
    return note


def _write(path: Path, note: Note) -> None:
    aside = path.with_name(f"{path.name}.writing")
    content = {"format": FORMAT, "checksum": _own_checksum(note), **vars(note)}
    aside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    _to_disk(aside)
    os.replace(aside, path)


def _own_checksum(note: Note) -> int:
    return zlib.crc32(json.dumps(vars(note), sort_keys=True).encode())


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
