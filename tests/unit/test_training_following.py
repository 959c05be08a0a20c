"""A whole small training as it is followed: what is told, what is written, and that nothing computed depends on it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dragoman.config import Settings
from dragoman.config.loading import build_settings
from dragoman.runs import Run, load_checkpoint
from dragoman.training import start
from dragoman.training.reporting import Line, Silent
from dragoman.training.validation import Validation
from dragoman.training.watching import following
from dragoman.training.watching.coach import Advice
from dragoman.training.watching.following import off


class Told(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def begin(self, facts: Any) -> None:
        """Keeps the facts."""
        self.events.append(("begin", dict(facts)))

    def update(self, line: Line, share: float) -> None:
        """Keeps a line."""
        self.events.append(("update", dict(line)))

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """Keeps a line."""
        self.events.append(("validated", dict(line)))

    def advised(self, advice: Advice) -> None:
        """Keeps a verdict."""
        self.events.append(("advised", advice.verdict))

    def warned(self, message: str) -> None:
        """Keeps a warning."""
        self.events.append(("warned", message))

    def end(self, message: str, following: str = "") -> None:
        """Keeps the next step."""
        self.events.append(("end", following))

    def of(self, kind: str) -> list[Any]:
        """What was told of one kind."""
        return [value for name, value in self.events if name == kind]


def settings(steps: int = 12) -> Settings:
    """A training of seconds, with dropout."""
    return build_settings("demo", None, {
        "pizzeria.train_pairs": 300, "pizzeria.valid_pairs": 12, "text.vocabulary_size": 500, "model.d_model": 16,
        "model.d_ff": 32, "model.heads": 2, "model.dropout": 0.1, "model.encoder_layers": 1, "training.minutes": 0,
        "training.steps": steps, "training.threads": 1, "training.dtype": "float32", "training.validate_every": 6,
        "training.log_every": 2, "batches.target_tokens": 200, "search.longest_ratio": 0.5,
    })  # fmt: skip


def weights(run: Path) -> bytes:
    """The last checkpoint's file."""
    return (load_checkpoint(Run.open(run), "last").path / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    """A finished training and what it told."""
    run, told = tmp_path_factory.mktemp("runs") / "mine", Told()
    start.start(run, settings(), told)
    return run, told


def test_what_is_told_and_written(trained: tuple[Path, Told]) -> None:
    run, told = trained
    (facts,) = told.of("begin")
    assert "12 updates of" in facts["time"]
    assert "at the peak" in facts["memory"]
    assert all(line["seconds_left"] >= 0 for line in told.of("update"))
    assert told.of("advised")[0] == "warming up"
    (following_line,) = told.of("end")
    assert following_line.endswith(f"`dragoman translate {run}`")
    assert (run / "forecast.json").exists()
    card = (run / "model-card.md").read_text()
    assert "# mine" in card
    assert "Forecast: " in card
    assert "translates English to German" in card
    assert str(run) not in card
    assert told.of("warned") == []
    assert "seconds_left" not in (run / "metrics.jsonl").read_text()


def test_forecast_and_coach_change_nothing(
    trained: tuple[Path, Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(start, "foresee", nothing)
    monkeypatch.setattr(following, "advise", lambda *_: [])
    told = Told()
    start.start(tmp_path / "mine", settings(), told)
    assert weights(tmp_path / "mine") == weights(trained[0])
    assert "time" not in told.of("begin")[0]
    assert not (tmp_path / "mine" / "forecast.json").exists()


def test_a_card_that_cannot_be_written_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(following, "write_card", full)
    told = Told()
    ending = start.start(tmp_path / "mine", settings(6), told)
    assert ending.finished
    assert "no model card ([Errno 28] No space left on device); the run itself is whole" in told.of("warned")
    monkeypatch.undo()
    (tmp_path / "mine" / "model-card.md").write_text("# By hand\n")
    again = Told()
    start.resume(tmp_path / "mine", lambda old: replace(old, training=replace(old.training, steps=8)), again)
    assert any("was edited by hand and stays" in message for message in again.of("warned"))
    assert (tmp_path / "mine" / "model-card.md").read_text() == "# By hand\n"
    assert "# mine" in (tmp_path / "mine" / "model-card.new.md").read_text()


def test_how_far_off() -> None:
    assert [off(*pair) for pair in ((12, 10), (8, 10), (1, 0))] == ["+20%", "-20%", "nothing to compare"]
