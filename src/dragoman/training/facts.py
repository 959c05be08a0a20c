"""What was found and chosen before the first update, in words; and the model as a table."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from dragoman.batches.buckets import real_share
from dragoman.config import Settings
from dragoman.models import hardware
from dragoman.training.preparing import Prepared

BASE_BYTES = 660 * 2**20
"""What Python, torch, numba and the products compiled for each shape take, whatever the model."""

GRADIENTS = 0.5
"""Measured: what comes on top of the tensors that the backward pass needs (docs/lab-notebook.md)."""


def facts(prepared: Prepared) -> dict[str, str]:
    """The first lines of a training: corpus, vocabulary, batches, model, machine, memory."""
    settings, corpus, epochs = prepared.settings, prepared.corpus, prepared.epochs
    first = epochs.epoch(0)
    lengths = [len(row) + 1 for row in first.sources], [len(row) + 1 for row in first.targets]
    left_out = [f"{corpus.dropped} empty"] if corpus.dropped else []
    left_out += [f"{epochs.too_long} longer than {settings.batches.longest} tokens"] if epochs.too_long else []
    source, target = prepared.tokenizers.source.size, prepared.tokenizers.target.size
    steps = -(-len(first.batches) // settings.training.accumulate)
    return {
        "corpus": f"{corpus.name}: {len(corpus.train):,} pairs to train on, {len(corpus.valid):,} to validate on"
        + (f" (left out: {', '.join(left_out)})" if left_out else ""),
        "vocabulary": f"{settings.text.kind}, "
        + (f"{source:,} joint" if settings.text.joint else f"{source:,} source and {target:,} target"),
        "batches": f"{len(first.batches):,} an epoch ({steps:,} updates), {sum(lengths[1]):,} target tokens; "
        f"{real_share(lengths[0], first.batches):.1%} of source and "
        f"{real_share(lengths[1], first.batches):.1%} of target positions are real",
        "model": f"{parameters(prepared.model):,} parameters",
        **({"embeddings": prepared.embeddings} if prepared.embeddings else {}),
        "machine": f"{hardware.device()}, {settings.training.threads} threads, {settings.training.dtype}, "
        f"{settings.training.kernels} kernels",
        **({"attention": _attention(settings)} if settings.training.kernels == "fused" else {}),
        "memory": f"about {memory_forecast(settings, prepared.model) / 2**30:.1f} GiB"
        f" of {available_memory() / 2**30:.1f} GiB free",
    }


def _attention(settings: Settings) -> str:
    from dragoman.kernels.heads import LONG
    from dragoman.training.step import DTYPES

    most = LONG[DTYPES[settings.training.dtype]]
    return (
        f"batched products up to {most:,} keys, flash beyond" if settings.batches.longest > most else "batched products"
    )


def parameters(model: nn.Module) -> int:
    """Trained numbers, tied ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


@dataclass(frozen=True)
class Part:
    """One row of the model's table."""

    name: str
    shape: tuple[int, ...]
    """Of its weight; a bias is as long as the weight's first axis."""
    parameters: int
    initial: str
    """Mean and standard deviation of its first values; or whose tensor it shares."""


def parts(model: nn.Module) -> Iterator[Part]:
    """Every part that holds trained numbers, in the model's order, with its first values as they really are."""
    home: dict[int, str] = {}
    for name, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if not own:
            continue
        first, *others = own.values()
        if id(first) in home:
            yield Part(name, tuple(first.shape), 0, f"the same as {home[id(first)]}")
            continue
        home[id(first)] = name
        rest = [f"{label} {spread(tensor)}" for label, tensor in zip(list(own)[1:], others, strict=True)]
        yield Part(name, tuple(first.shape), parameters(module), ", ".join([spread(first), *rest]))


def spread(tensor: Tensor) -> str:
    """Mean and standard deviation of a tensor's values, or the value that they all are."""
    values = tensor.detach().flatten()
    if bool((values == values[0]).all()):
        return f"{float(values[0]):g}"
    return f"{round(float(values.mean()), 3) + 0:g} ± {float(values.std()):.2g}"


def memory_forecast(settings: Settings, model: nn.Module) -> int:
    """Bytes at the training's peak: libraries, weights with gradients and two moments, one batch's activations.

    Counted are the float32 values that the backward pass needs at each position of a layer: its norms' and maps'
    inputs and dropout masks, (encoder 11, decoder 18) d_model-wide and 3 d_ff-wide ones, and the attention weights;
    and GRADIENTS of that for what the backward pass makes on its way.
    """
    shape, positions = settings.model, settings.batches.target_tokens
    row = min(32, settings.batches.longest)
    encoder = 11 * shape.d_model + 3 * shape.d_ff + 4 * shape.heads * row
    decoder = 18 * shape.d_model + 3 * shape.d_ff + 8 * shape.heads * row
    activations = 4 * positions * (shape.encoder_layers * encoder + shape.decoder_layers * decoder)
    return BASE_BYTES + 16 * parameters(model) + round((1 + GRADIENTS) * activations)


def available_memory() -> int:
    """Bytes that this process may still take: free memory, or what is left under its control group's limit."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        found = [line.split()[1] for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable")]
        free = int(found[0]) * 1024 if found else free
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (most := limit.read_text().strip()) != "max":
        free = min(free, int(most) - int(used.read_text()))
    return free
