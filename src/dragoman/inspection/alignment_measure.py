"""How well attention tells word links: alignment error rate against the pizzeria's gold links.

Shapes: N sentences, L decoder layers, J heads and then all together, C conventions, W weightings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from dragoman.corpora.pizzeria import PizzeriaPair
from dragoman.inspection.alignment import Choice, Convention, Projections, Weighting, projections, strengths, strongest
from dragoman.inspection.measures import Estimate, ratio, traced
from dragoman.inspection.words import words_of
from dragoman.tracing import Trace
from dragoman.translation import Translator


@dataclass(frozen=True)
class Agreement:
    """What was linked, and how much of it is gold."""

    right: Int[np.ndarray, "N L J C W"]
    drawn: Int[np.ndarray, "N"]
    gold: Int[np.ndarray, "N"]
    reachable: Int[np.ndarray, "N"]
    """Gold links that one link for each target word can hit."""
    end: Float[np.ndarray, "N L J"]
    """Mean weight on the end mark over the steps that predict words."""
    layers: Sequence[int]
    """The decoder layers that look at the source."""

    def aer(self) -> Float[np.ndarray, "L J C W"]:
        """Alignment error rate over all sentences; sure and possible links are the same here."""
        rates: NDArray[np.float64] = 1 - 2 * self.right.sum(0) / (self.drawn.sum() + self.gold.sum())
        return rates

    def best(self) -> Choice:
        """What has the lowest alignment error rate."""
        rates = self.aer()
        layer, head, convention, weighting = (int(i) for i in np.unravel_index(rates.argmin(), rates.shape))
        return Choice(
            layer=self.layers[layer],
            head=None if head == rates.shape[1] - 1 else head,
            convention=get_args(Convention)[convention],
            weighting=get_args(Weighting)[weighting],
            aer_valid=float(rates.min()),
        )

    def estimate(self, choice: Choice) -> Estimate:
        """One choice's alignment error rate with its interval."""
        head = self.right.shape[2] - 1 if choice.head is None else choice.head
        convention = get_args(Convention).index(choice.convention)
        weighting = get_args(Weighting).index(choice.weighting)
        wrong = self.drawn + self.gold - 2 * self.right[:, self.layers.index(choice.layer), head, convention, weighting]
        return ratio(wrong, self.drawn + self.gold)

    def floor(self) -> float:
        """The lowest alignment error rate that one link for each target word can reach."""
        return float(1 - 2 * self.reachable.sum() / (self.drawn.sum() + self.gold.sum()))


@dataclass(frozen=True)
class AlignmentMeasure:
    """The choice, made on the validation split, and what it reaches on the test split."""

    choice: Choice
    test: Estimate
    floor: float
    """The lowest that one link for each target word can reach on the test split."""
    valid: Float[np.ndarray, "L J C W"]
    end: Float[np.ndarray, "L J"]
    """Share of attention on the end mark, validation split."""
    layers: Sequence[int]
    """The decoder layers that look at the source."""
    sentences: tuple[int, int]
    """Of the validation and of the test split."""


def measure_alignment(
    translator: Translator, valid: Sequence[PizzeriaPair], test: Sequence[PizzeriaPair]
) -> AlignmentMeasure:
    """Measures every layer, head, convention and weighting, and reports the best of the validation split.

    Raises:
        DragomanError: the model has no attention.
    """
    chosen_on, reported_on = agreement(translator, valid), agreement(translator, test)
    choice = chosen_on.best()
    return AlignmentMeasure(
        choice=choice,
        test=reported_on.estimate(choice),
        floor=reported_on.floor(),
        valid=chosen_on.aer(),
        end=chosen_on.end.mean(0),
        layers=chosen_on.layers,
        sentences=(len(valid), len(test)),
    )


def turned(pair: PizzeriaPair) -> PizzeriaPair:
    """The pair from target to source; German names what *it* means, so no pronoun is left to resolve."""
    links = tuple(sorted((target, source) for source, target in pair.alignment))
    return replace(pair, source=pair.target, target=pair.source, alignment=links, pronoun=None)


def agreement(translator: Translator, pairs: Sequence[PizzeriaPair]) -> Agreement:
    """Links the words of each pair in every way and compares them with the gold links.

    Raises:
        DragomanError: the model has no attention.
    """
    rows = []
    weights: Projections | None = None
    names: list[str] = []
    for pair, trace in traced(translator, pairs):
        weights = projections(translator.model) if weights is None else weights  # type: ignore[arg-type]
        names = trace.crossings()
        rows.append(_of_pair(pair, trace, names, weights))
    right, drawn, gold, reachable, end = (np.stack(column) for column in zip(*rows, strict=True))
    return Agreement(right, drawn, gold, reachable, end, layers=[int(name.split(".")[1]) for name in names])


def _of_pair(pair: PizzeriaPair, trace: Trace, names: Sequence[str], weights: Projections) -> tuple[Any, ...]:
    """One row of an agreement."""
    words = words_of(trace.source_tokens[:-1]), words_of(trace.target_tokens[:-1])
    gold = np.zeros((len(words[0]), len(words[1])), dtype=np.int64)
    for link in pair.alignment:
        gold[link] = 1
    target = np.arange(len(words[1]))
    right = [
        [
            [gold[strongest(found, words, step), target].sum(-1) for step in get_args(Convention)]
            for found in (strengths(trace.attentions[name], kind, weights[name]) for kind in get_args(Weighting))
        ]
        for name in names
    ]
    end = [strengths(trace.attentions[name], "plain")[:, :-1, -1].mean(-1) for name in names]
    # L W C J becomes L J C W.
    return np.array(right).transpose(0, 3, 2, 1), len(target), gold.sum(), gold.any(0).sum(), np.array(end)
