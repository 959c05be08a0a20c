"""A plan made of real text: two courses, one vocabulary each, equal models, a forecast."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dragoman.config import PizzeriaSettings
from dragoman.corpora import load_named
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.race.budget import Asked
from dragoman.race.folder import RaceFolder
from dragoman.race.plan import Plan
from dragoman.race.planning import make_plan
from dragoman.race.recipe import Question
from dragoman.text import Tokenizers
from dragoman.training.facts import parameters

SETS = (
    "pizzeria.train_pairs=200", "pizzeria.valid_pairs=10", "text.vocabulary_size=600", "model.d_model=128",
    "model.d_ff=128", "model.encoder_layers=1", "model.decoder_layers=1", "training.threads=1",
    "training.dtype=float32", "batches.target_tokens=400",
)  # fmt: skip


def question(folder: Path) -> Question:
    text = load_named("pizzeria", "train", PizzeriaSettings(train_pairs=300, valid_pairs=10))
    for name, lines in (("my.en", text.source), ("my.de", text.target)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    data = {"data.source": str(folder / "my.en"), "data.target": str(folder / "my.de")}
    return Question(data, Asked("updates", 40, seeds=1), sets=SETS, names=("gru", "transformer"), command="race")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, RaceFolder]:
    """A plan, and where it was made."""
    folder = tmp_path_factory.mktemp("planned")
    race = RaceFolder(folder / "race")
    race.begin(resume=False)
    return make_plan(race, question(folder), lambda _: None), race


def test_two_courses_with_equal_models(planned: tuple[Plan, RaceFolder]) -> None:
    plan, race = planned
    assert [course.name for course in plan.courses] == ["main", "pizzeria"]
    for course in plan.courses:
        sizes = (Tokenizers.load(race.data(course.name)).source.size,) * 2
        assert course.vocabulary == sizes[0]
        counts = []
        for one in course.contestants:
            settings = plan.settings(course.name, one.name, 1)
            counts.append(parameters(build_model(settings.model, *sizes, seed=1)))
            assert counts[-1] == one.parameters
            assert (settings.training.steps, settings.training.validations, settings.training.threads) == (40, 5, 1)
        assert abs(counts[0] - counts[1]) <= 0.02 * counts[1]
        assert all(course.epoch_seconds[name] > 0 for name in ("gru", "transformer"))
        assert all(course.part_seconds[name] > course.epoch_seconds[name] for name in ("gru", "transformer"))
        assert not (race.data(course.name) / "store").exists()
    assert plan.pizzeria is plan.courses[1]


def test_seeds_that_a_race_chose_are_in_the_command_that_repeats_it(tmp_path: Path) -> None:
    race = RaceFolder(tmp_path / "race")
    race.begin(resume=False)
    asked = replace(question(tmp_path), asked=Asked("minutes", 12), sets=(*SETS, "model.dropout=0.3"))
    plan = make_plan(race, asked, lambda _: None)
    assert [course.seeds for course in plan.courses] == [[1], [1]]
    assert plan.command == "race --seeds 1"
    assert not plan.tuned


def test_the_plan_says_of_what_it_was_made(planned: tuple[Plan, RaceFolder]) -> None:
    plan, race = planned
    assert (plan.name, plan.languages, plan.preset, plan.sets) == ("my.en + my.de", ["en", "de"], "race", list(SETS))
    assert [Path(file["path"]).name for file in plan.files] == ["my.en", "my.de"]
    assert all(len(file["sha256"]) == 64 for file in plan.files)
    assert [path.parent for path in plan.test_files] == [race.data("main").resolve()] * 2
    # A twentieth of 300 for validation, and a twentieth of the rest for the test.
    assert plan.main.pairs == {"train": 271, "valid": 15}
    assert plan.tuned
    plan.save(race.plan_file)
    assert race.plan() == plan


def test_the_pizzeria_by_name_is_one_course(tmp_path: Path) -> None:
    asked = replace(question(tmp_path), data={"data.corpus": "pizzeria"}, names=("transformer",))
    plan = make_plan(RaceFolder(tmp_path / "race"), asked, lambda _: None)
    assert [course.name for course in plan.courses] == ["main"]
    assert plan.pizzeria is plan.main
    assert (plan.name, plan.preset, plan.test_files) == ("pizzeria:en-de", "demo", [])


def test_lengths_past_memory_are_refused(tmp_path: Path) -> None:
    asked = replace(question(tmp_path), data={"data.corpus": "pizzeria"}, names=("transformer",), lengths=(8, 10**6))
    with pytest.raises(DragomanError, match=r"^sentences of 1,000,000 tokens need about .* in transformer.*: give"):
        make_plan(RaceFolder(tmp_path / "race"), asked, lambda _: None)


def test_a_contestant_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr("dragoman.race.entering.probe", none)
    with pytest.raises(DragomanError, match=r"^gru does not fit into memory \(no more\); lower batches\.target_tokens"):
        make_plan(RaceFolder(tmp_path / "race"), question(tmp_path), lambda _: None)
