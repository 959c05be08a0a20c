"""Who looks at the noun that *it* means: how often the strongest self-attention in the encoder falls on it.

Asked for *it* and for the end mark, which belongs to no word and so is free to gather what the sentence means. A
word's attention is the mean over the query's tokens of the sum over the word's tokens. Two questions: is the
antecedent's head noun the strongest of all words (*it* itself, punctuation and the end mark among them), and is it
stronger than the other noun? Layer and head are chosen on the validation split and reported on the test split.
Shapes: N sentences with *it*, L encoder layers, J heads and then their mean, W words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from dragoman.corpora.pizzeria import PizzeriaPair, Pronoun
from dragoman.errors import DragomanError
from dragoman.inspection.alignment import joined_heads
from dragoman.inspection.measures import Estimate, mean, traced
from dragoman.inspection.words import between_words, words_of
from dragoman.models.contract import TraceableModel
from dragoman.tracing import Trace
from dragoman.translation import Translator

Reader = Literal["it", "end mark"]
"""Whose attention it is."""
DISTANCES = ((0, 3), (4, 6), (7, 9), (10, 99))
"""Source words between the noun and *it*, first and last of each bucket."""


@dataclass(frozen=True)
class Looks:
    """Where a reader looks in each sentence, and what guesses by place would say."""

    among_words: Bool[np.ndarray, "N L J"]
    """Whether the antecedent is the strongest of all words."""
    among_nouns: Bool[np.ndarray, "N L J"]
    """Whether it is stronger than the other noun."""
    words: Int[np.ndarray, "N"]
    """Words to choose from, the end mark counted."""
    antecedent: Int[np.ndarray, "N"]
    """Its place less that of *it*: negative."""
    other: Int[np.ndarray, "N"]
    distance: Int[np.ndarray, "N"]
    food: Bool[np.ndarray, "N"]
    """Whether *it* means the food, not the thing."""


@dataclass(frozen=True)
class Found:
    """How often one attention finds the antecedent, beside two baselines."""

    layer: int
    head: int | None
    """None: the mean of the heads."""
    valid: float
    test: Estimate
    chance: float
    offset: int
    """The place, counted from *it*, that is the antecedent's most often on the validation split."""
    offset_test: Estimate
    by_distance: list[tuple[str, int, float]]
    """Label, sentences, share of the test split."""
    by_class: list[tuple[str, int, float]]
    """The same for sentences in which *it* means a food, and a thing."""
    table: Float[np.ndarray, "L J"]
    """Every layer and head on the validation split."""


@dataclass(frozen=True)
class PronounMeasure:
    """Both questions answered for one reader."""

    reader: Reader
    among_words: Found
    among_nouns: Found
    sentences: tuple[int, int]
    """With *it*, of the validation and of the test split."""


def reads_by_attention(translator: Translator) -> bool:
    """Whether the encoder has self-attention."""
    model = translator.model
    return isinstance(model, TraceableModel) and "encoder.0.self" in model.reporting()


def measure_pronouns(
    translator: Translator, valid: Sequence[PizzeriaPair], test: Sequence[PizzeriaPair]
) -> list[PronounMeasure]:
    """Chooses layer and head on `valid` and reports them on `test`, for each reader.

    Raises:
        DragomanError: no pair holds a pronoun, or the encoder has no self-attention.
    """
    chosen_on, reported_on = look(translator, valid), look(translator, test)
    return [_measured(reader, chosen_on[reader], reported_on[reader]) for reader in get_args(Reader)]


def _measured(reader: Reader, chosen_on: Looks, reported_on: Looks) -> PronounMeasure:
    return PronounMeasure(
        reader=reader,
        among_words=_found(
            (chosen_on.among_words, reported_on.among_words),
            (offset_hits(chosen_on), offset_hits(reported_on)),
            float((1 / reported_on.words).mean()),
            reported_on,
        ),
        among_nouns=_found(
            (chosen_on.among_nouns, reported_on.among_nouns),
            (nearer_hits(chosen_on), nearer_hits(reported_on)),
            0.5,
            reported_on,
        ),
        sentences=(len(chosen_on.words), len(reported_on.words)),
    )


def look(translator: Translator, pairs: Sequence[PizzeriaPair]) -> dict[Reader, Looks]:
    """Records where each reader looks in those pairs that hold a pronoun.

    Raises:
        DragomanError: no pair holds a pronoun, or the encoder has no self-attention.
    """
    with_pronoun = [pair for pair in pairs if pair.pronoun]
    if not with_pronoun:
        raise DragomanError("none of these pairs holds a pronoun to resolve; give more pairs of the pizzeria corpus")
    rows: dict[Reader, list[tuple[Any, ...]]] = {reader: [] for reader in get_args(Reader)}
    for pair, trace in traced(translator, with_pronoun):
        assert pair.pronoun is not None
        for reader, found in rows.items():
            found.append(_of_sentence(pair.pronoun, attention_of(reader, pair.pronoun, trace)))
    return {reader: Looks(*map(np.stack, zip(*found, strict=True))) for reader, found in rows.items()}


def attention_of(reader: Reader, pronoun: Pronoun, trace: Trace) -> Float[np.ndarray, "L J W"]:
    """The attention from *it* or the end mark to each word of the sentence, the end mark last.

    Raises:
        DragomanError: the encoder has no self-attention.
    """
    names = [name for name in trace.attentions if name.startswith("encoder.") and name.endswith(".self")]
    if not names:
        raise DragomanError("this run's encoder has no self-attention; give a run whose encoder has")
    keys = [*words_of(trace.source_tokens[:-1]), [len(trace.source_tokens) - 1]]
    query = keys[pronoun.source_index if reader == "it" else -1]
    layers = [joined_heads(trace.attentions[name].weights) for name in names]
    return np.stack([between_words(weights, [query], keys)[:, 0] for weights in layers])


def offset_hits(looks: Looks) -> Bool[np.ndarray, "N O"]:
    """Whether the antecedent stands exactly 1, 2, 3 ... words before *it*."""
    hits: NDArray[np.bool_] = np.equal(looks.antecedent[:, None], _offsets())
    return hits


def nearer_hits(looks: Looks) -> Bool[np.ndarray, "N O"]:
    """Whether the antecedent is nearer than the other noun to the place 1, 2, 3 ... words before *it*."""
    mine = np.abs(looks.antecedent[:, None] - _offsets())
    others = np.abs(looks.other[:, None] - _offsets())
    # Of two nouns equally near, the later one is taken.
    later = looks.antecedent > looks.other
    hits: NDArray[np.bool_] = np.where(later[:, None], mine <= others, mine < others)
    return hits


def _offsets() -> Int[np.ndarray, "O"]:
    return -np.arange(1, DISTANCES[-1][1])


def _of_sentence(pronoun: Pronoun, seen: Float[np.ndarray, "L J W"]) -> tuple[Any, ...]:
    """One row of the looks."""
    meant, other = pronoun.antecedent_source_index, pronoun.other_source_index
    return (
        seen.argmax(-1) == meant,
        seen[..., meant] > seen[..., other],
        seen.shape[-1],
        meant - pronoun.source_index,
        other - pronoun.source_index,
        pronoun.distance,
        pronoun.referent_class == "food",
    )


def _found(hits: tuple[Any, Any], by_offset: tuple[Any, Any], chance: float, test: Looks) -> Found:
    """Chooses on the first of each two and reports on the second."""
    table = hits[0].mean(0)
    layer, head = (int(place) for place in np.unravel_index(table.argmax(), table.shape))
    offset = int(by_offset[0].mean(0).argmax())
    chosen = hits[1][:, layer, head]
    return Found(
        layer=layer,
        head=None if head == table.shape[1] - 1 else head,
        valid=float(table.max()),
        test=mean(chosen),
        chance=chance,
        offset=int(_offsets()[offset]),
        offset_test=mean(by_offset[1][:, offset]),
        by_distance=_by_distance(chosen, test.distance),
        by_class=[
            (name, int(here.sum()), float(chosen[here].mean()))
            for name, here in (("food", test.food), ("thing", ~test.food))
            if here.any()
        ],
        table=table,
    )


def _by_distance(hits: Bool[np.ndarray, "N"], distance: Int[np.ndarray, "N"]) -> list[tuple[str, int, float]]:
    rows = []
    for first, last in DISTANCES:
        here = hits[(distance >= first) & (distance <= last)]
        if len(here):
            label = f"{first}+" if last == DISTANCES[-1][1] else f"{first}-{last}"
            rows.append((label, len(here), float(here.mean())))
    return rows
