"""The kind word: whole words, numbers and single signs, each with the space before it."""

import functools
import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from dragoman.config.settings import TextSettings
from dragoman.errors import UsageError
from dragoman.text.special import FIRST_PIECE, SPACE_MARK
from dragoman.text.tokenizer import Tokenizer, spelt_in_bytes


class WordTokenizer(Tokenizer):
    """A list of frequent words; others are spelt in bytes. Not for scripts without spaces between words."""

    def __init__(self, words: Sequence[str], normalisation: str) -> None:
        """Takes the words with SPACE_MARK for the space before them, and the rule (identity, nfkc)."""
        super().__init__(words)
        self._words, self._normalisation = tuple(words), normalisation
        self._ids = {word.replace(SPACE_MARK, " "): FIRST_PIECE + place for place, word in enumerate(words)}

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        return [self._row(line) for line in lines]

    def sample(self, lines: Sequence[str], share: float, seeds: Sequence[int]) -> list[list[int]]:
        return self.encode(lines)

    def to_bytes(self) -> bytes:
        content = {
            "kind": "word",
            "normalisation": self._normalisation,
            "words": self._words,
            "digest": _digest(self._words, self._normalisation),
        }
        return json.dumps(content, ensure_ascii=False).encode()

    def _row(self, line: str) -> list[int]:
        row: list[int] = []
        for token in _cut(line, self._normalisation):
            id = self._ids.get(token)
            if id is None:
                row += spelt_in_bytes(token)
            else:
                row.append(id)
        return row


def learn_words(lines: Sequence[str], settings: TextSettings) -> WordTokenizer:
    """Takes the most frequent words, at most as many as `settings.vocabulary_size` has room for.

    Raises:
        UsageError: there is no room for a single word.
    """
    room, smallest = settings.vocabulary_size - FIRST_PIECE, FIRST_PIECE + 1
    if room < 1:
        raise UsageError(
            f"text.vocabulary_size={settings.vocabulary_size} is less than the special tokens, the 256 bytes "
            f"and one word; its smallest is {smallest}: set text.vocabulary_size={smallest} or more"
        )
    counts = Counter(token for line in lines for token in _cut(line, settings.normalisation))
    known = [token for token in counts if not token.isspace() and SPACE_MARK not in token]
    known.sort(key=lambda token: (-counts[token], token))
    return WordTokenizer([token.replace(" ", SPACE_MARK) for token in known[:room]], settings.normalisation)


def words_from_bytes(data: bytes) -> WordTokenizer:
    """Reads what `to_bytes` wrote.

    Raises:
        ValueError: it is something else, or damaged.
    """
    content = json.loads(data)
    try:
        words, normalisation = content["words"], content["normalisation"]
        intact = content["digest"] == _digest(words, normalisation)
    except (KeyError, TypeError) as error:
        raise ValueError("not a list of words") from error
    if not intact:
        raise ValueError("the digest does not fit")
    return WordTokenizer(words, normalisation)


def _digest(words: Sequence[str], normalisation: str) -> str:
    return hashlib.blake2b(json.dumps([normalisation, words]).encode(), digest_size=16).hexdigest()


def _cut(line: str, normalisation: str) -> list[str]:
    """Cuts a line into tokens whose concatenation is the line with a space before it."""
    text = " ".join(unicodedata.normalize("NFKC", line).split()) if normalisation == "nfkc" else line
    return _pattern().findall(f" {text}") if text else []


@functools.cache
def _pattern() -> re.Pattern[str]:
    """A word with its marks, a number, or one sign, each with a space before it; or one white space."""
    # Python's \w leaves out combining marks, without which Hindi or vowelled Arabic words would fall apart.
    marks = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code))[0] == "M")
    return re.compile(rf" ?(?:[^\W\d_](?:[^\W\d_]+|[{marks}]+)*|\d+|\S)|\s")
