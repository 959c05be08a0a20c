"""The copy task: how many of the tokens that a model has read can it still write, by how long ago it read them?

A sequence of random tokens is to be written again. A model that reads one way reads token i of n at step i, then the
end mark and the beginning of what it writes, and writes token i at step i + n + 1: each token of a sequence is as long
ago as any other. So the distance is a matter of the sequence's length alone.

Shapes: B sequences, N tokens of a sequence.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from random import Random
from time import perf_counter
from typing import Any

import torch

from dragoman.batches.padded import EOS, PairBatch, pair_batch, source_batch
from dragoman.config import ModelSettings, SearchSettings, TrainingSettings
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.models.contract import ScoringModel, TrainableModel
from dragoman.search import search
from dragoman.training.facts import parameters
from dragoman.training.optimizer import build_optimizer
from dragoman.training.schedule import learning_rate
from dragoman.training.step import gradient, step

SHAPE = ModelSettings(
    d_model=64, d_ff=256, heads=4, encoder_layers=1, decoder_layers=1, dropout=0.0, bidirectional=False
)
"""The Transformer of this task; the others get its number of parameters. All recurrent ones read one way."""
RATES: Mapping[str, float] = {
    "rnn": 1e-3,
    "rnn-attention": 4e-3,
    "gru": 8e-3,
    "gru-attention": 8e-3,
    "lstm": 8e-3,
    "lstm-attention": 4e-3,
    "transformer": 4e-3,
}
"""Each contestant's learning rate, found by one and the same search (benchmarks/tune_copying.py)."""
FIRST = EOS + 1
"""The first token of a sequence; those before it are the marks."""
TOLERANCE = 0.02
"""Share by which the contestants' numbers of parameters may differ from one that is given them all."""
SEARCH = SearchSettings(beam=1, longest_ratio=1)
WARM_UP = 50


@dataclass(frozen=True)
class CopyTask:
    """What is copied."""

    kinds: int = 16
    """Different tokens; a blind guess is right once in so many."""
    distances: tuple[int, ...] = (5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200)
    """Steps between reading and writing a token; a sequence has one token less than that."""
    batch_tokens: int = 2000
    """Tokens of a batch, end marks included; its sequences have one length."""
    tested_tokens: int = 2000
    """Of each distance."""
    seed: int = 1

    @property
    def vocabulary(self) -> int:
        """Its size, marks included."""
        return FIRST + self.kinds


@dataclass(frozen=True)
class CopyContestant:
    """A small model, and how it learns."""

    model: ModelSettings
    training: TrainingSettings
    """Its rate, clipping, kernels, threads; schedule, smoothing and end are the task's matter."""


@dataclass(frozen=True)
class CopyBudget:
    """How long each contestant learns; one of the three is given."""

    seconds: float = 0
    """Of updates: building and testing are left out."""
    updates: int = 0
    target_tokens: int = 0

    def __post_init__(self) -> None:
        if sum(part > 0 for part in (self.seconds, self.updates, self.target_tokens)) != 1:
            raise DragomanError("the copy task needs one budget: give it seconds, updates or target tokens")

    def share(self, spent: "Spent") -> float:
        """The share of the training that is over, 0 to 1."""
        parts = (spent.seconds, self.seconds), (spent.updates, self.updates), (spent.target_tokens, self.target_tokens)
        return min(1.0, max(done / whole for done, whole in parts if whole))


@dataclass
class Spent:
    """What a training has used."""

    seconds: float = 0.0
    updates: int = 0
    target_tokens: int = 0
    skipped: int = 0
    """Updates whose loss or gradient was no finite number, so that the weights stayed as they were."""


def measure_copying(
    contestants: Mapping[str, CopyContestant],
    budget: CopyBudget,
    task: CopyTask | None = None,
    tell: Callable[[str, float], None] = lambda *_: None,
) -> dict[str, Any]:
    """Trains a small model of each contestant on copying, on the same batches, and tests it at each distance.

    `recall` is the share of tokens that greedy decoding writes at their place, `forced` the same where the right
    tokens before it are given.

    Args:
        tell: is told the contestant's name and the share (0-1) of its training, after each update.

    Raises:
        DragomanError: no contestants, or their numbers of parameters do not lie within 2 % of one number.
    """
    task = task or CopyTask()
    size = task.vocabulary
    models = {name: build_model(one.model, size, size, task.seed) for name, one in contestants.items()}
    counts = {name: parameters(model) for name, model in models.items()}
    _check_equal(counts)
    found: dict[str, Any] = {}
    for name, model in models.items():
        spent = train(model, contestants[name].training, budget, task, partial(tell, name))
        found[name] = {**recall(model, task), **vars(spent), "parameters": counts[name]}
    return {"distances": list(task.distances), "kinds": task.kinds, "chance": 1 / task.kinds, "contestants": found}


def _check_equal(counts: Mapping[str, int]) -> None:
    if not counts:
        raise DragomanError("nobody to copy; give at least one contestant")
    fewest, most = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    if counts[most] * (1 - TOLERANCE) > (1 + TOLERANCE) * counts[fewest]:
        raise DragomanError(
            f"{most} has {counts[most]:,} parameters and {fewest} {counts[fewest]:,}; "
            f"give contestants that lie within {TOLERANCE:.0%} of one number"
        )


def train(
    model: TrainableModel[Any],
    settings: TrainingSettings,
    budget: CopyBudget,
    task: CopyTask,
    tell: Callable[[float], None] = lambda _: None,
) -> Spent:
    """Trains a model to copy until the budget is spent; same task, same batches in the same order."""
    settings = replace(
        settings, schedule="cosine", warmup_steps=WARM_UP, label_smoothing=0.0, agreement=0.0, dtype="float32"
    )
    model.train()
    optimizer, spent, share = build_optimizer(model, settings), Spent(), 0.0
    _warm_up(model, settings, task)
    drawn = batches(task)
    while share < 1:
        batch = next(drawn)
        begin = perf_counter()
        found = gradient(model, [batch], settings)
        if isfinite(found.loss + found.gradient_norm):
            step(optimizer, learning_rate(settings, spent.updates + 1, share))
        else:
            optimizer.zero_grad(set_to_none=True)
            spent.skipped += 1
        spent.seconds += perf_counter() - begin
        spent.updates += 1
        spent.target_tokens += found.target_tokens
        share = budget.share(spent)
        tell(share)
    model.eval()
    return spent


def _warm_up(model: TrainableModel[Any], settings: TrainingSettings, task: CopyTask) -> None:
    """What libraries prepare at a first call, nobody's training pays for."""
    for distance in task.distances:
        gradient(model, [batch_of(task, distance, Random(0))], settings)
    model.zero_grad(set_to_none=True)


def batches(task: CopyTask) -> Iterator[PairBatch]:
    """Batches without end, each of a distance drawn evenly."""
    random = Random(f"copying {task.seed}")
    while True:
        yield batch_of(task, random.choice(task.distances), random)


def batch_of(task: CopyTask, distance: int, random: Random) -> PairBatch:
    """A batch of new sequences of one length."""
    rows = sequences(task, distance, max(1, task.batch_tokens // distance), random)
    return pair_batch(rows, rows)


def sequences(task: CopyTask, distance: int, count: int, random: Random) -> list[list[int]]:
    """Random sequences whose tokens are written so many steps after they were read."""
    return [random.choices(range(FIRST, task.vocabulary), k=distance - 1) for _ in range(count)]


def recall(model: ScoringModel[Any], task: CopyTask) -> dict[str, list[float]]:
    """The share (0-1) of right tokens at each distance, in sequences that were not trained on: greedy, and forced."""
    random = Random(f"copying {task.seed} test")
    found: dict[str, list[float]] = {"recall": [], "forced": []}
    for distance in task.distances:
        rows = sequences(task, distance, max(1, task.tested_tokens // (distance - 1)), random)
        found["recall"].append(_written(model, rows))
        found["forced"].append(_forced(model, rows))
    return found


def _written(model: ScoringModel[Any], rows: list[list[int]]) -> float:
    found = search(model, source_batch(rows), SEARCH)
    right = [
        sum(token == own for token, own in zip(hypotheses[0].tokens, row, strict=False))
        for hypotheses, row in zip(found, rows, strict=True)
    ]
    return sum(right) / sum(map(len, rows))


def _forced(model: ScoringModel[Any], rows: list[list[int]]) -> float:
    batch = pair_batch(rows, rows)
    with torch.inference_mode():
        guessed = model.project(model.hidden(batch)).argmax(-1)
    # The end mark, which is no token of the sequence, stands last.
    return float((guessed == batch.target_out)[:, :-1].double().mean())
