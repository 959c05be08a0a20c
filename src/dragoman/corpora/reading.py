"""Text files: one sentence a line, UTF-8, plain or gzipped."""

import codecs
import gzip
import zlib
from pathlib import Path

from dragoman.corpora.parallel import ParallelText
from dragoman.errors import DragomanError

_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_lines(path: Path) -> list[str]:
    """Reads the sentences of a file; only the line feed ends a line, as for `wc -l`.

    Raises:
        DragomanError: the file is missing, a folder, unreadable, damaged or not UTF-8.
    """
    data = _read_bytes(path).removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        likely = "utf-16" if data.startswith(_UTF16_MARKS) else "latin1"
        show = "zcat" if path.name.endswith(".gz") else "cat"
        raise DragomanError(
            f"{path} is not UTF-8 (line {line}); convert it, for example: "
            f"{show} {path} | iconv -f {likely} -t utf-8 > utf8.txt"
        ) from error
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def read_pair(source: Path, target: Path) -> ParallelText:
    """Reads two files whose lines translate each other.

    Raises:
        DragomanError: a file cannot be read, or they have different numbers of lines.
    """
    sources, targets = read_lines(source), read_lines(target)
    if len(sources) != len(targets):
        raise DragomanError(
            f"{source} has {len(sources)} lines but {target} has {len(targets)}; "
            "give two files in which line N of one translates line N of the other"
        )
    return ParallelText(sources, targets, f"{source.name} + {target.name}")


def read_tsv(path: Path) -> ParallelText:
    """Reads one file with source TAB target a line.

    Raises:
        DragomanError: the file cannot be read, or a line has not exactly one tab.
    """
    sources: list[str] = []
    targets: list[str] = []
    for number, line in enumerate(read_lines(path), start=1):
        source, *rest = line.split("\t")
        if len(rest) != 1:
            raise DragomanError(
                f"{path}, line {number}: {len(rest) or 'no'} tab{'s' if len(rest) > 1 else ''} in the line; "
                "put exactly one tab between source and target"
            )
        sources.append(source)
        targets.append(rest[0])
    return ParallelText(sources, targets, path.name)


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DragomanError(f"no such file: {path}; give a text file with one sentence a line") from error
    except IsADirectoryError as error:
        raise DragomanError(f"{path} is a folder; give a text file with one sentence a line") from error
    except OSError as error:
        raise DragomanError(f"cannot read {path} ({error.strerror}); check its path and its permissions") from error
    if not (path.name.endswith(".gz") or data.startswith(_GZIP_MAGIC)):
        return data
    try:
        if not data:
            raise EOFError("it is empty")
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DragomanError(f"{path} is not a whole gzip file ({error}); fetch or compress it again") from error
