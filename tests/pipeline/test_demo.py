"""The demo from start to finish, with a training of a few updates."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.config.loading import build_settings
from dragoman.demo import pizzeria
from tests.pipeline.conftest import Result


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's settings, cut to seconds."""
    small = [
        "training.steps=6", "training.minutes=0", "training.threads=1", "training.validation_sentences=10",
        "pizzeria.train_pairs=1500", "pizzeria.valid_pairs=50", "pizzeria.test_pairs=1000", "model.d_model=16",
        "model.d_ff=32", "search.longest_ratio=0.2",
    ]  # fmt: skip
    monkeypatch.setattr(pizzeria, "build_settings", lambda preset: build_settings(preset, sets=small))


@pytest.mark.usefixtures("quick")
def test_report_and_json(dragoman: Callable[..., Result], tmp_path: Path) -> None:
    result = dragoman("demo", "--out", tmp_path / "a")
    assert result.code == 0
    for words in (
        "exact match",
        "BLEU",
        "right er/sie/es",
        "always-first-noun",
        "The pizza came out of the oven",
        "What to type next",
        f"  dragoman train {tmp_path / 'a'} --resume --minutes 10",
    ):
        assert words in result.out
    values = json.loads(dragoman("demo", "--out", tmp_path / "b", "--json").out)
    assert {"exact_match", "pronoun_accuracy", "bleu", "seconds", "run"} <= values.keys()
    assert 0 <= values["exact_match"] <= 1
    assert len(values["translations"]) == 5
    assert all(score <= 0.55 for score in values["shortcuts"].values())
    again = json.loads(dragoman("evaluate", tmp_path / "b", "--json").out)
    assert again["sentences"] == 1000
    assert (again["exact_match"], again["pronoun_accuracy"]) == (values["exact_match"], values["pronoun_accuracy"])


@pytest.mark.usefixtures("quick")
def test_a_taken_folder_is_refused(dragoman: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("format: 1\n")
    result = dragoman("demo", "--out", tmp_path)
    assert result.code == 1
    assert "exists" in result.err
