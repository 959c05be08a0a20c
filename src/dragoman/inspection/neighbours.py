"""Which words lie near a word, and which word completes an analogy.

Shapes: W words, D width of a vector.
"""

from typing import NamedTuple

import numpy as np

from dragoman.errors import UsageError
from dragoman.text.vectors import Matrix, WordVectors


class Neighbour(NamedTuple):
    """A word and the cosine of the angle between its vector and the one asked for."""

    word: str
    cosine: float


def near(vectors: WordVectors, word: str, count: int = 10) -> list[Neighbour]:
    """The words of largest cosine with `word`, itself left out, nearest first.

    Raises:
        DragomanError: the table lacks the word.
        UsageError: the count is less than 1.
    """
    row = vectors.look_up(word).row
    return _largest(vectors, vectors.unit[row], {row}, count)


def analogy(vectors: WordVectors, words: tuple[str, str, str], count: int = 10) -> list[Neighbour]:
    """The words nearest to A - B + C, the three left out (3CosAdd, Mikolov, Yih and Zweig 2013).

    King - man + woman: the three vectors have length 1 before they are added.

    Raises:
        DragomanError: the table lacks one of the words.
        UsageError: the count is less than 1.
    """
    a, b, c = (vectors.look_up(word).row for word in words)
    unit = vectors.unit
    return _largest(vectors, unit[a] - unit[b] + unit[c], {a, b, c}, count)


def _largest(vectors: WordVectors, point: Matrix, left_out: set[int], count: int) -> list[Neighbour]:
    if count < 1:
        raise UsageError(f"--count is {count}; ask for 1 word or more")
    length = float(np.linalg.norm(point))
    cosines = vectors.unit @ (point / (length or 1.0))
    cosines[list(left_out)] = -np.inf
    count = min(count, len(cosines) - len(left_out))
    if count < 1:
        return []
    best = np.argpartition(-cosines, count - 1)[:count]
    ordered = best[np.lexsort((best, -cosines[best]))]
    return [Neighbour(vectors.words[row], float(cosines[row])) for row in ordered]
