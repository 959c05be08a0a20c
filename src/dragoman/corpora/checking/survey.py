"""The first reading: how many lines there are, and what is usual on either side, from an even sample."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from dragoman.corpora.checking.language import (
    BEGINNING,
    LetterModel,
    guess_language,
    known_languages,
    learn_letters,
)
from dragoman.corpora.checking.lines import has_escapes, has_unescaped, script_counts
from dragoman.corpora.checking.pairs import Pairs

SAMPLE, SAMPLE_BYTES = 30_000, 1 << 25
"""The sample has so many pairs, or up to twice as many; fewer where their lines' beginnings have more bytes."""
GUESSED = 300
"""Lines by which a side's language is guessed."""
_USUAL = 0.05
"""A script that so many of a side's letters are of is one of its scripts."""
_ESCAPED = 0.01
"""Where so many lines have Moses' escapes, and fewer have the signs themselves, it is the way that they are written."""
_JAPANESE = frozenset({"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK"})
"""A text with hiragana is Japanese, of which a line may have one script alone."""
_IN_QUOTES = 0.9
"""Where so many lines are in quotation marks, a spreadsheet has put them there."""

Advance = Callable[[str, int, int], None]
"""Told now and then what is done, how many pairs of it, and of how many (0: not known)."""


@dataclass(frozen=True)
class Side:
    """What is usual on one side."""

    language: str
    """A code such as en; empty where it is not known."""
    scripts: frozenset[str]
    escaped: bool
    letters: LetterModel


@dataclass(frozen=True)
class Survey:
    """What is usual in a corpus."""

    counts: tuple[int, int]
    """Lines of the source and of the target."""
    sides: tuple[Side, Side]
    quoted: bool
    """Whether nearly every line stands in quotation marks."""

    @property
    def pairs(self) -> int:
        """Lines that have a partner."""
        return min(self.counts)


def survey(pairs: Pairs, languages: tuple[str, str], advance: Advance) -> Survey:
    """Reads a corpus once.

    Args:
        pairs: The corpus.
        languages: Codes of the source and the target; an empty one is guessed.
        advance: Progress.
    """
    sources, targets = _sample(pairs, advance)
    sides = (_side(sources, targets, languages[0]), _side(targets, sources, languages[1]))
    return Survey(pairs.counts, sides, _quoted(sources) and _quoted(targets))


def _sample(pairs: Pairs, advance: Advance) -> tuple[list[bytes], list[bytes]]:
    """Every pair at first, then every second, every fourth ...: evenly from a text of unknown length."""
    sources: list[bytes] = []
    targets: list[bytes] = []
    step, size = 1, 0
    for chunk in pairs.chunks():
        start, before = -chunk.first % step, len(sources)
        sources += [line[:BEGINNING] for line in chunk.source[start::step]]
        targets += [line[:BEGINNING] for line in chunk.target[start::step]]
        size += sum(map(len, sources[before:])) + sum(map(len, targets[before:]))
        while len(sources) > 2 * SAMPLE or size > SAMPLE_BYTES:
            sources, targets, step = sources[::2], targets[::2], step * 2
            size = sum(map(len, sources)) + sum(map(len, targets))
        advance("reading", chunk.first + len(chunk.source), 0)
    return sources, targets


def _quoted(lines: list[bytes]) -> bool:
    quoted = sum(line.startswith(b'"') and (line.endswith(b'"') or len(line) == BEGINNING) for line in lines)
    return quoted > _IN_QUOTES * len(lines)


def _side(own: list[bytes], other: list[bytes], language: str) -> Side:
    texts = [line.decode("utf-8", "replace") for line in own[:: max(1, len(own) // 2000)]]
    scripts: Counter[str] = Counter()
    for text in texts:
        scripts.update(script_counts(text))
    usual = frozenset(script for script, count in scripts.items() if count >= _USUAL * scripts.total())
    if "HIRAGANA" in usual:
        usual |= _JAPANESE
    escaped = sum(map(has_escapes, texts)) > max(_ESCAPED * len(texts), sum(map(has_unescaped, texts)))
    found = language or guess_language(own[:: max(1, len(own) // GUESSED)])
    return Side(found if found in known_languages() else "", usual, escaped, learn_letters(own, other))
