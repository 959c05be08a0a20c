"""One update of the weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from dragoman import kernels
from dragoman.batches.padded import PairBatch, twice
from dragoman.config import TrainingSettings
from dragoman.models.contract import TrainableModel
from dragoman.training.loss import projected_loss

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Update:
    """What an update's batches gave; tokens are real ones, padding left out."""

    loss: float
    """Nats a target token, label smoothing and agreement included."""
    gradient_norm: float
    """Before clipping."""
    source_tokens: int
    target_tokens: int


def batch_loss(
    model: TrainableModel[Any], batch: PairBatch, smoothing: float, dtype: torch.dtype, agreement: float = 0.0
) -> tuple[torch.Tensor, float, int]:
    """The summed loss of a batch, the same without smoothing, and the number of target tokens.

    With `agreement` the batch goes through the model twice, and both passes count a half (`projected_loss`).
    """
    passes = 2 if agreement else 1
    if agreement:
        batch = twice(batch)
    with torch.autocast(batch.target_in.device.type, dtype, enabled=dtype != torch.float32):
        rows, targets = model.rows(batch)
    loss, plain = projected_loss(rows, model.output.weight, targets, smoothing, dtype, agreement)
    return loss / passes, plain / passes, int(batch.target_lengths.sum()) // passes


def training_loss(
    model: TrainableModel[Any], batch: PairBatch, settings: TrainingSettings
) -> tuple[torch.Tensor, float, int]:
    """`batch_loss` as a training's settings have it."""
    return batch_loss(model, batch, settings.label_smoothing, DTYPES[settings.dtype], settings.agreement)


def update(
    model: TrainableModel[Any],
    optimizer: torch.optim.Optimizer,
    batches: Sequence[PairBatch],
    settings: TrainingSettings,
    learning_rate: float,
) -> Update:
    """Sums the gradient over `batches`, divides by their target tokens, clips it and takes one step."""
    found = gradient(model, batches, settings)
    step(optimizer, learning_rate)
    return found


def gradient(model: TrainableModel[Any], batches: Sequence[PairBatch], settings: TrainingSettings) -> Update:
    """Sums the gradient over `batches`, divides by their target tokens and clips it; it lies with the parameters."""
    tokens = sum(int(batch.target_lengths.sum()) for batch in batches)
    total = 0.0
    for batch in batches:
        with kernels.fused(settings.kernels == "fused"):
            loss, _, _ = training_loss(model, batch, settings)
        (loss / tokens).backward()
        total += float(loss.detach())
    limit = settings.clip or float("inf")
    norm = nn.utils.clip_grad_norm_(model.parameters(), limit)
    source = sum(int(batch.source.lengths.sum()) for batch in batches)
    return Update(total / tokens, float(norm), source, tokens)


def step(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Moves the weights against their gradient, which is gone afterwards."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
