"""How much memory a training will take at its peak, reckoned from what the backward pass keeps of a small batch."""

from dataclasses import dataclass
from math import log10
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dragoman import kernels
from dragoman.batches.packed import filled_up
from dragoman.batches.padded import pair_batch
from dragoman.config import Settings
from dragoman.models.contract import TrainableModel
from dragoman.text.special import UNKNOWN
from dragoman.training.loss import ROWS
from dragoman.training.step import training_loss

HEAP = {"float32": (1.3, 0.3), "bfloat16": (1.4, 0.8)}
"""Measured: bytes that a batch takes for each byte that its backward pass needs, gradients on their way and gaps in the
heap included: after SHORT updates, and how many more with every ten times as many."""
SHORT, LONG = 60, 10_000
"""Updates of a short training, and of one whose length is not known."""
LIBRARIES = {"float32": 40 * 2**20, "bfloat16": 130 * 2**20}
"""Measured: what torch, numba and oneDNN's compiled products take on the way from the first pass to the last."""


@dataclass(frozen=True)
class Kept:
    """What a forward pass keeps for the backward pass, in bytes; weights themselves left out."""

    constant: float
    position: float
    """A target position, with a source position beside it."""


def kept(settings: Settings, model: TrainableModel[Any], length: int) -> Kept:
    """Counts what two small batches of sentences of `length` tokens keep; model and random numbers stay as they are."""
    few = max(1, 64 // length)
    small, large = (filled_up(rows * length) for rows in (few, 3 * few))
    mode = model.training
    model.train()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        one, three = (_kept_bytes(settings, model, rows, length) for rows in (few, 3 * few))
    model.train(mode)
    position = (three - one) / (large - small)
    return Kept(max(0.0, one - position * small), position)


def _kept_bytes(settings: Settings, model: TrainableModel[Any], rows: int, length: int) -> int:
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    found: dict[int, tuple[int, Tensor]] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # The tensor is held too, so that no later one takes its place in memory.
        found[storage.data_ptr()] = storage.nbytes(), tensor
        return tensor

    training, sentences = settings.training, [[UNKNOWN] * (length - 1)] * rows
    batch = pair_batch(sentences, sentences, model.output.weight.device)
    with torch.autograd.graph.saved_tensors_hooks(note, _same), kernels.fused(training.kernels == "fused"):
        training_loss(model, batch, training)
    return sum(size for place, (size, _) in found.items() if place not in weights)


def _same(tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True)
class Demand:
    """What a training takes at its peak, in bytes."""

    fixed: int
    batch: float
    """What the backward pass of one batch needs."""
    heap: tuple[float, float]

    def after(self, updates: int = LONG) -> int:
        """With so many updates: the longer a training, the more gaps its heap has."""
        begin, grows = self.heap
        return self.fixed + round(self.batch * (begin + grows * log10(max(1, updates) / SHORT)))


def memory_forecast(settings: Settings, model: TrainableModel[Any], longest: int | None = None, held: int = 0) -> int:
    """Bytes at the peak of a long training; arguments as those of `demand`."""
    return demand(settings, model, longest, held).after()


def demand(settings: Settings, model: TrainableModel[Any], longest: int | None = None, held: int = 0) -> Demand:
    """What a training will take, to be asked once the corpus is read and before the first update.

    What the process has already, gradients and two moments, one batch's activations, what libraries take on the way,
    and a validation's chunk of logits three times: as they are, as probabilities, as a gradient.

    Args:
        longest: tokens of the corpus' longest sentence; attention keeps its square.
        held: bytes of the optimizer's moments and of averages that the process has already.
    """
    length = max(2, min(longest or 32, settings.batches.longest))
    found = kept(settings, model, length)
    count = sum(parameter.numel() for parameter in model.parameters())
    vocabulary, width = model.output.weight.shape
    loss = 3 * min(ROWS, settings.batches.target_tokens) * vocabulary * 4 + 2 * vocabulary * width * 4
    averages = 4 * count if settings.training.average else 0
    dtype, tensors = settings.training.dtype, round(12 * count + loss + found.constant)
    batch = found.position * filled_up(settings.batches.target_tokens)
    return Demand(resident() - held + averages + tensors + LIBRARIES[dtype], batch, HEAP[dtype])


def resident() -> int:
    """Bytes of memory that this process has now."""
    return _status("VmRSS:") or peak_memory()


def peak_memory() -> int:
    """The most bytes of memory that this process has had so far."""
    from dragoman.training.profiling.profiler import peak_memory as peak

    return peak()


def _status(name: str) -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = [line.split()[1] for line in lines if line.startswith(name)]
    return int(found[0]) * 1024 if found else 0
