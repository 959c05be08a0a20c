"""Whole races, small: every stage really runs, one is killed twice and resumed, and nothing is done twice."""

import gzip
import json
import re
import shutil
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pytest

from dragoman.config import PizzeriaSettings
from dragoman.corpora.pizzeria import generate
from dragoman.race.contestants import FAMILIES
from dragoman.race.logs import MEASURES
from tests.conftest import DATA
from tests.pipeline.conftest import KILLED, RACE, Result, sets
from tests.pipeline.killing import same_ending
from tests.unit.race_numbers import check
from tests.unit.race_reading import Page

Dragoman = Callable[..., Result]
pytestmark = pytest.mark.timeout(1200)
NAMES = list(FAMILIES)
LONGEST = 120
"""Seconds that the small race may take."""
REMADE = ("chain", "gradients")
"""Measures that come out the same each time."""
MINUTES = 0.1
"""Of training, of a race by time."""


def logged(race: Path, name: str, course: str = "main") -> list[dict[str, Any]]:
    lines = (race / "runs" / course / f"{name}-1" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def events(result: Result) -> list[dict[str, Any]]:
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def test_all_contestants_had_the_same(raced: Path) -> None:
    plan = json.loads((raced / "race.json").read_text())
    counts = {one["name"]: one["parameters"] for one in plan["contestants"]}
    assert list(counts) == NAMES
    assert all(abs(count - counts["transformer"]) <= 0.02 * counts["transformer"] for count in counts.values())
    vocabularies = {(raced / "runs" / "main" / f"{name}-1" / "tokenizer.model").read_bytes() for name in NAMES}
    assert len(vocabularies) == 1
    counted = ("step", "source_tokens", "target_tokens")
    read = [[[line[key] for key in counted] for line in logged(raced, name)] for name in NAMES]
    # The same batches in the same order, and the same number of updates.
    assert all(one == read[0] for one in read)
    assert read[0][-1][0] == 30
    for name in NAMES:
        assert [line["step"] for line in logged(raced, name) if "validation_loss" in line] == [6, 12, 18, 24, 30]


def test_every_measure_was_made_and_the_memory_noted(raced: Path) -> None:
    for name in MEASURES:
        found = json.loads((raced / "measures" / f"{name}.json").read_text())
        listed = found.get("contestants") or {one["contestant"]: 0 for one in found.get("runs", found.get("curves"))}
        assert list(dict.fromkeys(listed)) == NAMES, name
    quality = json.loads((raced / "measures" / "quality.json").read_text())
    assert all(100 < one["peak_mib"] < 5000 for one in quality["runs"])
    costs = [json.loads((raced / "costs" / "main" / f"{name}-1.json").read_text()) for name in NAMES]
    # One was killed with its race, and began again.
    assert [one["begun"] for one in costs] == [2 if name == KILLED else 1 for name in NAMES]
    assert {one["ended"] for one in costs} == {1}


def test_it_is_small_enough(raced: Path) -> None:
    """One process works at a time, in one thread: on a machine that is busy its processor seconds tell."""
    by_the_clock, of_a_processor = json.loads((raced.parent / "seconds.json").read_text())
    assert min(by_the_clock, of_a_processor) < LONGEST


def test_every_number_of_its_report_is_the_logs(raced: Path) -> None:
    tables = check(raced)
    plan = json.loads((raced / "race.json").read_text())
    # Nothing that was measured is left out: every kind of table is there that one seed on one corpus gives.
    assert len(tables) == 29
    found = Page((raced / "report.html").read_text(encoding="utf-8"))
    assert len(found.verdicts) == 5
    assert "not measured" not in {verdict.judgement for verdict in found.verdicts[:4]}
    # In 30 updates nobody learns to translate, or hardly: BLEU cannot tell, or tells that they are level.
    quality = json.loads((raced / "measures" / "quality.json").read_text())
    judgement, reason = found.verdicts[4].judgement, found.verdicts[4].reason
    if max(run["bleu"]["score"] for run in quality["runs"]) < 1:
        assert (judgement, reason) == (
            "not measured",
            "Nothing can tell: nobody translates yet, every BLEU is below 1.",
        )
    else:
        assert judgement == "does not hold here"
        assert reason.startswith("With 30 updates")
    assert escape(plan["command"]) in (raced / "report.html").read_text(encoding="utf-8")
    assert len(found.alts) == len(list((raced / "pictures").iterdir()))


def test_the_report_says_that_it_is_a_trial_with_one_seed(raced: Path) -> None:
    text = (raced / "report.md").read_text(encoding="utf-8")
    assert "A trial: every measure was taken in small" in text
    assert "One seed: the interval tells of the test sentences, not of the luck of a training." in text
    assert re.search(r"^\*Rule: Holds if .*\*$", text, re.M)


def test_what_was_killed_ends_as_if_it_had_not_been(raced: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    """The same race without the killed training and measure, and without one more, makes them again in one go."""
    unkilled = shutil.copytree(raced, tmp_path / "race")
    run, measures = Path("runs", "main", f"{KILLED}-1"), [Path("measures", f"{name}.json") for name in REMADE]
    shutil.rmtree(unkilled / run)
    for measure in measures:
        (unkilled / measure).unlink()
    seen = events(dragoman("race", unkilled, "--resume", "--json"))
    done = [event for event in seen if event["event"] == "done"]
    assert [event["part"] for event in done] == [f"train main {KILLED} 1", *(f"measure {name}" for name in REMADE)]
    assert all(0 < event["share"] <= 1 for event in done)
    same_ending(raced / run, unkilled / run)
    for measure in measures:
        assert (unkilled / measure).read_bytes() == (raced / measure).read_bytes()


def test_two_courses_and_minutes(dragoman: Dragoman, tmp_path: Path) -> None:
    """Files of our own beside the pizzeria, by time."""
    out, begin = tmp_path / "race", RACE.index("--trial")
    asked = [
        *hundred(tmp_path), "--minutes", MINUTES, "--seeds", 1, "--only", "lstm", *RACE[begin:],
        *sets("pizzeria.train_pairs=100"),
    ]  # fmt: skip
    events(dragoman("race", out, *asked, "--json"))
    plan = json.loads((out / "race.json").read_text())
    assert [(one["name"], one["pairs"]["valid"]) for one in plan["courses"]] == [("main", 5), ("pizzeria", 20)]
    assert [one["each"] for one in plan["courses"]] == pytest.approx([0.7 * MINUTES, 0.2 * MINUTES])
    for course in plan["courses"]:
        last = logged(out, "lstm", course["name"])[-1]
        # The last update may be a long one.
        assert 60 * course["each"] <= last["seconds"] < 60 * course["each"] + 2
    assert sorted(file.stem for file in (out / "measures").iterdir()) == sorted(MEASURES)
    quality, pronouns = (
        json.loads((out / "measures" / f"{name}.json").read_text()) for name in ("quality", "pronouns")
    )
    assert (quality["sentences"], quality["corpus"]) == (4, "test.en + test.de")
    assert list(pronouns["contestants"]) == ["lstm"]
    assert len(check(out)) > 20


def hundred(folder: Path) -> list[str]:
    """The options that name two files of a hundred lines: Multi30k's, or where that is not here the pizzeria's."""
    pairs = generate("train", PizzeriaSettings(train_pairs=100))
    texts = {"source": [pair.source for pair in pairs], "target": [pair.target for pair in pairs]}
    options = []
    for (side, text), code in zip(texts.items(), ("en", "de"), strict=True):
        real = DATA / "multi30k" / f"train.{code}.gz"
        found = gzip.decompress(real.read_bytes()).decode().splitlines()[:100] if real.exists() else text
        (folder / f"few.{code}").write_text("".join(f"{line}\n" for line in found), encoding="utf-8")
        options += [f"--{side}", str(folder / f"few.{code}")]
    return options


def test_the_report_is_written_again_byte_for_byte(raced: Path, dragoman: Dragoman) -> None:
    files = [raced / "report.html", raced / "report.md", *sorted((raced / "pictures").glob("*.png"))]
    before = [file.read_bytes() for file in files]
    assert len(files) > 4
    for file in files:
        file.unlink()
    assert events(dragoman("race", raced, "--report", "--json"))[-1]["event"] == "end"
    assert [file.read_bytes() for file in files] == before


def test_a_finished_race_does_nothing_again(raced: Path, dragoman: Dragoman) -> None:
    kept = {file: file.stat().st_mtime_ns for file in raced.rglob("*.json*") if file.is_file()}
    seen = events(dragoman("race", raced, "--resume", "--json"))
    assert seen[0]["event"] == "begin"
    assert seen[0]["done"] == seen[0]["parts"] == len(NAMES) + len(MEASURES)
    assert [event["event"] for event in seen[1:]] == ["end"]
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    shown = dragoman("race", raced, "--resume")
    assert "14 of 14 parts are done already" in shown.err
    assert "the report: " in shown.err


def test_going_on_with_another_race_is_refused(raced: Path, dragoman: Dragoman) -> None:
    fails(dragoman("race", raced, *RACE), 1, f"{raced} exists: add --resume to go on, or choose another folder")
    other = dragoman("race", raced, "--resume", "--corpus", "multi30k:en-de", "--updates", 40)
    words = "a race goes on as it began: data.corpus is pizzeria in the race, multi30k:en-de was given; the budget is"
    fails(other, 2, words, "30 updates in the race, 40 updates was given")


def test_runs_of_a_race_are_ordinary_runs(raced: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("The pizza was good.\n")
    for name in NAMES:
        assert dragoman("translate", raced / "runs" / "main" / f"{name}-1", tmp_path / "a.en").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--corpus", "pizzeria", "--only", "lsmt"], 2, "--only: no contestant is named 'lsmt'; did you mean 'lstm'?"),
        (["--corpus", "pizeria", "--updates", 5], 2, "no corpus is named 'pizeria'; did you mean 'pizzeria'?"),
        (["--updates", 5], 2, "nothing to train on; give a corpus, source and target, or tsv"),
        (["--corpus", "pizzeria", "--set", "training.seed=3"], 2, "a race decides this; --seeds says how many"),
        (["--corpus", "pizzeria", "--test-source", "a"], 2, "the test needs both sides; give --test-source and --test"),
        (["--resume"], 2, "is no race that could go on (no race.json in it): give a race's folder, or --corpus to"),
        (["--report"], 1, "is not a race (no race.json in it): give a folder that `dragoman race` made"),
    ],
)
def test_wrong_questions(arguments: list[object], code: int, words: str, dragoman: Dragoman, tmp_path: Path) -> None:
    fails(dragoman("race", tmp_path / "race", *arguments), code, words)
    assert not (tmp_path / "race").exists()


def test_too_small_a_budget_leaves_nothing_behind(dragoman: Dragoman, tmp_path: Path) -> None:
    small = [*RACE, "--only", "transformer"]
    few = dragoman("race", tmp_path / "race", *(3 if word == "30" else word for word in small))
    fails(few, 2, "--updates 3 is too small: a pass over pizzeria:en-de takes", "give --updates")
    assert not (tmp_path / "race").exists()


def test_lengths_past_memory_are_refused(dragoman: Dragoman, tmp_path: Path) -> None:
    long = dragoman("race", tmp_path / "race", *RACE, "--only", "transformer", "--lengths", "8,100000")
    fails(long, 1, "sentences of 100,000 tokens need about")
    assert not (tmp_path / "race").exists()


def fails(result: Result, code: int, *words: str) -> None:
    """Checks for one clear line."""
    assert result.code == code, result.err
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    for word in words:
        assert word in last
