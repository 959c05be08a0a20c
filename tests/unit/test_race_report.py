"""The race's report from logs that were made up: verdicts, every number, what is missing, form and bytes."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dragoman.cli import main
from dragoman.errors import DragomanError
from dragoman.race.logs import MEASURES, read_logs
from dragoman.race.machine import versions
from dragoman.race.report import build
from dragoman.race.report.building import cautions, document
from tests.unit.race_given import Race as Given
from tests.unit.race_logs import Race, write_race
from tests.unit.race_numbers import check
from tests.unit.race_points import check_points
from tests.unit.race_reading import Page, markdown_tables

STORIES = {
    "usual": Race(),
    "told": Race(story="told", seeds=(1,), joules=True, kind="updates"),
    "upside-down": Race(story="upside-down", seeds=(1, 2), kind="tokens", pizzeria=False),
    "poor": Race(
        names=("rnn", "lstm", "transformer"), seeds=(1,), missing=("copying", "chain", "quality"), untrained=("rnn",),
        trial=True,
    ),
}  # fmt: skip
Built = Callable[[str], Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Gives the folder of a story, with its report."""
    folders: dict[str, Path] = {}

    def get(story: str) -> Path:
        if story not in folders:
            race = replace(STORIES[story])
            folders[story] = write_race(tmp_path_factory.mktemp("races") / "race", race)
            assert build(folders[story]) == folders[story] / "report.html"
        return folders[story]

    return get


def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def judgements(folder: Path) -> list[str]:
    return [verdict.judgement for verdict in page(folder).verdicts]


def test_verdicts_by_story(built: Built) -> None:
    partly = "holds partly"
    assert judgements(built("told")) == ["holds"] * 5
    assert judgements(built("usual")) == [partly, partly, "holds", partly, partly]
    assert judgements(built("upside-down")) == ["does not hold here"] * 5
    assert judgements(built("poor")) == [partly, partly, "holds", partly, "not measured"]


@pytest.mark.parametrize("story", STORIES)
def test_every_number_is_the_logs(story: str, built: Built) -> None:
    tables = check(built(story))
    assert len(tables) == len(set(tables)) > 12


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("measures/speed.json", ("contestants", "gru", 2, "tokens_per_second")),
        ("measures/speed.json", ("contestants", "lstm", 0, "backward")),
        ("measures/translation_speed.json", ("contestants", "rnn", 5, "spread", 1)),
        ("measures/chain.json", ("contestants", "rnn", "training", 4)),
        ("measures/gradients.json", ("curves", 0, "log10_norm", 62)),
        ("measures/gradients.json", ("singular_values", 1, "largest")),
        ("measures/gradients.json", ("translators", "curves", 3, "log10_norm", 36)),
        ("measures/gradients.json", ("translators", "length")),
        ("measures/copying.json", ("contestants", "lstm", "recall", 0)),
        ("measures/copying.json", ("chance",)),
        ("measures/pronouns.json", ("contestants", "transformer", 6, "right")),
        ("measures/quality.json", ("runs", 6, "bleu", "score")),
        ("measures/quality.json", ("paired", 20, "bleu", "p")),
        ("measures/quality.json", ("paired", 3, "bleu", "low")),
        ("measures/quality.json", ("paired", 7, "chrf", "difference")),
        ("measures/quality.json", ("runs", 4, "by_length", 2, "chrf")),
        ("race.json", ("courses", 0, "contestants", 0, "parameters")),
        ("race.json", ("courses", 0, "each")),
    ],
)
def test_a_number_that_is_not_the_logs_is_found(
    file: str, place: tuple[str | int, ...], built: Built, tmp_path: Path
) -> None:
    """The check itself is tested: one number of the logs is changed, and the report is left as it was."""
    folder = shutil.copytree(built("usual"), tmp_path / "race")
    values = json.loads((folder / file).read_text())
    inside = values
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] *= 1.2
    (folder / file).write_text(json.dumps(values))
    with pytest.raises(AssertionError):
        check(folder)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "2.3 minutes of training each on the main corpus. Minutes",
            "2.4 minutes of training each on the main corpus. M",
        ),
        ("the same seed (1, 2 and 3) gives", "the same seed (1, 2 and 4) gives"),
        ("number of parameters within 2 %; the tables", "number of parameters within 3 %; the tables"),
        ("3 seeds on the main corpus.", "2 seeds on the main corpus."),
    ],
)
def test_fairness_that_is_not_the_plans_is_found(right: str, wrong: str, built: Built, tmp_path: Path) -> None:
    folder = shutil.copytree(built("usual"), tmp_path / "race")
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text()
        assert right in text
        (folder / name).write_text(text.replace(right, wrong))
    with pytest.raises(AssertionError):
        check(folder)


def test_points_that_are_not_the_logs_are_found(built: Built) -> None:
    """Each picture's first line is moved: in its numbers, and in the page's drawing."""
    folder = built("usual")
    race, charts = Given(folder), document(read_logs(folder)).charts()
    html = (folder / "report.html").read_text(encoding="utf-8")
    check_points(race, charts, html)
    for number, chart in enumerate(charts):
        line = chart.lines[0]
        for part in ("x", "y", "low", "high"):
            if values := [value for value in getattr(line, part) if value is not None]:
                moved = replace(line, **{part: [*values[:-1], values[-1] + 0.001]})  # type: ignore[arg-type]
                others = [*charts[:number], replace(chart, lines=[moved, *chart.lines[1:]]), *charts[number + 1 :]]
                with pytest.raises(AssertionError):
                    check_points(race, others, html)
        drawn = re.search(rf'aria-label="{re.escape(chart.title)}\. .*?</svg>', html, re.S)
        assert drawn
        first = re.search(
            r'<path d="M ([\d.]+) ([\d.]+) [^"]*" clip-path="[^"]*" style="fill: none;[^"]*--rnn', drawn[0]
        )
        assert first
        for axis in (1,) if chart.intervals else (1, 2):
            at = drawn.start() + first.start(axis)
            place = first[axis]
            with pytest.raises(AssertionError):
                check_points(race, charts, f"{html[:at]}{float(place) + 0.5:.6f}{html[at + len(place) :]}")


def test_the_same_logs_give_the_same_bytes(built: Built, tmp_path: Path) -> None:
    again = shutil.copytree(built("poor"), tmp_path / "elsewhere")
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.suffix in (".html", ".md", ".png"))
    assert len(files) > 10
    stale = again / "pictures" / "stale.png"
    stale.write_bytes(b"of an earlier report")
    for file in files:
        (again / file).write_bytes(b"")
    build(again)
    assert not stale.exists()
    for file in files:
        assert (again / file).read_bytes() == (built("poor") / file).read_bytes(), file


def test_other_versions_than_recorded_are_warned_of(
    built: Built, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(built("poor"), tmp_path / "race")
    plan = json.loads((folder / "race.json").read_text())
    plan["versions"] = versions() | {"matplotlib": "1.2.3", "numba": "4.5.6"}
    (folder / "race.json").write_text(json.dumps(plan))
    (folder / "report.md").unlink()
    assert main.run(["race", str(folder), "--report"]) == 0
    here = versions()
    told = (
        f"warning: matplotlib is 1.2.3 in the race, {here['matplotlib']} here; numba is 4.5.6 in the race, "
        f"{here['numba']} here: the report is written, and may differ from the race's own"
    )
    assert told in " ".join(capsys.readouterr().err.split())
    assert "matplotlib 1.2.3" in (folder / "report.md").read_text()
    plan["versions"] = here
    (folder / "race.json").write_text(json.dumps(plan))
    assert main.run(["race", str(folder), "--report", "--json"]) == 0
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["end"]


def test_what_is_missing_is_said(built: Built) -> None:
    words = " ".join(page(built("poor")).words)
    for name in ("Copying", "Chain", "Quality"):
        assert f"{name} was not measured (measures/{name.lower()}.json is missing)." in words
    assert "2 trainings left no line in a log: main/rnn-1 and pizzeria/rnn-1." in words
    assert "One seed: the interval tells of the test sentences, not of the luck of a training." in words
    assert "One training of each contestant: gradients." in words
    assert words.count("A trial: every measure was taken in small") == 2
    verdicts = page(built("poor")).verdicts
    assert verdicts[0].caution == "The chains were not measured: judged by speed alone."
    once = "One training of each contestant: gradients."
    assert verdicts[2].caution == f"Judged without copying: not measured. {once}"
    assert verdicts[4].reason == "The measure of quality is missing."
    assert "Pronouns were not asked for" in " ".join(page(built("upside-down")).words)


def test_nothing_is_measured_yet(tmp_path: Path) -> None:
    folder = write_race(tmp_path / "race", Race(missing=MEASURES, untrained=Race().names, seeds=(1,)))
    build(folder)
    assert judgements(folder) == ["not measured"] * 5
    assert not list((folder / "pictures").iterdir())
    words = " ".join(page(folder).words)
    assert "No training has begun." in words
    assert words.count("Not measured: ") == 9


def test_translators_whose_gradients_are_missing_are_told(built: Built, tmp_path: Path) -> None:
    said = " ".join(page(built("poor")).words)
    assert "seed 1. Claim 2 is not judged by these: they show whether what was found in small goes for models" in said
    assert "Without RNN: no checkpoint, or a gradient that is no number." in said
    missing = [name for name in MEASURES if name != "gradients"]
    folder = write_race(tmp_path / "race", Race(missing=missing, untrained=Race().names, seeds=(1,)))
    build(folder)
    why = "no training on the main corpus has a checkpoint"
    assert f"The gradients of the race's own translators were not looked at: {why}." in page(folder).words
    assert not list((folder / "pictures").glob("gradients-translators-*"))
    # Claim 2 is judged by the small models all the same.
    assert judgements(folder)[1] == "holds partly"


def test_logs_of_before_chrf_was_validated_have_no_table_of_it(built: Built, tmp_path: Path) -> None:
    folder = shutil.copytree(built("poor"), tmp_path / "race")
    title = "Learning by time and by tokens: validation chrF"
    assert title in check(folder)
    logs = sorted(folder.glob("runs/main/*/metrics.jsonl"))
    assert len(logs) == 2
    kept = logs[0].read_text().splitlines()
    for file in logs:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(one | {"validation_chrf": None}) + "\n" for one in lines))
    build(folder)
    assert title not in [table.title for table in page(folder).tables]
    # One that goes on has it from then on.
    logs[0].write_text(logs[0].read_text() + kept[-1] + "\n")
    build(folder)
    table = next(one for one in page(folder).tables if one.title == title)
    assert [len(row) for row in table.rows] == [3, 3]
    assert sorted(row[2] == "–" for row in table.rows) == [False, True]


def test_a_contestant_that_was_given_up_is_named(built: Built, tmp_path: Path) -> None:
    folder = shutil.copytree(built("poor"), tmp_path / "race")
    costs = folder / "costs" / "main" / "lstm-1.json"
    costs.parent.mkdir(parents=True)
    costs.write_text(json.dumps({"given_up": "its loss is no number"}))
    build(folder)
    assert (
        "LSTM, seed 1, on the main corpus was given up: its loss is no number. It is judged by its best checkpoint."
        in page(folder).words
    )


def test_contestants_that_a_measure_lacks_are_named(built: Built, tmp_path: Path) -> None:
    folder = shutil.copytree(built("poor"), tmp_path / "race")
    file = folder / "measures" / "speed.json"
    speed = json.loads(file.read_text())
    del speed["contestants"]["transformer"]
    speed["contestants"]["rnn"][-1]["tokens_per_second"] = None
    file.write_text(json.dumps(speed))
    build(folder)
    assert "Speed has no figures of Transformer." in page(folder).words
    first = page(folder).verdicts[0]
    assert (first.judgement, first.figures) == ("not measured", [])
    assert first.reason == "It takes a plain RNN and the Transformer; not all of them were measured."
    table = next(one for one in markdown_tables((folder / "report.md").read_text()) if "second, training" in one.title)
    assert [row[0] for row in table.rows] == ["RNN", "LSTM"]
    assert table.rows[0][-1] == "–"


def test_contestants_that_learnt_nothing_prove_nothing(built: Built, tmp_path: Path) -> None:
    folder = shutil.copytree(built("told"), tmp_path / "race")
    file = folder / "measures" / "pronouns.json"
    pronouns = json.loads(file.read_text())
    for name in ("rnn", "lstm"):
        pronouns["contestants"][name][-1] |= {"right": 0.1, "low": 0.0, "high": 0.3}
    file.write_text(json.dumps(pronouns))
    file = folder / "measures" / "quality.json"
    quality = json.loads(file.read_text())
    for run in quality["runs"]:
        run["bleu"] = {"score": 0.1, "low": 0.0, "high": 0.2}
    file.write_text(json.dumps(quality))
    build(folder)
    third, fifth = page(folder).verdicts[2], page(folder).verdicts[4]
    assert "pronouns without attention (10 % : 10 %), where neither beats the shortcuts" in third.reason
    assert third.judgement == "holds"
    assert fifth.judgement == "not measured"
    assert fifth.reason == "Nothing can tell: nobody translates yet, every BLEU is below 1."
    assert not fifth.figures
    # Who translates is compared with those who do not.
    quality["runs"][-1]["bleu"] = {"score": 30.0, "low": 29.0, "high": 31.0}
    file.write_text(json.dumps(quality))
    build(folder)
    assert page(folder).verdicts[4].judgement == "holds"


def test_a_race_without_the_transformer(tmp_path: Path) -> None:
    missing = ("gradients", "copying", "chain", "translation_speed")
    folder = write_race(tmp_path / "race", Race(names=("rnn", "lstm"), seeds=(1,), missing=missing))
    build(folder)
    tables = check(folder)
    assert len(tables) > 10
    assert "Each contestant against each other one" in tables
    assert "Each contestant against the Transformer" not in tables
    assert judgements(folder) == ["not measured", "not measured", "holds", "holds partly", "not measured"]
    why = "It takes the Transformer and another contestant; not all of them were measured."
    assert page(folder).verdicts[4].reason == why


def test_a_contestant_of_another_size_is_named(tmp_path: Path) -> None:
    folder = write_race(tmp_path / "race", Race(missing=MEASURES, names=("rnn", "transformer"), seeds=(1,)))
    plan = json.loads((folder / "race.json").read_text())
    plan["courses"][0]["contestants"][0]["parameters"] *= 2
    (folder / "race.json").write_text(json.dumps(plan))
    build(folder)
    assert "More than 2 % larger or smaller than the Transformer: RNN." in page(folder).words


def test_the_page_needs_nothing_and_tells_everybody(built: Built) -> None:
    found = page(built("usual"))
    assert "script" not in found.tags
    assert all(link.startswith(("#", "data:")) for link in found.links)
    assert {link for link in found.links if link.startswith("#")} <= {f"#{name}" for name in found.ids}
    assert len(found.ids) == len(set(found.ids))
    assert set(found.scopes) == {"col", "row"}
    pictures = sorted((built("usual") / "pictures").glob("*.png"))
    assert len(found.alts) == len(pictures) == 20
    assert all(len(alt) > 80 for alt in found.alts)
    text = (built("usual") / "report.html").read_text(encoding="utf-8")
    assert "url(http" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    markdown = (built("usual") / "report.md").read_text(encoding="utf-8")
    assert [f"pictures/{file.name}" for file in pictures] == sorted(re.findall(r"!\[.+?\]\((.+?)\)", markdown))


def test_text_of_others_is_no_markup(tmp_path: Path) -> None:
    folder = write_race(tmp_path / "race", Race(missing=MEASURES, names=("rnn", "transformer"), seeds=(1,)))
    plan = json.loads((folder / "race.json").read_text())
    name, command = "<b>a<i>_x_|y&z.en", "dragoman race OUT --source '```' <script>"
    plan |= {"name": name, "command": command, "files": [{"path": f"/far/{name}", "bytes": 3, "sha256": "ab"}]}
    (folder / "race.json").write_text(json.dumps(plan))
    build(folder)
    html, markdown = ((folder / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))
    assert "&lt;b&gt;a&lt;i&gt;_x_|y&amp;z.en" in html
    assert "<script" not in html + "".join(re.split("````", markdown)[::2])
    assert f"````\n{command}\n````" in markdown
    assert [row[0] for row in markdown_tables(markdown)[-1].rows] == [name]


def test_what_is_no_race_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DragomanError, match=r"is not a race \(no race.json in it\): give a folder that `dragoman race`"
    ):
        build(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is damaged"),
        ("[]", "is not a JSON object"),
        ("{}", r"is damaged \(no contestants, lengths, target_tokens in it\)"),
        (
            '{"contestants": {"rnn": [], "gpt": []}, "lengths": [8], "target_tokens": 8}',
            r"is another race's \(gpt does not race here\)",
        ),
    ],
)
def test_a_damaged_measure_is_refused(text: str, words: str, tmp_path: Path) -> None:
    folder = write_race(tmp_path / "race", Race(missing=MEASURES, seeds=(1,)))
    (folder / "measures" / "speed.json").write_text(text)
    with pytest.raises(DragomanError, match=rf"speed.json {words}.*: remove it and add --resume, which measures it"):
        build(folder)


def test_a_measure_of_another_races_trainings_is_refused(tmp_path: Path) -> None:
    folder = write_race(tmp_path / "race", Race(seeds=(1,)))
    file = folder / "measures" / "quality.json"
    file.write_text(file.read_text().replace('"contestant": "gru"', '"contestant": "mamba"'))
    with pytest.raises(DragomanError, match=r"quality.json is another race's \(mamba does not race here\): remove it"):
        build(folder)
    file.unlink()
    file = folder / "measures" / "gradients.json"
    gradients = json.loads(file.read_text())
    gradients["translators"]["curves"][0]["contestant"] = "mamba"
    file.write_text(json.dumps(gradients))
    with pytest.raises(DragomanError, match=r"gradients.json is another race's \(mamba does not race here\)"):
        build(folder)


@pytest.mark.parametrize(
    ("name", "part", "value"),
    [
        ("speed", ("contestants", "rnn"), [{"length": 8, "tokens_per_second": 5.0}]),
        ("chain", ("contestants", "rnn"), 7),
        ("gradients", ("curves",), [{"contestant": "rnn"}]),
        ("copying", ("contestants", "rnn", "recall"), "all"),
        ("quality", ("runs",), [{"contestant": "rnn"}]),
    ],
)
def test_a_measure_that_is_damaged_inside_is_named(
    name: str, part: tuple[str, ...], value: object, tmp_path: Path
) -> None:
    folder = write_race(tmp_path / "race", Race(names=("rnn", "lstm", "transformer"), seeds=(1,)))
    file = folder / "measures" / f"{name}.json"
    measure = json.loads(file.read_text())
    *above, last = part
    inside = measure
    for key in above:
        inside = inside[key]
    inside[last] = value
    file.write_text(json.dumps(measure))
    with pytest.raises(DragomanError, match=rf"{name}.json is damaged inside \(\w+: .*\): remove it and add --resume"):
        build(folder)


def test_updates_that_came_to_nothing_are_told(tmp_path: Path) -> None:
    folder = write_race(tmp_path / "race", Race(names=("rnn", "transformer"), seeds=(1,)))
    file = folder / "measures" / "copying.json"
    copying = json.loads(file.read_text())
    copying["contestants"]["rnn"] |= {"skipped": 3, "updates": 1200}
    file.write_text(json.dumps(copying))
    told = "RNN left out 3 of its 1,200 updates of the copy task, whose loss or gradient was no number."
    assert told in cautions(read_logs(folder))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    folder = write_race(tmp_path / "race", Race(missing=MEASURES, seeds=(1,)))
    (folder / "pictures").write_text("a file in the way")
    with pytest.raises(DragomanError, match=r"cannot write the report into .*: make it writable"):
        build(folder)
