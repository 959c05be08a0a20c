"""How trainings end: with the mean of checkpoints, whatever stopped them; by patience; with no numbers for losses."""

import json
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Never

import pytest

from dragoman.cli.display import _left
from dragoman.training.validation import Validation, Validator
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import best, killed_at, stop_during, weights
from tests.pipeline.killing import lines as metrics

Dragoman = Callable[..., Result]
TWENTY = sets(*SMALL, "training.steps=20", "training.validate_every=5", "training.log_every=1", "training.average=0")

RISING = """
from time import monotonic
from dragoman.training.validation import Validation, Validator
Validator.validate = lambda self, model: Validation(loss=1.0, bleu=monotonic(), samples=[])
"""
"""Every validation is better than those before, in whatever process; so the mean of checkpoints is taken."""


@pytest.fixture
def rising(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Validator, "validate", Validator.validate)
    exec(RISING, {})


def words(result: Result) -> str:
    return " ".join((result.out + result.err).split())


@pytest.mark.usefixtures("rising")
def test_no_stop_and_no_kill_changes_the_mean_of_checkpoints(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped, killed = tmp_path / "whole", tmp_path / "stopped", tmp_path / "killed"
    mean = [*files(lines), *TWENTY, *sets("training.snapshots=3")]
    assert dragoman("train", whole, *mean).code == 0
    assert [line.get("mean") for line in metrics(whole) if "validation_bleu" in line] == [None] * 4 + [True]
    assert "Its weights are the mean of the last 3 checkpoints." in (whole / "model-card.md").read_text()
    # The mean is saved, and nothing says yet that the training is finished: it is not averaged once more.
    killed_at("dragoman.training.loop.mark_last", 1, "train", killed, *mean, before=RISING)
    assert dragoman("train", killed, "--resume").code == 0
    assert (weights(killed), best(killed)[1]) == (weights(whole), best(whole)[1])
    assert sum(line.get("mean", False) for line in metrics(killed)) == 1
    # The checkpoints of two stops are none of those that it is the mean of, and do not drive them out.
    stop_during(monkeypatch, 17, 18)
    assert "at update 17; saved" in words(dragoman("train", stopped, *mean))
    assert "at update 18; saved" in words(dragoman("train", stopped, "--resume"))
    assert dragoman("train", stopped, "--resume").code == 0
    assert (weights(stopped), best(stopped)[1]) == (weights(whole), best(whole)[1])


def test_patience_is_named_where_it_ends_a_training(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validator, "validate", lambda *_: Validation(loss=7.0, bleu=1.0, samples=[]))
    run = tmp_path / "run"
    said = words(dragoman("train", run, *files(lines), *TWENTY, *sets("training.patience=1", "training.steps=30")))
    assert "finished after 10 updates (1 validation without a better one)" in said
    assert "give it --set training.patience=2; try it" in said
    assert "give a larger training.patience to train on" in words(dragoman("train", run, "--resume"))
    more = words(dragoman("train", run, "--resume", *sets("training.patience=2")))
    assert "finished after 15 updates (2 validations without a better one)" in more


def test_a_validation_that_is_no_number_is_never_the_best_and_stays_json(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Validation(nan, 9.0, []), Validation(7.0, 1.0, []), Validation(nan, 8.0, []), Validation(6.0, 0.5, [])]
    monkeypatch.setattr(Validator, "validate", lambda *_: found.pop(0))
    run = tmp_path / "run"
    result = dragoman("train", run, *files(lines), *TWENTY, "--json")

    def refused(name: str) -> Never:
        raise AssertionError(name)

    told = [json.loads(line, parse_constant=refused) for line in result.out.splitlines()]
    assert [event["validation_loss"] for event in told if event["event"] == "validation"] == [None, 7.0, None, 6.0]
    assert best(run)[0]["step"] == 10


def test_minutes_without_end(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    endless = sets(*SMALL, "training.minutes=1e300", "training.validate_every=2", "training.log_every=1")
    assert dragoman("train", tmp_path / "run", *files(lines), *endless, *sets("training.patience=1")).code == 0
    assert [_left(seconds) for seconds in (None, 61.4, inf)] == ["", "0:01:01 left  ", ""]


def test_a_run_whose_name_needs_quotes(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = tmp_path / "my [run]"
    result = dragoman("train", run, *files(lines), *sets(*SMALL, "training.steps=2"))
    assert f"`dragoman translate '{run}'`" in words(result)
    assert "finished after 2 updates, 0 s of training" in words(result)
