"""Parallel text as raw lines, in chunks, read as often as needed: no more than one chunk is in memory."""

import codecs
import gzip
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, Protocol, cast

from dragoman.corpora.parallel import ParallelText
from dragoman.errors import DragomanError

CHUNK, CHUNK_BYTES = 10_000, 1 << 22
"""Pairs that are read, sent to a worker and checked at once; fewer where their lines have more bytes together."""
LINE_LIMIT = 1 << 24
"""Bytes of the longest line; beyond this it is not text with one sentence a line."""
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


Pair = tuple[bytes, bytes]


@dataclass(frozen=True)
class Chunk:
    """Some pairs, line by line."""

    first: int
    """The first pair's place, from 0."""
    source: list[bytes]
    target: list[bytes]
    torn: frozenset[int] = frozenset()
    """Places in the chunk of TSV lines without exactly one tab."""


class Pairs(Protocol):
    """Parallel text that can be read again."""

    counts: tuple[int, int]
    """Lines on either side; known after the first reading."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def endings(self) -> tuple[str, str] | None:
        """What the cleaned files' names end in; None for one TSV file."""

    def chunks(self) -> Iterator[Chunk]:
        """Reads it from the start."""


@dataclass
class FilePairs:
    """Two files whose lines translate each other."""

    source: Path
    target: Path
    counts: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        """Both files' names."""
        return f"{self.source.name} + {self.target.name}"

    @property
    def endings(self) -> tuple[str, str]:
        """The files' own endings, such as en and de, where they differ."""
        first, second = (path.name.removesuffix(".gz").rpartition(".")[2] for path in (self.source, self.target))
        return (first, second) if first != second and "removed" not in (first, second) else ("src", "tgt")

    def chunks(self) -> Iterator[Chunk]:
        """Reads pairs as long as both files have lines, then counts what is left."""
        with ExitStack() as stack:
            sources, targets = (_lines(path, stack) for path in (self.source, self.target))
            first, rest = 0, [0, 0]

            def pairs() -> Iterator[Pair]:
                for source, target in zip_longest(sources, targets):
                    if source is not None and target is not None:
                        yield source, target
                    else:
                        rest[source is None] += 1

            for source, target in _blocks(pairs()):
                yield Chunk(first, source, target)
                first += len(source)
            self.counts = (first + rest[0], first + rest[1])


@dataclass
class TsvPairs:
    """One file with source TAB target a line."""

    path: Path
    counts: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def endings(self) -> None:
        """One file stays one file."""

    def chunks(self) -> Iterator[Chunk]:
        """Splits every line at its first tab; a line without one has an empty target."""
        with ExitStack() as stack:
            first, torn = 0, set[int]()

            def pairs() -> Iterator[Pair]:
                for place, line in enumerate(_lines(self.path, stack)):
                    source, tab, target = line.partition(b"\t")
                    if not tab or b"\t" in target:
                        torn.add(place)
                    yield source, target

            for source, target in _blocks(pairs()):
                yield Chunk(first, source, target, frozenset(place - first for place in torn))
                first += len(source)
                torn.clear()
            self.counts = (first, first)


@dataclass
class TextPairs:
    """Pairs that are in memory already, such as a named corpus."""

    text: ParallelText
    counts: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = (len(self.text), len(self.text))

    @property
    def name(self) -> str:
        """The corpus' name."""
        return self.text.name

    @property
    def endings(self) -> tuple[str, str]:
        """The languages are not known here."""
        return "src", "tgt"

    def chunks(self) -> Iterator[Chunk]:
        """Cuts the lists."""
        first = 0
        sides = (map(str.encode, side) for side in (self.text.source, self.text.target))
        for source, target in _blocks(zip(*sides, strict=True)):
            yield Chunk(first, source, target)
            first += len(source)


def _blocks(pairs: Iterable[Pair]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Either side's lines, so many at once as are one chunk."""
    sources: list[bytes] = []
    targets: list[bytes] = []
    size = 0
    for source, target in pairs:
        sources.append(source)
        targets.append(target)
        size += len(source) + len(target)
        if size >= CHUNK_BYTES or len(sources) == CHUNK:
            yield sources, targets
            sources, targets, size = [], [], 0
    if sources:
        yield sources, targets


def read_test_lines(path: Path) -> Iterator[bytes]:
    """Reads the lines of a test file.

    Raises:
        DragomanError: it cannot be read.
    """
    with ExitStack() as stack:
        yield from _lines(path, stack)


def _lines(path: Path, stack: ExitStack) -> Iterator[bytes]:
    """The lines of a plain or gzipped file, without their ends; opened at once, so that faults show early."""
    stream = _open(path, stack)
    return _checked(path, stream)


def _checked(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    try:
        for number, line in enumerate(iter(lambda: stream.readline(LINE_LIMIT + 1), b""), start=1):
            if len(line) > LINE_LIMIT:
                raise DragomanError(
                    f"{path}, line {number} is longer than {LINE_LIMIT:,} bytes; "
                    "give a text file with one sentence a line"
                )
            if number == 1:
                if line.startswith(_UTF16_MARKS):
                    raise DragomanError(f"{path} is UTF-16; convert it: iconv -f utf-16 -t utf-8 {path} > utf8.txt")
                line = line.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 -- the mark is no text
            yield line.rstrip(b"\r\n") if line.endswith(b"\n") else line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DragomanError(f"{path} is not a whole gzip file ({error}); fetch or compress it again") from error
    except OSError as error:
        raise DragomanError(f"cannot read {path} ({error.strerror or error})") from error


def _open(path: Path, stack: ExitStack) -> IO[bytes]:
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise DragomanError(f"{path} is a folder; give a text file with one sentence a line")
        if not stat.S_ISREG(kind):
            raise DragomanError(f"{path} is a pipe or device; a check reads more than once: save it as a file first")
        with path.open("rb") as start:
            begin = start.read(2)
        if not begin and path.name.endswith(".gz"):
            raise DragomanError(f"{path} is not a whole gzip file (it is empty); fetch or compress it again")
        zipped = begin == _GZIP_MAGIC or path.name.endswith(".gz")
        opened = gzip.open(path, "rb") if zipped else path.open("rb", buffering=1 << 20)  # noqa: SIM115
        return cast(IO[bytes], stack.enter_context(cast(Any, opened)))
    except FileNotFoundError as error:
        raise DragomanError(f"no such file: {path}; give a text file with one sentence a line") from error
    except OSError as error:
        raise DragomanError(f"cannot read {path} ({error.strerror}); check its path and its permissions") from error
