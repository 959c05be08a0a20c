"""Checks the points of a race's pictures: each is reckoned from the logs, and looked for where the page draws it."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman.race.report.document import Chart
from tests.unit.race_given import Race, called

NEAR = 0.02
"""Hundredths of an inch, about: what a drawn point may stand apart from where it belongs."""
COLOURS = "rnn|gru|lstm|ink"
TRIALS = {None: "before", True: "clipped", False: "not clipped"}


class Drawn(NamedTuple):
    """What a line of a picture must show."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def check_points(race: Race, charts: Sequence[Chart], page: str) -> None:
    """Checks all pictures of a report: which there are, their lines' numbers, and where the page draws them."""
    expected = {name: lines for name, reckon in pictures(race).items() if (lines := reckon(race))}
    assert {chart.name for chart in charts} == expected.keys()
    for chart in charts:
        lines = expected[chart.name]
        check_lines(chart, lines)
        drawing = re.search(rf'<svg role="img" aria-label="{re.escape(chart.title)}\. .*?</svg>', page, re.S)
        assert drawing, chart.title
        check_drawing(chart, lines, drawing[0])
    check_marks(race, {chart.name: chart for chart in charts})


def check_lines(chart: Chart, lines: Sequence[Drawn]) -> None:
    """The lines' own numbers."""
    assert [line.label or called(line.contestant) for line in chart.lines] == [one.label for one in lines], chart.name
    for line, one in zip(chart.lines, lines, strict=True):
        for part in ("x", "y", "low", "high"):
            shown = [value for value in getattr(line, part) if value is not None]
            assert np.allclose(shown, getattr(one, part), rtol=1e-12, atol=1e-12), (chart.name, one.label, part)


def check_drawing(chart: Chart, lines: Sequence[Drawn], drawing: str) -> None:
    """The page's lines: along each axis their points must lie as the numbers do, all on one scale."""
    paths = [
        np.array(re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path), dtype=float)
        for path in re.findall(
            rf'<path d="([^"]*)" clip-path="[^"]*" style="fill: none;[^"]*var\(--(?:{COLOURS})\)', drawing
        )
    ]
    assert len(paths) == len(lines), chart.name
    if chart.intervals:
        scores = [
            float(x) for x in re.findall(rf'<use href="[^"]*" x="([\d.]+)"[^>]*fill: var\(--(?:{COLOURS})\)', drawing)
        ]
        ends = np.concatenate([path[:, 0] for path in paths])
        told = [value for line in lines for value in (*line.low, *line.high)]
        assert along(np.array([*ends, *scores]), [*told, *(line.x[0] for line in lines)]), chart.name
        return
    assert [len(path) for path in paths] == [len(line.x) for line in lines], chart.name
    for axis, part in enumerate(("x", "y")):
        values = [value for line in lines for value in getattr(line, part)]
        values = [math.log(value) for value in values] if chart.scales[axis] == "log" else values
        assert along(np.concatenate([path[:, axis] for path in paths]), values), (chart.name, part)


def along(places: NDArray[np.float64], values: Sequence[float]) -> bool:
    """Whether places are the values times a number and another number on top."""
    given = np.stack([np.array(values), np.ones(len(values))], 1)
    fitted = given @ np.linalg.lstsq(given, places, rcond=None)[0]
    return bool(np.abs(fitted - places).max() < NEAR)


def check_marks(race: Race, charts: dict[str, Chart]) -> None:
    """Level lines and the upright one."""
    if copying := charts.get("copying"):
        assert [value for value, _ in copying.marks] == [race.measures["copying"]["chance"], 0.5]
    if pronouns := charts.get("pronouns"):
        measure = race.measures["pronouns"]
        assert [value for value, _ in pronouns.marks] == [max(measure["shortcuts"].values())]
        assert pronouns.edge is None or pronouns.edge[0] == measure["trained_up_to"]


Lines = Callable[[Race], list[Drawn]]


def pictures(race: Race) -> dict[str, Lines]:
    """Every picture that a report may have, by the name of its file."""
    found: dict[str, Lines] = {
        "speed": speed("speed"),
        "translation-speed": speed("translation_speed"),
        "chain-training": chain("training"),
        "chain-translating": chain("translating"),
        "copying": copying,
        "pronouns": pronouns,
        "bleu": bleu,
        "bleu-by-length": by_length,
        "learning-by-time": learning("seconds", 60),
        "learning-by-tokens": learning("target_tokens", 1e6),
    }
    for axis in ("decoder", "encoder", "end-to-end", "translators"):
        for moment in ("start", "trained"):
            found[f"gradients-{axis}-{moment}"] = gradients(axis, moment)
    return found | {f"gradients-{axis}-rnn": trials(axis) for axis in ("decoder", "encoder")}


def speed(measure: str) -> Lines:
    def reckon(race: Race) -> list[Drawn]:
        found = []
        for name, rows in race.of(measure):
            lengths, speeds = [row["length"] for row in rows], [row["tokens_per_second"] for row in rows]
            found.append(Drawn(called(name), lengths, speeds, *zip(*(row["spread"] for row in rows), strict=True)))
        return found

    return reckon


def chain(what: str) -> Lines:
    return lambda race: [
        Drawn(called(name), race.measures["chain"]["lengths"], found[what]) for name, found in race.of("chain")
    ]


def curve(one: dict[str, Any], label: str) -> Drawn:
    """Powers of ten of the norm at the shortest distance."""
    first = one["log10_norm"][0]
    return Drawn(
        label, one["distances"], *([value - first for value in one[part]] for part in ("log10_norm", "low", "high"))
    )


def gradients(axis: str, moment: str) -> Lines:
    return lambda race: [
        curve(one, called(one["contestant"]))
        for one in race.curves(axis)
        if one["moment"] == moment and one["as_raced"] and one["clip"] is not False
    ]


def trials(axis: str) -> Lines:
    def reckon(race: Race) -> list[Drawn]:
        mine = [one for one in race.curves(axis) if one["contestant"] == "rnn"]
        return [curve(one, f"{one['start']} {TRIALS[one['clip']]}") for one in mine] if len(mine) > 2 else []

    return reckon


def copying(race: Race) -> list[Drawn]:
    distances = race.measures.get("copying", {}).get("distances", [])
    return [Drawn(called(name), distances, found["recall"]) for name, found in race.of("copying")]


def pronouns(race: Race) -> list[Drawn]:
    middles = [sum(bounds) / 2 for bounds in race.measures.get("pronouns", {}).get("distances", [])]
    return [
        Drawn(called(name), middles, *([row[part] for row in rows] for part in ("right", "low", "high")))
        for name, rows in race.of("pronouns")
    ]


def bleu(race: Race) -> list[Drawn]:
    runs = race.runs() if "quality" in race.measures else []
    scores = [(called(run["contestant"]), run["bleu"]) for run in runs]
    return [Drawn(name, [one["score"]], [], [one["low"]], [one["high"]]) for name, one in scores]


def by_length(race: Race) -> list[Drawn]:
    found = []
    for name in race.means("bleu") if "quality" in race.measures else []:
        mine = [run["by_length"] for run in race.runs() if run["contestant"] == name]
        middles = [(one["from"] + (1.2 * one["from"] if one["to"] is None else one["to"])) / 2 for one in mine[0]]
        scores = [sum(run[at]["bleu"] for run in mine) / len(mine) for at in range(len(middles))]
        found.append(Drawn(called(name), middles, scores))
    return found


def learning(key: str, unit: float) -> Lines:
    def reckon(race: Race) -> list[Drawn]:
        found = []
        for name in race.names:
            for seed in race.plan["seeds"]:
                if seen := [line for line in race.lines("main", name, seed) if "validation_bleu" in line]:
                    places = [line[key] / unit for line in seen]
                    found.append(Drawn(called(name), places, [line["validation_bleu"] for line in seen]))
        return found

    return reckon
