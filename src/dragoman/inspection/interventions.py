"""What decides the pronoun: edges of the encoder's self-attention are cut, predicates are swapped.

A cut edge is masked before the softmax in every layer and head, so a query's other weights grow to sum to one. The
decoder reads the gold translation; what is measured is the probability of its er, sie or es, given what stands before.
Shapes: N sentences, B sentences of a batch, S source positions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.corpora.pizzeria import PizzeriaPair, Pronoun, words
from dragoman.corpora.pizzeria.german import PRONOUNS, Gender
from dragoman.errors import DragomanError
from dragoman.inspection.measures import SENTENCES_AT_ONCE, Estimate, mean
from dragoman.inspection.pronouns import reads_by_attention
from dragoman.inspection.words import words_of
from dragoman.translation import Translator

Cut = Callable[[Pronoun, int], tuple[Sequence[int], int]]
"""Given a pronoun and the sentence's number of words: the query words, whose last is the end mark, and the key word."""
GENDERS: tuple[Gender, ...] = ("m", "f", "n")


class _Cuttable(Protocol):
    """A model whose encoder takes the edges that may be used."""

    def hidden(self, batch: PairBatch, visible: Bool[Tensor, "B S S"] | None = None) -> Tensor: ...

    def project(self, hidden: Tensor) -> Tensor: ...


def _predicate(pronoun: Pronoun) -> Sequence[int]:
    """What is said of *it* stands behind it."""
    first = pronoun.source_index + 1
    return range(first, first + len(words(pronoun.predicate)))


READERS: dict[str, Callable[[Pronoun, int], Sequence[int]]] = {
    "it": lambda pronoun, end: [pronoun.source_index],
    "the predicate": lambda pronoun, end: _predicate(pronoun),
    "the end mark": lambda pronoun, end: [end],
    "every word": lambda pronoun, end: range(end + 1),
}
"""Whose edges are cut; the end mark is the word after the last. A noun always sees itself."""


@dataclass(frozen=True)
class CutMeasure:
    """What cutting edges does to the probability (0-1) of the right pronoun."""

    reader: str
    """Who no longer sees the noun."""
    whole: Estimate
    """With every edge."""
    antecedent: Estimate
    """The fall without the edges to the antecedent."""
    other: Estimate
    """The fall without those to the other noun."""
    difference: Estimate
    """The first fall less the second, sentence by sentence."""


@dataclass(frozen=True)
class TwinMeasure:
    """What swapping the predicate for one that suits the other noun does; shares (0-1) of the twin sentences."""

    sentences: int
    right: tuple[Estimate, Estimate]
    """The right one of er, sie, es is the most probable: first twin, second twin."""
    turned: Estimate
    """It turns from the first noun's pronoun to the second's."""
    stayed: Estimate
    """The first noun's pronoun is the most probable in both."""


def measure_cuts(translator: Translator, pairs: Sequence[PizzeriaPair]) -> list[CutMeasure]:
    """Cuts the edges to either noun in those pairs that hold a pronoun.

    Raises:
        DragomanError: no pair holds a pronoun, or the encoder has no self-attention.
    """
    pairs = [pair for pair in pairs if pair.pronoun]
    if not pairs:
        raise DragomanError("none of these pairs holds a pronoun to resolve; give more pairs of the pizzeria corpus")
    whole = pronoun_probability(translator, pairs)
    measured = []
    for name, reader in READERS.items():
        meant, other = (whole - pronoun_probability(translator, pairs, cut) for cut in cuts(reader))
        measured.append(CutMeasure(name, mean(whole), mean(meant), mean(other), mean(meant - other)))
    return measured


def cuts(reader: Callable[[Pronoun, int], Sequence[int]]) -> tuple[Cut, Cut]:
    """The cut of a reader's edges to the antecedent, and of those to the other noun."""
    return (
        lambda pronoun, end: (reader(pronoun, end), pronoun.antecedent_source_index),
        lambda pronoun, end: (reader(pronoun, end), pronoun.other_source_index),
    )


def measure_twins(translator: Translator, twins: Sequence[tuple[PizzeriaPair, PizzeriaPair]]) -> TwinMeasure:
    """Watches er, sie and es while the predicate of each first twin is swapped for the second's.

    Raises:
        DragomanError: the encoder has no self-attention.
    """
    chosen = [pronoun_choices(translator, [pair[side] for pair in twins]).argmax(-1) for side in (0, 1)]
    meant = [np.array([_gender(pair[side]) for pair in twins]) for side in (0, 1)]
    right = [chosen[side] == meant[side] for side in (0, 1)]
    return TwinMeasure(
        sentences=len(twins),
        right=(mean(right[0]), mean(right[1])),
        turned=mean(right[0] & right[1]),
        stayed=mean(right[0] & (chosen[1] == meant[0])),
    )


def pronoun_choices(translator: Translator, pairs: Sequence[PizzeriaPair]) -> Float[np.ndarray, "N 3"]:
    """The probability of er, sie and es at the pronoun's place, whatever the gold pronoun is."""
    columns = [pronoun_probability(translator, [with_pronoun(pair, gender) for pair in pairs]) for gender in GENDERS]
    return np.stack(columns, axis=-1)


def with_pronoun(pair: PizzeriaPair, gender: Gender) -> PizzeriaPair:
    """The pair with er (m), sie (f) or es (n) in the place of its German pronoun."""
    assert pair.pronoun is not None
    before = words(pair.target)[: pair.pronoun.target_index]
    start = 0
    for word in before:
        start = pair.target.index(word, start) + len(word)
    own = PRONOUNS[pair.pronoun.gender]
    written = PRONOUNS[gender]
    place = pair.target.lower().index(own, start)
    written = written.capitalize() if pair.target[place].isupper() else written
    return replace(pair, target=pair.target[:place] + written + pair.target[place + len(own) :])


def pronoun_probability(
    translator: Translator, pairs: Sequence[PizzeriaPair], cut: Cut | None = None
) -> Float[np.ndarray, "N"]:
    """The probability of each pair's own er, sie or es after the gold words before it.

    Raises:
        DragomanError: the encoder has no self-attention.
    """
    if not reads_by_attention(translator):
        raise DragomanError("this run's encoder has no self-attention; give a run whose encoder has")
    groups = [pairs[start : start + SENTENCES_AT_ONCE] for start in range(0, len(pairs), SENTENCES_AT_ONCE)]
    return np.array([value for group in groups for value in _of_batch(translator, group, cut)])


def _of_batch(translator: Translator, pairs: Sequence[PizzeriaPair], cut: Cut | None) -> list[float]:
    """The product of the probabilities of the pronoun's tokens."""
    tokenizers = translator.tokenizers
    sources = tokenizers.source.encode([pair.source for pair in pairs])
    targets = tokenizers.target.encode([pair.target for pair in pairs])
    batch = pair_batch(sources, targets, translator.device)
    visible = None if cut is None else edges(pairs, [tokenizers.source.pieces(ids) for ids in sources], cut)
    model = cast(_Cuttable, translator.model)
    with torch.inference_mode():
        hidden = model.hidden(batch, None if visible is None else visible.to(translator.device))
        scores = model.project(hidden).float().log_softmax(-1)
    own = scores.gather(-1, batch.target_out[..., None])[..., 0].cpu().numpy()
    places = [_pronoun_tokens(pair, tokenizers.target.pieces(ids)) for pair, ids in zip(pairs, targets, strict=True)]
    return [float(np.exp(row[here].sum())) for row, here in zip(own, places, strict=True)]


def edges(pairs: Sequence[PizzeriaPair], pieces: Sequence[Sequence[str]], cut: Cut) -> Bool[Tensor, "B S S"]:
    """True where a source token may look at another: everywhere but at the cut edges.

    The tokens of the key word go on seeing each other.
    """
    longest = max(len(row) for row in pieces) + 1
    visible = np.ones((len(pairs), longest, longest), dtype=np.bool_)
    for row, (pair, tokens) in enumerate(zip(pairs, pieces, strict=True)):
        assert pair.pronoun is not None
        here = [*words_of(tokens), [len(tokens)]]
        queries, key = cut(pair.pronoun, len(here) - 1)
        visible[row][np.ix_([token for word in queries if word != key for token in here[word]], here[key])] = False
    return torch.from_numpy(visible)


def _pronoun_tokens(pair: PizzeriaPair, pieces: Sequence[str]) -> list[int]:
    assert pair.pronoun is not None
    return words_of(pieces)[pair.pronoun.target_index]


def _gender(pair: PizzeriaPair) -> Any:
    assert pair.pronoun is not None
    return GENDERS.index(pair.pronoun.gender)
