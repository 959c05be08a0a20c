"""A translator without weights: every score is a hash of the source and the prefix, exact in float64.

It keeps the contract with plain tuples as states, so whatever searches with it knows the contract only.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dragoman.batches.padded import EOS, PairBatch, SourceBatch
from dragoman.models.contract import Step
from dragoman.text import Tokenizer, Tokenizers

Ids = tuple[int, ...]


@dataclass(frozen=True)
class FakeState:
    """For each row its source and what was read of the target, BOS included."""

    rows: tuple[tuple[Ids, Ids], ...]


@dataclass
class FakeModel:
    """Random but repeatable next-token distributions over `vocabulary` ids."""

    vocabulary: int = 8
    seed: int = 0
    eos_bonus: float = 0.0
    """Added to EOS before normalising: below zero the translations grow long."""
    forced_end: int | None = None
    """Tokens after which only EOS is possible."""
    rounding: float = 0.0
    """Log-probabilities are rounded to multiples of this, so that many tie; 0 leaves them exact."""
    has_attention: bool = True
    rows_seen: list[int] = field(default_factory=list)
    """Rows of each call of `step`."""
    encoded: list[tuple[int, int]] = field(default_factory=list)
    """Shape of each batch that was encoded."""
    table: dict[tuple[Ids, Ids], list[float]] = field(default_factory=dict)

    def scores(self, source: Ids, prefix: Ids) -> list[float]:
        """Gives the log-probability of every next token; `source` ends with EOS, `prefix` begins with BOS."""
        if (source, prefix) not in self.table:
            self.table[source, prefix] = self._scores(source, prefix)
        return self.table[source, prefix]

    def _scores(self, source: Ids, prefix: Ids) -> list[float]:
        if self.forced_end is not None and len(prefix) - 1 >= self.forced_end:
            return [0.0 if token == EOS else -math.inf for token in range(self.vocabulary)]
        draw = random.Random(repr((self.seed, source, prefix)))
        logits = [draw.gauss(0, 1.5) + self.eos_bonus * (token == EOS) for token in range(self.vocabulary)]
        total = math.log(sum(math.exp(logit) for logit in logits))
        exact = [logit - total for logit in logits]
        return [round(x / self.rounding) * self.rounding for x in exact] if self.rounding else exact

    def weights(self, source: Ids, prefix: Ids) -> list[float]:
        """Gives the attention over `source`."""
        draw = random.Random(repr(("attention", source, prefix)))
        raw = [draw.random() for _ in source]
        return [x / sum(raw) for x in raw]

    def encode(self, source: SourceBatch) -> list[Ids]:
        self.encoded.append((source.ids.shape[0], source.ids.shape[1]))
        return [tuple(row[:length]) for row, length in zip(source.ids.tolist(), source.lengths.tolist(), strict=True)]

    def start(self, memory: list[Ids]) -> FakeState:
        return FakeState(tuple((source, ()) for source in memory))

    def step(self, tokens: Tensor, state: FakeState, attention: bool = False) -> tuple[Step, FakeState]:
        assert len(tokens) == len(state.rows)
        self.rows_seen.append(len(tokens))
        rows = tuple(
            (source, (*prefix, token)) for (source, prefix), token in zip(state.rows, tokens.tolist(), strict=True)
        )
        scores = torch.tensor([self.scores(*row) for row in rows], dtype=torch.float64)
        return Step(scores, self._attention(rows) if attention else None), FakeState(rows)

    def _attention(self, rows: tuple[tuple[Ids, Ids], ...]) -> Tensor:
        width = max(len(source) for source, _ in rows)
        padded = [self.weights(*row) + [0.0] * (width - len(row[0])) for row in rows]
        return torch.tensor(padded, dtype=torch.float64)

    def reorder(self, state: FakeState, rows: Tensor) -> FakeState:
        return FakeState(tuple(state.rows[row] for row in rows.tolist()))

    def join(self, first: FakeState, second: FakeState) -> FakeState:
        return FakeState(first.rows + second.rows)

    def hidden(self, batch: PairBatch) -> Tensor:
        """Gives the scores themselves; `project` then has nothing left to do."""
        prefixes = batch.target_in.tolist()
        return torch.tensor(
            [
                [self.scores(source, tuple(prefix[: t + 1])) for t in range(len(prefix))]
                for source, prefix in zip(self.encode(batch.source), prefixes, strict=True)
            ],
            dtype=torch.float64,
        )

    def project(self, hidden: Tensor) -> Tensor:
        return hidden


class Letters(Tokenizer):
    """A token for each character of a small alphabet; anything else is spelt as `?`."""

    alphabet = "abcdef .!?。"
    first = EOS + 1

    def __init__(self) -> None:
        self.encoded: list[str] = []

    @property
    def size(self) -> int:
        return self.first + len(self.alphabet)

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        self.encoded += lines
        unknown = self.alphabet.index("?")
        return [
            [self.first + (self.alphabet.index(c) if c in self.alphabet else unknown) for c in line] for line in lines
        ]

    def sample(self, lines: Sequence[str], share: float, seeds: Sequence[int]) -> list[list[int]]:
        return self.encode(lines)

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        return ["".join(self.pieces(row)) for row in rows]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self.alphabet[id - self.first] for id in ids]

    def to_bytes(self) -> bytes:
        return self.alphabet.encode()


def letters() -> Tokenizers:
    """Gives tokenizers of which source and target are two objects."""
    return Tokenizers(Letters(), Letters())
