"""What metrics.jsonl tells, cut into the stretches between validations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Stretch:
    """The updates up to a validation, and what it found."""

    step: int
    epoch: int
    seconds: float
    """Of updates, since the training's beginning."""
    loss: float | None
    """Mean of the logged training losses, label smoothing included; None where nothing was logged."""
    clipped: float
    """Share of the logged updates whose gradient was clipped."""
    speed: float
    """Median target tokens a second."""
    valid: float
    """Validation loss, nats a token."""
    bleu: float
    tokens: int = 0
    """Target tokens trained on since the training's beginning."""
    rate: float = 0.0
    """The learning rate of the last logged update."""


def stretches(lines: Iterable[Line], clip: float) -> list[Stretch]:
    """Cuts the lines at the validations; those whose numbers are not finite (null) are left out, and one made twice.

    The mean of several checkpoints is no stretch of its own, nor is it on the curve of the others.
    """
    found: list[Stretch] = []
    logged: list[Line] = []
    for line in lines:
        if isinstance(line.get("loss"), int | float):
            logged.append(line)
        if isinstance(line.get("validation_loss"), int | float) and not line.get("mean"):
            if found and found[-1].step == line["step"]:
                continue
            found.append(_stretch(line, logged, clip))
            logged = []
    return found


def _stretch(line: Line, logged: Sequence[Line], clip: float) -> Stretch:
    losses = [float(one["loss"]) for one in logged]
    norms = [one.get("gradient_norm") for one in logged]
    speeds = [float(one["tokens_per_second"]) for one in logged if one.get("tokens_per_second")]
    return Stretch(
        step=int(line["step"]),
        epoch=int(line.get("epoch") or 0),
        seconds=float(line.get("seconds") or 0.0),
        loss=fmean(losses) if losses else None,
        clipped=sum(norm is None or norm > clip > 0 for norm in norms) / max(1, len(norms)),
        speed=median(speeds) if speeds else 0.0,
        valid=float(line["validation_loss"]),
        bleu=float(line.get("validation_bleu") or 0.0),
        tokens=int(line.get("target_tokens") or 0),
        rate=float(logged[-1].get("learning_rate") or 0.0) if logged else 0.0,
    )
