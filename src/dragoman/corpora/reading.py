"""Text files: one sentence a line, UTF-8, plain or gzipped; read as a stream, so that a pipe serves too."""

import codecs
import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Protocol

from dragoman.corpora.parallel import Pairs, ParallelText
from dragoman.errors import DragomanError

LONGEST_LINE = 16 * 2**20
"""Bytes; a longer line is no sentence, and is refused before it fills the memory."""
_BLOCK = 2**20
PAIRS_AT_ONCE = 20_000
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def read_lines(path: Path) -> list[str]:
    """Reads the sentences of a file; only the line feed ends a line, as for `wc -l`.

    Raises:
        DragomanError: the file is missing, a folder, unreadable, damaged or not UTF-8, or a line has no end.
    """
    with _opened(path) as stream:
        return list(_lines(path, stream))


def read_pair(source: Path, target: Path) -> ParallelText:
    """Reads two files whose lines translate each other.

    Raises:
        DragomanError: a file cannot be read, or they have different numbers of lines.
    """
    return gathered(stream_pair(source, target), pair_name(source, target))


def read_tsv(path: Path) -> ParallelText:
    """Reads one file with source TAB target a line.

    Raises:
        DragomanError: the file cannot be read, or a line has not exactly one tab.
    """
    return gathered(stream_tsv(path), file_name(path))


def pair_name(source: Path, target: Path) -> str:
    """What reports call two files."""
    return f"{file_name(source)} + {file_name(target)}"


def file_name(path: Path) -> str:
    """What reports call a file; the number that a shell gives a pipe says nothing."""
    return "a pipe" if is_pipe(path) else path.name


def stream_pair(source: Path, target: Path) -> Iterator[Pairs]:
    """Two files side by side, some thousand lines at a time; raises what `read_pair` raises."""
    with _opened(source) as source_stream, _opened(target) as target_stream:
        sides = _lines(source, source_stream), _lines(target, target_stream)
        done = 0
        while True:
            sources, targets = (list(islice(side, PAIRS_AT_ONCE)) for side in sides)
            if len(sources) != len(targets):
                counts = [done + len(lines) for lines in (sources, targets)]
                counts = [count + sum(1 for _ in side) for count, side in zip(counts, sides, strict=True)]
                raise DragomanError(
                    f"{source} has {counts[0]} lines but {target} has {counts[1]}; "
                    "give two files in which line N of one translates line N of the other"
                )
            if not sources:
                return
            done += len(sources)
            yield sources, targets


def stream_tsv(path: Path) -> Iterator[Pairs]:
    """A file of pairs, some thousand lines at a time; raises what `read_tsv` raises."""
    with _opened(path) as stream:
        lines = enumerate(_lines(path, stream), start=1)
        while part := [_split(path, number, line) for number, line in islice(lines, PAIRS_AT_ONCE)]:
            yield [source for source, _ in part], [target for _, target in part]


def is_pipe(path: Path) -> bool:
    """Whether the text can be read once only."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def gathered(pairs: Iterator[Pairs], name: str) -> ParallelText:
    """All pairs in two lists."""
    sources: list[str] = []
    targets: list[str] = []
    for source, target in pairs:
        sources += source
        targets += target
    return ParallelText(sources, targets, name)


def _split(path: Path, number: int, line: str) -> tuple[str, str]:
    source, *rest = line.split("\t")
    if len(rest) != 1:
        raise DragomanError(
            f"{path}, line {number}: {len(rest) or 'no'} tab{'s' if len(rest) > 1 else ''} in the line; "
            "put exactly one tab between source and target"
        )
    return source, rest[0]


def _lines(path: Path, stream: _Readable) -> Iterator[str]:
    """The lines of an open file, without their ends."""
    return chain.from_iterable(_line_lists(path, stream))


def _line_lists(path: Path, stream: _Readable) -> Iterator[list[str]]:
    """The lines of one block after the other; what follows a block's last line feed waits for the next block."""
    waiting: list[bytes] = []
    size, done, first = 0, 0, True
    while block := stream.read(_BLOCK):
        if first:
            utf16 = block.startswith(_UTF16_MARKS)
            block, first = block.removeprefix(codecs.BOM_UTF8), False
        ended, feed, rest = block.rpartition(b"\n")
        if feed:
            lines = _decoded(path, b"".join([*waiting, ended]), done, utf16).split("\n")
            done, waiting, size = done + len(lines), [], 0
            yield [line.removesuffix("\r") for line in lines]
        if rest:
            waiting.append(rest)
            size += len(rest)
        if size > LONGEST_LINE:
            raise DragomanError(
                f"{path}, line {done + 1}: the line is longer than {LONGEST_LINE / 2**20:g} MiB; "
                "put one sentence on a line"
            )
    if waiting:
        yield [_decoded(path, b"".join(waiting), done, utf16).removesuffix("\r")]


def _decoded(path: Path, data: bytes, lines_before: int, utf16: bool) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = lines_before + data.count(b"\n", 0, error.start) + 1
        show = "zcat" if path.name.endswith(".gz") else "cat"
        raise DragomanError(
            f"{path} is not UTF-8 (line {line}); convert it, for example: "
            f"{show} {path} | iconv -f {'utf-16' if utf16 else 'latin1'} -t utf-8 > utf8.txt"
        ) from error


class _Whole:
    """A stream whose first bytes have been looked at, uncompressed where they say so."""

    def __init__(self, path: Path, raw: BinaryIO):
        self._raw, self._head = raw, raw.read(2)
        self._path, self._unpacked = path, None
        if path.name.endswith(".gz") or self._head == _GZIP_MAGIC:
            if not self._head:
                raise _damaged(path, "it is empty")
            self._unpacked = gzip.GzipFile(fileobj=_Rest(self), mode="rb")  # type: ignore[call-overload]

    def read(self, size: int = -1, /) -> bytes:
        """The text's next bytes."""
        if self._unpacked is None:
            return self.read_raw(size)
        try:
            data: bytes = self._unpacked.read(size)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise _damaged(self._path, error) from error
        return data

    def read_raw(self, size: int = -1) -> bytes:
        """The file's next bytes."""
        head, self._head = self._head, b""
        return head + self._raw.read(size - len(head) if size >= 0 else size) if head else self._raw.read(size)


class _Rest:
    """The file's own bytes, for who uncompresses them."""

    def __init__(self, whole: _Whole):
        self._whole = whole

    def read(self, size: int = -1, /) -> bytes:
        """The file's next bytes."""
        return self._whole.read_raw(size)


@contextmanager
def _opened(path: Path) -> Iterator[_Readable]:
    try:
        with path.open("rb") as raw:
            yield _Whole(path, raw)
    except FileNotFoundError as error:
        raise DragomanError(f"no such file: {path}; give a text file with one sentence a line") from error
    except IsADirectoryError as error:
        raise DragomanError(f"{path} is a folder; give a text file with one sentence a line") from error
    except OSError as error:
        raise DragomanError(f"cannot read {path} ({error.strerror}); check its path and its permissions") from error


def _damaged(path: Path, why: object) -> DragomanError:
    return DragomanError(f"{path} is not a whole gzip file ({why}); fetch or compress it again")
