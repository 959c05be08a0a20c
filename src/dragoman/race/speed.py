"""How fast each contestant trains and translates, by the length of the sentences.

The sentences are drawn tokens, all of one length, so that nothing is padding; a batch has the same number of target
tokens at every length. Each repetition measures every contestant once before the next one begins: whatever else the
machine does meets all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import nn

from dragoman import kernels
from dragoman.batches.padded import BOS, PairBatch, SourceBatch
from dragoman.config import ModelSettings, TrainingSettings
from dragoman.models import hardware
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.race.lengths import check_lengths
from dragoman.race.synthetic import drawn_pairs
from dragoman.search.hypothesis import best_tokens
from dragoman.training.optimizer import build_optimizer
from dragoman.training.step import step, training_loss

LENGTHS = (8, 16, 32, 64, 128, 256)
RATE = 1e-5
"""The learning rate; its value costs nothing."""

Tell = Callable[[str, float], None]
"""Is told what was measured last, and the share (0-1) of the measure that is over."""
Taken = TypeVar("Taken")


@dataclass(frozen=True)
class SpeedPlan:
    """What is measured; threads are those that the process has been given."""

    vocabulary: int
    training: TrainingSettings = field(default_factory=TrainingSettings)
    """With dtype and kernels decided."""
    lengths: Sequence[int] = LENGTHS
    """Positions on either side, end mark included."""
    target_tokens: int = 4096
    """Target positions of a batch."""
    repetitions: int = 5
    seed: int = 1

    def rows(self, length: int) -> int:
        """Sentences of a batch."""
        return max(1, self.target_tokens // length)

    def positions(self, length: int) -> int:
        """Target positions of a batch."""
        return self.rows(length) * length


@dataclass(frozen=True)
class UpdateTimes:
    """Seconds of an update's three parts."""

    forward: float
    """The loss too, which makes its own gradient at once (`dragoman.training.loss`)."""
    backward: float
    update: float
    """Clipping and the optimizer's step."""

    @property
    def total(self) -> float:
        """The whole update."""
        return self.forward + self.backward + self.update


def measure_speed(
    contestants: Mapping[str, ModelSettings], plan: SpeedPlan, tell: Tell = lambda *_: None
) -> dict[str, Any]:
    """Times updates: target tokens a second, and seconds of forward pass, backward pass and update.

    Returns:
        `lengths`, `target_tokens`, and for each contestant an entry a length, medians over the repetitions; `spread`
        is the slowest and the fastest repetition's speed.

    Raises:
        DragomanError: sentences of the longest length do not fit into memory.
    """
    check_lengths(contestants, plan.training, plan.vocabulary, plan.lengths, plan.positions)

    def entry(length: int, taken: Sequence[UpdateTimes]) -> dict[str, Any]:
        return _speed(length, plan.positions(length), [one.total for one in taken]) | _parts(taken)

    found = _by_length({name: _Updates(one, plan) for name, one in contestants.items()}, plan, entry, tell)
    return found | {"target_tokens": plan.target_tokens}


def measure_translation_speed(
    contestants: Mapping[str, ModelSettings], plan: SpeedPlan, tell: Tell = lambda *_: None
) -> dict[str, Any]:
    """Times greedy search that ends no sentence before it has as many tokens as its source: target tokens a second.

    Returns:
        `lengths`, and for each contestant an entry a length: the median, and as `spread` the slowest and the fastest
        repetition's speed.

    Raises:
        DragomanError: sentences of the longest length do not fit into memory.
    """
    check_lengths(contestants, plan.training, plan.vocabulary, plan.lengths, plan.positions)

    def entry(length: int, taken: Sequence[float]) -> dict[str, Any]:
        return _speed(length, plan.positions(length), taken)

    return _by_length({name: _Translations(one, plan) for name, one in contestants.items()}, plan, entry, tell)


def _by_length(
    runners: Mapping[str, Callable[[PairBatch], Taken]],
    plan: SpeedPlan,
    entry: Callable[[int, Sequence[Taken]], dict[str, Any]],
    tell: Tell,
) -> dict[str, Any]:
    """Runs all contestants at each length; `entry` makes of what a contestant took what is kept."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in runners}
    for number, length in enumerate(plan.lengths):
        for name, taken in _interleaved(runners, _batch(plan, length), plan.repetitions).items():
            found[name].append(entry(length, taken))
        tell(f"{length} tokens", (number + 1) / len(plan.lengths))
    return {"lengths": list(plan.lengths), "contestants": found}


class _Updates:
    """One contestant's training."""

    def __init__(self, settings: ModelSettings, plan: SpeedPlan):
        self.training = plan.training
        self.model = _built(settings, plan).train()
        self.optimizer = build_optimizer(self.model, plan.training)

    def __call__(self, batch: PairBatch) -> UpdateTimes:
        """Makes one update."""
        parameters, last = list(self.model.parameters()), self.model.output.weight
        begin = perf_counter()
        with kernels.fused(self.training.kernels == "fused"):
            loss, _, count = training_loss(self.model, batch, self.training)
        hardware.wait_for(loss)
        forward = perf_counter()
        (loss / count).backward()
        hardware.wait_for(last.grad)
        backward = perf_counter()
        nn.utils.clip_grad_norm_(parameters, self.training.clip or float("inf"))
        step(self.optimizer, RATE)
        hardware.wait_for(last)
        return UpdateTimes(forward - begin, backward - forward, perf_counter() - backward)


class _Translations:
    """One contestant's search."""

    def __init__(self, settings: ModelSettings, plan: SpeedPlan):
        self.model = _built(settings, plan).eval()

    def __call__(self, batch: PairBatch) -> float:
        """Translates one batch; gives the seconds."""
        begin = perf_counter()
        translate_forced(self.model, batch.source, batch.source.ids.shape[1])
        return perf_counter() - begin


def _built(settings: ModelSettings, plan: SpeedPlan) -> TrainableModel[Any]:
    return build_model(settings, plan.vocabulary, plan.vocabulary, plan.seed).to(hardware.device())


def _batch(plan: SpeedPlan, length: int) -> PairBatch:
    return drawn_pairs(plan.rows(length), length, plan.vocabulary, plan.seed, device=hardware.device())


def _interleaved(
    runners: Mapping[str, Callable[[PairBatch], Taken]], batch: PairBatch, repetitions: int
) -> dict[str, list[Taken]]:
    """Runs every contestant once to warm up, then all of them again and again, in turn."""
    for run in runners.values():
        run(batch)
    taken: dict[str, list[Taken]] = {name: [] for name in runners}
    for _ in range(repetitions):
        for name, run in runners.items():
            taken[name].append(run(batch))
    return taken


def translate_forced(model: TrainableModel[Any], source: SourceBatch, tokens: int) -> list[list[int]]:
    """Greedy search in which the end mark ends nothing: every sentence gets so many tokens."""
    chosen = []
    with torch.inference_mode():
        state = model.start(model.encode(source))
        latest = torch.full_like(source.lengths, BOS)
        for _ in range(tokens):
            scored, state = model.step(latest, state)
            latest = best_tokens(scored.log_probabilities, 1)[1][:, 0].to(source.ids.device)
            chosen.append(latest.tolist())
    return [list(row) for row in zip(*chosen, strict=True)]


def _speed(length: int, tokens: int, seconds: Sequence[float]) -> dict[str, Any]:
    return {
        "length": length,
        "tokens_per_second": tokens / median(seconds),
        "spread": [tokens / max(seconds), tokens / min(seconds)],
        "repetitions": len(seconds),
    }


def _parts(taken: Sequence[UpdateTimes]) -> dict[str, float]:
    return {part: median(getattr(one, part) for one in taken) for part in ("forward", "backward", "update")}
