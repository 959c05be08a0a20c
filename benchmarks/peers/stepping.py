"""The update of the peers whose loop is ours to write, with what is fastest on a CPU in each place.

Autocast around the model, logits made float32 before the loss as Hugging Face's Trainer has them, label smoothing by
torch's cross-entropy (less memory and time than the Trainer's own), gradient clipping, torch's fused AdamW.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.peers import measuring
from benchmarks.peers.batches import Batch


@dataclass
class Stepper:
    """Update after update of one model."""

    model: nn.Module
    logits: Callable[[Batch], Tensor]
    """The model's logits for a batch, B x T x vocabulary."""
    dtype: torch.dtype
    smoothing: float = 0.1
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=measuring.RATE, betas=(0.9, 0.98), weight_decay=self.weight_decay, fused=True
        )

    def update(self, batch: Batch) -> float:
        """One update; gives the loss, nats a token."""
        with torch.autocast("cpu", self.dtype, enabled=self.dtype != torch.float32):
            logits = self.logits(batch)
        loss = smoothed_loss(logits, batch, self.smoothing)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), measuring.CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())


def smoothed_loss(logits: Tensor, batch: Batch, smoothing: float) -> Tensor:
    """The mean label-smoothed cross-entropy over real target tokens, in float32."""
    return nn.functional.cross_entropy(
        logits.float().flatten(0, 1), batch.labels().flatten(), ignore_index=-100, label_smoothing=smoothing
    )
