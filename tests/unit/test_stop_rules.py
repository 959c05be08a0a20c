"""What ends a training besides updates, passes and the clock; and validations evenly spread up to the end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dragoman.config import Settings, TrainingSettings
from dragoman.config.faults import check_training
from dragoman.config.loading import build_settings
from dragoman.errors import UsageError
from dragoman.training.progress import Budget, Progress
from dragoman.training.reporting import Silent
from dragoman.training.start import resume, start
from dragoman.training.watching.closing import longer
from dragoman.training.watching.forecast import Pass, reckon
from dragoman.training.watching.history import Stretch
from dragoman.training.watching.probe import Pace

TINY = {
    "data.corpus": "pizzeria:en-de", "pizzeria.train_pairs": 200, "pizzeria.valid_pairs": 10, "training.minutes": 0,
    "text.vocabulary_size": 500, "model.d_model": 16, "model.d_ff": 16, "model.heads": 2, "model.encoder_layers": 1,
    "training.threads": 1, "training.dtype": "float32", "training.warmup_steps": 2, "training.log_every": 1,
    "batches.target_tokens": 300, "training.validation_sentences": 5, "search.longest_ratio": 0.1,
}  # fmt: skip


def tiny(**training: Any) -> Settings:
    """Settings with which an update takes milliseconds."""
    return build_settings("demo", None, TINY | {f"training.{name}": value for name, value in training.items()})


def logged(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def validated(run: Path) -> list[int]:
    return [line["step"] for line in logged(run) if "validation_loss" in line]


def test_the_share_follows_the_updates_own_time_and_the_tokens() -> None:
    def clock() -> float:
        raise AssertionError("neither rule looks at the clock")

    progress = Progress(step=30, seconds=90.0, target_tokens=2500)
    timed = Budget(TrainingSettings(update_minutes=2), 0.0, clock)
    assert timed.share(progress, 10) == 0.75
    assert timed.over(replace(progress, seconds=120.0), 10)
    counted = Budget(TrainingSettings(target_tokens=10_000), 0.0, clock)
    assert counted.share(progress, 10) == 0.25
    assert counted.over(replace(progress, target_tokens=10_001), 10)
    both = Budget(TrainingSettings(update_minutes=2, target_tokens=10_000, steps=1000), 0.0, clock)
    assert both.share(progress, 10) == 0.75


def test_both_rules_are_ends_that_the_cosine_knows() -> None:
    check_training(Settings(training=TrainingSettings(update_minutes=0.5)))
    check_training(Settings(training=TrainingSettings(target_tokens=100)))
    endless = TrainingSettings(patience=3, schedule="constant", validations=5)
    with pytest.raises(UsageError, match=r"training\.validations are spread up to the end, which must be known; give"):
        check_training(Settings(training=endless))


def test_snapshots_and_spread_validations_contradict() -> None:
    with pytest.raises(UsageError, match=r"snapshots takes the checkpoints of training\.validate_every; give training"):
        build_settings(sets=["training.snapshots=3", "training.validations=5"])


def test_the_forecast_knows_both() -> None:
    pace, whole = Pace(token_seconds=0.001, optimizer_seconds=0.1, validation_seconds=5.0), Pass(20, 8000)
    timed = reckon(TrainingSettings(update_minutes=10, validate_every=100), whole, pace, Progress(seconds=100), 1e9)
    assert timed.updates == (600 - 100) / 0.5
    counted = reckon(TrainingSettings(target_tokens=40_000), whole, pace, Progress(target_tokens=4000), 0.0)
    assert counted.updates == 90
    spread = reckon(TrainingSettings(steps=1000, validations=5), whole, pace, Progress(), 0.0)
    assert (spread.validations, spread.seconds) == (5, 1000 * 0.5 + 5 * 5)
    halfway = reckon(TrainingSettings(steps=1000, validations=5), whole, pace, Progress(step=500), 0.0)
    assert halfway.validations == 3
    clock = reckon(TrainingSettings(minutes=10, validations=4), whole, pace, Progress(), 0.0)
    assert clock.updates == round((600 - 1.15 * 4 * 5) / 0.5)


@pytest.mark.parametrize(
    ("bound", "twice"),
    [
        ({"target_tokens": 5000}, "training.target_tokens=10000"),
        ({"update_minutes": 1.5}, "training.update_minutes=3"),
    ],
)
def test_how_to_ask_for_more(bound: dict[str, Any], twice: str) -> None:
    last = Stretch(100, 1, 95.0, 2.0, 0.0, 100.0, 2.0, 10.0, tokens=5100)
    assert longer(Settings(training=TrainingSettings(**bound)), last) == f"give it --set {twice}"


def test_a_training_ends_with_its_tokens(tmp_path: Path) -> None:
    settings = tiny(target_tokens=6000, validations=5)
    assert start(tmp_path / "whole", settings, Silent()).finished
    lines = [line for line in logged(tmp_path / "whole") if "loss" in line]
    assert lines[-2]["target_tokens"] < 6000 <= lines[-1]["target_tokens"]
    assert lines[-1]["learning_rate"] < 0.05 * settings.training.learning_rate
    # The first update past each fifth, and the last one.
    fifths = [next(line["step"] for line in lines if line["target_tokens"] >= 1200 * part) for part in (1, 2, 3, 4)]
    assert validated(tmp_path / "whole") == [*fifths, lines[-1]["step"]]

    def more(kept: Settings) -> Settings:
        return replace(kept, training=replace(kept.training, target_tokens=6000, validations=5))

    # A training that is over may be given more tokens and validations.
    start(tmp_path / "parts", tiny(target_tokens=2400, validations=2), Silent())
    assert resume(tmp_path / "parts", more, Silent()).finished
    assert validated(tmp_path / "parts")[-3:] == validated(tmp_path / "whole")[-3:]


def test_a_training_ends_with_the_time_of_its_updates(tmp_path: Path) -> None:
    ending = start(tmp_path / "run", tiny(update_minutes=0.02, validations=3), Silent())
    assert ending.finished
    seconds = [line["seconds"] for line in logged(tmp_path / "run") if "loss" in line]
    assert seconds[-2] < 1.2 <= seconds[-1]
    assert len(validated(tmp_path / "run")) == 3
    # An end that has been reached is told as one.
    assert resume(tmp_path / "run", lambda settings: settings, Silent()).finished
