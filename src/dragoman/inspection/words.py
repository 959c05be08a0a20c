"""Pieces merged into words, and attention between words.

A word starts at a space. Punctuation, signs and the marks before and behind a sentence stand alone; an apostrophe
between letters and a point or comma between digits belong to the word around them. In scripts that write no spaces
between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each piece counts as a word, since a tokenizer has learnt
as a piece what often stands together. A byte piece belongs to the character that it helps to spell.

Letters for axes: H heads, Q queries, K keys, W query words, U key words.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from dragoman.errors import nearest
from dragoman.text.special import BOS, EOS, LEADING_PIECES, PAD, SPACE_MARK, UNKNOWN

MARKS = frozenset(LEADING_PIECES[id] for id in (PAD, UNKNOWN, BOS, EOS))
"""Pieces that are no text."""
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACELESS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
_JOINER = "\u200d"


SIDES = {"source": "the source", "read": "what the decoder reads", "written": "what the decoder writes"}
"""The three rows of tokens, as people are told of them."""


@dataclass(frozen=True)
class Place:
    """Where a word stands."""

    side: str
    """source, read or written"""
    word: str
    number: int
    """Which word of its side, from 1, marks counted."""
    positions: list[int]
    """Of its pieces, from 0."""
    standing: int
    """How many times the word stands there."""
    chosen: int
    """Which of these it is, from 1."""


@dataclass(frozen=True)
class _Unit:
    """A piece, or the byte pieces of one character."""

    places: list[int]
    text: str
    """Without its space."""
    space: bool
    """Whether a space stands before it."""
    mark: bool = False


def words_of(pieces: Sequence[str]) -> list[list[int]]:
    """The places of each word's pieces, in order; every piece is in one word."""
    words: list[list[int]] = []
    units = _units(pieces)
    for place, unit in enumerate(units):
        if place == 0 or _starts_word(units, place):
            words.append([])
        words[-1] += unit.places
    return words


def spelt(pieces: Sequence[str], words: Sequence[Sequence[int]]) -> list[str]:
    """Each word as it is written; SPACE_MARK for one that is nothing but space."""
    texts: list[str] = []
    for word in words:
        texts.append("".join(unit.text for unit in _units([pieces[place] for place in word])) or SPACE_MARK)
    return texts


def between_words(
    weights: Float[np.ndarray, "*H Q K"], queries: Sequence[Sequence[int]], keys: Sequence[Sequence[int]]
) -> Float[np.ndarray, "*H W U"]:
    """Attention between words: summed over a word's keys, averaged over a word's queries; rows still sum to one."""
    summed = np.stack([weights[..., list(word)].sum(-1) for word in keys], axis=-1)
    averaged: Float[np.ndarray, "*H W U"] = np.stack([summed[..., list(word), :].mean(-2) for word in queries], axis=-2)
    return averaged


def labels(pieces: Sequence[str]) -> list[str]:
    """Pieces as people are shown them: the first of a word bare, a later one with a dot before it."""
    later = {place for word in words_of(pieces) for place in word[1:]}
    shown = [piece if piece in MARKS else piece.replace(SPACE_MARK, "") or "␣" for piece in pieces]
    return [f"·{text}" if place in later and shown[place - 1] != "␣" else text for place, text in enumerate(shown)]


def find(word: str, side: str, pieces: Sequence[str]) -> Place | str:
    """Finds a word among a side's pieces: its place, or what to say where it has none.

    `it:2` is the second *it*. A spelling in another case is found where none has this one, and a piece of a word
    where no word is so spelt.
    """
    words = words_of(pieces)
    texts = spelt(pieces, words)
    groups = [(text, places) for text, places in zip(texts, words, strict=True)]
    singles = [(text, [place]) for place, text in enumerate(spelt(pieces, [[at] for at in range(len(pieces))]))]
    name, wanted = word, 1
    hits: list[int] = []
    numbered = re.fullmatch(r"(.+):(\d+)", word)
    for among in (groups, singles):
        texts_here = [text for text, _ in among]
        hits = _hits(word, texts_here)
        if not hits and numbered:
            name, wanted = numbered[1], int(numbered[2])
            hits = _hits(name, texts_here)
        if hits and 1 <= wanted <= len(hits):
            at = hits[wanted - 1]
            text, places = among[at]
            number = next(i for i, group in enumerate(words, 1) if places[0] in group)
            return Place(side, text, number, places, len(hits), wanted)
        if hits:
            often = "once" if len(hits) == 1 else f"{len(hits)} times"
            return f"'{name}' stands {often} in {SIDES[side]}: choose {name}:1{_to(name, len(hits))}"
    return f"'{word}' is not in {SIDES[side]}{nearest(name, dict.fromkeys(texts))}"


def _units(pieces: Sequence[str]) -> list[_Unit]:
    """Reads the pieces, runs of byte pieces as the characters that they spell."""
    units: list[_Unit] = []
    place = 0
    while place < len(pieces):
        end = place
        while end < len(pieces) and _BYTE.fullmatch(pieces[end]):
            end += 1
        if end > place:
            units += _characters(pieces, place, end)
        else:
            units.append(_unit(pieces[place], place))
            end = place + 1
        place = end
    return units


def _unit(piece: str, place: int) -> _Unit:
    if piece in MARKS:
        return _Unit([place], piece, space=False, mark=True)
    return _Unit([place], piece.replace(SPACE_MARK, ""), piece.startswith(SPACE_MARK))


def _characters(pieces: Sequence[str], start: int, end: int) -> list[_Unit]:
    """The characters that the byte pieces from `start` to `end` spell; a byte that spells none is U+FFFD."""
    spelling = bytes(int(piece[3:5], 16) for piece in pieces[start:end])
    units: list[_Unit] = []
    at = 0
    while at < len(spelling):
        length = next((n for n in (1, 2, 3, 4) if _decoded(spelling[at : at + n])), 1)
        text = _decoded(spelling[at : at + length]) or "\ufffd"
        places = list(range(start + at, start + min(at + length, len(spelling))))
        units.append(_Unit(places, "" if text.isspace() else text, text.isspace()))
        at += length
    return units


def _decoded(spelling: bytes) -> str:
    try:
        return spelling.decode()
    except UnicodeDecodeError:
        return ""


def _starts_word(units: Sequence[_Unit], place: int) -> bool:
    """Whether a unit that is not the first starts a word."""
    before, unit = units[place - 1], units[place]
    if unit.mark or before.mark:
        return True
    if not before.text:
        return False
    if unit.space:
        return True
    if not unit.text or _continues(unit.text[0]) or before.text.endswith(_JOINER):
        return False
    if _joins(units, place) or _joins(units, place - 1):
        return False
    if _is_sign(unit.text) or _is_sign(before.text):
        return True
    return bool(_SPACELESS.match(unit.text[0]) or _SPACELESS.match(before.text[-1]))


def _continues(character: str) -> bool:
    """Whether it is part of the character before it, or a byte that spells nothing."""
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf") or character == "\ufffd"


def _is_sign(text: str) -> bool:
    return all(unicodedata.category(character)[0] in "PS" and character != "\ufffd" for character in text)


def _joins(units: Sequence[_Unit], place: int) -> bool:
    """Whether this unit is an apostrophe inside a word or a point or comma inside a number."""
    if not 0 < place < len(units) - 1 or units[place].space or units[place + 1].space:
        return False
    around = units[place - 1].text[-1:], units[place + 1].text[:1]
    if units[place].text in ("'", "’"):
        return all(map(str.isalpha, around))
    return units[place].text in (".", ",") and all(map(str.isdecimal, around))


def _to(name: str, count: int) -> str:
    return f" to {name}:{count}" if count > 1 else ""


def _hits(word: str, texts: Sequence[str]) -> list[int]:
    """Where a word stands: in this spelling, else whatever the case."""
    plain = unicodedata.normalize("NFKC", word.strip())
    exact = [place for place, text in enumerate(texts) if unicodedata.normalize("NFKC", text) == plain]
    if exact or not plain:
        return exact
    return [
        place for place, text in enumerate(texts) if unicodedata.normalize("NFKC", text).casefold() == plain.casefold()
    ]
