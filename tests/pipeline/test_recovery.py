"""Losses that are no numbers and trainings that diverge: what is left out, where it goes back, and how it ends."""

import json
import os
import signal
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from dragoman.training.safety import splitting
from dragoman.training.safety.health import Health
from dragoman.training.safety.recovery import RETURNS
from dragoman.training.step import Update, gradient
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import killed_at, same_ending, stop_during
from tests.pipeline.killing import lines as metrics

Dragoman = Callable[..., Result]
SHORT = sets(*SMALL, "training.steps=12", "training.validate_every=4", "training.log_every=1", "model.dropout=0.1")

POISON = """
from math import nan
from dragoman.training.safety.health import Health
note = Health.note
def poisoned(self, loss, norm, ignorance):
    bad = 6 <= self.seen + self.skipped < 11 and self.returns == 0
    return note(self, nan if bad else loss, norm, ignorance)
Health.note = poisoned
"""
"""Updates 7 to 11 are unusable until the training has gone back once."""


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Health, "note", Health.note)
    exec(POISON, {})


def words(result: Result) -> str:
    return " ".join((result.out + result.err).split())


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_an_update_that_is_no_number_is_left_out(
    where: str, lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dragoman("train", tmp_path / "good", *files(lines), *SHORT).code == 0
    made: list[Update] = []

    def injected(model: Any, batches: Any, settings: Any) -> Update:
        found = gradient(model, batches, settings)
        made.append(found)
        if len(made) != 3:
            return found
        next(model.parameters()).grad[0, 0] = nan
        loss, norm = (nan, 1.0) if where == "loss" else (found.loss, nan)
        return Update(loss, norm, found.source_tokens, found.target_tokens)

    monkeypatch.setattr(splitting, "gradient", injected)
    run = tmp_path / "bad"
    result = dragoman("train", run, *files(lines), *SHORT)
    assert result.code == 0
    assert "update 3: its loss or gradient is no finite number; the weights stay as they are" in words(result)
    rates = [{line["step"]: line for line in metrics(path)} for path in (tmp_path / "good", run)]
    assert rates[1][3] == {
        "step": 3, "epoch": 0, "recovery": "skipped", "rate_share": 0.5,
        "source_tokens": rates[0][3]["source_tokens"], "target_tokens": rates[0][3]["target_tokens"],
    }  # fmt: skip
    assert [rates[1][step]["learning_rate"] / rates[0][step]["learning_rate"] for step in (2, 5)] == [1.0, 0.5]
    assert rates[0][2] == rates[1][2]
    for tensor in load_file(run / "checkpoints/00000012/model.safetensors").values():
        assert bool(tensor.isfinite().all())


@pytest.mark.usefixtures("poisoned")
def test_several_in_a_row_go_back_and_a_stop_changes_nothing(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    result = dragoman("train", whole, *files(lines), *SHORT)
    assert result.code == 0
    assert "back to update 4, with 0.5 of the learning rate" in words(result)
    returns = [line for line in metrics(whole) if line.get("recovery") == "back"]
    assert [(line["step"], line["from"], line["returns"]) for line in returns] == [(4, 11, 1)]
    assert [line["step"] for line in metrics(whole) if "loss" in line] == list(range(1, 13))
    made = stop_during(monkeypatch, 8, 15)
    assert dragoman("train", stopped, *files(lines), *SHORT).code == 0
    assert dragoman("train", stopped, "--resume").code == 0
    assert json.loads((stopped / "last.json").read_text())["step"] < 12
    assert dragoman("train", stopped, "--resume").code == 0
    assert len(made) == 11 + 8
    same_ending(stopped, whole)


@pytest.mark.usefixtures("poisoned")
def test_spread_validations_are_made_again_after_a_return(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    # Validations of updates 4 and 8; at 8 the training is not well, and it goes back to 4.
    spread = [*SHORT, *sets("training.validations=3")]
    assert dragoman("train", whole, *files(lines), *spread).code == 0
    assert [line["step"] for line in metrics(whole) if "validation_bleu" in line] == [4, 8, 12]
    killed_at(
        "dragoman.training.safety.recovery.count_return", 1, "train", killed, *files(lines), *spread, before=POISON
    )
    assert dragoman("train", killed, "--resume").code == 0
    same_ending(killed, whole)


@pytest.mark.usefixtures("poisoned")
def test_a_stop_after_a_return_is_saved(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the checkpoint of a later update, which was given up, had been saved before."""
    run, made = tmp_path / "r", list[int]()

    def stops(*arguments: Any) -> Update:
        made.append(1)
        if len(made) == 13:
            os.kill(os.getpid(), signal.SIGTERM)
        return gradient(*arguments)

    monkeypatch.setattr(splitting, "gradient", stops)
    result = dragoman("train", run, *files(lines), *SHORT)
    assert "back to update 4" in words(result)
    assert "stopped by SIGTERM at update 6; saved" in words(result)
    assert json.loads((run / "last.json").read_text())["step"] == 6


LONG = sets(*SMALL, "training.steps=60", "training.validate_every=9", "training.log_every=1", "model.dropout=0.1")


def every_second_one_is_bad(monkeypatch: pytest.MonkeyPatch, until: int) -> None:
    """Every second update is unusable until the training has gone back so often."""
    note = Health.note

    def poisoned(self: Health, loss: float, norm: float, ignorance: float) -> bool:
        bad = (self.seen + self.skipped) % 2 == 1 and self.returns < until
        return note(self, nan if bad else loss, norm, ignorance)

    monkeypatch.setattr(Health, "note", poisoned)


def test_every_second_update_goes_back_and_a_stop_changes_nothing(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    every_second_one_is_bad(monkeypatch, 1)
    result = dragoman("train", whole, *files(lines), *LONG)
    assert result.code == 0
    told = "update 22: 11 of the last 40 updates had a loss or gradient that is no finite number; back to update 9"
    assert told in words(result)
    assert "with 0.25 of the learning rate from there on" in words(result)
    returns = [line for line in metrics(whole) if line.get("recovery") == "back"]
    assert [(line["step"], line["from"], line["returns"]) for line in returns] == [(9, 22, 1)]
    made = stop_during(monkeypatch, 14, 20)
    assert dragoman("train", stopped, *files(lines), *LONG).code == 0
    assert json.loads((stopped / "last.json").read_text())["step"] == 14
    for _ in range(2):
        assert dragoman("train", stopped, "--resume").code == 0
    assert len(made) == 22 + 60 - 9
    same_ending(stopped, whole)


def test_every_second_update_for_ever_ends_in_one_line(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "r"
    every_second_one_is_bad(monkeypatch, RETURNS + 1)
    result = dragoman("train", run, *files(lines), *LONG, *sets("training.steps=200"))
    assert result.code == 1
    assert words(result).count("; back to update") == RETURNS
    last = result.err.splitlines()[-1]
    assert last.startswith("error: the training does not converge: 11 of the last 40 updates had a loss or gradient")
    assert "keeps its checkpoints" in last


@pytest.mark.usefixtures("poisoned")
def test_a_kill_around_a_return_changes_nothing(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert dragoman("train", whole, *files(lines), *SHORT).code == 0
    killed_at("dragoman.training.safety.recovery.mark_last", 1, "train", killed, *files(lines), *SHORT, before=POISON)
    assert json.loads((killed / "last.json").read_text())["step"] == 8
    killed_at("dragoman.training.safety.recovery.count_return", 1, "train", killed, "--resume", before=POISON)
    assert json.loads((killed / "last.json").read_text())["returns"] == 1
    assert dragoman("train", killed, "--resume").code == 0
    same_ending(killed, whole)


def test_a_training_that_diverges_ends_in_one_line(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = tmp_path / "r"
    absurd = sets(
        *SMALL, "training.steps=1000", "training.warmup_steps=0", "training.learning_rate=30", "training.clip=0",
        "training.schedule=constant", "training.validate_every=1000", "training.log_every=5", "model.norm=post",
    )  # fmt: skip
    result = dragoman("train", run, *files(lines), *absurd)
    assert result.code == 1
    assert words(result).count("back to update 0") == RETURNS
    last = result.err.splitlines()[-1]
    assert last.startswith("error: the training does not converge: the loss has been far above its lowest")
    assert "training.learning_rate below 0.002" in last
    assert "keeps its checkpoints" in last
