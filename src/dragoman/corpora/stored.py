"""A training's text on the disk, so that none of it stays in memory: read once, from files, pipes or a named corpus."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.config import DataSettings, PizzeriaSettings
from dragoman.corpora.fingerprints import Fingerprint, fingerprint
from dragoman.corpora.lines import ROW, Lines, LineWriter, starts_name, text_name
from dragoman.corpora.mapping import GrowingFile, mapped
from dragoman.corpora.opening import Corpus, data_files, open_corpus
from dragoman.corpora.parallel import Pairs, ParallelText
from dragoman.corpora.reading import is_pipe
from dragoman.corpora.sealed import Note, empty, journal, read_journal, read_seal, seal, seal_anew
from dragoman.errors import DragomanError

Tell = Callable[[str], None]
"""Is told what is being done, in words, now and then."""
_STEMS = ("train.source", "train.target", "valid.source", "valid.target")
_ROWS = "train.rows"
_FILES = [*(name(stem) for stem in _STEMS for name in (text_name, starts_name)), _ROWS]
_PAIRS_BETWEEN_WORDS = 1_000_000


@dataclass(frozen=True)
class StoredCorpus:
    """A corpus whose training text is mapped from the disk."""

    corpus: Corpus
    files: list[Fingerprint]
    """Those that it was read from."""
    checksums: dict[str, list[int]]
    """Bytes and CRC-32 of the stored text, file by file."""

    @property
    def key(self) -> str:
        """Differs where the text differs."""
        return _digest(self.checksums)


def store_corpus(
    folder: Path,
    data: DataSettings,
    pizzeria: PizzeriaSettings,
    seed: int,
    tell: Tell,
    known: dict[str, list[int]] | None = None,
) -> StoredCorpus:
    """Maps the text in `folder`; reads it into the folder where it is not there yet, cut off or damaged.

    Args:
        known: its checksums where it has been read to its end before, so that a pipe is empty now. The same text stays
            though its files lie elsewhere now.

    Raises:
        UsageError, DragomanError: as `open_corpus`; or the text came through a pipe and is gone.
    """
    key = _digest([asdict(data), asdict(pizzeria), seed])
    try:
        note = read_seal(folder, key, known)
    except DragomanError as error:
        tell(f"{error}; the store is built anew")
        note = None
    if note and note.key != key:
        before = {file["path"]: file for file in note.facts["files"]}
        files = [before.get(os.path.abspath(path)) or asdict(fingerprint(path)) for path in data_files(data)]
        if all(file in note.facts["files"] or file["sha256"] for file in files):
            note = seal_anew(folder, key, note, {**note.facts, "files": files})
    return _open(folder, note or _build(folder, key, data, pizzeria, seed, tell, known is not None))


def _build(
    folder: Path, key: str, data: DataSettings, pizzeria: PizzeriaSettings, seed: int, tell: Tell, again: bool
) -> Note:
    pipes = [path for path in data_files(data) if is_pipe(path)]
    if pipes and (again or read_journal(folder, key)):
        raise DragomanError(
            f"{pipes[0]} is a pipe that has been read, and its text is not in {folder}; train a new run, from a file"
        )
    empty(folder)
    if pipes:
        # Before it is opened: a process that is killed while it reads has emptied it, wholly or in part.
        journal(folder, key, {}, {"pipes": [str(path) for path in pipes]})
    with ExitStack() as stack:
        files = {name: stack.enter_context(GrowingFile(folder / name)) for name in _FILES}
        source, target, *valid_writers = (LineWriter(files[text_name(s)], files[starts_name(s)]) for s in _STEMS)

        def keep(pairs: Iterator[Pairs], name: str) -> ParallelText:
            _write(pairs, (source, target), tell)
            for file in files.values():
                file.flush()
            sides = [Lines.open(folder, stem) for stem in _STEMS[:2]]
            return ParallelText(sides[0], sides[1], name)

        corpus = open_corpus(data, pizzeria, seed, keep)
        files[_ROWS].append_array(_rows(corpus.train))
        for writer, lines in zip(valid_writers, (corpus.valid.source, corpus.valid.target), strict=True):
            writer.append(lines)
        return seal(folder, key, files, _facts(corpus, data))


def _facts(corpus: Corpus, data: DataSettings) -> dict[str, object]:
    return {
        "name": corpus.name,
        "train": corpus.train.name,
        "valid": corpus.valid.name,
        "dropped": corpus.dropped,
        "files": [asdict(fingerprint(path)) for path in data_files(data)],
    }


def _write(pairs: Iterator[Pairs], writers: tuple[LineWriter, LineWriter], tell: Tell) -> None:
    count, told = 0, 0
    for part in pairs:
        for writer, lines in zip(writers, part, strict=True):
            writer.append(lines)
        count += len(part[0])
        if count - told >= _PAIRS_BETWEEN_WORDS:
            told = count
            tell(f"reading the corpus: {count:,} pairs")


def _rows(text: ParallelText) -> NDArray[Any]:
    """Which of the stored lines are trained on."""
    chosen = text.source.rows if isinstance(text.source, Lines) else None
    return np.arange(len(text), dtype=ROW) if chosen is None else chosen


def _open(folder: Path, note: Note) -> StoredCorpus:
    rows = mapped(folder / _ROWS, ROW)
    source, target, valid_source, valid_target = (Lines.open(folder, stem) for stem in _STEMS)
    if len(rows) != len(source):
        source, target = source.only(rows), target.only(rows)
    facts = note.facts
    valid = ParallelText(list(valid_source), list(valid_target), facts["valid"])
    corpus = Corpus(facts["name"], ParallelText(source, target, facts["train"]), valid, facts["dropped"])
    return StoredCorpus(corpus, [Fingerprint(**file) for file in facts["files"]], note.files)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
