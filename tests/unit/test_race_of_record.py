"""The race that docs/race keeps: every number of its report is its logs', and it comes out of them again."""

import json
import shutil
from pathlib import Path

import pytest

from dragoman.race.contestants import FAMILIES
from dragoman.race.copying import RATES
from dragoman.race.logs import read_logs
from dragoman.race.machine import versions
from dragoman.race.report import build
from tests.unit.race_numbers import check

KEPT = Path(__file__).parents[2] / "docs" / "race"


def test_every_number_is_its_logs() -> None:
    assert len(check(KEPT)) > 20


def test_it_raced_what_is_described() -> None:
    plan = read_logs(KEPT).plan
    assert (plan.name, plan.preset, plan.tuned, plan.trial) == ("multi30k:en-de", "race", True, False)
    assert [course.name for course in plan.courses] == ["main", "pizzeria"]


def test_it_raced_with_what_the_search_found() -> None:
    rounds = json.loads((KEPT / "tuning.json").read_text(encoding="utf-8"))
    plan = read_logs(KEPT).plan

    def best(which: str, name: str) -> dict[str, float]:
        tried = [trial for trial in rounds[which]["trials"] if trial["contestant"] == name]
        return max(tried, key=lambda trial: (trial["bleu"], -trial["loss"]))

    for name, family in FAMILIES.items():
        assert family.learning_rate == best("multi30k, as long as in the race", name)["learning_rate"], name
        assert family.dropout == best("multi30k", name)["dropout"], name
        assert family.grammar_rate == best("pizzeria", name)["learning_rate"], name
        copied = [trial for trial in rounds["copying"]["trials"] if trial["contestant"] == name]
        assert RATES[name] == max(copied, key=lambda trial: trial["greedy"] + trial["forced"])["learning_rate"], name
    for course, values in zip(plan.courses, ("learning_rate", "grammar_rate"), strict=True):
        for one in course.contestants:
            assert one.settings["training.learning_rate"] == getattr(FAMILIES[one.name], values), one.name


def test_it_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    folder = tmp_path / "race"
    shutil.copytree(KEPT, folder, ignore=shutil.ignore_patterns("report.*", "pictures"))
    if read_logs(folder).plan.versions != versions():
        pytest.skip("docs/race was drawn with other versions: its bytes are compared with those alone")
    build(folder)
    drawn = [path.relative_to(folder) for path in [folder / "report.html", *folder.glob("pictures/*")]]
    assert len(drawn) > 10
    for path in [Path("report.md"), *drawn]:
        assert (folder / path).read_bytes() == (KEPT / path).read_bytes(), path
