"""A batch without padding: its sentences one after the other in one long row.

To a layer that is a batch of one row whose sentences don't see each other. Only the row's end is filled up, so that
batches come in few lengths: a matrix product of a new length costs a library milliseconds of preparation.

Letters for axes: B sentences, N positions of the long row.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from dragoman.batches.padded import PAD, PairBatch, positions_below

NOTHING = -1
"""The target at a place where nothing is to be predicted."""


@dataclass(frozen=True)
class PackedRow:
    """One side's sentences."""

    ids: Int[Tensor, "1 N"]
    """PAD behind the last sentence."""
    places: Int[Tensor, "1 N"]
    """Each token's place in its sentence, from 0."""
    starts: Int[Tensor, "B+1"]
    """Where each sentence begins; the last entry is where the last one ends."""


@dataclass(frozen=True)
class PackedPair:
    """Both sides of a batch, and what is to be predicted."""

    source: PackedRow
    target: PackedRow
    target_out: Int[Tensor, "1 N"]
    """NOTHING behind the last sentence."""


@dataclass(frozen=True)
class Blocks:
    """Who sees whom in packed rows: each sentence's queries the same sentence's keys, and no others."""

    queries: Int[Tensor, "B+1"]
    keys: Int[Tensor, "B+1"]
    causal: bool = False
    """Whether a query sees the keys up to its own position only."""

    def mask(self, queries: int, keys: int) -> Bool[Tensor, "1 1 Q K"]:
        """The same written out: True where a query may look. Rows behind the last sentence see the first key."""
        ends = self.queries[1:], self.keys[1:]
        query, key = torch.arange(queries), torch.arange(keys)
        of_query, of_key = (torch.bucketize(at, end, right=True) for at, end in zip((query, key), ends, strict=True))
        seen = (of_query[:, None] == of_key[None]) & (of_query < len(self.queries) - 1)[:, None]
        if self.causal:
            seen &= key[None] <= query[:, None]
        seen[int(self.queries[-1]) :, 0] = True
        return seen[None, None]


def pack_pair(batch: PairBatch) -> PackedPair:
    """Takes the padding out of a batch."""
    target = pack(batch.target_in, batch.target_lengths)
    out = pack(batch.target_out, batch.target_lengths, fill=NOTHING)
    return PackedPair(pack(batch.source.ids, batch.source.lengths), target, out.ids)


def pack(ids: Int[Tensor, "B P"], lengths: Int[Tensor, "B"], fill: int = PAD) -> PackedRow:
    """Takes the padding out of one side."""
    real = positions_below(lengths, ids.shape[1])
    starts = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
    tokens = ids[real]
    behind = filled_up(len(tokens)) - len(tokens)
    places = torch.arange(ids.shape[1]).expand_as(ids)[real]
    return PackedRow(
        torch.nn.functional.pad(tokens, (0, behind), value=fill)[None],
        torch.nn.functional.pad(places, (0, behind))[None],
        starts,
    )


def filled_up(positions: int) -> int:
    """The length that a row of so many tokens gets: at most an eighth more, one of eight between powers of two."""
    grain = 1 << max(0, (positions - 1).bit_length() - 4)
    return -(-positions // grain) * grain
