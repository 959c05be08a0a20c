"""The report's pictures: the same bytes each time, labels apart, colours that everybody can tell apart."""

import itertools
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman.race.logs import read_logs
from dragoman.race.report.axis_scales import log_ticks, spread, ten_ticks, told_apart
from dragoman.race.report.charts import copying_chart, gradient_charts, pronoun_chart, speed_chart
from dragoman.race.report.document import Chart, Line
from dragoman.race.report.pictures import COLOURS, png, svg
from tests.unit.race_logs import Race, write_race

BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "none": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
}
"""How linear colours look to the colour-blind (Machado et al. 2009, full severity)."""
Vector = NDArray[np.float64]


def linear(colour: str) -> Vector:
    values = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: Vector) -> Vector:
    """CIE L*a*b* of a linear colour."""
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(matrix) @ rgb.clip(0, 1) / np.array([0.95047, 1, 1.08883])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """Between two colours (WCAG 2)."""
    darker, lighter = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour)) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def palettes() -> dict[str, dict[str, str]]:
    """The page's colours on paper and in the dark."""
    css = (files("dragoman.race.report") / "page.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w{6})", part)) for part in css.split("prefers-color-scheme")[:2])
    return {"light": light, "dark": {**light, **dark}}


@pytest.mark.parametrize("name", ["light", "dark"])
def test_everybody_can_tell_the_families_apart(name: str) -> None:
    palette = palettes()[name]
    families = [palette[family] for family in ("rnn", "gru", "lstm", "ink")]
    for matrix in BLIND.values():
        seen = [lab(np.array(matrix) @ linear(colour)) for colour in families]
        assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) > 15
    assert all(contrast(colour, palette["paper"]) >= 3 for colour in families)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_all_text_can_be_read(name: str) -> None:
    palette = palettes()[name]
    for colour in ("ink", "quiet", "accent", "partly"):
        assert contrast(palette[colour], palette["paper"]) >= 4.5, colour
    for verdict in ("holds", "partly", "not", "unknown"):
        assert contrast(palette[verdict], palette[f"{verdict}-tint"]) >= 4.5, verdict


def test_paper_has_the_colours_of_the_page() -> None:
    assert {name: palettes()["light"][name] for name in COLOURS} == COLOURS


def test_charts_show_the_measures(tmp_path: Path) -> None:
    logs = read_logs(write_race(tmp_path / "race", Race(names=("rnn", "lstm", "transformer"))))
    chart = speed_chart(logs, "speed")
    assert chart is not None
    assert [line.contestant for line in chart.lines] == ["rnn", "lstm", "transformer"]
    rows = logs.of("speed")["lstm"]
    assert list(chart.lines[1].y) == [row["tokens_per_second"] for row in rows]
    assert list(chart.lines[1].low) == [row["spread"][0] for row in rows]
    assert [line.dashed for line in chart.lines] == [True, True, False]
    before, after = gradient_charts(logs)[:2]
    assert before.span == after.span
    assert before.lines[0].y[0] == 0.0
    recall = copying_chart(logs)
    assert recall is not None
    assert [name for _, name in recall.marks] == ["blind guess", "half"]
    pronouns = pronoun_chart(logs)
    assert pronouns is not None
    assert list(pronouns.edge or ()) == [15, "farther than in training"]
    seen = {**logs.measures, "pronouns": {**logs.measures["pronouns"], "trained_up_to": 99}}
    everywhere = pronoun_chart(replace(logs, measures=seen))
    assert everywhere is not None
    assert everywhere.edge is None
    tried = gradient_charts(logs)[-1]
    assert {(line.mark, line.dashed) for line in tried.lines} == {(m, d) for m in "oPX" for d in (True, False)}


def test_pictures_are_the_same_each_time_and_share_no_names(tmp_path: Path) -> None:
    chart = Chart("a", "Title", "across", "up", [Line("rnn", [1, 2], [3.0, None], label="<b> & c")], "words")
    png(chart, tmp_path / "a.png")
    png(chart, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    drawn = svg(chart)
    assert drawn == svg(chart)
    assert drawn.startswith("<svg")
    assert "var(--rnn)" in drawn
    assert "&lt;b&gt; &amp; c" in drawn
    assert not re.search(r"#[0-9a-f]{6}|DejaVu|<\?xml", drawn)
    ids = re.findall(r'\bid="([^"]*)"', drawn)
    assert all(name.startswith("a-") for name in ids)
    assert set(re.findall(r"(?:url\(|href=\")#([^)\"]*)", drawn)) <= set(ids)


def test_labels_keep_apart_and_in_order() -> None:
    places = spread([0.5, 0.5, 0.5], 0.1, 1.0)
    assert sorted(places) == pytest.approx([0.4, 0.5, 0.6])
    assert spread([0.2, 0.8], 0.1, 1.0) == [0.2, 0.8]
    top = spread([0.99, 0.98, 0.97], 0.1, 1.0)
    assert top == pytest.approx([1.0, 0.9, 0.8])
    assert spread([0.0, 0.01], 0.1, 1.0) == pytest.approx([0.0, 0.1])
    assert spread([], 0.1, 1.0) == []


def test_numbers_at_the_axes() -> None:
    assert log_ticks(1900, 11_000) == [2000, 5000, 10_000]
    # Hardly any round number lies between these, and one line at an axis says nothing.
    assert log_ticks(42, 56) == pytest.approx([42, 45, 48, 51, 54])
    assert log_ticks(2100, 8200) == [3000, 4000, 5000, 6000, 7000, 8000]
    assert log_ticks(1, 100_000) == [1, 10, 100, 1000, 10_000, 100_000]
    assert ten_ticks(-12.4, 0.1) == [-12, -10, -8, -6, -4, -2, 0]
    assert told_apart([8, 16, 32]) == ["8", "16", "32"]
    assert told_apart([5, 10, 100, 150, 200, 2000])[2:5] == ["100", "", "200"]
