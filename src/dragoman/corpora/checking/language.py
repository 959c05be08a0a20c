"""Lines in another language, called so only where two witnesses agree.

The first witness is a model of the corpus' own letters (three bytes at a time, either side); it needs to know no
language, and is quick. Lines that look strange to it are shown to the second, py3langid, which knows 140 languages but
is slow.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

DOUBT = 0.03
"""The probability that the library leaves to the side's own language and its neighbours, below which it counts."""
FEWEST_LETTERS = 20
"""Shorter lines are not judged: names and single words look like any language."""
STRANGE = -2.0
"""Robust standard deviations below the middle, from which a line looks strange."""
COMMON = 0.6
"""The least share of a side's lines that must be of one language for it to be the side's."""
BEGINNING = 2_000
"""Bytes of a line, or characters, by which its language is judged."""
_BUCKETS = 1 << 16
_BLOCK = 2_000
"""Lines whose trigrams are in memory at once."""
_NEIGHBOURS = (
    frozenset({"no", "nb", "nn", "da", "sv", "fo", "is"}),
    frozenset({"hr", "bs", "sr", "sl", "mk", "bg"}),
    frozenset({"id", "ms", "jv", "su"}),
    frozenset({"cs", "sk"}),
    frozenset({"es", "gl", "ca", "pt", "an", "oc", "ast"}),
    frozenset({"nl", "af", "fy", "lb", "de", "nds"}),
    frozenset({"ru", "uk", "be"}),
    frozenset({"hi", "mr", "ne"}),
    frozenset({"fa", "ps", "ur", "ar"}),
    frozenset({"tr", "az", "tk"}),
    frozenset({"zh", "ja"}),
)
"""Languages that are taken for each other: one of them instead of another needs both witnesses to be firm."""


def _folding() -> NDArray[np.uint8]:
    """Bytes as the model sees them: letters small, everything else of ASCII a space."""
    table = np.full(256, 0x20, dtype=np.uint8)
    table[0x80:] = np.arange(0x80, 0x100)
    for code in range(ord("a"), ord("z") + 1):
        table[code] = table[code - 32] = code
    return table


_FOLDED = _folding()


@dataclass(frozen=True)
class LetterModel:
    """How likely three bytes in a row are on one side, and on the other."""

    own: NDArray[np.float32]
    """Log-probabilities. (buckets,)"""
    other: NDArray[np.float32]
    """The other side's. (buckets,)"""
    middle: float
    """The usual mean log-probability of a line."""
    spread: float
    """Its robust standard deviation, for a line of one trigram."""

    def judge(self, lines: list[bytes]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How usual lines look, and how much more they look like this side than like the other.

        Returns:
            Robust standard deviations from the middle, and nats a trigram; 0 for lines with few letters. (lines,)
        """
        own, counts = _means(self.own, lines)
        other, _ = _means(self.other, lines)
        known = counts >= FEWEST_LETTERS
        usual = (own - self.middle) * np.sqrt(np.minimum(counts, 100)) / self.spread
        return np.where(known, usual, 0.0), np.where(known, own - other, 0.0)


def learn_letters(own: list[bytes], other: list[bytes]) -> LetterModel:
    """Counts the trigrams of a sample of either side."""
    table = _log_probabilities(own)
    parts = [_means(table, own[first : first + _BLOCK]) for first in range(0, len(own), _BLOCK)]
    means = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0)
    counts = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0)
    known = counts >= FEWEST_LETTERS
    if not known.any():
        return LetterModel(table, _log_probabilities(other), 0.0, 1.0)
    middle = float(np.median(means[known]))
    scaled = (means[known] - middle) * np.sqrt(np.minimum(counts[known], 100))
    spread = 1.4826 * float(np.median(np.abs(scaled)))
    return LetterModel(table, _log_probabilities(other), middle, max(1e-3, spread))


def _log_probabilities(lines: list[bytes]) -> NDArray[np.float32]:
    """(buckets,)"""
    counts = np.full(_BUCKETS, 0.5)
    for first in range(0, len(lines), _BLOCK):
        ids, weights, _ = _trigrams(lines[first : first + _BLOCK])
        counts += np.bincount(ids, weights=weights, minlength=_BUCKETS)
    return np.asarray(np.log(counts / counts.sum()), dtype=np.float32)


def _means(table: NDArray[np.float32], lines: list[bytes]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each line's mean log-probability, and how many trigrams it has. (lines,)"""
    ids, weights, ends = _trigrams(lines)
    counts = _sums(weights, ends)
    return _sums(table[ids] * weights, ends) / np.maximum(counts, 1), counts


def _trigrams(lines: list[bytes]) -> tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.int64]]:
    """Trigrams of all lines in a row: their buckets, 1 where the middle is a letter, and where each line ends."""
    lines = [line[:BEGINNING] for line in lines]
    signs = _FOLDED[np.frombuffer(b"\n" + b"\n".join(lines) + b"\n", dtype=np.uint8)].astype(np.uint32)
    together = (signs[:-2] << 16) | (signs[1:-1] << 8) | signs[2:]
    ids = (together * np.uint32(2654435761)) >> np.uint32(16)
    weights = (signs[1:-1] != 0x20).astype(np.float32)
    lengths = np.fromiter((len(line) + 1 for line in lines), dtype=np.int64, count=len(lines))
    return ids.astype(np.uint32), weights, np.asarray(np.cumsum(lengths) - 1, dtype=np.int64)


def _sums(values: NDArray[np.float32], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each line's sum. (lines,)"""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    return np.asarray(total[np.maximum(ends, starts)] - total[starts], dtype=np.float64)


def guess_language(lines: list[bytes]) -> str:
    """The language of most lines; empty where there is none."""
    known = [line.decode("utf-8", "replace") for line in lines if len(line) >= FEWEST_LETTERS]
    found = Counter(next(iter(identify(text))) for text in known)
    if not found:
        return ""
    language, count = found.most_common(1)[0]
    return language if count >= COMMON * found.total() else ""


def identify(text: str) -> dict[str, float]:
    """The library's answer: the probability of each language's code, likeliest first."""
    return dict(_identifier().rank(text))


@cache
def known_languages() -> frozenset[str]:
    """The codes that the library can answer."""
    return frozenset(str(label) for label in _identifier().labels)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def wrong_language(text: str, expected: str, usual: float, margin: float) -> str:
    """The language that a line is in instead of the expected one; empty where it may be right.

    Args:
        text: The line.
        expected: The side's language; empty where it is not known.
        usual: Its standing among the side's lines, from `LetterModel.judge`.
        margin: How much more it looks like its own side than like the other.
    """
    if not expected:
        return "the other side's" if margin < -0.5 else ""
    if usual > STRANGE and margin > 0:
        return ""
    found = identify(text)
    language = next(iter(found))
    family = {expected}.union(*(group for group in _NEIGHBOURS if expected in group))
    if sum(found.get(one, 0.0) for one in family) < DOUBT:
        return language
    other = language != expected and found.get(expected, 0.0) < DOUBT / 3
    return language if other and margin < 0 and usual < STRANGE else ""
