"""The stored run, for tests that need a model which has learnt something."""

from pathlib import Path

import pytest

from dragoman.config import PizzeriaSettings
from dragoman.corpora.pizzeria import PizzeriaPair, generate
from dragoman.models.transformer import Transformer
from dragoman.translation import Translator
from dragoman.translation.loading import load

RUN = Path(__file__).parents[1] / "golden" / "run"
SETTINGS = PizzeriaSettings(train_pairs=3000, valid_pairs=100)
"""The corpus that it was trained on."""


@pytest.fixture(scope="module")
def golden() -> Translator:
    """The stored run's translator."""
    return load(RUN)


@pytest.fixture(scope="module")
def pairs() -> list[PizzeriaPair]:
    """Twelve validation pairs with *it*."""
    return [pair for pair in generate("valid", SETTINGS) if pair.pronoun][:12]


def model_of(translator: Translator) -> Transformer:
    """Its model, by its type."""
    assert isinstance(translator.model, Transformer)
    return translator.model
