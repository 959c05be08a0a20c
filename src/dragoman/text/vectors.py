"""A table of words with their vectors, and finding a word in it.

Shapes: W words, D width of a vector.
"""

import difflib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman.errors import DragomanError

Matrix = NDArray[np.float32]
_LONGEST_SEARCHED = 20_000
"""Words among which a misspelt one is looked for; of a larger table those of its first letter and about its length."""


class Found(NamedTuple):
    """A word that the table has, spelt as the table spells it."""

    word: str
    row: int


class WordVectors:
    """Words and their vectors, row by row; a word that stands twice keeps its first vector."""

    def __init__(self, words: Sequence[str], matrix: Matrix, name: str) -> None:
        """Takes W words, their W x D vectors, and what messages call the table."""
        if len(words) != len(matrix):
            raise ValueError(f"{len(words)} words but {len(matrix)} vectors")
        self.words = list(words)
        self.matrix = matrix
        self.name = name

    def __len__(self) -> int:
        return len(self.words)

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.matrix.shape[1])

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each word."""
        return {word: row for row, word in reversed(list(enumerate(self.words)))}

    @cached_property
    def unit(self) -> Matrix:
        """The vectors (W x D), each divided by its length; one of zeros stays so."""
        lengths = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        unit: Matrix = (self.matrix / lengths).astype(np.float32, copy=False)
        return unit

    def find(self, word: str) -> Found | None:
        """Finds a word as it is written, else in lower case, else with a capital."""
        for spelling in (word, word.lower(), word.capitalize()):
            if spelling in self.rows:
                return Found(spelling, self.rows[spelling])
        return None

    def look_up(self, word: str) -> Found:
        """Finds a word as `find` does.

        Raises:
            DragomanError: the table lacks it; the message names the nearest spelling.
        """
        found = self.find(word)
        if found is None:
            raise DragomanError(f"'{word}' is not among the {len(self):,} words of {self.name}{self._meant(word)}")
        return found

    def chosen(self, words: Iterable[str]) -> "WordVectors":
        """The table of these words alone, in their order; each is found as by `look_up`."""
        found = [self.look_up(word) for word in words]
        return WordVectors([word for word, _ in found], self.matrix[[row for _, row in found]], self.name)

    def _meant(self, word: str) -> str:
        options = self.words
        if len(options) > _LONGEST_SEARCHED:
            first = word[:1].lower()
            options = [other for other in options if other[:1].lower() == first and abs(len(other) - len(word)) <= 2]
        near = difflib.get_close_matches(word, options, n=1) or difflib.get_close_matches(word.lower(), options, n=1)
        return f"; did you mean '{near[0]}'?" if near else "; give another word"
