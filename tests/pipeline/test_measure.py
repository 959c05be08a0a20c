"""`dragoman inspect RUN --measure` from a run's folder to tables and JSON."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dragoman.cli import measure
from dragoman.cli.measure import show_measures
from dragoman.config.loading import read_settings, write_settings
from dragoman.config.settings import DataSettings
from dragoman.corpora.pizzeria import generate
from dragoman.errors import DragomanError
from dragoman.inspection.alignment import read_choice

RUN = Path(__file__).parents[1] / "golden" / "run"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the stored run, measured on few sentences."""
    monkeypatch.setattr(measure, "TEST_SENTENCES", 40)
    monkeypatch.setattr(measure, "TWINS", 24)
    return Path(shutil.copytree(RUN, tmp_path / "run"))


def trained_on(run: Path, corpus: str) -> None:
    settings = read_settings(run / "config.yaml")
    write_settings(replace(settings, data=DataSettings(corpus=corpus)), run / "config.yaml", 1, "0.1.0")


def test_tables_fit_eighty_columns(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_measures(small, "best", json=False)
    shown = capsys.readouterr()
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    for words in (
        "end mark, nouns",
        "who no longer sees",
        "turned from one noun's",
        "alignment error rate on the test",
    ):
        assert words in shown.out
    assert "100 validation sentences, results on 40 test sentences" in shown.err
    choice = read_choice(small)
    assert choice.aer_valid is not None
    assert f"{choice.aer_valid:.3f}" in shown.out


def test_json_has_the_same_figures(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_measures(small, "last", json=True)
    shown = capsys.readouterr()
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert [line["measure"] for line in lines] == ["attention"] * 2 + ["cut"] * 4 + ["twins", "alignment"]
    assert [line["reader"] for line in lines[:2]] == ["it", "end mark"]
    for line in lines[:2]:
        found = line["among_words"]
        assert found["valid"] == max(max(row) for row in found["table"])
        assert found["test"]["low"] <= found["test"]["value"] <= found["test"]["high"]
    assert 0 < lines[2]["whole"]["value"] < 1
    assert lines[6]["sentences"] == 24
    alignment = lines[7]
    assert alignment["choice"] == json.loads((small / "alignment.json").read_text())
    assert alignment["floor"] < alignment["test"]["value"] < 1


def test_open_sentences_are_left_out(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = read_settings(small / "config.yaml")
    some_open = replace(settings.pizzeria, ambiguous_share=0.5)
    write_settings(replace(settings, pizzeria=some_open), small / "config.yaml", 1, "0.1.0")
    show_measures(small, "best", json=True)
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    clear = [pair for pair in generate("valid", some_open) if pair.pronoun and not pair.pronoun.ambiguous]
    assert first["sentences"][0] == len(clear) == 33


def test_the_other_direction_has_links_alone(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained_on(small, "pizzeria:de-en")
    show_measures(small, "best", json=True)
    shown = capsys.readouterr()
    assert [json.loads(line)["measure"] for line in shown.out.splitlines()] == ["alignment"]
    assert "German names what it means, so word links alone can be measured" in shown.err


@pytest.mark.parametrize(("corpus", "named"), [("multi30k:en-de", "multi30k:en-de"), ("", "files")])
def test_other_corpora_cannot_be_measured(small: Path, corpus: str, named: str) -> None:
    trained_on(small, corpus)
    with pytest.raises(DragomanError, match=f"was trained on {named}, which has no gold word links") as error:
        show_measures(small, "best", json=False)
    assert "give a run of pizzeria:en-de" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (small / "alignment.json").exists()
