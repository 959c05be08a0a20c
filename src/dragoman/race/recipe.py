"""Which settings a course's trainings share, and which each contestant has of its own."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dragoman.config import DataSettings, Settings
from dragoman.config.loading import build_settings, override
from dragoman.corpora.names import parse_name
from dragoman.errors import UsageError
from dragoman.race.budget import Asked
from dragoman.race.contestants import FAMILIES, REFERENCE, attention_kind
from dragoman.race.material import PIZZERIA
from dragoman.race.plan import Values
from dragoman.training.preparing import on_this_machine

ALWAYS: Values = {"training.minutes": 0, "training.validations": 5, "training.save_minutes": 1}
"""What every training of a race has unless it is set otherwise."""
_ENDS = ("steps", "epochs", "minutes", "update_minutes", "target_tokens", "patience")
DECIDED = {
    "model.family": "--only says who races",
    "training.seed": "--seeds says how many there are",
    **{f"training.{name}": "give --minutes, --updates or --target-tokens" for name in _ENDS},
}
"""Settings that are not the user's to set, and what to give instead."""
GRAMMAR = "demo"
"""The preset for the pizzeria; a grammar needs no dropout."""
PIZZERIA_VOCABULARY = 1500
"""Tokens at most: the pizzeria has few words."""


@dataclass(frozen=True)
class Question:
    """What the user asked for."""

    data: Values
    """Data settings by their dotted keys; what was not given is left out."""
    asked: Asked
    test: tuple[Path, Path] | None = None
    preset: str | None = None
    sets: Sequence[str] = field(default_factory=tuple)
    names: Sequence[str] = tuple(FAMILIES)
    """The contestants."""
    lengths: Sequence[int] = ()
    """Sentence lengths to time; none means: the usual ones."""
    trial: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        for text in self.sets:
            key = text.partition("=")[0]
            if key in DECIDED or key.startswith("data."):
                mend = DECIDED.get(key, "give --corpus, or --source and --target")
                raise UsageError(f"--set {key}: a race decides this; {mend}")


@dataclass(frozen=True)
class Recipe:
    """Layers of settings: the preset, a contestant's own values, what the user set, what is decided."""

    preset: str
    sets: Sequence[str]
    decided: Values
    """Over everything: the data, and what was found on the machine."""

    @property
    def base(self) -> Settings:
        """What all contestants share; its model is the Transformer's shape."""
        return self._over({})

    def tuned(self, name: str) -> Settings:
        """A contestant's settings, its width not yet found."""
        family = FAMILIES[name]
        own = family.values(attention_kind(self.base.model))
        if family.family != REFERENCE:
            own |= {"model.encoder_layers": family.layers, "model.decoder_layers": family.layers}
        if self.preset == GRAMMAR:
            return self._over(own | {"training.learning_rate": family.grammar_rate})
        return self._over(own | {"training.learning_rate": family.learning_rate, "model.dropout": family.dropout})

    def on(self, data: DataSettings, **decided: object) -> "Recipe":
        """The same on other data."""
        given = {f"data.{name}": value for name, value in asdict(data).items()}
        return replace(self, decided={**self.decided, **given, **decided})

    def _over(self, own: Values) -> Settings:
        below = build_settings(self.preset, None, ALWAYS)
        return override(override(below, None, own, self.sets), None, self.decided)


def main_recipe(question: Question) -> Recipe:
    """The recipe for the corpus that was given; dtype, kernels and threads are decided here, once for all."""
    corpus = str(question.data.get("data.corpus") or "")
    is_grammar = bool(corpus) and parse_name(corpus).kind == "pizzeria"
    preset = question.preset or (GRAMMAR if is_grammar else "race")
    recipe = Recipe(preset, question.sets, question.data)
    found = on_this_machine(recipe.base).training
    machine = {f"training.{name}": getattr(found, name) for name in ("dtype", "kernels", "threads")}
    return replace(recipe, decided=recipe.decided | machine)


def pizzeria_recipe(main: Recipe) -> Recipe:
    """The recipe for the pizzeria beside another corpus."""
    recipe = replace(main, preset=GRAMMAR).on(DataSettings(corpus=PIZZERIA))
    size = min(PIZZERIA_VOCABULARY, recipe.base.text.vocabulary_size)
    return replace(recipe, decided=recipe.decided | {"text.vocabulary_size": size})
