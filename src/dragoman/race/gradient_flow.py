"""How much of a gradient arrives where it came from, by the number of steps in between.

Three axes. `decoder`: d(loss at target position t) / d(decoder's input at s), by t - s. `encoder`: d(the encoder's
output at t along a fixed random direction) / d(its input at s), by t - s, where the encoder reads one way.
`end-to-end`: on the copy task, d(loss at target position t) / d(source token t), by the sentence's length L: a model
that reads one way has read that token L steps before it has to write it, whichever of the sentence's tokens it is.

All models read one way here, have no dropout, and are measured in float64, where small gradients do not end at zero.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from random import Random
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dragoman.batches.padded import EOS, PairBatch
from dragoman.config import ModelSettings, TrainingSettings
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.race import gradient_norms as norms
from dragoman.race.lengths import check_lengths
from dragoman.race.speed import Tell
from dragoman.race.synthetic import drawn_pairs
from dragoman.training.optimizer import build_optimizer
from dragoman.training.schedule import learning_rate
from dragoman.training.step import gradient, step

Norms = dict[int, Float[Tensor, "_"]]
"""Gradients' lengths by distance."""
MOMENTS = ((False, None), (True, True), (True, False))
"""Whether a model has been trained, and with the gradient's length limited or not."""


@dataclass(frozen=True)
class FlowPlan:
    """What is looked at, and how long the models train before they are looked at again."""

    vocabulary: int = EOS + 1 + 32
    """Tokens of the copy task, special ones included."""
    length: int = 64
    """Positions of the sentences whose decoder and encoder are looked at, end mark included."""
    lengths: Sequence[int] = (4, 8, 16, 32, 64, 128)
    """Positions of the sentences that are looked at from end to end."""
    sentences: int = 8
    """Of each length."""
    places: int = 16
    """Positions t that are looked at in a sentence, evenly spread; each costs a backward pass."""
    updates: int = 200
    """Of the training on the copy task."""
    learnt_length: int = 16
    """Positions of the longest sentences there; each batch has one length, drawn evenly from 2 on."""
    batch: int = 64
    """Sentences of a batch there."""
    seed: int = 1


def measure_gradients(
    contestants: Mapping[str, ModelSettings],
    training: Mapping[str, TrainingSettings],
    plan: FlowPlan | None = None,
    both_starts: Collection[str] = (),
    tell: Tell = lambda *_: None,
) -> dict[str, Any]:
    """Looks at every contestant before and after a short training on the copy task, with and without clipping.

    Args:
        training: for each contestant its learning rate, schedule and limit of clipping; its ends are not used.
        both_starts: contestants that are looked at from an orthogonal and from a plain start.

    Returns:
        `curves`: the mean over sentences and positions of log10 of the norm, with quartiles; `as_raced` where the
        start is that of the race. `singular_values` of each `side`'s plain recurrences (encoder, decoder), with the
        largest eigenvalue's size, what a step does in that side's curve, and all that in a sentence. `trainings`: the
        updates made, the mean loss (nats a token) of their last tenth, the largest norm of a whole gradient. `plan`.

    Raises:
        DragomanError: sentences of the longest length do not fit into memory.
    """
    plan = plan or FlowPlan()
    entrants = _entrants(contestants, both_starts)
    _check_memory(contestants, plan)
    about_all = asdict(plan) | {"lengths": list(plan.lengths)}
    found: dict[str, Any] = {"plan": about_all, "curves": [], "singular_values": [], "trainings": []}
    for number, (name, start, shape) in enumerate(entrants):
        for part, (trained, clip) in enumerate(MOMENTS):
            moment = "trained" if trained else "start"
            about = {"contestant": name, "start": start, "moment": moment, "clip": clip}
            about["as_raced"] = start in ("default", contestants[name].recurrent_start)
            model = build_model(shape, plan.vocabulary, plan.vocabulary, plan.seed).train()
            if trained:
                found["trainings"].append(about | train_copying(model, training[name], plan, bool(clip)))
            curves = {axis: norms.curve(lengths) for axis, lengths in look(model.double(), plan).items()}
            found["curves"] += [about | {"axis": axis} | curve for axis, curve in curves.items()]
            found["singular_values"] += [about | one for one in stretches(model, curves)]
            tell(f"{name}, {start}, {moment}", (number + (part + 1) / len(MOMENTS)) / len(entrants))
    return found


def stretches(model: nn.Module, curves: Mapping[str, Mapping[str, Sequence[float]]]) -> list[dict[str, Any]]:
    """What the matrices of each side's plain recurrences do, beside what a step does in that side's own curve."""
    found = []
    for side, part in model.named_children():
        if side in curves and (matrices := norms.recurrent_matrices(part)):
            stretch, step_back = norms.Stretch.of(matrices), norms.per_step(curves[side])
            told = {"per_step": step_back, "sentence": stretch.told(side, step_back)}
            found.append({"side": side} | asdict(stretch) | told)
    return found


def _entrants(
    contestants: Mapping[str, ModelSettings], both_starts: Collection[str]
) -> list[tuple[str, str, ModelSettings]]:
    """Each contestant's name, how it starts, and its shape: reading one way, without dropout."""
    found = []
    for name, settings in contestants.items():
        shape = replace(settings, bidirectional=False, dropout=0.0, attention_dropout=0.0)
        if name in both_starts:
            found.append((name, "orthogonal", replace(shape, recurrent_start="orthogonal")))
            found.append((name, "plain", replace(shape, recurrent_start="plain")))
        else:
            found.append((name, "default", shape))
    return found


def _check_memory(shapes: Mapping[str, ModelSettings], plan: FlowPlan) -> None:
    training = TrainingSettings(dtype="float32", kernels="plain")
    # float64 takes as much memory as twice the positions in float32.
    check_lengths(
        shapes, training, plan.vocabulary, [plan.length, *plan.lengths], lambda length: 2 * plan.sentences * length
    )


def train_copying(
    model: TrainableModel[Any], training: TrainingSettings, plan: FlowPlan, clip: bool
) -> dict[str, float]:
    """Trains on the copy task; ends early where a gradient is no finite number, before it spoils the weights."""
    limit = (training.clip or 1.0) if clip else 0.0
    warm_up = min(training.warmup_steps, plan.updates // 10)
    settings = replace(
        training, clip=limit, warmup_steps=warm_up, label_smoothing=0.0, agreement=0.0, dtype="float32", kernels="plain"
    )
    optimizer, draw = build_optimizer(model, settings), Random(plan.seed)
    losses: list[float] = []
    largest = 0.0
    for number in range(plan.updates):
        length = draw.randint(2, plan.learnt_length)
        batch = drawn_pairs(plan.batch, length, plan.vocabulary, draw.getrandbits(32), copied=True)
        found = gradient(model, [batch], settings)
        if not isfinite(found.gradient_norm):
            break
        step(optimizer, learning_rate(settings, number + 1, number / plan.updates))
        losses.append(found.loss)
        largest = max(largest, found.gradient_norm)
    last = losses[-(plan.updates // 10 + 1) :]
    return {"updates": len(losses), "loss": sum(last) / max(1, len(last)), "largest_norm": largest}


def look(model: TrainableModel[Any], plan: FlowPlan) -> dict[str, Norms]:
    """The gradients' norms on every axis that the model has; the encoder's only where it reads one way."""
    batch = drawn_pairs(plan.sentences, plan.length, plan.vocabulary, plan.seed, copied=True)
    # Without the last position, where the end mark is predicted and not a token.
    places = spread(plan.length - 1, plan.places)
    found = {"decoder": norms.by_distance(decoder_norms(model, batch, places), places)}
    across = encoder_norms(model, batch, places, plan.seed)
    if norms.is_causal(across, places):
        found["encoder"] = norms.by_distance(across, places)
    found["end-to-end"] = {
        length: copy_norms(model, drawn_pairs(plan.sentences, length, plan.vocabulary, plan.seed, True), plan.places)
        for length in plan.lengths
    }
    return found


def spread(length: int, count: int) -> list[int]:
    """At most so many positions below `length`, evenly spread, the last one among them."""
    count = min(count, length)
    return [(number + 1) * length // count - 1 for number in range(count)]


def losses_by_position(model: TrainableModel[Any], batch: PairBatch) -> Float[Tensor, "B T"]:
    """Nats of predicting the right token at each target position."""
    scores = model.project(model.hidden(batch)).log_softmax(-1)
    return -scores.gather(-1, batch.target_out[..., None])[..., 0]


def decoder_norms(model: TrainableModel[Any], batch: PairBatch, places: Sequence[int]) -> Float[Tensor, "B P T"]:
    """The length of d(loss at each of `places`) / d(decoder's input at each position)."""
    with norms.inputs_of(model.target_embedding) as inputs:
        losses = losses_by_position(model, batch)
    return norms.gradient_norms(losses, inputs[0], places)


def encoder_norms(
    model: TrainableModel[Any], batch: PairBatch, places: Sequence[int], seed: int
) -> Float[Tensor, "B P S"]:
    """The length of d(encoder's output at each of `places` . a fixed direction) / d(its input at each position)."""
    with norms.inputs_of(model.source_embedding) as inputs:
        vectors = model.encode(batch.source).vectors
    direction = torch.randn(vectors.shape[-1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    along = vectors @ (direction / direction.norm()).to(vectors)
    return norms.gradient_norms(along, inputs[0], places)


def copy_norms(model: TrainableModel[Any], batch: PairBatch, places: int) -> Float[Tensor, "_"]:
    """The length of d(loss at target position t) / d(source token t) for each sentence and several t."""
    at = spread(batch.target_out.shape[1] - 1, places)
    with norms.inputs_of(model.source_embedding) as inputs:
        losses = losses_by_position(model, batch)
    across = norms.gradient_norms(losses, inputs[0], at)
    return across[:, range(len(at)), at].flatten()
