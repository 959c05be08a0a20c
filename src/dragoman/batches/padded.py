"""Ids of unequal length as one rectangle: the only place that knows padding.

Shapes: B sentences, S source positions, T target positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

from dragoman.batches.rows import Ragged
from dragoman.text.special import BOS, EOS, PAD, UNKNOWN

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "UNKNOWN",
    "PairBatch",
    "SourceBatch",
    "pair_batch",
    "ragged_pair_batch",
    "source_batch",
    "twice",
]


@dataclass(frozen=True)
class SourceBatch:
    """Source sentences ready for an encoder; each ends with EOS."""

    ids: Int[Tensor, "B S"]
    lengths: Int[Tensor, "B"]

    @property
    def mask(self) -> Bool[Tensor, "B S"]:
        """True where a real token stands."""
        return positions_below(self.lengths, self.ids.shape[1])


@dataclass(frozen=True)
class PairBatch:
    """Sentence pairs for training: the decoder reads `target_in` (BOS first) and predicts `target_out` (EOS last)."""

    source: SourceBatch
    target_in: Int[Tensor, "B T"]
    target_out: Int[Tensor, "B T"]
    target_lengths: Int[Tensor, "B"]

    @property
    def target_mask(self) -> Bool[Tensor, "B T"]:
        """True where a real token is to be predicted."""
        return positions_below(self.target_lengths, self.target_out.shape[1])


def twice(batch: PairBatch) -> PairBatch:
    """The batch's pairs, and all of them once more behind."""
    source = SourceBatch(batch.source.ids.repeat(2, 1), batch.source.lengths.repeat(2))
    lengths = batch.target_lengths.repeat(2)
    return PairBatch(source, batch.target_in.repeat(2, 1), batch.target_out.repeat(2, 1), lengths)


def positions_below(lengths: Int[Tensor, "B"], width: int) -> Bool[Tensor, "B width"]:
    """True at the first `lengths[b]` of `width` positions."""
    return torch.arange(width, device=lengths.device)[None, :] < lengths[:, None]


def rectangle(rows: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "B W"], Int[Tensor, "B"]]:
    """Pads rows at their end; gives the ids and each row's length."""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
    ids = torch.full((len(rows), int(lengths.max()) if rows else 0), PAD, dtype=torch.long)
    ids[positions_below(lengths, ids.shape[1])] = torch.tensor([id for row in rows for id in row], dtype=torch.long)
    return ids, lengths


def source_batch(sentences: Sequence[Sequence[int]], device: torch.device | str = "cpu") -> SourceBatch:
    """Builds the batch of sentences given as ids without EOS."""
    ids, lengths = rectangle([[*sentence, EOS] for sentence in sentences])
    return SourceBatch(ids.to(device), lengths.to(device))


def pair_batch(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], device: torch.device | str = "cpu"
) -> PairBatch:
    """Builds the batch of sentence pairs given as ids without BOS and EOS."""
    target_in, lengths = rectangle([[BOS, *target] for target in targets])
    target_out, _ = rectangle([[*target, EOS] for target in targets])
    return PairBatch(source_batch(sources, device), target_in.to(device), target_out.to(device), lengths.to(device))


def ragged_pair_batch(source: Ragged, target: Ragged, device: torch.device | str = "cpu") -> PairBatch:
    """Builds the same batch from sentences that are arrays."""
    source_ids, target_out = (torch.from_numpy(_ending_with_eos(side)).to(device) for side in (source, target))
    source_lengths, lengths = (torch.from_numpy(side.lengths + 1).to(device) for side in (source, target))
    target_in = torch.from_numpy(_beginning_with_bos(target)).to(device)
    return PairBatch(SourceBatch(source_ids, source_lengths), target_in, target_out, lengths)


def _ending_with_eos(rows: Ragged) -> NDArray[np.int64]:
    ids, real = _blank(rows)
    ids[:, :-1][real] = rows.ids
    ids[np.arange(len(ids)), rows.lengths] = EOS
    return ids


def _beginning_with_bos(rows: Ragged) -> NDArray[np.int64]:
    ids, real = _blank(rows)
    ids[:, 0] = BOS
    ids[:, 1:][real] = rows.ids
    return ids


def _blank(rows: Ragged) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A rectangle of padding with one column more than the longest row, and where its tokens are to stand."""
    width = int(rows.lengths.max())
    ids = np.full((len(rows.lengths), width + 1), PAD, dtype=np.int64)
    return ids, np.arange(width) < rows.lengths[:, None]
