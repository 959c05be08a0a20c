"""A training that was killed and resumed ends in the weights of one that never was, to the last bit."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dragoman.config import Settings
from dragoman.models import hardware
from dragoman.runs import Run, load_checkpoint
from dragoman.training import start
from dragoman.training.preparing import on_this_machine
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import killed_after, killed_at, same_ending, weights
from tests.pipeline.killing import lines as metrics

Dragoman = Callable[..., Result]

DRAWN = sets(
    *SMALL, "training.steps=14", "training.validate_every=4", "training.log_every=1", "training.patience=3",
    "text.sampling=0.1", "model.dropout=0.2", "model.attention_dropout=0.1", "training.accumulate=2",
)  # fmt: skip
"""Everything that draws numbers draws."""


def test_killed_at_nasty_moments(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert dragoman("train", whole, *files(lines), *DRAWN).code == 0
    # The corpus is stored and the vocabulary learnt, the model not yet built.
    killed_at("dragoman.training.preparing.build_model", 1, "train", killed, *files(lines), *DRAWN)
    assert not (killed / "checkpoints").exists()
    # Manifest and last.json of checkpoint 0; of checkpoint 4 the files are written and the manifest is not.
    killed_at("dragoman.runs.checkpoints.write_json", 3, "train", killed, "--resume")
    assert [path.name for path in (killed / "checkpoints").iterdir() if path.name.isdecimal()] == ["00000000"]
    # Checkpoint 4 is the best, and nothing says so yet.
    killed_at("dragoman.training.safety.saving.mark_best", 1, "train", killed, "--resume")
    assert not (killed / "best.json").exists()
    assert dragoman("train", killed, "--resume").code == 0
    same_ending(killed, whole)
    assert [line["step"] for line in metrics(killed) if "loss" in line] == list(range(1, 15))


def test_the_process_that_compiles_the_kernels_rounds_as_one_that_loads_them(
    lines: Path, dragoman: Dragoman, tmp_path: Path
) -> None:
    whole, killed, kept = tmp_path / "whole", tmp_path / "killed", tmp_path / "kernels"
    settings = sets(
        *SMALL, "training.steps=8", "training.validate_every=4", "training.log_every=1", "model.dropout=0.2",
        "model.attention_dropout=0.1",
    )  # fmt: skip
    assert dragoman("train", whole, *files(lines), *settings).code == 0
    elsewhere = f"import os; os.environ['NUMBA_CACHE_DIR'] = {str(kept)!r}"
    place = "dragoman.training.loop.learning_rate"
    killed_at(place, 7, "train", killed, *files(lines), *settings, before=elsewhere)
    compiled = sorted(path.name for path in kept.rglob("*.nbc"))
    assert any(name.startswith("norm.normalise_backward") for name in compiled)
    command = [sys.executable, "-m", "dragoman", "train", str(killed), "--resume"]
    subprocess.run(command, env={**os.environ, "NUMBA_CACHE_DIR": str(kept)}, capture_output=True, check=True)
    assert sorted(path.name for path in kept.rglob("*.nbc")) == compiled
    same_ending(killed, whole)


def test_patience_ends_a_killed_training_at_the_same_update(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    """A BLEU of 0 gets no better: the first validation is the best, and three more are waited for."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = sets(
        *SMALL, "training.steps=40", "training.validate_every=2", "training.log_every=1", "training.patience=3",
        "model.dropout=0.2",
    )  # fmt: skip
    assert dragoman("train", whole, *files(lines), *settings).code == 0
    # Two of the three are over, and saved.
    killed_at("dragoman.training.loop.learning_rate", 8, "train", killed, *files(lines), *settings)
    assert load_checkpoint(Run.open(killed), "last").state["progress"]["worse"] == 2
    assert dragoman("train", killed, "--resume").code == 0
    for run in (whole, killed):
        mark = json.loads((run / "last.json").read_text())
        assert (mark["step"], mark["finished"], mark["early"]) == (8, True, True)
    same_ending(killed, whole)


def test_what_was_chosen_at_the_start_wins_over_another_choice(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dtype and kernels, where the test of both dtypes gives another answer now, and the device would have others."""
    run, asked = tmp_path / "r", list[Settings]()
    chosen = sets("training.dtype=auto", "training.kernels=auto", "training.steps=4")
    monkeypatch.setattr(hardware, "faster_dtype", lambda: "float32")
    assert dragoman("train", run, *files(lines), *DRAWN, *chosen).code == 0
    assert "dtype: float32\n  kernels: fused\n" in (run / "config.yaml").read_text()

    def elsewhere(given: Settings) -> Settings:
        with monkeypatch.context() as patch:
            patch.setattr(hardware, "faster_dtype", lambda: "bfloat16")
            patch.setattr(hardware, "device", lambda: "cuda")
            new = on_this_machine(replace(given, training=replace(given.training, dtype="auto", kernels="auto")))
            assert (new.training.dtype, new.training.kernels) == ("bfloat16", "plain")
            asked.append(on_this_machine(given))
        return asked[-1]

    monkeypatch.setattr(start, "on_this_machine", elsewhere)
    result = dragoman("train", run, "--resume", *sets("training.steps=8"))
    assert result.code == 0
    assert "float32, fused kernels" in result.err
    assert [(one.training.dtype, one.training.kernels) for one in asked] == [("float32", "fused")]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.proof
@pytest.mark.timeout(3000)
def test_twenty_kills_at_random_moments(threads: int, lines: Path, tmp_path: Path) -> None:
    dtype = hardware.faster_dtype()
    common = [
        *files(lines), "--preset", "tiny", "--json",
        *sets(
            "text.vocabulary_size=800", "text.sampling=0.1", "model.dropout=0.2", "model.attention_dropout=0.1",
            "batches.target_tokens=1000", f"training.threads={threads}", f"training.dtype={dtype}",
            "training.steps=1600", "training.validate_every=25", "training.log_every=1", "training.save_minutes=0.02",
            "training.validation_sentences=10", "search.longest_ratio=0.5", "training.warmup_steps=50",
        ),
    ]  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert not killed_after(1500, "train", whole, *common)
    draw, kills = random.Random(1), 0
    while kills < 20:
        # Every third one at any moment of the beginning, the others while the training is at work.
        begun = killed / "last.json" if kills % 3 else None
        seconds = draw.uniform(0.2, 4)
        arguments = ["--resume", "--json"] if (killed / "config.yaml").exists() else common
        if not killed_after(seconds, "train", killed, *arguments, begun=begun):
            break
        kills += 1
        steps = [line["step"] for line in metrics(killed)] if (killed / "metrics.jsonl").exists() else [0]
        at = f"{seconds:.2f} s after its {'first checkpoint' if begun else 'start'}"
        print(f"kill {kills}: {at}, at update {steps[-1]}", flush=True)
    assert not killed_after(1500, "train", killed, "--resume")
    assert kills == 20
    same_ending(killed, whole)
    print(f"{kills} kills, {dtype}, threads: {threads}: the same weights, SHA-256 {weights(killed)}")
