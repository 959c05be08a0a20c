"""The built-in corpus: English-German sentences in which German must know what *it* means."""

from dragoman.corpora.pizzeria.markup import words
from dragoman.corpora.pizzeria.pairs import PizzeriaPair, Pronoun
from dragoman.corpora.pizzeria.shortcuts import pronoun_accuracy, shortcut_scores
from dragoman.corpora.pizzeria.splits import generate

__all__ = ["PizzeriaPair", "Pronoun", "generate", "pronoun_accuracy", "shortcut_scores", "words"]
