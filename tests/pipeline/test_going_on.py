"""Where a training goes on after something rare: an earlier checkpoint, a save that failed at the end, moved files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.errors import DragomanError
from dragoman.runs import checkpoints
from dragoman.training import start
from dragoman.training.progress import Budget, Progress
from dragoman.training.validation import Validation, Validator
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import best, stop_during, weights
from tests.pipeline.killing import lines as metrics

Dragoman = Callable[..., Result]
TWELVE = sets(*SMALL, "training.steps=12", "training.validate_every=4", "training.log_every=1")


def words(result: Result) -> str:
    return " ".join((result.out + result.err).split())


def validated(run: Path) -> list[int]:
    return [line["step"] for line in metrics(run) if "validation_bleu" in line]


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The BLEU of the validations to come; then it stays."""
    found: list[float] = []

    def validate(*_: object) -> Validation:
        return Validation(1.0, found.pop(0) if len(found) > 1 else found[0], [])

    monkeypatch.setattr(Validator, "validate", validate)
    return found


def test_moved_files_leave_the_stored_text_alone(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    """Though one of the others has gone, so that it could not be read anew."""
    run, old, new = tmp_path / "r", shutil.copytree(lines, tmp_path / "old"), tmp_path / "new"
    assert dragoman("train", run, *files(old), *TWELVE).code == 0
    new.mkdir()
    for name in ("valid.en", "valid.de"):
        (old / name).rename(new / name)
    (old / "train.en").unlink()
    moved = ["--valid-source", new / "valid.en", "--valid-target", new / "valid.de"]
    result = dragoman("train", run, "--resume", *moved, *sets("training.steps=14"))
    assert result.code == 0
    assert f"{old / 'train.en'} is gone; the training goes on from" in result.err
    again = dragoman("train", run, "--resume", *sets("training.steps=16"))
    assert again.code == 0
    noted = {Path(file["path"]): file for file in json.loads((run / "data.json").read_text())["files"]}
    assert noted.keys() == {old / "train.en", old / "train.de", new / "valid.en", new / "valid.de"}
    assert all(file["sha256"] for file in noted.values())


def test_a_stop_between_the_record_of_moved_files_and_the_settings(
    dragoman: Dragoman, lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, old, new = tmp_path / "r", shutil.copytree(lines, tmp_path / "old"), tmp_path / "new"
    assert dragoman("train", run, *files(old), *TWELVE).code == 0
    old.rename(new)

    def die(*_: object) -> None:
        raise DragomanError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(start, "_go_on", die)
        assert dragoman("train", run, "--resume", *files(new), *sets("training.steps=14")).code == 1

    def noted() -> dict[str, str]:
        return {file["path"]: file["sha256"] for file in json.loads((run / "data.json").read_text())["files"]}

    known = noted()
    assert set(known) == {str(path) for path in new.iterdir()}
    # The settings still name the old place, of which nothing may be noted.
    assert dragoman("train", run, "--resume", *sets("training.steps=14")).code == 0
    assert noted() == known
    assert dragoman("train", run, "--resume", *files(new), *sets("training.steps=16")).code == 0
    assert noted() == known
    assert all(known.values())


def test_a_stop_right_after_the_return_to_a_checkpoint_loses_nothing(
    dragoman: Dragoman, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(trained, tmp_path / "r")

    def die(*_: object) -> None:
        raise DragomanError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(start, "_train", die)
        assert dragoman("train", run, "--resume", "--checkpoint", 8, *sets("training.steps=28")).code == 1
    assert dragoman("train", run, "--resume").code == 0
    assert [line["step"] for line in metrics(run) if "loss" in line] == [4, 8, 12, 16, 20, 24, 28]
    assert validated(run) == [8, 16, 24, 28]


def test_a_damaged_end_is_trained_once_more(dragoman: Dragoman, trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "r")
    model = run / "checkpoints/00000024/model.safetensors"
    model.write_bytes(model.read_bytes()[:-9])
    result = dragoman("train", run, "--resume")
    assert result.code == 0
    assert "going on from checkpoint 16, the newest whole one" in words(result)
    assert (weights(run), best(run)) == (weights(trained), best(trained))


def test_the_best_of_a_way_that_was_given_up_is_best_no_longer(
    dragoman: Dragoman, lines: Path, tmp_path: Path, scores: list[float]
) -> None:
    run = tmp_path / "r"
    scores += [3.0, 2.0, 9.0]
    assert dragoman("train", run, *files(lines), *TWELVE, *sets("training.keep=3")).code == 0
    assert best(run)[0]["step"] == 12
    scores[:] = [1.0]
    assert dragoman("train", run, "--resume", "--checkpoint", 8, *sets("training.steps=9")).code == 0
    assert best(run)[0]["step"] == 4
    assert not (run / "checkpoints/00000012").exists()


def test_a_best_that_was_pruned_is_forgotten(
    dragoman: Dragoman, lines: Path, tmp_path: Path, scores: list[float]
) -> None:
    """Going back behind a better one: the weights of before are gone, and none has their score."""
    run, sixteen = tmp_path / "r", sets("training.keep=3", "training.steps=16")
    scores += [3.0, 2.0, 9.0, 8.0]
    assert dragoman("train", run, *files(lines), *TWELVE, *sixteen).code == 0
    assert not (run / "checkpoints/00000004").exists()
    scores[:] = [2.5]
    assert dragoman("train", run, "--resume", "--checkpoint", 8, *sets("training.steps=12")).code == 0
    assert (best(run)[0]["step"], best(run)[0]["bleu"]) == (12, 2.5)


def test_patience_counts_though_nothing_can_be_saved(
    dragoman: Dragoman, lines: Path, tmp_path: Path, scores: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, first = tmp_path / "r", checkpoints._write_files

    def full(folder: Path, *rest: object) -> None:
        if first_saves.pop() if first_saves else True:
            raise OSError(28, "No space left on device")
        first(folder, *rest)  # type: ignore[arg-type]

    first_saves = [False, False]
    monkeypatch.setattr(checkpoints, "_write_files", full)
    scores += [5.0, 1.0]
    ends = sets("training.patience=2", "training.schedule=constant", "training.steps=100")
    result = dragoman("train", run, *files(lines), *TWELVE, *ends)
    assert result.code == 1
    assert validated(run) == [4, 8, 12]


def test_the_last_validation_is_made_again_where_its_checkpoint_could_not_be_saved(
    dragoman: Dragoman, lines: Path, tmp_path: Path, scores: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, first, hashed = tmp_path / "r", checkpoints.sha256, list[int]()  # type: ignore[attr-defined]

    def lacking(path: Path) -> str:
        hashed.append(1)
        if len(hashed) == 10:
            # Three files of each checkpoint are hashed: this is that of update 12.
            raise MemoryError
        return str(first(path))

    monkeypatch.setattr(checkpoints, "sha256", lacking)
    scores += [1.0, 2.0, 3.0]
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 0
    assert "cannot save checkpoint 12 of" in words(result)
    assert (best(run)[0]["step"], best(run)[0]["bleu"]) == (12, 3.0)
    assert "3.0 validation BLEU" in words(result)


def test_the_mean_of_checkpoints_does_not_wake_a_training_that_patience_ended(
    dragoman: Dragoman, lines: Path, tmp_path: Path, scores: list[float]
) -> None:
    run = tmp_path / "r"
    ends = sets("training.patience=2", "training.snapshots=2", "training.schedule=constant", "training.steps=100")
    scores += [5.0, 4.0, 4.5, 9.0]
    said = words(dragoman("train", run, *files(lines), *TWELVE, *ends))
    assert "finished after 12 updates (2 validations without a better one)" in said
    assert "9.0 validation BLEU" in said
    assert json.loads((run / "last.json").read_text())["early"] is True
    assert best(run)[0]["bleu"] == 9.0
    assert "give a larger training.patience to train on" in words(dragoman("train", run, "--resume"))


def test_a_validation_is_made_once_though_they_are_spread_anew(
    dragoman: Dragoman, lines: Path, tmp_path: Path, scores: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that is stopped at a validation, and is to make more of them from there on."""
    run = tmp_path / "r"
    scores += [1.0]
    stop_during(monkeypatch, 10)
    every = sets("training.validate_every=10", "training.steps=20")
    assert "stopped by SIGTERM at update 10" in words(dragoman("train", run, *files(lines), *TWELVE, *every))
    assert dragoman("train", run, "--resume", *sets("training.validations=4")).code == 0
    assert validated(run) == [10, 15, 20]


def test_a_checkpoint_of_a_run_that_has_none(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    """Asked for one, it must not begin anew without a word."""
    run = tmp_path / "r"
    assert dragoman("train", run, *files(lines), *TWELVE).code == 0
    shutil.rmtree(run / "checkpoints")
    before = (run / "metrics.jsonl").read_bytes()
    result = dragoman("train", run, "--resume", "--checkpoint", 8)
    assert result.code == 1
    assert words(result) == f"error: {run} has no checkpoint yet; give --resume without --checkpoint"
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_validation_is_made_once_though_the_clock_falls_back(
    dragoman: Dragoman, lines: Path, tmp_path: Path, scores: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under minutes, when the first validation has shown how little time must be kept free for the last one."""
    run = tmp_path / "r"

    def share(_: Budget, progress: Progress, __: int) -> float:
        return min(1.0, progress.step / 20 - (0.06 if progress.validated and progress.step < 20 else 0.0))

    monkeypatch.setattr(Budget, "share", share)
    scores += [1.0]
    assert (
        dragoman("train", run, *files(lines), *TWELVE, *sets("training.validations=4", "training.steps=20")).code == 0
    )
    assert validated(run) == [5, 12, 17, 20]


def test_a_run_that_could_never_be_opened_is_not_made(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    other, run = tmp_path / "other", tmp_path / "r"
    learned = sets("model.positions=learned", "model.longest=300", "training.steps=2")
    assert dragoman("train", other, *files(lines), *TWELVE, *learned).code == 0
    for more in ([], ["--dry-run"]):
        result = dragoman(
            "train", run, "--from", other, *files(lines), "--minutes", 1, *sets("batches.longest=2000"), *more
        )
        assert result.code == 2
        assert "model.longest above batches.longest, but 300 is not above 2000" in words(result)
        assert "(shape and vocabulary are the other run's)" in words(result)
        assert not run.exists()
