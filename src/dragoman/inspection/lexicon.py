"""What the built-in grammar knows of its nouns: their class, their gender, who forms a pair.

The class is food, thing or person; the gender is that of the German noun, which the translator has to know.
"""

from typing import NamedTuple

from dragoman.corpora.pizzeria.german import Gender, Noun
from dragoman.corpora.pizzeria.lexicon import FOODS, ROLES, THINGS

CLASSES = ("food", "thing", "person")
GENDERS: dict[Gender, str] = {"m": "masculine", "f": "feminine", "n": "neuter"}


class Known(NamedTuple):
    """A noun in one of the two languages."""

    word: str
    kind: str
    """food, thing or person."""
    gender: Gender
    """Of the German noun."""


def nouns(language: str) -> list[Known]:
    """The grammar's nouns in `en` or `de`."""
    classes = ([*FOODS], [thing.noun for thing in THINGS], [role.noun for role in ROLES])
    return [
        Known(spelt(noun, language), kind, noun.gender)
        for kind, members in zip(CLASSES, classes, strict=True)
        for noun in members
    ]


def role_pairs(language: str) -> list[tuple[str, str]]:
    """The people in pairs, him and her: king and queen, waiter and waitress."""
    return [
        (spelt(him.noun, language), spelt(her.noun, language)) for him, her in zip(ROLES[::2], ROLES[1::2], strict=True)
    ]


def spelt(noun: Noun, language: str) -> str:
    """The noun in `en` or `de`."""
    return noun.english if language == "en" else noun.german
