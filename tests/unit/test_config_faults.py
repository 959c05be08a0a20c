"""Wrong settings: each fault's words, all of them at once, and nothing that merely follows."""

import re
from pathlib import Path

import pytest

from dragoman.config.loading import build_settings, check_training
from dragoman.errors import UsageError


def fault(*sets: str, **layers: object) -> str:
    with pytest.raises(UsageError) as caught:
        build_settings(sets=sets, **layers)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("search.beams=3", "no setting 'search.beams'; did you mean 'search.beam'?"),
        ("serch.beam=3", "no section 'serch'; did you mean 'search'?"),
        ("beam=3", "no setting 'beam'; did you mean 'search.beam'?"),
        ("model.beam=3", "no setting 'model.beam'; did you mean 'search.beam'?"),
        ("model=3", "'model' is a section, not a setting; give one of its settings, such as model.family"),
        ("batches.zzz=3", "no setting 'batches.zzz'; known: batches.target_tokens, batches.longest, batches.window"),
        (
            "qqq=3",
            "no setting 'qqq'; known sections: data, pizzeria, text, batches, model, training, search, evaluation",
        ),
        ("search.beam=five", "search.beam: 'five' is not a whole number; give one, such as 5"),
        ("search.beam='5'", "search.beam: '5' is not a whole number; give one, such as 5"),
        ("search.beam=2.5", "search.beam: 2.5 is not a whole number; give one, such as 5"),
        ("search.beam=yes", "search.beam: True is not a whole number; give one, such as 5"),
        ("model.dropout=a", "model.dropout: 'a' is not a number; give one, such as 0.1"),
        ("training.minutes=.inf", "training.minutes: inf is not a finite number; give one, such as 0"),
        ("text.joint=ja", "text.joint: 'ja' is neither true nor false; give one of them"),
        ("search.beam=0", "search.beam: 0 is too small; give at least 1"),
        ("training.steps=1e12", "training.steps: 1000000000000 is too large; give at most 2147483647"),
        ("training.seed=9999999999", "training.seed: 9999999999 is too large; give at most 2147483647"),
        ("training.seed=-1", "training.seed: -1 is too small; give at least 0"),
        ("evaluation.seed=-1", "evaluation.seed: -1 is too small; give at least 0"),
        ("training.threads=100000", "training.threads: 100000 is too large; give at most 1024"),
        ("pizzeria.test_pairs=1", "pizzeria.test_pairs: 1 is too small; give at least 1000"),
        ("model.dropout=1", "model.dropout: 1 is too large; give less than 1"),
        ("pizzeria.food_share=1.5", "pizzeria.food_share: 1.5 is too large; give at most 1"),
        ("pizzeria.food_share=0.2", "pizzeria.food_share: 0.2 is too small; give at least 0.5"),
        ("training.learning_rate=0", "training.learning_rate: 0 is too small; give more than 0"),
        ("model.norm=prae", "model.norm: 'prae' is none of pre, post; did you mean 'pre'?"),
        ("model.norm=xyz", "model.norm: 'xyz' is none of pre, post; choose one of them"),
        ("search.beam", "--set 'search.beam' has no '='; write --set search.beam=VALUE"),
        ("search.beam=[", "--set 'search.beam=[': the value is not YAML; put it in quotes"),
    ],
)
def test_the_words_of_each_fault(text: str, words: str) -> None:
    assert fault(text) == words


def test_text_in_a_file_must_be_text(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("data: {source: 2024}\n")
    assert fault(config=config) == "data.source: 2024 is not text; put it in quotes"
    config.write_text('data: {source: "a\\0b"}\n')
    assert fault(config=config) == r"data.source: 'a\x00b' holds a NUL character; leave it out"


def test_a_misspelt_preset_is_named_with_the_nearest() -> None:
    assert fault(preset="smal") == "no preset 'smal'; did you mean 'small'?"
    assert fault(preset="qqq") == "no preset 'qqq'; known: base, big, demo, gru, lstm, patient, race, rnn, small, tiny"


def test_all_faults_come_at_once_in_one_line(tmp_path: Path) -> None:
    text = fault(
        "search.beams=3",
        "search.beam=0",
        "model.norm=prae",
        "text.joint=false",
        options={"training.steps": "many"},
    )
    for words in ("'search.beams'", "search.beam: 0", "'prae'", "'many'", "model.tie 'all'"):
        assert words in text
    text = fault("search.beam=x", preset="bas", config=tmp_path / "gone.yaml")
    assert text.split("; ")[0] == "no preset 'bas'"
    assert "gone.yaml" in text
    assert "search.beam: 'x'" in text


def test_a_misspelt_section_with_many_keys_is_one_fault(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("modle: {d_model: 64, heads: 4}\n")
    assert fault(config=config) == "no section 'modle'; did you mean 'model'?"


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (
            ["model.d_model=300", "model.heads=8"],
            "model.d_model 300 is not divisible by model.heads 8; give a multiple, such as 304",
        ),
        (
            ["model.positions=rotary", "model.d_model=12", "model.heads=4"],
            "model.positions 'rotary' needs an even head width, but model.d_model / model.heads is 3; "
            "give model.d_model 16",
        ),
        (
            ["model.d_model=15", "model.heads=5"],
            "model.positions 'sinusoidal' needs an even model.d_model, not 15; give an even one, such as 16",
        ),
        (
            ["model.positions=learned", "model.longest=256", "batches.longest=256"],
            "model.positions 'learned' needs model.longest above batches.longest, but 256 is not above 256; "
            "give model.longest at least 257",
        ),
        (
            ["model.family=gru", "model.d_model=301"],
            "model.bidirectional shares model.d_model 301 equally between two directions; "
            "give an even one, such as 302, or model.bidirectional false",
        ),
        (
            ["model.family=lstm", "model.input_feeding=true", "model.attention=none"],
            "model.input_feeding feeds what attention found; give model.attention additive or dot, "
            "or model.input_feeding false",
        ),
        (
            ["model.family=rnn", "training.agreement=1", "model.dropout=0", "model.attention_dropout=0.1"],
            "training.agreement needs passes that differ; give model.dropout above 0, or training.agreement 0",
        ),
        (
            ["text.joint=false"],
            "model.tie 'all' needs one vocabulary; give text.joint true, or model.tie output",
        ),
        (
            ["text.kind=word", "text.sampling=0.1"],
            "text.sampling needs text.kind bpe or unigram, not word; give one of them, or text.sampling 0",
        ),
    ],
)
def test_the_words_of_each_contradiction(sets: list[str], words: str) -> None:
    assert fault(*sets) == words


@pytest.mark.parametrize(
    "sets",
    [
        ["model.d_model=304", "model.heads=8"],
        ["model.positions=rotary", "model.d_model=16", "model.heads=4"],
        ["model.positions=none", "model.d_model=15", "model.heads=5"],
        ["model.positions=learned", "model.longest=257", "batches.longest=256"],
        ["model.family=gru", "model.d_model=302"],
        ["model.family=gru", "model.d_model=301", "model.bidirectional=false"],
        ["model.family=lstm", "model.input_feeding=true", "model.attention=dot"],
        ["model.family=lstm", "model.positions=rotary", "model.d_model=6"],
        ["model.input_feeding=true", "model.attention=none"],
        ["text.joint=false", "model.tie=output"],
        ["text.kind=unigram", "text.sampling=0.1"],
        ["text.kind=word", "text.sampling=0"],
    ],
)
def test_what_the_contradictions_recommend_is_accepted(sets: list[str]) -> None:
    assert build_settings(sets=sets)


def test_no_contradiction_is_derived_from_a_value_that_is_in_doubt() -> None:
    assert "divisible" not in fault("model.d_model=300", "model.heads=many")
    assert "divisible" not in fault("model.d_model=300", "model.haeds=5")
    assert "divisible" not in fault("model.d_model=300", "model.heads=0")
    assert "divisible" not in fault("model.heads=7", preset="bas")
    assert "divisible" not in fault("model.d_model=306", "model.family=ltsm")


@pytest.mark.parametrize("bound", ["training.steps=5", "training.epochs=1", "training.minutes=0.5"])
def test_a_training_that_ends_is_accepted(bound: str) -> None:
    for schedule in ("cosine", "wsd", "constant", "inverse-sqrt"):
        settings = build_settings(sets=[bound, f"training.schedule={schedule}"])
        check_training(settings)
        assert settings.training.schedule == schedule


def test_a_training_without_an_end_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^nothing ends the training; give training\.minutes, training\.steps or tr"):
        check_training(build_settings())
    with pytest.raises(UsageError, match=r"'cosine' needs to know its end; give training\.minutes.* or constant$"):
        check_training(build_settings(sets=["training.patience=3"]))
    with pytest.raises(UsageError, match=r"'wsd' needs to know its end; give training\.minutes.* or constant$"):
        check_training(build_settings(sets=["training.patience=3", "training.schedule=wsd"]))
    check_training(build_settings(sets=["training.patience=3", "training.schedule=constant"]))


def test_learned_positions_are_enough_for_every_translation() -> None:
    """Asked of trainings alone: a run that was trained with fewer may translate short lines for ever."""
    few = ["training.steps=1", "model.positions=learned", "model.longest=531"]
    words = (
        "model.positions 'learned' has 531 positions (model.longest), but search.longest_source and "
        "search.longest_ratio let translations have 532; give model.longest 532, or lower these two"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(words)}$"):
        check_training(build_settings(sets=few))
    for mend in ("model.longest=532", "search.longest_source=255", "search.longest_ratio=1", "model.positions=rotary"):
        check_training(build_settings(sets=[*few, mend]))
    with pytest.raises(UsageError, match="let translations have 2147483647;"):
        check_training(build_settings(sets=[*few, "search.longest_ratio=1e307"]))
