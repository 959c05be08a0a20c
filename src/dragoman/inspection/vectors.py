"""A run's own word vectors: the rows that its embedding has learnt.

Shapes: W words, D d_model.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from dragoman.config import Settings
from dragoman.corpora.names import parse_name
from dragoman.corpora.pizzeria import generate
from dragoman.corpora.pizzeria import words as cut
from dragoman.corpora.reading import read_lines
from dragoman.errors import DragomanError, UsageError, nearest
from dragoman.inspection.lexicon import nouns
from dragoman.layers.embedding import Embedding
from dragoman.text import Tokenizer
from dragoman.text.special import FIRST_PIECE, SPACE_MARK
from dragoman.text.vectors import Matrix, WordVectors
from dragoman.translation import Translator

Side = Literal["source", "target"]


def run_vectors(translator: Translator, side: str, words: Sequence[str] = (), text: Path | None = None) -> WordVectors:
    """The words that a run knows on one side, with the vectors it has learnt for them.

    The words are those of `text`; without one, the words of the built-in grammar for a run trained on it, else
    all pieces that start a word. A word of several pieces has the mean of its pieces' vectors.

    Args:
        words: words besides, such as those asked for.

    Raises:
        UsageError: the side is neither source nor target.
        DragomanError: the model has no embedding, or the text cannot be read.
    """
    tokenizer = _tokenizer(translator, side)
    if text is not None:
        known = _once(word for line in read_lines(text) for word in cut(line))
    else:
        known = grammar_words(translator.settings, side) or starting_pieces(tokenizer)
    seen = set(known)
    known += [word for word in _once(words) if not seen & {word, word.lower(), word.capitalize()}]
    if not known:
        raise DragomanError(f"{text} has no words; give a text that has")
    return composed_vectors(translator, side, known)


def composed_vectors(translator: Translator, side: str, words: Sequence[str]) -> WordVectors:
    """These words alone, each with the mean of its pieces' rows of the embedding.

    Raises:
        UsageError: the side is neither source nor target, or a word is blank.
        DragomanError: the model has no embedding.
    """
    return _composed(translator, side, words, _table(translator, side))


def untrained_vectors(translator: Translator, side: str, words: Sequence[str], seed: int) -> WordVectors:
    """The same with a drawn vector for each piece: what sharing pieces alone makes alike."""
    size = _tokenizer(translator, side).size
    table: Matrix = np.random.default_rng(seed).standard_normal((size, translator.settings.model.d_model), np.float32)
    return _composed(translator, side, words, table)


def _composed(translator: Translator, side: str, words: Sequence[str], table: Matrix) -> WordVectors:
    cuts = _tokenizer(translator, side).encode(words)
    if not all(cuts):
        raise UsageError("a blank word has no vector; leave it away")
    matrix = np.stack([table[ids].mean(0) for ids in cuts])
    return WordVectors(words, matrix, f"this run's {side} side")


def check_side(side: str) -> None:
    """Refuses a side that is neither source nor target."""
    if side not in get_args(Side):
        raise UsageError(f"--side '{side}' is neither source nor target{nearest(side, get_args(Side))}")


def pieces_of(translator: Translator, side: str, word: str) -> list[str]:
    """How the run's tokenizer cuts a word."""
    tokenizer = _tokenizer(translator, side)
    return tokenizer.pieces(tokenizer.encode([word])[0])


def starting_pieces(tokenizer: Tokenizer) -> list[str]:
    """The pieces that start a word and are all letters; where none does, as of characters, all letters."""
    pieces = tokenizer.pieces(range(FIRST_PIECE, tokenizer.size))
    starting = [piece[1:] for piece in pieces if piece.startswith(SPACE_MARK) and piece[1:].isalpha()]
    return starting or [piece for piece in pieces if piece.isalpha()]


def grammar_language(settings: Settings, side: str) -> str | None:
    """en or de for a run that was trained on the built-in grammar, None for another."""
    check_side(side)
    if settings.data.corpus.partition(":")[0] != "pizzeria":
        return None
    name = parse_name(settings.data.corpus)
    return name.source if side == "source" else name.target


def grammar_words(settings: Settings, side: str) -> list[str]:
    """The words of the built-in grammar's sentences, for a run that was trained on them.

    A capital that only starts a sentence is not another word.
    """
    language = grammar_language(settings, side)
    if language is None:
        return []
    pairs = generate("valid", settings.pizzeria)
    lines = [pair.source if language == "en" else pair.target for pair in pairs]
    found = _once(
        [*(noun.word for noun in nouns(language)), *(word for line in lines for word in cut(line) if word[0].isalpha())]
    )
    small = {word for word in found if word.islower()}
    return [word for word in found if word.islower() or word.lower() not in small]


def _tokenizer(translator: Translator, side: str) -> Tokenizer:
    check_side(side)
    return translator.tokenizers.source if side == "source" else translator.tokenizers.target


def _table(translator: Translator, side: str) -> Matrix:
    embedding = getattr(translator.model, f"{side}_embedding", None)
    if not isinstance(embedding, Embedding):
        raise DragomanError("this run's model has no embedding to look at; give another run")
    table: Matrix = embedding.table.weight.detach().float().cpu().numpy()
    return table


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
