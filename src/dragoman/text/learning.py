"""From lines to a tokenizer, and from a file's content back to one."""

import random
from collections.abc import Iterable, Sequence

from dragoman.config.settings import TextSettings
from dragoman.errors import DragomanError
from dragoman.text.subwords import NO_TEXT, learn_subwords, subwords_from_bytes
from dragoman.text.tokenizer import Tokenizer
from dragoman.text.words import learn_words, words_from_bytes

BEGINNING = 2_000
"""Characters of a line at most that a vocabulary is learnt from: a sample is held, and lines may be documents."""


def learn_tokenizer(lines: Iterable[str], settings: TextSettings, seed: int) -> Tokenizer:
    """Learns a tokenizer from at most `settings.sample_lines` of the lines; reads them once.

    Of kind bpe and unigram the vocabulary has exactly `settings.vocabulary_size` tokens; of kind character
    and word it is smaller where the text has no more characters or words.

    Raises:
        UsageError: no vocabulary of this size can be learnt from this text; the message names one that can.
        DragomanError: there is no text.
    """
    return learn_from(sampled(lines, settings.sample_lines, seed), settings)


def learn_from(lines: Sequence[str], settings: TextSettings) -> Tokenizer:
    """Learns a tokenizer from all the lines; raises what `learn_tokenizer` raises."""
    if not lines:
        raise DragomanError(NO_TEXT)
    return learn_words(lines, settings) if settings.kind == "word" else learn_subwords(lines, settings)


def sampled(lines: Iterable[str], count: int, seed: int) -> list[str]:
    """Draws `count` of the lines that are not blank, each equally likely, or takes all where there are fewer.

    Holds no more than the beginnings of `count` lines (reservoir sampling, algorithm R, Vitter 1985).
    """
    draw = random.Random(seed)
    kept: list[str] = []
    seen = 0
    for line in map(_beginning, lines):
        if not line.strip():
            continue
        seen += 1
        if len(kept) < count:
            kept.append(line)
        elif (place := draw.randrange(seen)) < count:
            kept[place] = line
    return kept


def _beginning(line: str) -> str:
    """A long line's first words, whole ones where there are spaces."""
    if len(line) <= BEGINNING:
        return line
    space = line.rfind(" ", 0, BEGINNING)
    return line[: space if space > 0 else BEGINNING]


def tokenizer_from_bytes(data: bytes) -> Tokenizer:
    """Reads what `Tokenizer.to_bytes` wrote.

    Raises:
        DragomanError: it is something else, or damaged.
    """
    try:
        return words_from_bytes(data) if data.startswith(b"{") else subwords_from_bytes(data)
    except ValueError:
        raise DragomanError(
            "damaged, or not a tokenizer that dragoman wrote: copy it anew from the run it came from"
        ) from None
