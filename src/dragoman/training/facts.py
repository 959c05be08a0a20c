"""What was found and chosen before the first update, in words; and the model as a table."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from dragoman.config import Settings
from dragoman.evaluation import look_unspaced
from dragoman.layers.attention import MultiHeadAttention
from dragoman.models import hardware
from dragoman.training.preparing import Prepared
from dragoman.training.safety.limits import available_memory
from dragoman.training.safety.memory import memory_forecast, resident
from dragoman.training.watching.forecast import Forecast
from dragoman.training.watching.words import count

_MANY = 0.05
"""The share of pairs that are too long, from which it is said aloud."""

__all__ = ["Part", "available_memory", "facts", "memory_forecast", "parameters", "parts", "spread"]


def facts(prepared: Prepared, foreseen: Forecast | None = None) -> dict[str, str]:
    """The first lines of a training: corpus, vocabulary, batches, model, machine, memory, time."""
    settings, corpus, epochs = prepared.settings, prepared.corpus, prepared.epochs
    first = epochs.epoch(0)
    source_real, target_real = first.real_shares
    about = "about " if first.windows > 1 else ""
    left_out = [f"{corpus.dropped} empty"] if corpus.dropped else []
    left_out += [f"{epochs.too_long} longer than {settings.batches.longest} tokens"] if epochs.too_long else []
    source, target = prepared.tokenizers.source.size, prepared.tokenizers.target.size
    steps = -(-first.pass_batches // settings.training.accumulate)
    return {
        "corpus": f"{corpus.name}: {len(epochs.pairs):,} pairs to train on, {len(corpus.valid):,} to validate on"
        + (f" (left out: {', '.join(left_out)})" if left_out else ""),
        "vocabulary": f"{settings.text.kind}, "
        + (f"{source:,} joint" if settings.text.joint else f"{source:,} source and {target:,} target"),
        "batches": f"{about}{first.pass_batches:,} an epoch ({count(steps, 'update')}), "
        f"{first.pass_tokens[1]:,} target tokens; "
        f"{source_real:.1%} of source and {target_real:.1%} of target positions are real",
        "model": f"{parameters(prepared.model):,} parameters",
        **({"embeddings": prepared.embeddings} if prepared.embeddings else {}),
        "machine": f"{hardware.device()}, {count(settings.training.threads, 'thread')}, {settings.training.dtype}, "
        f"{settings.training.kernels} kernels",
        **({"attention": _attention(settings)} if _has_fused_attention(prepared) else {}),
        "memory": _memory(foreseen.memory if foreseen else memory_forecast(settings, prepared.model, first.longest)),
        **({"time": foreseen.text()} if foreseen else {}),
    }


def _many_left_out(prepared: Prepared) -> str:
    """Where a twentieth of the pairs and more is too long."""
    long, kept = prepared.epochs.too_long, len(prepared.epochs.pairs)
    if long < _MANY * (long + kept):
        return ""
    limit = f"batches.longest={prepared.settings.batches.longest} tokens"
    return (
        f"{long:,} of {long + kept:,} pairs are longer than {limit} and are left out; "
        f"raise it, or cut the lines into sentences"
    )


def doubts(prepared: Prepared) -> list[str]:
    """What of the text should be thought of before it is trained on, one line each; none where nothing is amiss."""
    return [doubt for doubt in (_many_left_out(prepared), _without_spaces(prepared)) if doubt]


def _without_spaces(prepared: Prepared) -> str:
    """Where validation BLEU could tell nothing."""
    if prepared.settings.evaluation.tokenize in ("zh", "char") or not look_unspaced(prepared.corpus.valid.target):
        return ""
    return (
        "the target has no spaces between words, and validation BLEU needs words: "
        "begin anew with --set evaluation.tokenize=char, for Chinese zh"
    )


def _memory(peak: int) -> str:
    """The peak beside what there is: what the process has already, and what is free."""
    return f"about {peak / 2**30:.1f} GiB at the peak; {(resident() + available_memory()) / 2**30:.1f} GiB can be had"


def _has_fused_attention(prepared: Prepared) -> bool:
    parts = prepared.model.modules()
    return prepared.settings.training.kernels == "fused" and any(isinstance(one, MultiHeadAttention) for one in parts)


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
