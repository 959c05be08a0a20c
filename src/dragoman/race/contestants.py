"""Who races: the same shape in seven families, each as wide as gives it the Transformer's number of parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from dragoman.config import ModelSettings, Settings
from dragoman.config.loading import override
from dragoman.errors import DragomanError, UsageError, nearest
from dragoman.models.build import build_model
from dragoman.race.plan import Contestant, Values, differing
from dragoman.training.facts import parameters

TOLERANCE = 0.02
"""Share by which a contestant's number of parameters may differ from the Transformer's."""
REFERENCE = "transformer"
"""Whose shape is given; the others are as large as it."""


@dataclass(frozen=True)
class Family:
    """What a contestant is, and what benchmarks/tune_families.py found for it."""

    family: str
    attention: bool
    learning_rate: float
    dropout: float
    grammar_rate: float
    """Its learning rate on the pizzeria, where nobody has dropout."""
    layers: int = 2
    """Of a recurrent encoder and decoder: as usual there, and equally many, since each layer hands its state over."""

    def values(self, kind: str) -> Values:
        """Its model's settings; `kind` is the attention of those that have a choice."""
        if self.family == REFERENCE:
            return {"model.family": self.family}
        return {"model.family": self.family, "model.attention": kind if self.attention else "none"}


FAMILIES: Mapping[str, Family] = {
    "rnn": Family("rnn", False, 0.002, 0.1, 0.004),
    "rnn-attention": Family("rnn", True, 0.002, 0.1, 0.004),
    "gru": Family("gru", False, 0.004, 0.1, 0.008),
    "gru-attention": Family("gru", True, 0.004, 0.1, 0.004),
    "lstm": Family("lstm", False, 0.004, 0.1, 0.008),
    "lstm-attention": Family("lstm", True, 0.004, 0.1, 0.004),
    "transformer": Family("transformer", True, 0.002, 0.1, 0.004),
}
"""In the order in which they are told of."""
TUNED = ("training.learning_rate", "model.dropout")
"""The settings that each contestant has of its own, as it was found for it."""


def chosen(names: str | None) -> list[str]:
    """The contestants that `--only` names, in the race's order; all of them where nothing is said.

    Raises:
        UsageError: one of them does not race.
    """
    if names is None:
        return list(FAMILIES)
    asked = [name.strip() for name in names.split(",") if name.strip()]
    for name in asked:
        if name not in FAMILIES:
            raise UsageError(f"--only: no contestant is named {name!r}{nearest(name, FAMILIES)}")
    if not asked:
        raise UsageError(f"--only names nobody; give some of {', '.join(FAMILIES)}")
    return [name for name in FAMILIES if name in asked]


def shapes(base: ModelSettings, names: Sequence[str], sizes: tuple[int, int]) -> dict[str, ModelSettings]:
    """The contestants' shapes over a Transformer's: all have its number of parameters.

    Args:
        base: the Transformer; `attention` is the kind that the attentional ones have.
        sizes: of the source's and the target's vocabulary.

    Raises:
        DragomanError: no width gives one of them that number, within 2 %.
    """
    settings = Settings(model=replace(base, family="transformer"))
    wanted = count(settings.model, sizes)
    found = {}
    for name in names:
        one = override(settings, None, FAMILIES[name].values(attention_kind(base)))
        found[name] = one.model if name == REFERENCE else of_size(name, one.model, sizes, wanted)
    return found


def enter(
    base: Settings, tuned: Callable[[str], Settings], names: Sequence[str], sizes: tuple[int, int]
) -> list[Contestant]:
    """The contestants with their settings: what `tuned` gives each, as wide as it has to be.

    Args:
        base: what all share; its model is the Transformer's shape.
        tuned: a contestant's settings with learning rate and dropout of its own.

    Raises:
        DragomanError: as `shapes`.
    """
    wanted = count(tuned(REFERENCE).model, sizes)
    entered = []
    for name in names:
        settings = tuned(name)
        if name != REFERENCE:
            settings = replace(settings, model=of_size(name, settings.model, sizes, wanted))
        always = {
            "model.d_model": settings.model.d_model,
            "model.dropout": settings.model.dropout,
            "training.learning_rate": settings.training.learning_rate,
        }
        values = FAMILIES[name].values(settings.model.attention) | always | differing(settings, base)
        entered.append(Contestant(name, values, count(settings.model, sizes)))
    return entered


def attention_kind(base: ModelSettings) -> Literal["additive", "dot"]:
    """Which attention the attentional recurrent contestants have."""
    return base.attention if base.attention != "none" else "additive"


def of_size(name: str, shape: ModelSettings, sizes: tuple[int, int], wanted: int) -> ModelSettings:
    """The shape at the width that brings its number of parameters nearest to `wanted`.

    Raises:
        DragomanError: none comes within 2 %.
    """
    apart = 2 if shape.bidirectional else 1
    low, high = apart, 2 * apart
    while count(replace(shape, d_model=high), sizes) < wanted:
        low, high = high, 2 * high
    while high - low > apart:
        middle = (low + high) // (2 * apart) * apart
        low, high = (middle, high) if count(replace(shape, d_model=middle), sizes) < wanted else (low, middle)
    counts = {width: count(replace(shape, d_model=width), sizes) for width in (low, high)}
    best = min(counts, key=lambda width: abs(counts[width] - wanted))
    if abs(counts[best] - wanted) > TOLERANCE * wanted:
        raise DragomanError(
            f"no width gives {name} the Transformer's {wanted:,} parameters within {TOLERANCE:.0%} "
            f"({low} gives {counts[low]:,}, {high} gives {counts[high]:,}); give a larger model.d_model"
        )
    return replace(shape, d_model=best)


def count(shape: ModelSettings, sizes: tuple[int, int]) -> int:
    """The number of parameters of a shape; nothing is drawn or stored for it."""
    with torch.device("meta"):
        return parameters(build_model(shape, *sizes, seed=1))
