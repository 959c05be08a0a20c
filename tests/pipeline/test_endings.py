"""How trainings end: with the mean of checkpoints, whatever stopped them; by patience; with no numbers for losses."""

import json
import re
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Never

import pytest

from dragoman.cli.display import _left
from dragoman.training.progress import Budget
from dragoman.training.validation import Validation, Validator
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import best, killed_at, stop_during, weights
from tests.pipeline.killing import lines as metrics

Dragoman = Callable[..., Result]
TWENTY = sets(*SMALL, "training.steps=20", "training.validate_every=5", "training.log_every=1", "training.average=0")

MINUTES = sets(*SMALL, "training.log_every=1", "training.validate_every=50")

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
@pytest.mark.parametrize("average", [0, 6])
def test_no_stop_and_no_kill_changes_the_mean_of_checkpoints(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, average: int
) -> None:
    whole, stopped, killed = tmp_path / "whole", tmp_path / "stopped", tmp_path / "killed"
    mean = [*files(lines), *TWENTY, *sets("training.snapshots=3", f"training.average={average}")]
    assert dragoman("train", whole, *mean).code == 0
    assert [line.get("mean") for line in metrics(whole) if "validation_bleu" in line] == [None] * 4 + [True]
    assert "Its weights are the mean of the last checkpoints, 3 at most." in (whole / "model-card.md").read_text()
    # The mean is saved, and nothing says yet that the training is finished: it is not averaged once more.
    killed_at("dragoman.training.loop.mark_last", 1, "train", killed, *mean, before=RISING)
    assert dragoman("train", killed, "--resume").code == 0
    assert (weights(killed), best(killed)[1]) == (weights(whole), best(whole)[1])
    assert sum(line.get("mean", False) for line in metrics(killed)) == 1
    # Killed a moment before, when best.json had the scores of the last validation, which is of the same update.
    marked = tmp_path / "marked"
    killed_at("dragoman.training.safety.saving.mark_best", 5, "train", marked, *mean, before=RISING)
    before = best(marked)[0]
    assert dragoman("train", marked, "--resume").code == 0
    after = best(marked)[0]
    assert (before["step"], after["step"]) == (20, 20)
    assert after["bleu"] == metrics(marked)[-1]["validation_bleu"] > before["bleu"]
    # The checkpoints of two stops are none of those that it is the mean of, and do not drive them out.
    stop_during(monkeypatch, 17, 18)
    assert "at update 17; saved" in words(dragoman("train", stopped, *mean))
    assert "at update 18; saved" in words(dragoman("train", stopped, "--resume"))
    assert dragoman("train", stopped, "--resume").code == 0
    assert (weights(stopped), best(stopped)[1]) == (weights(whole), best(whole)[1])


def test_a_mean_that_is_not_the_best_any_more_is_not_told(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that had ended with it, prolonged to something better."""
    run, scores = tmp_path / "run", [1.0, 2.0, 3.0, 4.0, 40.0]
    monkeypatch.setattr(Validator, "validate", lambda *_: Validation(7.0, scores.pop(0) if scores else 5.0, []))
    said = words(dragoman("train", run, *files(lines), *TWENTY, *sets("training.snapshots=3")))
    assert "40.0 validation BLEU after" in said
    scores += [45.0, 43.0, 44.0]
    said = words(dragoman("train", run, "--resume", *sets("training.steps=30")))
    assert "45.0 validation BLEU after" in said
    card = (run / "model-card.md").read_text()
    assert "45.0 validation BLEU after" in card
    assert "Its weights are the mean" not in card


def test_the_card_names_what_was_validated_on(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run, valid = tmp_path / "run", ["--valid-source", lines / "valid.en", "--valid-target", lines / "valid.de"]
    few = sets(*SMALL, "training.steps=2", "pizzeria.train_pairs=300", "text.vocabulary_size=400")
    assert dragoman("train", run, "--corpus", "pizzeria:en-de", *valid, *few).code == 0
    card = (run / "model-card.md").read_text()
    assert "name: valid.en and valid.de (validation)" in card
    assert re.search(r"\| validation \| .*valid\.en.* \| 40 \|", card)
    assert re.search(r"\| training \| .*pizzeria.* \| 300 \|", card)


def test_a_target_without_spaces(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    """BLEU by words would choose no checkpoint; it is said before the first update, and the mend works."""
    pictures = ["一个男人在街上骑自行车", "两只狗在雪地里玩耍", "三个女孩坐在长椅上", "一位老人在读报纸"]
    text = tmp_path / "train.zh"
    text.write_text("".join(f"{pictures[at % 4]}{pictures[at * 7 % 3]}。\n" for at in range(600)))
    few = sets(*SMALL, "training.steps=4", "training.validate_every=2", "text.vocabulary_size=700")
    given = ["--source", lines / "train.en", "--target", text, *few]
    told = "the target has no spaces between words, and validation BLEU needs words"
    mended = sets("evaluation.tokenize=zh")
    assert told in words(dragoman("train", tmp_path / "words", *given, "--dry-run"))
    assert told in words(dragoman("train", tmp_path / "words", *given))
    assert told not in words(dragoman("train", tmp_path / "signs", *given, *mended))
    card = (tmp_path / "signs" / "model-card.md").read_text()
    assert "BLEU is sacrebleu's (zh, with case)" in card
    found = re.search(r"BLEU ([\d.]+) \(95 % interval ([\d.]+) to ([\d.]+)\)", card)
    assert found
    score, low, high = map(float, found.groups())
    assert low <= score <= high
    test = ["--source", lines / "train.en", "--reference", text, "--beam", 1]
    told = "the references have no spaces; give --tokenize char, for Chinese zh"
    assert told in words(dragoman("evaluate", tmp_path / "words", *test))
    scored = dragoman("evaluate", tmp_path / "signs", *test)
    assert told not in words(scored)
    assert "tok:zh" in scored.out


def test_patience_is_named_where_it_ends_a_training(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validator, "validate", lambda *_: Validation(loss=7.0, bleu=1.0, samples=[]))
    run = tmp_path / "run"
    said = words(dragoman("train", run, *files(lines), *TWENTY, *sets("training.patience=1", "training.steps=30")))
    assert "finished after 10 updates (1 validation without a better one)" in said
    # Who could have foreseen that? The time is not compared.
    assert re.search(r"\nForecast: memory [^\n]* MiB, in truth", (run / "model-card.md").read_text())
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


def test_minutes_of_an_earlier_start_count(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those up to its last checkpoint; nothing is known of the time since then, and it does not count."""
    run = tmp_path / "run"
    made = stop_during(monkeypatch, 3, 6)
    with monkeypatch.context() as patch:
        # Ten minutes have gone by when the training begins.
        patch.setattr(Budget, "elapsed", lambda self: 600 + self._now() - self._began)
        assert "stopped by SIGTERM at update 3" in words(
            dragoman("train", run, *files(lines), *MINUTES, "--minutes", 20)
        )
    result = dragoman("train", run, "--resume", "--json")
    updates = [json.loads(line) for line in result.out.splitlines()]
    # The rate is that of the middle of twenty minutes, and a training of five is over.
    assert [0.5 < event["share"] < 0.7 for event in updates if event["event"] == "update"] == [True] * 3
    assert "finished after 6 updates" in words(dragoman("train", run, "--resume", "--minutes", 5))
    assert len(made) == 6


def test_minutes_without_end(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    endless = sets(*SMALL, "training.minutes=1e300", "training.validate_every=2", "training.log_every=1")
    assert dragoman("train", tmp_path / "run", *files(lines), *endless, *sets("training.patience=1")).code == 0
    assert [_left(seconds) for seconds in (None, 61.4, inf)] == ["", "0:01:01 left  ", ""]


def test_a_run_whose_name_needs_quotes(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = tmp_path / "my [run]"
    result = dragoman("train", run, *files(lines), *sets(*SMALL, "training.steps=2"))
    assert f"`dragoman translate '{run}'`" in words(result)
    assert "finished after 2 updates, 0 s of training" in words(result)
