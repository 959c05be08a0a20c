"""How long this machine takes for an update and a validation, timed before the first update.

Forward and backward passes are made on real batches with the model that will be trained, but their gradients are thrown
away and the random numbers are put back: nothing that the training computes is touched. What the first of them
prepares (compiled kernels and products) the training needs too.
"""

from dataclasses import dataclass
from math import ceil, inf
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn

from dragoman import kernels
from dragoman.batches.padded import PairBatch, SourceBatch, source_batch
from dragoman.config import TrainingSettings
from dragoman.models import hardware
from dragoman.models.contract import TrainableModel
from dragoman.search.hypothesis import best_tokens
from dragoman.text.special import BOS
from dragoman.training.optimizer import build_optimizer
from dragoman.training.preparing import Prepared
from dragoman.training.step import batch_loss, training_loss

clock = perf_counter
"""Times everything here; benchmarks/forecast.py puts the processor's own time in its place on a busy machine."""
SECONDS = 1.0
"""For the timed passes of updates; what comes before and after takes less."""
BATCHES = 8
"""Timed at most, spread over the epoch: each brings shapes of its own, as in the training."""
WARM_UP = 512
"""Target tokens of the first passes, which say how many there is time for."""
SENTENCES = 200
"""Validation sentences from whose lengths the translations' time is reckoned."""
DECODED = 3
"""Steps of a greedy search that are timed, after a first one."""
VALUES = 1 << 21
"""Parameters of the optimizer's trial at most; its time is scaled."""
WAITING = 2.5
"""Measured: a search's time over that of its steps alone, since a group goes on until its longest sentence ends."""


@dataclass(frozen=True)
class Pace:
    """What was timed."""

    token_seconds: float
    """Forward and backward pass, a target token."""
    optimizer_seconds: float
    """Clipping and stepping, an update."""
    validation_seconds: float
    """Loss and greedy translations."""

    def update_seconds(self, tokens: float) -> float:
        """An update of so many target tokens."""
        return tokens * self.token_seconds + self.optimizer_seconds


def probe(prepared: Prepared, most: int = 0, seconds: float = SECONDS) -> Pace:
    """Times passes over parts of the first epoch, the optimizer, and a validation's parts.

    Args:
        most: target tokens of one pass; 0 means: as many as a batch has.
        seconds: about how long the passes take.
    """
    model, mode = prepared.model, prepared.model.training
    device = model.output.weight.device.type
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        model.train()
        token_seconds = _token_seconds(prepared, device, most, seconds)
        optimizer = _optimizer_seconds(model, prepared.settings.training)
        model.eval()
        with torch.no_grad():
            validation = _validation_seconds(prepared, device)
        model.train(mode)
    return Pace(token_seconds, optimizer, validation)


def first_pairs(batch: PairBatch, target_tokens: float) -> PairBatch:
    """A batch's first pairs with about so many target tokens; at least one."""
    sums = batch.target_lengths.cumsum(0).tolist()
    count = max(1, sum(total <= target_tokens for total in sums))
    source = SourceBatch(batch.source.ids[:count], batch.source.lengths[:count])
    return PairBatch(source, batch.target_in[:count], batch.target_out[:count], batch.target_lengths[:count])


def _token_seconds(prepared: Prepared, device: str, most: int, seconds: float) -> float:
    """Seconds a target token over several batches, whole where that takes no longer than `seconds`, else in part.

    Each batch has shapes of its own, for which products are compiled at first; after some batches most are there. So
    the faster half of the passes counts.
    """
    training, epoch = prepared.settings.training, prepared.epochs.epoch(0)
    apart = max(1, len(epoch.batches) // BATCHES)
    numbers = list(range(0, len(epoch.batches), apart))[:BATCHES]
    first = first_pairs(epoch.batch(numbers[0], device), WARM_UP)
    _pass(prepared.model, first, training)
    slow = _pass(prepared.model, first, training) / int(first.target_lengths.sum())
    enough = max(WARM_UP, min(most or inf, 0.5 * seconds / slow))
    times: list[float] = []
    end = clock() + seconds
    while len(times) < 2 or (len(times) < len(numbers) and clock() < end):
        batch = first_pairs(epoch.batch(numbers[len(times) % len(numbers)], device), enough)
        times.append(_pass(prepared.model, batch, training) / int(batch.target_lengths.sum()))
    return median(sorted(times)[: ceil(len(times) / 2)])


def _pass(model: TrainableModel[Any], batch: PairBatch, settings: TrainingSettings) -> float:
    """Seconds of a forward and a backward pass whose gradients go nowhere."""
    begin = clock()
    with kernels.fused(settings.kernels == "fused"):
        loss, _, count = training_loss(model, batch, settings)
    gradients = torch.autograd.grad(loss / count, list(model.parameters()), allow_unused=True)
    hardware.wait_for(gradients[-1])
    return clock() - begin


def _optimizer_seconds(model: TrainableModel[Any], settings: TrainingSettings) -> float:
    """Clipping and one step on numbers of its own, scaled to the model's parameters."""
    count = sum(parameter.numel() for parameter in model.parameters())
    trial = nn.Linear(256, max(1, min(count, VALUES) // 256), bias=False, device=model.output.weight.device)
    optimizer = build_optimizer(trial, settings)
    times = []
    for _ in range(3):
        trial.weight.grad = torch.full_like(trial.weight, 1e-3)
        begin = clock()
        nn.utils.clip_grad_norm_(trial.parameters(), 1.0)
        optimizer.step()
        hardware.wait_for(trial.weight)
        times.append(clock() - begin)
    return min(times) * count / trial.weight.numel()


def _validation_seconds(prepared: Prepared, device: str) -> float:
    """The loss' time from a part of a batch, the translations' from a few steps of one group of sentences."""
    settings, valid = prepared.settings, prepared.corpus.valid
    some = range(0, len(valid), -(-len(valid) // SENTENCES))
    sources = prepared.tokenizers.source.encode([valid.source[at] for at in some])
    targets = prepared.tokenizers.target.encode([valid.target[at] for at in some])
    tokens = sum(len(row) + 1 for row in targets) / len(some)
    batch = first_pairs(prepared.epochs.epoch(0).batch(0, device), WARM_UP)
    begin = clock()
    batch_loss(prepared.model, batch, 0.0, torch.float32)
    loss = (clock() - begin) / int(batch.target_lengths.sum()) * tokens * len(valid)
    pieces = [row[: settings.search.longest_source] for row in sources]
    encoding, step = _search_seconds(prepared.model, pieces, settings.search.batch_tokens, device)
    translated = min(settings.training.validation_sentences, len(valid))
    return loss + translated * (encoding + WAITING * step * tokens)


def _search_seconds(
    model: TrainableModel[Any], sources: list[list[int]], budget: int, device: str
) -> tuple[float, float]:
    """Seconds that a sentence takes to be encoded, and for one step of greedy search."""
    rows = sorted(sources, key=len)[len(sources) // 4 :]
    # As a search groups them: a rectangle within the budget, which one long line must not widen.
    rows = [row for at, row in enumerate(rows) if at == 0 or (at + 1) * (1 + len(row)) <= budget]
    begin = clock()
    state = model.start(model.encode(source_batch(rows, device)))
    encoded = clock()
    tokens = torch.full((len(rows),), BOS, dtype=torch.long, device=device)
    for at in range(DECODED + 1):
        if at == 1:
            warm = clock()
        step, state = model.step(tokens, state, False)
        tokens = best_tokens(step.log_probabilities, 1)[1][:, 0].to(device)
    return (encoded - begin) / len(rows), (clock() - warm) / DECODED / len(rows)
