"""Averaged weights in a whole training: what is saved, shown and resumed; the mean of the last checkpoints."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from dragoman.models.transformer import Transformer
from dragoman.models.weights import named_weights
from dragoman.runs import Run, load_checkpoint
from dragoman.training.averaging import Averages, mean_of
from dragoman.training.safety.saving import OWN
from dragoman.training.validation import Validation, Validator
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import killed_at, same_ending
from tests.pipeline.killing import lines as metrics

Dragoman = Callable[..., Result]
AVERAGED = sets(
    *SMALL, "training.steps=24", "training.validate_every=8", "training.log_every=1", "model.dropout=0.1",
    "training.average=6", "training.agreement=1", "training.schedule=constant",
)  # fmt: skip


def test_averages_are_saved_and_come_back_after_a_kill(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert dragoman("train", whole, *files(lines), *AVERAGED).code == 0
    killed_at("dragoman.training.loop.step", 19, "train", killed, *files(lines), *AVERAGED)
    assert dragoman("train", killed, "--resume").code == 0
    same_ending(whole, killed)
    last = whole / "checkpoints" / "00000024"
    shown, beside = load_file(last / "model.safetensors"), load_file(last / "optimizer.safetensors")
    own = {name.removeprefix(OWN): tensor for name, tensor in beside.items() if name.startswith(OWN)}
    assert own.keys() == shown.keys()
    assert all((own[name] - shown[name]).abs().max() > 0 for name in own)


@pytest.mark.parametrize("schedule", ["wsd", "cosine"])
def test_the_average_follows_the_schedule(
    schedule: str, lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    monkeypatch.setattr(Averages, "note", lambda _, step, share: shares.append(share))
    given = sets(*SMALL, "training.steps=20", "training.average=6", f"training.schedule={schedule}")
    assert dragoman("train", tmp_path / "run", *files(lines), *given).code == 0
    falling = [0.75, 0.5, 0.25] if schedule == "wsd" else [1.0] * 3
    assert len(shares) == 20
    assert shares[10:16] == [1.0] * 6
    assert shares[17:] == pytest.approx(falling)


def test_the_mean_of_the_last_checkpoints_is_taken_where_it_is_better(
    lines: Path, dragoman: Dragoman, tmp_path: Path
) -> None:
    settings = sets(
        *SMALL, "training.steps=24", "training.validate_every=8", "training.snapshots=3", "training.best_by=loss"
    )
    run = tmp_path / "run"
    assert dragoman("train", run, *files(lines), *settings).code == 0
    losses = [line["validation_loss"] for line in metrics(run) if "validation_loss" in line]
    steps = sorted(int(path.name) for path in (run / "checkpoints").iterdir())
    assert {8, 16, 24} <= set(steps)
    # The loss of so short a training falls steeply: the mean of three states is worse than the last, and is not taken.
    assert len(losses) == 3
    resumed = dragoman("train", run, "--resume", *sets("training.snapshots=2", "training.learning_rate=1e-9"))
    assert resumed.code == 2
    assert "training.learning_rate" in resumed.err


def test_a_damaged_checkpoint_costs_the_mean_alone(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run, settings = tmp_path / "run", sets(*SMALL, "training.validate_every=4", "training.snapshots=3")
    assert dragoman("train", run, *files(lines), *settings, *sets("training.steps=8")).code == 0
    model = run / "checkpoints" / "00000004" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-9])
    result = dragoman("train", run, "--resume", *sets("training.steps=12"))
    assert result.code == 0
    said = " ".join(result.err.split())
    assert "00000004/model.safetensors is damaged" in said
    assert "; the mean of the last checkpoints is not tried" in said
    assert json.loads((run / "last.json").read_text())["finished"]


def test_a_setting_that_needs_dropout_says_so(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    wanted = sets(*SMALL, "training.steps=2", "model.dropout=0", "training.agreement=2")
    result = dragoman("train", tmp_path / "run", *files(lines), *wanted)
    assert result.code == 2
    assert "give model.dropout above 0, or training.agreement 0" in " ".join(result.err.split())


def test_the_mean_is_that_of_the_last_checkpoints(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Tensor]] = []

    def validate(self: Validator, model: Transformer) -> Validation:
        seen.append({name: tensor.clone() for name, tensor in named_weights(model).items()})
        return Validation(loss=5.0 - 0.1 * len(seen), bleu=float(len(seen)), samples=[])

    monkeypatch.setattr(Validator, "validate", validate)
    settings = sets(
        *SMALL, "training.steps=20", "training.validate_every=5", "training.average=0", "training.snapshots=3"
    )
    run = tmp_path / "run"
    result = dragoman("train", run, *files(lines), *settings)
    assert result.code == 0
    assert len(seen) == 5
    mean = mean_of(seen[1:4])
    assert all(torch.equal(seen[4][name], tensor) for name, tensor in mean.items())
    best = load_checkpoint(Run.open(run), "best", optimizer=True)
    assert best.step == 20
    assert all(torch.equal(best.model[name], tensor) for name, tensor in mean.items())
    own = best.optimizer or {}
    assert all(torch.equal(own[OWN + name], tensor) for name, tensor in seen[3].items())
