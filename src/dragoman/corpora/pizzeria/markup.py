"""Sentences whose words say what they translate.

A markup is words parted by spaces, each ``word/label+label``; words of the two languages that share a label
are translations of each other, and a word without a label is aligned with nothing.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache

_WORD = re.compile(r"\w+(?:[-']\w+)*|[^\w\s]")
_CONTRACTIONS = {
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("an", "dem"): "am",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}


@dataclass(frozen=True)
class Word:
    """One word (or punctuation mark) and the labels that it shares with its translations."""

    text: str
    labels: frozenset[str]


def words(line: str) -> list[str]:
    """Cuts a sentence at spaces, with punctuation marks as words of their own."""
    return _WORD.findall(line)


def parse(markup: str, contract: bool = False) -> list[Word]:
    """Reads a markup as a sentence with its capitals; `contract` writes im for in dem, and so on."""
    parsed: list[Word] = []
    for item in markup.split():
        word = _word(item)
        short = _CONTRACTIONS.get((parsed[-1].text.lower(), word.text)) if contract and parsed else None
        if short:
            word = Word(short, parsed.pop().labels | word.labels)
        if not parsed or parsed[-1].text == ".":
            word = Word(word.text[0].upper() + word.text[1:], word.labels)
        parsed.append(word)
    return parsed


@cache
def _word(item: str) -> Word:
    """Reads one word of a markup."""
    text, _, labels = item.partition("/")
    return Word(text, frozenset(labels.split("+")) if labels else frozenset())


def line(sentence: list[Word]) -> str:
    """Writes words as one line, without a space before punctuation."""
    return re.sub(r" (?=[.,?!])", "", " ".join(word.text for word in sentence))


def links(source: list[Word], target: list[Word]) -> tuple[tuple[int, int], ...]:
    """Gives the (source index, target index) of all words that share a label."""
    places: dict[str, list[int]] = defaultdict(list)
    for index, word in enumerate(target):
        for label in word.labels:
            places[label].append(index)
    shared = {(index, to) for index, word in enumerate(source) for label in word.labels for to in places[label]}
    return tuple(sorted(shared))


def place(sentence: list[Word], label: str) -> int:
    """Gives the index of the last word with this label: of a compound, its head."""
    return max(index for index, word in enumerate(sentence) if label in word.labels)


def scoped(markup: str, scope: str) -> str:
    """Puts `scope` before every label, so that two phrases in one sentence keep their labels apart."""
    return re.sub(r"([/+])(?=\S)", rf"\g<1>{scope}", markup)
