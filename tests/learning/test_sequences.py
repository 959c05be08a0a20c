"""Small translators learn to copy, reverse and sort, each to a stated bound within stated updates.

Sequences of 1 to 10 of 20 tokens; fresh ones for the test, none of which was trained on.
"""

import random
from collections.abc import Callable

import pytest
import torch

from dragoman.batches.padded import pair_batch, source_batch
from dragoman.config import ModelSettings, SearchSettings, TrainingSettings
from dragoman.models.build import build_model
from dragoman.search import search
from dragoman.training.optimizer import build_optimizer
from dragoman.training.schedule import learning_rate
from dragoman.training.step import update

FIRST, TOKENS, LONGEST, BATCH = 4, 20, 10, 64
TASKS: dict[str, Callable[[list[int]], list[int]]] = {"copy": list, "reverse": lambda row: row[::-1], "sort": sorted}


def sequences(count: int, seed: int) -> list[list[int]]:
    draw = random.Random(seed)
    return [[draw.randrange(FIRST, FIRST + TOKENS) for _ in range(draw.randint(1, LONGEST))] for _ in range(count)]


TRANSFORMER = ModelSettings(d_model=64, d_ff=128, heads=4, encoder_layers=2, decoder_layers=2, dropout=0.0)
LSTM = ModelSettings(family="lstm", d_model=64, encoder_layers=1, decoder_layers=1, dropout=0.0)


@pytest.mark.parametrize(
    ("task", "shape", "updates", "bound"),
    [
        ("copy", TRANSFORMER, 500, 0.99),
        ("reverse", TRANSFORMER, 500, 0.97),
        ("sort", TRANSFORMER, 500, 0.95),
        ("copy", LSTM, 500, 0.97),
        ("reverse", LSTM, 500, 0.97),
    ],
    ids=lambda value: value.family if isinstance(value, ModelSettings) else None,
)
def test_learns(task: str, shape: ModelSettings, updates: int, bound: float) -> None:
    torch.manual_seed(1)
    apply = TASKS[task]
    model = build_model(shape, FIRST + TOKENS, FIRST + TOKENS, seed=1).train()
    settings = TrainingSettings(
        steps=updates, learning_rate=3e-3, warmup_steps=50, label_smoothing=0.0, dtype="float32"
    )
    optimizer = build_optimizer(model, settings)
    train = sequences(updates * BATCH, seed=1)
    for step in range(updates):
        sources = train[step * BATCH : (step + 1) * BATCH]
        batch = pair_batch(sources, [apply(row) for row in sources])
        update(model, optimizer, [batch], settings, learning_rate(settings, step + 1, step / updates))
    seen = {tuple(row) for row in train}
    test = [row for row in sequences(600, seed=2) if tuple(row) not in seen][:400]
    assert len(test) == 400
    found = search(model.eval(), source_batch(test), SearchSettings(beam=1))
    right = sum(hypotheses[0].tokens == apply(row) for hypotheses, row in zip(found, test, strict=True))
    print(f"{task}: {right / len(test):.1%} after {updates} updates")
    assert right / len(test) >= bound
