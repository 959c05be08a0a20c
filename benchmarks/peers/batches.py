"""The same batches for everyone: kept in one file, as tensors that are padded already."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PAD = 0
BOS = 2
EOS = 3


@dataclass(frozen=True)
class Batch:
    """Sentence pairs, B of them, with S source and T target positions."""

    source: Tensor
    """Ids, B x S; each row ends with EOS and then padding."""
    source_lengths: Tensor
    target_in: Tensor
    """Ids, B x T; what the decoder reads: BOS first."""
    target_out: Tensor
    """Ids, B x T; what it predicts: EOS last."""
    target_lengths: Tensor

    @property
    def target_tokens(self) -> int:
        """Real target tokens, end marks counted, padding not."""
        return int(self.target_lengths.sum())

    @property
    def positions(self) -> int:
        """Source and target positions, padding counted."""
        return self.source.numel() + self.target_in.numel()

    @property
    def source_mask(self) -> Tensor:
        """True where a real source token stands, B x S."""
        return torch.arange(self.source.shape[1])[None] < self.source_lengths[:, None]

    def labels(self, ignored: int = -100) -> Tensor:
        """`target_out` with `ignored` on padding, B x T."""
        real = torch.arange(self.target_out.shape[1])[None] < self.target_lengths[:, None]
        return self.target_out.masked_fill(~real, ignored)


_NAMES = [field.name for field in fields(Batch)]


def save(path: Path, batches: Iterable[Batch]) -> None:
    """Writes batches in their order (.npz)."""
    arrays = {
        f"{number}.{name}": getattr(batch, name).numpy() for number, batch in enumerate(batches) for name in _NAMES
    }
    np.savez(path, **arrays)


def load(path: Path) -> list[Batch]:
    """Reads what `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        count = len(file.files) // len(_NAMES)
        return [
            Batch(**{name: torch.from_numpy(file[f"{number}.{name}"]) for name in _NAMES}) for number in range(count)
        ]
