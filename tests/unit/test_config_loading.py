"""Layers of settings: which one wins, what is kept on the way through a file, and what the help shows."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dragoman.config.loading import (
    build_settings,
    override,
    preset_names,
    read_header,
    read_settings,
    settings_help,
    write_settings,
)
from dragoman.config.settings import Settings
from dragoman.errors import UsageError


def value(settings: Settings, key: str) -> Any:
    section, _, name = key.partition(".")
    return getattr(getattr(settings, section), name)


def test_without_layers_the_defaults_stand() -> None:
    assert build_settings() == Settings()


def test_each_layer_wins_over_the_one_before(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("model: {d_ff: 11, heads: 2, d_model: 16}\nsearch: {beam: 2}\n")
    layers: dict[str, Any] = {"preset": "big"}
    assert build_settings(**layers).model.d_ff == 4096
    layers["config"] = config
    assert build_settings(**layers).model.d_ff == 11
    layers["options"] = {"model.d_ff": 12, "search.beam": 3}
    assert build_settings(**layers).model.d_ff == 12
    layers["sets"] = ["model.d_ff=13", "model.d_ff=14"]
    settings = build_settings(**layers)
    assert (settings.model.d_ff, settings.model.heads, settings.search.beam) == (14, 2, 3)
    assert settings.model.encoder_layers == 6  # the preset's, named by no later layer


def test_a_training_text_that_an_option_names_takes_the_place_of_the_files(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("data: {corpus: 'multi30k:en-de', valid_tsv: v.tsv}\n")
    given = build_settings(config=config, options={"data.source": "a.en", "data.target": "a.de"}).data
    assert (given.corpus, given.source, given.target, given.valid_tsv) == ("", "a.en", "a.de", "v.tsv")
    assert build_settings(config=config, options={"data.source": None}).data.corpus == "multi30k:en-de"
    config.write_text("data: {source: b.en, target: b.de}\n")
    given = build_settings(config=config, options={"data.source": "a.en"}).data
    assert (given.source, given.target) == ("a.en", "b.de")


def test_override_changes_only_what_is_given(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("training: {minutes: 3, seed: 7}\n")
    first = build_settings("base", sets=["data.source=no"])
    assert override(first, None, {"training.minutes": None}) == first
    second = override(first, config, {"training.minutes": 4}, ["search.beam=2"])
    assert (second.training.minutes, second.training.seed, second.search.beam) == (4, 7, 2)
    assert (second.model, second.data) == (first.model, first.data)
    with pytest.raises(
        UsageError, match=r"^no setting 'search\.beams'; did you mean 'search\.beam'\?; model\.d_model 5"
    ):
        override(first, None, {"search.beams": 2}, ["model.heads=7"])


def test_an_option_that_is_none_was_not_given() -> None:
    settings = build_settings(options={"training.minutes": None, "data.source": Path("a") / "b.txt"})
    assert settings.training.minutes == 0
    assert settings.data.source == str(Path("a/b.txt"))


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("training.learning_rate=1e-3", "training.learning_rate", 0.001),
        ("training.steps=1e5", "training.steps", 100_000),
        ("training.minutes=20", "training.minutes", 20),
        ("text.joint=true", "text.joint", True),
        ("model.positions=none", "model.positions", "none"),
        ("data.source=2024", "data.source", "2024"),
        ("data.corpus=a=b", "data.corpus", "a=b"),
        ("data.corpus=", "data.corpus", ""),
        ("data.tsv=no: [", "data.tsv", "no: ["),
    ],
)
def test_set_reads_its_value_as_the_setting_wants_it(text: str, key: str, expected: object) -> None:
    found = value(build_settings(sets=[text]), key)
    assert found == expected
    assert isinstance(found, str | bool) == isinstance(expected, str | bool)


def test_every_preset_loads() -> None:
    assert preset_names() == ["base", "big", "demo", "gru", "lstm", "patient", "race", "rnn", "small", "tiny"]
    shapes = {name: build_settings(name).model for name in preset_names() if name not in ("gru", "lstm", "rnn")}
    assert {name: (m.d_model, m.d_ff, m.heads, m.encoder_layers) for name, m in shapes.items()} == {
        "demo": (128, 256, 4, 3),
        "tiny": (128, 256, 4, 4),
        "race": (256, 1024, 4, 3),
        "small": (256, 1024, 4, 3),
        "patient": (256, 1024, 4, 3),
        "base": (512, 2048, 8, 6),
        "big": (1024, 4096, 16, 6),
    }


@pytest.mark.parametrize("name", ["base", "big"])
def test_the_papers_presets_have_the_papers_schedule(name: str) -> None:
    settings = build_settings(name)
    training = settings.training
    assert training.learning_rate == pytest.approx((settings.model.d_model * training.warmup_steps) ** -0.5, rel=0.03)
    assert (training.schedule, training.label_smoothing, settings.model.norm) == ("inverse-sqrt", 0.1, "post")
    assert (settings.search.beam, settings.search.length_penalty) == (4, 0.6)


def test_settings_return_unchanged_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    settings = build_settings("tiny", sets=["data.source=größe.txt", "training.learning_rate=1e-7", "data.tsv=no"])
    write_settings(settings, path, format=1, version="0.1.0")
    assert path.read_text("utf-8").startswith("format: 1\ndragoman: 0.1.0\n")
    assert read_header(path) == (1, "0.1.0")
    assert read_settings(path) == settings
    assert build_settings(config=path) == settings
    assert set(yaml.safe_load(path.read_text("utf-8"))["model"]) == set(vars(settings.model))


def test_a_file_may_be_empty_or_name_an_empty_section(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    for text in ("", "model:\n", "# nothing\n"):
        path.write_text(text)
        assert read_settings(path) == Settings()


def test_help_tells_of_every_setting() -> None:
    entries = {entry.key: entry for entry in settings_help()}
    assert entries["search.beam"] == (
        "search.beam",
        "whole number",
        5,
        "Hypotheses kept at each step; 1 is greedy search.",
    )
    assert entries["model.norm"].type == "pre | post"
    assert entries["text.joint"].type == "true or false"
    assert entries["data.corpus"].type == "text"
    for entry in entries.values():
        assert entry.help.endswith(".")
        assert entry.default == value(Settings(), entry.key)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"model:\n  heads: 4\n  d_ff: [1\n", r"c\.yaml line 4 is not YAML \(.*\); correct this line$"),
        (
            b"model:\n  heads: 4\nmodel:\n  d_ff: 8\n",
            r"c\.yaml line 3 is not YAML \('model' stands twice\); correct",
        ),
        (b"model: {heads: 2024-99-99}\n", r"c\.yaml is not YAML \(month must be in 1\.\.12.*\); correct it$"),
        (b"- heads\n", r"c\.yaml has no sections; write 'model:' and below it, indented, 'heads: 4'$"),
        (b"\xff\xfe\n", r"c\.yaml is not UTF-8; save it as UTF-8 text$"),
        (b"? [model, heads]\n: 4\n", r"c\.yaml .*is not YAML|no setting"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    for read in (lambda: build_settings(config=path), lambda: read_settings(path)):
        with pytest.raises(UsageError, match=words) as caught:
            read()
        assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^no settings file .*gone\.yaml; check the path$"):
        build_settings(config=tmp_path / "gone.yaml")
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\); give a YAML file$"):
        build_settings(config=tmp_path)


def test_a_runs_file_with_a_fault_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("format: 1\nsearch: {beams: 4}\n")
    with pytest.raises(UsageError, match=r"config\.yaml: no setting 'search\.beams'; did you mean 'search\.beam'\?$"):
        read_settings(path)
