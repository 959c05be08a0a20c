# mypy: disable-error-code="untyped-decorator"
"""Cuts of a text drawn from a seed: the same seed gives the same cut in every process and on every machine.

SentencePiece's own drawing depends on its process, whatever the seed, so a training that goes on in another process
would see another text; and a merge that its BPE-dropout leaves out never comes again, which cuts far more than the
paper's algorithm. Here a vocabulary is a table from two numbers to a third; for bpe, two neighbouring tokens to
the token they merge into, for unigram a place in the tree of all tokens and a character to the next place.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dragoman.text.special import FIRST_BYTE, FIRST_PIECE

_fast: Any = njit(cache=True, nogil=True)
_EMPTY = np.uint64(2**64 - 1)
_ALONE = 2**32 - 1
"""Stands for the left token where a character alone is looked up."""
_SPACE = 0x2581
"""SentencePiece's sign for a space, with which a word begins."""
_BELOW = 10.0
"""How much less likely than the least likely token a character without one is (SentencePiece's penalty)."""


class Cutter:
    """Draws cuts with a learnt vocabulary."""

    def __init__(self, kind: str, pieces: Sequence[str], scores: Sequence[float]):
        """Takes the kind (bpe or unigram) and the tokens from FIRST_PIECE on, with their scores."""
        self._unigram = kind == "unigram"
        table = _tree(pieces) if self._unigram else _merges(pieces)
        self._table = _hashed(table)
        self._scores = np.array(scores, dtype=np.float64)
        self._longest = max(map(len, pieces))

    def cut(self, texts: Sequence[str], share: float, seeds: Sequence[int]) -> list[list[int]]:
        """Cuts each normalised text under its own seed; `share` is the setting `text.sampling`."""
        coded = [np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32) for text in texts]
        ends = np.cumsum([0, *map(len, coded)])
        out, counts = np.empty(4 * int(ends[-1]), dtype=np.int64), np.empty(len(texts), dtype=np.int64)
        if not len(out):
            return [[] for _ in texts]
        draws = np.array([seed % 2**64 for seed in seeds], dtype=np.uint64)
        places = np.concatenate(coded), ends, draws
        if self._unigram:
            _cut_unigram(*places, 1 - share, (self._table, self._scores, self._longest), out, counts)
        else:
            _cut_bpe(*places, share, self._table, out, counts)
        found, stops = out.tolist(), np.cumsum([0, *counts]).tolist()
        return [found[first:end] for first, end in pairwise(stops)]


def _merges(pieces: Sequence[str]) -> dict[tuple[int, int], int]:
    known = {piece: number for number, piece in enumerate(pieces, FIRST_PIECE)}
    table = {(_ALONE, ord(piece)): number for piece, number in known.items() if len(piece) == 1}
    for piece, number in known.items():
        for at in range(1, len(piece)):
            left, right = known.get(piece[:at]), known.get(piece[at:])
            if left is not None and right is not None:
                table[left, right] = number
    return table


def _tree(pieces: Sequence[str]) -> dict[tuple[int, int], int]:
    """Places are numbered from 1; under a place and _ALONE stands the token that ends there."""
    table: dict[tuple[int, int], int] = {}
    places = 1
    for number, piece in enumerate(pieces, FIRST_PIECE):
        at = 1
        for character in piece:
            key = at, ord(character)
            if key not in table:
                places += 1
                table[key] = places
            at = table[key]
        table[at, _ALONE] = number
    return table


def _hashed(table: dict[tuple[int, int], int]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    size = 1 << (2 * len(table)).bit_length()
    keys, values = np.full(size, _EMPTY), np.zeros(size, dtype=np.int64)
    pairs = np.array([left << 32 | right for left, right in table], dtype=np.uint64)
    _fill(pairs, np.array(list(table.values()), dtype=np.int64), keys, values)
    return keys, values


@_fast
def _mixed(word: Any) -> Any:
    """64 bits that look random for a word (the finisher of splitmix64)."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@_fast
def _drawn(state: Any) -> Any:
    """A number from 0 up to 1; moves the state on."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    return np.float64(_mixed(state[0]) >> np.uint64(11)) / np.float64(2**53)


@_fast
def _fill(pairs: Any, numbers: Any, keys: Any, values: Any) -> None:
    last = np.uint64(len(keys) - 1)
    for at in range(len(pairs)):
        place = _mixed(pairs[at]) & last
        while keys[place] != _EMPTY:
            place = (place + np.uint64(1)) & last
        keys[place], values[place] = pairs[at], numbers[at]


@_fast
def _found(left: Any, right: Any, table: Any) -> Any:
    """What the table holds for two numbers; -1 where it holds nothing."""
    keys, values = table
    key = (np.uint64(left) << np.uint64(32)) | np.uint64(right)
    last = np.uint64(len(keys) - 1)
    place = _mixed(key) & last
    while keys[place] != _EMPTY:
        if keys[place] == key:
            return values[place]
        place = (place + np.uint64(1)) & last
    return np.int64(-1)


@_fast
def _put(token: Any, code: Any, out: Any, at: Any) -> Any:
    """Writes a token, or the character itself where it has none (-1); gives the place after it."""
    if token < 0:
        return _spell(code, out, at)
    out[at] = token
    return at + 1


@_fast
def _spell(code: Any, out: Any, at: Any) -> Any:
    """Writes a character as the tokens of its UTF-8 bytes; gives the place after them."""
    code = np.int64(code)
    if code < 0x80:
        out[at] = FIRST_BYTE + code
        return at + 1
    more = 1 if code < 0x800 else (2 if code < 0x10000 else 3)
    lead = 0xC0 if more == 1 else (0xE0 if more == 2 else 0xF0)
    out[at] = FIRST_BYTE + (lead | (code >> (6 * more)))
    for byte in range(more):
        out[at + 1 + byte] = FIRST_BYTE + (0x80 | ((code >> (6 * (more - 1 - byte))) & 0x3F))
    return at + 1 + more


@_fast
def _cut_bpe(codes: Any, ends: Any, seeds: Any, share: Any, table: Any, out: Any, counts: Any) -> None:
    """Cuts all texts one after the other, each word by itself: no merge reaches beyond it."""
    state, written = np.zeros(1, dtype=np.uint64), 0
    for text in range(len(seeds)):
        state[0] = _mixed(seeds[text])
        begin, first = written, ends[text]
        while first < ends[text + 1]:
            last = _word_end(codes, first, ends[text + 1])
            tokens, after = _merged(codes[first:last], state, share, table)
            at = 0
            while at < len(tokens):
                written = _put(tokens[at], codes[first + at], out, written)
                at = after[at]
            first = last
        counts[text] = written - begin


@_fast
def _word_end(codes: Any, first: Any, end: Any) -> Any:
    """Where the next word begins: at the first space after something else."""
    at = first + 1
    while at < end and (codes[at] != _SPACE or codes[at - 1] == _SPACE):
        at += 1
    return at


@_fast
def _merged(word: Any, state: Any, share: Any, table: Any) -> Any:
    """BPE-dropout (Provilkov et al. 2020, algorithm 1): before each merge every possible one may be left out.

    What was left out may come with the next merge, so a word stays cut where all were left out at once.

    Returns:
        The token that begins at each place (-1 for a character without one), and where the next one begins.
    """
    count = len(word)
    tokens, after = np.empty(count, dtype=np.int64), np.arange(1, count + 1)
    merged, left_out = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    for at in range(count):
        tokens[at] = _found(_ALONE, word[at], table)
    for at in range(count):
        merged[at] = _pair(tokens, at, at + 1, table)
    while True:
        best, before_best = _first_learnt(merged, left_out, after)
        if best < 0:
            return tokens, after
        if _drawn(state) < share:
            left_out[best] = True
            continue
        left_out[:] = False
        tokens[best], after[best] = merged[best], after[after[best]]
        if before_best >= 0:
            merged[before_best] = _pair(tokens, before_best, best, table)
        merged[best] = _pair(tokens, best, after[best], table)


@_fast
def _first_learnt(merged: Any, left_out: Any, after: Any) -> Any:
    """Where the pair is whose merge was learnt first, the leftmost of several; and the token before it."""
    best, before_best, before, at = -1, -1, -1, 0
    while at < len(merged):
        if merged[at] >= 0 and not left_out[at] and (best < 0 or merged[at] < merged[best]):
            best, before_best = at, before
        before, at = at, after[at]
    return best, before_best


@_fast
def _pair(tokens: Any, left: Any, right: Any, table: Any) -> Any:
    """What two neighbours merge into; -1 where they do not, or where there is no right one."""
    if right >= len(tokens) or tokens[left] < 0 or tokens[right] < 0:
        return np.int64(-1)
    return _found(tokens[left], tokens[right], table)


@_fast
def _cut_unigram(codes: Any, ends: Any, seeds: Any, sharpness: Any, table: Any, out: Any, counts: Any) -> None:
    """Cuts all texts one after the other: subword regularisation (Kudo 2018)."""
    state, written = np.zeros(1, dtype=np.uint64), 0
    for text in range(len(seeds)):
        state[0] = _mixed(seeds[text])
        part, begin = codes[ends[text] : ends[text + 1]], written
        found, values = _all_pieces(part, sharpness, table)
        sizes, at = _backward(values, _forward(values), state), 0
        for size in sizes[::-1]:
            written = _put(found[at, size], part[at], out, written)
            at += size
        counts[text] = written - begin


@_fast
def _all_pieces(part: Any, sharpness: Any, table: Any) -> Any:
    """The token that begins at a place and has a size (-1 where there is none), and its weighed log-probability.

    A character without a token is unlikely, any other text without one impossible.
    """
    places, scores, longest = table
    found = np.full((len(part), longest + 1), -1, dtype=np.int64)
    values = np.full((len(part), longest + 1), -np.inf)
    values[:, 1] = sharpness * (scores.min() - _BELOW)
    for begin in range(len(part)):
        place, size = np.int64(1), 0
        while begin + size < len(part) and size < longest:
            place = _found(place, part[begin + size], places)
            if place < 0:
                break
            size += 1
            token = _found(place, _ALONE, places)
            if token >= 0:
                found[begin, size], values[begin, size] = token, sharpness * scores[token - FIRST_PIECE]
    return found, values


@_fast
def _forward(values: Any) -> Any:
    """The log of the summed probabilities of all cuts up to each place."""
    total = np.full(len(values) + 1, -np.inf)
    total[0] = 0.0
    for end in range(1, len(values) + 1):
        for size in range(1, min(values.shape[1] - 1, end) + 1):
            total[end] = np.logaddexp(total[end], total[end - size] + values[end - size, size])
    return total


@_fast
def _backward(values: Any, total: Any, state: Any) -> Any:
    """The sizes of the tokens of a cut that is drawn from all, the last token first."""
    sizes, at, steps = np.empty(len(values), dtype=np.int64), len(values), 0
    while at > 0:
        left, chosen = _drawn(state), 1
        for size in range(1, min(values.shape[1] - 1, at) + 1):
            chance = np.exp(total[at - size] + values[at - size, size] - total[at])
            if chance > 0:
                chosen, left = size, left - chance
                if left < 0:
                    break
        sizes[steps], at, steps = chosen, at - chosen, steps + 1
    return sizes[:steps]
