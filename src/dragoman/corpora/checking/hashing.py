"""Lines and pairs as 64-bit numbers: equal text has equal numbers, on every machine and in every process."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from dragoman.corpora.checking.columns import ColumnFiles
from dragoman.corpora.checking.lines import Line

Hashes = NDArray[np.uint64]


def digest(text: str) -> bytes:
    """Eight bytes; two of ten million texts share theirs with a chance of 3 in a million."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def to_numbers(digests: Iterable[bytes]) -> Hashes:
    """Digests as an array."""
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def exact(source: Line, target: Line) -> bytes:
    """A pair as it is written."""
    return digest(f"{source.text}\t{target.text}")


def near(source: Line, target: Line) -> bytes:
    """A pair without case, digits and signs; as written where too few words are left."""
    if not (source.says_something and target.says_something):
        return exact(source, target)
    return digest(f"{' '.join(source.words)}\t{' '.join(target.words)}")


def later_ones(columns: ColumnFiles, name: str, clean: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Finds repetitions; of equal ones the first clean one stays, or the first where none is clean.

    Args:
        columns: The corpus.
        name: The column with the hashes.
        clean: Pairs without another fault. (pairs,)
    """
    members, hashes = repeated(columns, name)
    later = np.zeros(columns.pairs, dtype=np.bool_)
    if not len(members):
        return later
    order = np.argsort(hashes, kind="stable")
    members, hashes = members[order], hashes[order]
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    rank = np.where(clean[members], members, members + columns.pairs)
    later[members] = True
    later[np.minimum.reduceat(rank, starts) % columns.pairs] = False
    return later


def repeated(columns: ColumnFiles, name: str) -> tuple[NDArray[np.int64], Hashes]:
    """Places and hashes of values that are there more than once, in the corpus' order."""
    values: Hashes = columns.read(name)
    values.sort()
    values = np.unique(values[1:][values[1:] == values[:-1]])
    places, hashes = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    for block in columns.blocks(1 << 20 if len(values) else columns.pairs + 1):
        part = columns.read(name, block)
        found = np.flatnonzero(contained(part, values))
        places.append(found + block.start)
        hashes.append(part[found])
    return np.concatenate(places), np.concatenate(hashes)


def contained(hashes: Hashes, values: Hashes) -> NDArray[np.bool_]:
    """Which are among some ordered values. (pairs,)"""
    if not len(values):
        return np.zeros(len(hashes), dtype=np.bool_)
    found = values[np.minimum(np.searchsorted(values, hashes), len(values) - 1)] == hashes
    return np.asarray(found)
