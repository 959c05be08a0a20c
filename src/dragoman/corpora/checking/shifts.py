"""Stretches whose sides are shifted against each other, because a line is lost or added on one side.

For each pair of lines, at each shift, a logarithm of odds says how much more they look like a translation than like
strangers: by their lengths, the numbers in them and the sign at their end. The likeliest way through the shifts
(Viterbi 1967) gives the stretches.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.corpora.checking.columns import ColumnFiles
from dragoman.corpora.checking.lengths import Ratios

REACH = 5
"""The largest shift that is looked for, besides the one by which the line counts differ."""
FAR_REACH = 1000
"""The largest difference of line counts that is looked for."""
CHANGE = 11.0
"""What a change of the shift costs, in nats."""
_WINDOW = 12
_BLOCK = 1 << 16
_MARGIN = 200
"""Pairs around a suspicious place that are looked at closely."""


@dataclass(frozen=True)
class Stretch:
    """Pairs whose true partner is elsewhere."""

    first: int
    """The first pair, from 0."""
    last: int
    """The last one."""
    shift: int
    """Source line i belongs to target line i + shift."""


@dataclass(frozen=True)
class Background:
    """What two lines that have nothing to do with each other look like."""

    ratios: Ratios
    spread: float
    """Robust standard deviation of strangers' logarithm of ratios."""

    def odds(self, source: tuple[NDArray[Any], ...], target: tuple[NDArray[Any], ...]) -> NDArray[np.float64]:
        """Logarithms of the odds that lines translate each other. (pairs,)

        Args:
            source: Lengths, numbers and ends of the source lines.
            target: Those of the target lines.
        """
        lengths = np.stack([source[0], target[0]], axis=1)
        off, own = self.ratios.standing(lengths)
        far = np.maximum(self.spread, own)
        found = ((off / far) ** 2 - (off / own) ** 2) / 2 + np.log(far / own)
        numbers = np.where((source[1] == 0) & (target[1] == 0), 0.1, np.where(source[1] == target[1], 3.0, -1.0))
        ends = np.where(source[2] == target[2], 0.2, -0.7)
        whole = np.clip(found, -3.0, 2.0) + numbers + ends
        return np.where((source[0] == 0) | (target[0] == 0), 0.0, whole)


def learn_background(ratios: Ratios, lengths: NDArray[np.uint16]) -> Background:
    """Puts each source beside a target further on."""
    strangers = np.stack([lengths[:-7, 0], lengths[7:, 1]], axis=1) if len(lengths) > 7 else lengths
    off, _ = ratios.standing(strangers)
    spread = 1.4826 * float(np.median(np.abs(off))) if len(off) else 1.0
    return Background(ratios, max(0.1, spread))


def find_shifts(columns: ColumnFiles, background: Background, counts: tuple[int, int]) -> Iterator[Stretch]:
    """Finds the stretches in order."""
    difference = counts[1] - counts[0]
    shifts = sorted({*range(-REACH, REACH + 1), *([difference] if abs(difference) <= FAR_REACH else [])})
    last: Stretch | None = None
    for places in columns.blocks(_BLOCK):
        for found in _in_block(columns, background, shifts, places):
            if last and found.shift == last.shift and found.first <= last.last + 2:
                last = Stretch(last.first, found.last, last.shift)
                continue
            if last:
                yield last
            last = found
    if last:
        yield last


def _in_block(columns: ColumnFiles, background: Background, shifts: list[int], places: slice) -> Iterator[Stretch]:
    reach = max(map(abs, shifts))
    before = max(0, places.start - reach - _MARGIN)
    wide = slice(before, places.stop + reach + _MARGIN)
    sides = [columns.read(name, wide) for name in ("lengths", "digits", "ends")]
    odds = np.stack([_shifted(background, sides, shift) for shift in shifts], axis=1)
    gains = odds - odds[:, [shifts.index(0)]]
    for first, end in _suspicious(gains):
        way = _likeliest(odds[first:end], shifts.index(0))
        for start, stop, state in _runs(way):
            begin, finish = before + first + start, before + first + stop - 1
            inside = begin < places.stop and finish >= places.start
            if shifts[state] and inside and gains[first + start : first + stop, state].sum() >= 2 * CHANGE:
                yield Stretch(max(begin, places.start), min(finish, places.stop - 1), shifts[state])


def _shifted(background: Background, sides: list[NDArray[Any]], shift: int) -> NDArray[np.float64]:
    """The odds of each source line and the target line `shift` further on; -1 where there is none."""
    total = len(sides[0])
    first, end = max(0, -shift), min(total, total - shift)
    odds = np.full(total, -1.0)
    if end > first:
        source = tuple(side[first:end, 0] for side in sides)
        target = tuple(side[first + shift : end + shift, 1] for side in sides)
        odds[first:end] = background.odds(source, target)
    return odds


def _suspicious(gains: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Parts in which some shift is better than none for a while, with a margin."""
    total = np.cumsum(np.concatenate([np.zeros((1, gains.shape[1])), gains]), axis=0)
    if len(total) <= _WINDOW:
        return
    places = np.flatnonzero((total[_WINDOW:] - total[:-_WINDOW]).max(axis=1) > CHANGE)
    if not len(places):
        return
    for group in np.split(places, np.flatnonzero(np.diff(places) > 2 * _MARGIN) + 1):
        yield max(0, int(group[0]) - _MARGIN), min(len(gains), int(group[-1]) + _WINDOW + _MARGIN)


def _likeliest(odds: NDArray[np.float64], straight: int) -> NDArray[np.int64]:
    """The best state at each place; to begin or end shifted costs as much as a change. (pairs,)"""
    total = np.full(odds.shape[1], -CHANGE)
    total[straight] = 0.0
    total += odds[0]
    came = np.empty(odds.shape, dtype=np.int64)
    same = np.arange(odds.shape[1])
    for place in range(1, len(odds)):
        best = int(total.argmax())
        change = total[best] - CHANGE > total
        came[place] = np.where(change, best, same)
        total = np.where(change, total[best] - CHANGE, total) + odds[place]
    way = np.empty(len(odds), dtype=np.int64)
    way[-1] = int(total.argmax())
    for place in range(len(odds) - 1, 0, -1):
        way[place - 1] = came[place, way[place]]
    return way


def _runs(way: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Equal states in a row: first place, place after the last, state."""
    edges = [0, *(np.flatnonzero(np.diff(way)) + 1).tolist(), len(way)]
    for first, end in pairwise(edges):
        yield first, end, int(way[first])
