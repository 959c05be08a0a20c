"""Schedules, budget, updates and checkpoints of the trainer."""

import subprocess
import sys
from math import cos, pi
from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.batches.padded import pair_batch
from dragoman.config import ModelSettings, TrainingSettings
from dragoman.errors import DragomanError
from dragoman.models import hardware
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.models.weights import load_weights, named_weights
from dragoman.training.optimizer import build_optimizer, optimizer_tensors, reserve, restore_optimizer
from dragoman.training.progress import Budget, Progress
from dragoman.training.schedule import learning_rate
from dragoman.training.step import batch_loss, update


def test_the_papers_schedule() -> None:
    settings = TrainingSettings(schedule="inverse-sqrt", warmup_steps=4000, learning_rate=512**-0.5 * 4000**-0.5)
    for step in (1, 1000, 4000, 16_000, 100_000):
        paper = 512**-0.5 * min(step**-0.5, step * 4000**-1.5)
        assert learning_rate(settings, step, 0.5) == pytest.approx(paper)


def test_cosine_and_constant() -> None:
    settings = TrainingSettings(learning_rate=2.0, warmup_steps=10)
    assert learning_rate(settings, 5, 0.0) == pytest.approx(1.0)
    assert learning_rate(settings, 100, 0.5) == pytest.approx(1.0)
    assert learning_rate(settings, 100, 0.25) == pytest.approx(1 + cos(pi / 4))
    assert learning_rate(settings, 100, 1.0) == pytest.approx(0.0)
    constant = TrainingSettings(learning_rate=2.0, warmup_steps=0, schedule="constant")
    assert learning_rate(constant, 1, 0.9) == 2.0


def test_wsd_stays_and_falls_over_the_last_fifth() -> None:
    settings = TrainingSettings(learning_rate=2.0, warmup_steps=10, schedule="wsd")
    assert learning_rate(settings, 5, 0.0) == pytest.approx(1.0)
    rates = [learning_rate(settings, 100, share) for share in (0.1, 0.5, 0.8, 0.85, 0.9, 1.0, 1.01)]
    assert rates == pytest.approx([2.0, 2.0, 2.0, 1.5, 1.0, 0.0, 0.0])


def test_the_budget_follows_steps_epochs_clock_and_patience() -> None:
    now = [100.0]
    progress = Progress(step=30, epoch=1, batch=5)
    steps = Budget(TrainingSettings(steps=60), 100.0, lambda: now[0])
    assert steps.share(progress, 10) == 0.5
    epochs = Budget(TrainingSettings(epochs=3), 100.0, lambda: now[0])
    assert epochs.share(progress, 10) == 0.5
    clock = Budget(TrainingSettings(minutes=2), 100.0, lambda: now[0])
    clock.validation_seconds = 20
    now[0] = 150.0
    assert clock.share(progress, 10) == 0.5
    assert not clock.over(progress, 10)
    now[0] = 201.0
    assert clock.over(progress, 10)
    patient = Budget(TrainingSettings(steps=100, patience=3), 100.0, lambda: now[0])
    assert not patient.over(Progress(step=5, worse=2), 10)
    assert patient.over(Progress(step=5, worse=3), 10)


def small(seed: int = 1) -> TrainableModel[Any]:
    return build_model(ModelSettings(d_model=16, d_ff=32, heads=2, dropout=0.0), 30, 30, seed)


ROWS = [[5, 6, 7], [8], [9, 10, 11, 12, 13], [14, 15], [16], [17, 18, 19]]


def test_accumulated_batches_equal_one_large_batch() -> None:
    settings = TrainingSettings(dtype="float32", clip=0.5)
    whole, parts = small(), small()
    one = update(whole, build_optimizer(whole, settings), [pair_batch(ROWS, ROWS)], settings, 1e-2)
    halves = [pair_batch(ROWS[:2], ROWS[:2]), pair_batch(ROWS[2:], ROWS[2:])]
    two = update(parts, build_optimizer(parts, settings), halves, settings, 1e-2)
    assert one.target_tokens == two.target_tokens == sum(len(row) + 1 for row in ROWS)
    assert one.loss == pytest.approx(two.loss, rel=1e-5)
    assert one.gradient_norm == pytest.approx(two.gradient_norm, rel=1e-4)
    for (name, a), b in zip(whole.named_parameters(), parts.parameters(), strict=True):
        # A key's bias moves all of a query's scores alike: its gradient is rounding noise, which Adam blows up.
        assert name.endswith("key.bias") or torch.allclose(a, b, atol=1e-4), name


def test_padding_changes_no_loss() -> None:
    model = small().double()
    together = float(batch_loss(model, pair_batch(ROWS, ROWS), 0.1, torch.float32)[0].detach())
    alone = sum(float(batch_loss(model, pair_batch([r], [r]), 0.1, torch.float32)[0].detach()) for r in ROWS)
    assert together == pytest.approx(alone, rel=1e-12)


def test_bfloat16_trains_like_float32() -> None:
    losses = {}
    for dtype in ("float32", "bfloat16"):
        model, settings = small(), TrainingSettings(dtype=dtype)
        optimizer = build_optimizer(model, settings)
        for _ in range(20):
            losses[dtype] = update(model, optimizer, [pair_batch(ROWS, ROWS)], settings, 1e-2).loss
        assert all(p.dtype == torch.float32 for p in model.parameters())
    assert losses["float32"] < 2.0
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.15)


def test_moments_made_beforehand_are_those_of_the_first_step() -> None:
    settings = TrainingSettings(dtype="float32", weight_decay=0.1)
    models = [small(), small()]
    optimizers = [build_optimizer(model, settings) for model in models]
    reserve(optimizers[0])
    before = set(optimizer_tensors(optimizers[0]))
    for _ in range(3):
        for model, optimizer in zip(models, optimizers, strict=True):
            update(model, optimizer, [pair_batch(ROWS, ROWS)], settings, 1e-2)
    found, expected = (optimizer_tensors(optimizer) for optimizer in optimizers)
    assert before == set(found) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    assert all(torch.equal(*pair) for pair in zip(*(model.parameters() for model in models), strict=True))
    reserve(optimizers[0])
    assert all(torch.equal(value, found[name]) for name, value in optimizer_tensors(optimizers[0]).items())


def test_the_optimizer_returns_as_it_was() -> None:
    settings = TrainingSettings(dtype="float32")
    batch = [pair_batch(ROWS, ROWS)]
    model = small()
    optimizer = build_optimizer(model, settings)
    update(model, optimizer, batch, settings, 1e-2)
    saved = {name: value.clone() for name, value in optimizer_tensors(optimizer).items()}
    weights = {name: value.clone() for name, value in named_weights(model).items()}
    update(model, optimizer, batch, settings, 1e-2)
    other = small(seed=9)
    load_weights(other, weights)
    again = build_optimizer(other, settings)
    restore_optimizer(again, saved)
    update(other, again, batch, settings, 1e-2)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_only_matrices_of_maps_decay() -> None:
    model = small()
    decayed, others = build_optimizer(model, TrainingSettings()).param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.01, 0.0)
    assert all(p.ndim == 2 for p in decayed["params"])
    assert any(p is model.output.weight for p in others["params"])
    assert len(decayed["params"]) + len(others["params"]) == len(list(model.parameters()))


def test_weights_of_another_model_are_refused() -> None:
    weights = named_weights(small())
    wider = build_model(ModelSettings(d_model=16, d_ff=64, heads=2), 30, 30, 1)
    with pytest.raises(DragomanError, match=r"feed_forward.inner.*is \[32.*in the checkpoint and \[64"):
        load_weights(wider, weights)
    deeper = build_model(ModelSettings(d_model=16, d_ff=32, heads=2, encoder_layers=4), 30, 30, 1)
    with pytest.raises(DragomanError, match=r"'encoder\.3.*' is missing"):
        load_weights(deeper, weights)


def test_the_probe_answers() -> None:
    assert hardware.faster_dtype() in ("float32", "bfloat16")


def test_the_best_of_several_turns_on_one_thread_chooses_the_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other work disturbs most of the turns, all but one of each dtype."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    seen: list[int] = []

    def seconds(kind: torch.dtype) -> float:
        seen.append(torch.get_num_threads())
        turn = (len(seen) + 1) // 2
        best, quiet = (1.0, 1) if kind == torch.bfloat16 else (2.0, 3)
        return best if turn == quiet else 50.0 + turn

    monkeypatch.setattr(hardware, "_product_seconds", seconds)
    try:
        assert hardware.faster_dtype() == "bfloat16"
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert seen == [1] * 2 * hardware.TURNS
    assert hardware.usable_cores() >= 1
    hardware.keep_freed_memory()


WHERE = """
from pathlib import Path
import torch
from dragoman.models import hardware

def in_the_heap():
    place = torch.ones(2**24).data_ptr()
    lines = [line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("[heap]")]
    return any(int(first, 16) <= place < int(last, 16) for first, last in (line.split("-") for line in lines))

hardware.keep_freed_memory()
found = [in_the_heap()]
with hardware.memory_of_its_own():
    found.append(in_the_heap())
print(*found, in_the_heap())
"""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells where memory lies")
def test_a_validation_has_memory_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", WHERE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "True"]
