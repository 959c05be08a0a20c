"""The training pairs as ids on the disk: tokenized once, mapped into memory; what a kill stopped goes on from there."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.batches.rows import Places, Ragged, Rows
from dragoman.corpora import ParallelText
from dragoman.corpora.mapping import GrowingFile, mapped
from dragoman.corpora.sealed import Note, empty, journal, read_journal, read_seal, seal
from dragoman.errors import DragomanError
from dragoman.text import Tokenizer, Tokenizers

PAIRS_AT_ONCE = 20_000
START = np.dtype("<u8")
NUMBER = np.dtype("<u4")
_NAMES = ("source.ids", "source.starts", "target.ids", "target.starts", "numbers")
_PAIRS_BETWEEN_WORDS = 200_000


@dataclass(frozen=True)
class PairStore:
    """The pairs that are trained on, in the corpus' order."""

    text: ParallelText
    """All pairs of the corpus."""
    numbers: NDArray[Any]
    """Which of them these are: those that are short enough."""
    sources: Rows
    targets: Rows

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def too_long(self) -> int:
        """Pairs that were left out."""
        return len(self.text) - len(self)

    def lines(self, side: str, places: Places) -> list[str]:
        """The text of these pairs' source or target."""
        lines, wanted = getattr(self.text, side), self.numbers[places].astype(np.int64)
        return lines.take(wanted) if hasattr(lines, "take") else [lines[place] for place in wanted]


def store_pairs(
    folder: Path,
    text: ParallelText,
    tokenizers: Tokenizers,
    longest: int,
    text_key: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> PairStore:
    """Maps the ids in `folder`; makes them where they are not there yet, not whole, or another tokenizer's.

    Args:
        longest: pairs with so many tokens or more on a side are left out.
        text_key: what tells this text from others.

    Raises:
        DragomanError: every pair is too long.
    """
    key = _key(text_key, len(text), tokenizers, longest)
    try:
        note = read_seal(folder, key)
    except DragomanError as error:
        tell(f"{error}; tokenized anew")
        note = None
    if note is None:
        note = _Building(folder, text, tokenizers, longest, key).run(tell)
    return _open(folder, note, text, longest)


def temporary_pairs(text: ParallelText, tokenizers: Tokenizers, longest: int) -> PairStore:
    """The same without a lasting place: the files have no name any more and go when nobody uses them."""
    folder = Path(tempfile.mkdtemp(prefix="dragoman-"))
    try:
        return store_pairs(folder, text, tokenizers, longest)
    finally:
        shutil.rmtree(folder)


class _Building:
    """Tokenizes part by part, and notes after each how far it is."""

    def __init__(self, folder: Path, text: ParallelText, tokenizers: Tokenizers, longest: int, key: str):
        self._folder, self._text, self._tokenizers = folder, text, tokenizers
        self._longest, self._key = longest, key
        self._types = [id_type(side.size) for side in (tokenizers.source, tokenizers.target)]

    def run(self, tell: Callable[[str], None]) -> Note:
        note = read_journal(self._folder, self._key)
        done = note.facts["pairs"] if note else 0
        if note is None:
            empty(self._folder)
        with ExitStack() as stack:
            sizes = note.files if note else {name: [0, 0] for name in _NAMES}
            files = {name: stack.enter_context(GrowingFile(self._folder / name, *sizes[name])) for name in _NAMES}
            if not done:
                for side in ("source", "target"):
                    files[f"{side}.starts"].append_array(np.zeros(1, START))
            for first in range(done, len(self._text), PAIRS_AT_ONCE):
                if first and first % _PAIRS_BETWEEN_WORDS == 0:
                    tell(f"tokenizing: {first:,} of {len(self._text):,} pairs")
                self._part(first, files)
                end = min(first + PAIRS_AT_ONCE, len(self._text))
                journal(self._folder, self._key, files, {"pairs": end})
            types = [str(kind) for kind in self._types]
            return seal(self._folder, self._key, files, {"pairs": len(self._text), "types": types})

    def _part(self, first: int, files: dict[str, GrowingFile]) -> None:
        rows = slice(first, first + PAIRS_AT_ONCE)
        sides = self._text.source[rows], self._text.target[rows]
        cuts = self._tokenizers.source.encode(sides[0]), self._tokenizers.target.encode(sides[1])
        fits = [max(len(s), len(t)) < self._longest for s, t in zip(*cuts, strict=True)]
        numbers = np.flatnonzero(fits)
        for side, kind, cut in zip(("source", "target"), self._types, cuts, strict=True):
            part = Ragged.of([cut[at] for at in numbers.tolist()], kind)
            before = files[f"{side}.ids"].size // kind.itemsize
            files[f"{side}.starts"].append_array((before + part.lengths.cumsum()).astype(START))
            files[f"{side}.ids"].append_array(part.ids)
        files["numbers"].append_array((numbers + first).astype(NUMBER))


def _open(folder: Path, note: Note, text: ParallelText, longest: int) -> PairStore:
    types = [np.dtype(kind) for kind in note.facts["types"]]
    sides = [
        Rows(mapped(folder / f"{side}.ids", kind), mapped(folder / f"{side}.starts", START))
        for side, kind in zip(("source", "target"), types, strict=True)
    ]
    numbers = mapped(folder / "numbers", NUMBER)
    if not len(numbers):
        raise DragomanError(f"every pair is longer than batches.longest={longest} tokens; raise it, or cut the lines")
    return PairStore(text, numbers, *sides)


def id_type(vocabulary: int) -> np.dtype[Any]:
    """The smallest of two types that holds every id of a vocabulary."""
    return np.dtype("<u2" if vocabulary <= 2**16 else "<u4")


def _key(text_key: str, pairs: int, tokenizers: Tokenizers, longest: int) -> str:
    digests = [_tokenizer_digest(side) for side in (tokenizers.source, tokenizers.target)]
    return hashlib.sha256(json.dumps([text_key, pairs, digests, longest]).encode()).hexdigest()


def _tokenizer_digest(tokenizer: Tokenizer) -> str:
    return hashlib.sha256(tokenizer.to_bytes()).hexdigest()
