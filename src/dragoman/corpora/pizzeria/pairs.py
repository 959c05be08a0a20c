"""What a generated sentence pair carries."""

from dataclasses import dataclass

from dragoman.corpora.pizzeria.german import Gender
from dragoman.corpora.pizzeria.markup import Word, line, links, parse
from dragoman.corpora.pizzeria.predicates import ReferentClass


@dataclass(frozen=True)
class Pronoun:
    """What *it* means; an index counts the words that `words` gives, from 0."""

    source_index: int
    """Of *it*."""
    target_index: int
    """Of er, sie or es."""
    antecedent_source_index: int
    """Of the noun that *it* means."""
    antecedent_target_index: int
    other_source_index: int
    """Of the competing noun, which has another gender."""
    other_target_index: int
    gender: Gender
    """Of the German antecedent."""
    referent_class: ReferentClass
    """Whether *it* means the food or the kitchen thing."""
    predicate: str
    """What is said of *it*, in English."""
    antecedent: str
    """The noun that *it* means, in English."""
    position: int
    """0: the antecedent is the first of the two nouns; 1: the second."""
    distance: int
    """Source words between antecedent and *it*."""
    ambiguous: bool
    """Whether the predicate suits both nouns."""


@dataclass(frozen=True)
class PizzeriaPair:
    """A sentence, its translation, the gold alignment as (source index, target index), its plan's name."""

    source: str
    target: str
    alignment: tuple[tuple[int, int], ...]
    pronoun: Pronoun | None
    kind: str


def read_both(english: str, german: str) -> tuple[list[Word], list[Word]]:
    """Reads the markups of both sides."""
    return parse(english), parse(german, contract=True)


def plain_pair(english: str, german: str, kind: str) -> PizzeriaPair:
    """Builds a pair without a pronoun to resolve from both markups."""
    source, target = read_both(english, german)
    return PizzeriaPair(line(source), line(target), links(source, target), None, kind)
