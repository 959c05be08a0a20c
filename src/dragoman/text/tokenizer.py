"""What every tokenizer can do: lines to ids and back.

A token's spelling is a string of bytes, so a line is the concatenation of its tokens' spellings, less the
space put before its first word. That makes decoding the same for all kinds, and possible for any ids.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from dragoman.text.special import FIRST_BYTE, FIRST_PIECE, LEADING_PIECES, SPACE_MARK

_REPLACEMENT = "\ufffd"


class Tokenizer(ABC):
    """Cuts lines into tokens; a line has no line feed, and ids come without BOS and EOS."""

    def __init__(self, learnt: Iterable[str]) -> None:
        """Takes the learnt pieces, those of FIRST_PIECE and after, with SPACE_MARK for a space."""
        self._pieces = (*LEADING_PIECES, *learnt)
        self._spellings = tuple(_spelling(id, piece) for id, piece in enumerate(self._pieces))

    @property
    def size(self) -> int:
        """Tokens in the vocabulary, special ones and bytes included."""
        return len(self._pieces)

    @property
    def smallest(self) -> int:
        """Tokens that a vocabulary of pieces has at least: special ones, bytes, the characters that it knows."""
        return FIRST_PIECE + sum(len(piece) == 1 for piece in self._pieces[FIRST_PIECE:])

    @abstractmethod
    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Gives each line's ids; what the vocabulary lacks is spelt in bytes, so nothing is unknown."""

    @abstractmethod
    def sample(self, lines: Sequence[str], share: float, seeds: Sequence[int]) -> list[list[int]]:
        """Gives another cut of each line, which decodes to the same text.

        Kind bpe drops each merge with probability `share` (BPE-dropout, Provilkov et al. 2020); unigram draws
        from all cuts with the exponent 1 - `share` (subword regularisation, Kudo 2018); character and word
        have one cut only. A share of 0 is `encode`. A line's cut depends on its own seed alone.
        """

    @abstractmethod
    def to_bytes(self) -> bytes:
        """Gives the tokenizer as a file's content, for `tokenizer_from_bytes`."""

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Gives each row's text, always one line: a line feed spelt in bytes becomes a space.

        Special ids are skipped; bytes that are no UTF-8 and ids outside the vocabulary become U+FFFD.
        """
        return [self._text_of(row) for row in rows]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Gives the tokens as people read them; SPACE_MARK shows where a word starts."""
        return [self._pieces[id] if 0 <= id < self.size else _REPLACEMENT for id in ids]

    def _text_of(self, row: Sequence[int]) -> str:
        outside = _REPLACEMENT.encode()
        spelt = b"".join(self._spellings[id] if 0 <= id < self.size else outside for id in row)
        return spelt.decode("utf-8", errors="replace").removeprefix(" ")


def _spelling(id: int, piece: str) -> bytes:
    if id < FIRST_BYTE:
        return b""
    if id < FIRST_PIECE:
        return bytes([id - FIRST_BYTE]).replace(b"\n", b" ")
    return piece.replace(SPACE_MARK, " ").encode()


def spelt_in_bytes(text: str) -> list[int]:
    """Gives the byte tokens of a text's UTF-8."""
    return [FIRST_BYTE + byte for byte in text.encode()]


def line_seed(seed: int, epoch: int, line: int) -> int:
    """Mixes three numbers into the 32-bit seed of one line's sampled cut; the same on every machine."""
    digest = hashlib.blake2b(f"{seed} {epoch} {line}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")
