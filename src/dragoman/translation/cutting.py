"""Cutting a line that is too long into parts: at sentence ends, else at spaces, else between characters."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

CountTokens = Callable[[Sequence[str]], list[int]]
"""Gives the number of tokens of each text."""

_CLOSING = "\"'»”’」』)\\]"
_SENTENCE_END = re.compile(rf"[.!?…।؟][{_CLOSING}]*\s+|[。！？][{_CLOSING}]*\s*")
_SPACE = re.compile(r"\s+")


def cut(line: str, limit: int, count: CountTokens) -> list[str]:
    """Gives parts of at most `limit` tokens that together are the line.

    White space around a part is dropped. A single character that alone has more tokens stays whole.
    """
    return _cut(line.strip(), limit, count, [_SENTENCE_END, _SPACE])


def _cut(line: str, limit: int, count: CountTokens, separators: list[re.Pattern[str]]) -> list[str]:
    if len(line) < 2 or count([line])[0] <= limit:
        return [line]
    if separators:
        parts = _packed(_units(line, separators[0]), limit, count)
    else:
        parts = [line[: len(line) // 2], line[len(line) // 2 :]]
    return [piece for part in parts for piece in _cut(part.strip(), limit, count, separators[1:])]


def _units(line: str, separator: re.Pattern[str]) -> list[str]:
    """Cuts behind every separator; the units joined are the line again."""
    bounds = [0, *(match.end() for match in separator.finditer(line)), len(line)]
    return [line[start:end] for start, end in pairwise(bounds) if start < end]


def _packed(units: list[str], limit: int, count: CountTokens) -> list[str]:
    """Joins neighbours while the sum of their tokens stays within the limit."""
    parts: list[str] = []
    room = 0
    for unit, size in zip(units, count(units), strict=True):
        if parts and size <= room:
            parts[-1] += unit
            room -= size
        else:
            parts.append(unit)
            room = limit - size
    return parts
