"""How well a run's own word vectors hold what the built-in grammar knows: classes, genders, pairs of people.

Shapes: W words, D d_model, K neighbours, P pairs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.errors import DragomanError
from dragoman.inspection.lexicon import nouns, role_pairs
from dragoman.inspection.vectors import composed_vectors, grammar_language, untrained_vectors
from dragoman.text.vectors import WordVectors
from dragoman.translation import Translator

NEIGHBOURS = 5
PERMUTATIONS = 1000
DRAWS = 20
"""Untrained models whose mean stands beside each figure."""
_RULES = {
    "accuracy": "king - man + woman",
    "held_back": "king + the others' difference",
    "without_difference": "the word nearest to king",
}
"""The rules of `pair_analogies`, as people read them."""
Indices = NDArray[np.int64]


def measure_words(translator: Translator, side: str = "source") -> dict[str, Any]:
    """Neighbour purity by class, gender and sex, and the score of the role pairs' analogies.

    Words that share pieces are alike before any training. So beside every figure stands `untrained`: its mean over
    DRAWS models whose pieces have random vectors.

    Raises:
        UsageError: the side is neither source nor target.
        DragomanError: the run was not trained on the built-in grammar, whose words this needs.
    """
    language = grammar_language(translator.settings, side)
    if language is None:
        raise DragomanError(
            "measuring needs the classes of the built-in grammar's words; give a run trained on the corpus pizzeria"
        )
    words, pairs = [noun.word for noun in nouns(language)], role_pairs(language)
    trained = composed_vectors(translator, side, words)
    drawn = [untrained_vectors(translator, side, words, seed) for seed in range(DRAWS)]
    measures: dict[str, Any] = {"side": side, "words": len(words)}
    for name, labels in _labels(language).items():
        shares = [neighbours_share(other, labels) for other in drawn]
        measures[name] = {**purity(trained, labels), "untrained": float(np.mean(shares))}
    scores = [pair_analogies(other, pairs) for other in drawn]
    untrained = {f"{rule}_untrained": float(np.mean([score[rule] for score in scores])) for rule in _RULES}
    return {**measures, "analogies": {**pair_analogies(trained, pairs), **untrained}}


def _labels(language: str) -> dict[str, dict[str, str]]:
    """The label of each word: its class, the gender of foods and things, the sex of people."""
    known, pairs = nouns(language), role_pairs(language)
    return {
        "class": {noun.word: noun.kind for noun in known},
        "gender": {noun.word: noun.gender for noun in known if noun.kind != "person"},
        "sex": {word: sex for pair in pairs for word, sex in zip(pair, ("he", "she"), strict=True)},
    }


def purity(vectors: WordVectors, labels: Mapping[str, str], count: int = NEIGHBOURS, seed: int = 1) -> dict[str, float]:
    """The share of a word's `count` nearest words (by cosine, among those labelled) that have its label.

    Returns:
        `purity`, averaged over the words; `chance`, its mean over PERMUTATIONS in which the labels change places;
        `p`, the share of permutations that reach it, the true labels counted as one; `words` and `neighbours`.
    """
    nearest, codes = _nearest(vectors.chosen(labels), count), _codes(labels)
    found = _shared(codes, nearest)
    draw = np.random.default_rng(seed)
    drawn = np.array([_shared(draw.permutation(codes), nearest) for _ in range(PERMUTATIONS)])
    reached = int((drawn >= found - 1e-12).sum())
    return {
        "purity": found,
        "chance": float(drawn.mean()),
        "p": (reached + 1) / (PERMUTATIONS + 1),
        "words": len(codes),
        "neighbours": nearest.shape[1],
    }


def neighbours_share(vectors: WordVectors, labels: Mapping[str, str], count: int = NEIGHBOURS) -> float:
    """The purity alone."""
    return _shared(_codes(labels), _nearest(vectors.chosen(labels), count))


def _codes(labels: Mapping[str, str]) -> Indices:
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels.values()))}
    return np.array([numbers[label] for label in labels.values()])


def _nearest(vectors: WordVectors, count: int) -> Indices:
    """The rows of each word's nearest words (W x K)."""
    cosines = vectors.unit @ vectors.unit.T
    np.fill_diagonal(cosines, -np.inf)
    ordered: Indices = np.argsort(-cosines, axis=1, kind="stable")[:, : min(count, len(vectors) - 1)]
    return ordered


def _shared(codes: Indices, nearest: Indices) -> float:
    return float((codes[nearest] == codes[:, None]).mean())


def pair_analogies(vectors: WordVectors, pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """How often an analogy between two pairs finds its answer among all the words of the table.

    Each pair is asked for in both ways (king - man + woman, queen - woman + man), by two rules:
    `accuracy` takes the difference of one other pair, averaged over them all (3CosAdd); `held_back` takes the mean
    difference of all other pairs, so that the pair asked for is held back (3CosAvg, Drozd et al. 2016).

    Returns:
        both shares with the number of their `questions` and `held_back_questions`; `chance` of a blind guess among
        the words not given; and `without_difference`, the share that already the word nearest to the third word
        answers, as Linzen (2016) asks for.
    """
    unit = vectors.unit.astype(np.float64)
    ways = [[vectors.look_up(word).row for word in pair] for pair in pairs]
    right: list[bool] = []
    plain: list[bool] = []
    held: list[bool] = []
    for number, pair in enumerate(ways):
        others = [other for place, other in enumerate(ways) if place != number]
        for start, answer in (pair, pair[::-1]):
            turned = others if start == pair[0] else [other[::-1] for other in others]
            for a, b in turned:
                right.append(_best(unit, unit[start] - unit[a] + unit[b], {a, b, start}) == answer)
                plain.append(_best(unit, unit[start], {a, b, start}) == answer)
            mean = np.mean([unit[b] - unit[a] for a, b in turned], axis=0)
            held.append(_best(unit, unit[start] + mean, {start}) == answer)
    return {
        "accuracy": float(np.mean(right)),
        "without_difference": float(np.mean(plain)),
        "chance": 1 / (len(vectors) - 3),
        "questions": len(right),
        "held_back": float(np.mean(held)),
        "held_back_questions": len(held),
    }


def _best(unit: NDArray[np.float64], point: NDArray[np.float64], left_out: set[int]) -> int:
    cosines = unit @ point
    cosines[list(left_out)] = -np.inf
    return int(cosines.argmax())


def as_lines(measured: Mapping[str, Any]) -> list[str]:
    """The measures for people, a line each."""
    rows = [f"{measured['words']} words of the {measured['side']} side", ""]
    rows.append(f"{'neighbours of the same':30}{'share':>8}{'untrained':>11}{'chance':>9}{'p':>8}")
    for name in ("class", "gender", "sex"):
        found = measured[name]
        label = f"{name} ({found['words']} words)"
        rows.append(
            f"{label:30}{found['purity']:8.1%}{found['untrained']:11.1%}{found['chance']:9.1%}{found['p']:8.3f}"
        )
    found = measured["analogies"]
    rows += ["", f"{'role pairs':30}{'right':>8}{'untrained':>11}{'chance':>9}"]
    for rule, label in _RULES.items():
        rows.append(f"{label:30}{found[rule]:8.1%}{found[f'{rule}_untrained']:11.1%}{found['chance']:9.1%}")
    return rows
