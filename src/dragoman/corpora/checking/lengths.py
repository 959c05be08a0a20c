"""How long a translation usually is: odd length ratios, judged by the corpus' own distribution."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dragoman.corpora.checking.columns import ColumnFiles

FAR = 4.5
"""Robust standard deviations from the middle that are odd ..."""
FACTOR = 2.0
"""... if the ratio is also so many times larger or smaller than the middle one."""
_MANY, _ENOUGH = 100, 10
"""Pairs that tell the spread of their ratios, and the middle alone."""
_WIDE, _UNKNOWN = 0.3, 1.0
"""Spreads that are taken where the pairs are too few to tell it, and to tell anything."""
_STRETCH = 2_000
_STRETCHES = 100
_BINS = 8
"""Lines of 1, 2-3, 4-7 ... characters on the longer side are judged among themselves: short lines vary more."""


@dataclass(frozen=True)
class Ratios:
    """Middles and spreads of the logarithm of target over source length, by the longer side's length."""

    middles: NDArray[np.float64]
    """(bins,)"""
    spreads: NDArray[np.float64]
    """Robust standard deviations. (bins,)"""

    def standing(self, lengths: NDArray[np.uint16]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far pairs are from the middle (0 where a side is empty), and the spread that is usual there.

        Args:
            lengths: Characters. (pairs, side)
        """
        ratios, bins, known = _ratios(lengths)
        return np.where(known, ratios - self.middles[bins], 0.0), self.spreads[bins]

    def odd(self, lengths: NDArray[np.uint16]) -> NDArray[np.bool_]:
        """Which pairs have an odd ratio. (pairs,)"""
        off, spread = self.standing(lengths)
        return np.abs(off) > np.maximum(FAR * spread, np.log(FACTOR))


def learn_ratios(lengths: NDArray[np.uint16]) -> Ratios:
    """Takes medians, which a third of noise cannot move far."""
    ratios, bins, known = _ratios(lengths)
    middle, spread = _robust(ratios[known], 0.0, _UNKNOWN, _ENOUGH)
    if known.sum() < _MANY:
        spread = max(spread, _WIDE)
    parts = [_robust(ratios[known & (bins == which)], middle, spread) for which in range(_BINS)]
    return Ratios(np.array([part[0] for part in parts]), np.array([part[1] for part in parts]))


def sample_lengths(columns: ColumnFiles, shifts: range) -> NDArray[np.uint16]:
    """Lengths of evenly spread stretches, each at the shift at which its sides agree best. (pairs, side)"""
    step = max(_STRETCH, columns.pairs // _STRETCHES)
    parts = []
    for first in range(0, columns.pairs, step):
        lengths = columns.read("lengths", slice(first, first + _STRETCH))
        tried = [_moved(lengths, shift) for shift in sorted(shifts, key=abs)]
        parts.append(min(tried, key=_disagreement))
    return np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.uint16)


def _moved(lengths: NDArray[np.uint16], shift: int) -> NDArray[np.uint16]:
    """Each source beside the target `shift` further on."""
    total = len(lengths)
    if abs(shift) >= total:
        return lengths[:0]
    first, end = max(0, -shift), min(total, total - shift)
    return np.stack([lengths[first:end, 0], lengths[first + shift : end + shift, 1]], axis=1)


def _disagreement(lengths: NDArray[np.uint16]) -> float:
    ratios, _, known = _ratios(lengths)
    if known.sum() < 20:
        return np.inf
    return float(np.median(np.abs(ratios[known] - np.median(ratios[known]))))


def _ratios(lengths: NDArray[np.uint16]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    known = lengths.min(axis=1) > 0
    logarithms = np.log(np.maximum(lengths, 1).astype(np.float64))
    bins = np.clip((logarithms.max(axis=1) / np.log(2)).astype(np.int64) - 1, 0, _BINS - 1)
    return logarithms[:, 1] - logarithms[:, 0], bins, known


def _robust(values: NDArray[np.float64], middle: float, spread: float, fewest: int = _MANY) -> tuple[float, float]:
    """Median and scaled median deviation; those given where there are too few values."""
    if len(values) < fewest:
        return middle, spread
    found = float(np.median(values))
    return found, max(0.05, 1.4826 * float(np.median(np.abs(values - found))))
