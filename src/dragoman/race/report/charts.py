"""What the report's pictures show: curves by length, by distance, by time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dragoman.race.logs import Logs
from dragoman.race.report.comparing import speeds
from dragoman.race.report.curves import Curve, curves
from dragoman.race.report.document import Chart, Line
from dragoman.race.report.remembering import ENOUGH
from dragoman.race.report.scores import TRANSFORMER
from dragoman.race.report.wording import family, left, percent, shown, whole

_AXES = {
    "decoder": ("Decoder", "positions between input and loss"),
    "encoder": ("One-way encoder", "positions between input and output"),
    "end-to-end": ("From end to end", "positions of the copied sentence"),
}
_TRANSLATORS = ("Decoder of the translators", "target positions between input and loss")
_MOMENTS = {"start": "before training", "trained": "after training"}
_TRIAL_MARKS = {"before": "o", "clipped": "P", "not clipped": "X"}
"""Trials of one contestant have its colour; their marks tell them apart."""


def speed_chart(logs: Logs, measure: str) -> Chart | None:
    """Target tokens a second by length, training or translating."""
    found = {name: speeds(logs.of(measure), name) for name in logs.measured(measure)}
    lines = []
    for name, some in found.items():
        values, low, high = ([one[at] for one in some.values()] for at in range(3))
        lines.append(Line(name, list(some), values, low, high))
    what = "training" if measure == "speed" else "translation"
    return curve_chart(
        measure.replace("_", "-"),
        (f"Speed of {what}", "length of the sentences, tokens", "target tokens a second"),
        lines,
        ("log", "log"),
        whole,
    )


def chain_chart(logs: Logs, what: str) -> Chart | None:
    """Products that wait for one another by length; `what` is training or translating."""
    found, lengths = logs.of("chain"), logs.measures.get("chain", {}).get("lengths", [])
    lines = [Line(name, lengths, found[name][what]) for name in logs.measured("chain")]
    words = (f"Dependent chain, {what}", "length of the sentence, positions", "matrix products in a row")
    return curve_chart(f"chain-{what}", words, lines, ("log", "log"), whole)


def gradient_charts(logs: Logs) -> list[Chart]:
    """A picture for each axis and moment, and one of the plain RNN's trials; those of one axis have one scale."""
    found = curves(logs.measures.get("gradients", {}))
    charts, trials = [], []
    for axis, (words, across) in _AXES.items():
        mine = [one for one in found if one.axis == axis]
        charts += _by_moment(f"gradients-{axis}", (words, across), mine)
        tried = [one for one in mine if one.contestant == "rnn"]
        if axis != "end-to-end" and len(tried) > 2:
            title = f"RNN, {words.lower()}: start and clipping"
            lines = [_trial(one) for one in tried]
            trials.append(_gradients(f"gradients-{axis}-rnn", (title, across), lines))
    return charts + trials


def translator_charts(logs: Logs) -> list[Chart]:
    """The same of the race's own translators."""
    measure = logs.measures.get("gradients", {})
    return _by_moment("gradients-translators", _TRANSLATORS, curves(measure.get("translators", {})))


def _by_moment(name: str, words: tuple[str, str], found: Sequence[Curve]) -> list[Chart]:
    """A picture before training and one after it, on one scale."""
    title, across = words
    drawn = [
        _gradients(f"{name}-{moment}", (f"{title}, {told}", across), some)
        for moment, told in _MOMENTS.items()
        if (some := [_line(one) for one in found if one.moment == moment and one.main])
    ]
    return [replace(chart, span=_span(drawn)) for chart in drawn]


def _span(charts: Sequence[Chart]) -> tuple[float, float]:
    """What all curves and their shades lie in, and a little more."""
    values = [
        value
        for chart in charts
        for line in chart.lines
        for some in (line.y, line.low, line.high)
        for value in some
        if value is not None
    ]
    room = 0.04 * (max(values) - min(values)) or 1.0
    return min(values) - room, max(values) + room


def copying_chart(logs: Logs) -> Chart | None:
    """Recall by distance."""
    measure = logs.measures.get("copying", {})
    lines = [Line(name, measure["distances"], logs.of("copying")[name]["recall"]) for name in logs.measured("copying")]
    marks = [(measure["chance"], "blind guess"), (ENOUGH, "half")] if lines else []
    words = ("Copying", "steps between reading and writing", "tokens that come back")
    return curve_chart("copying", words, lines, ("log", "percent"), percent, marks)


def pronoun_chart(logs: Logs) -> Chart | None:
    """The right er, sie, es by distance."""
    measure = logs.measures.get("pronouns", {})
    middles = [(low + high) / 2 for low, high in measure.get("distances", [])]
    lines = [
        Line(name, middles, [one["right"] for one in rows], [one["low"] for one in rows], [one["high"] for one in rows])
        for name, rows in ((name, logs.of("pronouns")[name]) for name in logs.measured("pronouns"))
    ]
    best = max(measure.get("shortcuts", {}).values(), default=0.0)
    words = ("Pronouns", "words between the noun and “it”", "right er, sie, es")
    chart = curve_chart("pronouns", words, lines, ("linear", "percent"), percent, [(best, "best shortcut")])
    if chart is None or measure["trained_up_to"] >= middles[-1]:
        return chart
    return replace(chart, edge=(measure["trained_up_to"], "farther than in training"))


def _line(curve: Curve, label: str = "") -> Line:
    """A gradient curve as powers of ten of its norm at the shortest distance."""
    values, low, high = (curve.relative(some) for some in (curve.values, curve.low, curve.high))
    return Line(curve.contestant, curve.distances, values, low, high, label)


def _dashed(contestant: str) -> bool:
    """Who has no attention is drawn with dashes."""
    return family(contestant) == contestant != TRANSFORMER


def _trial(curve: Curve) -> Line:
    """A curve told by how it began and was trained, in few words."""
    when = "before" if curve.moment == "start" else "clipped" if curve.clip else "not clipped"
    line = _line(curve, f"{curve.start} {when}")
    return replace(line, dashed=curve.start == "plain", mark=_TRIAL_MARKS[when])


def _gradients(name: str, words: tuple[str, str], lines: Sequence[Line]) -> Chart:
    title, across = words
    chart = curve_chart(name, (title, across, "what is left of the gradient"), lines, ("linear", "tens"), left)
    assert chart is not None, "a curve has at least one distance"
    return chart


def curve_chart(
    name: str,
    words: tuple[str, str, str],
    lines: Sequence[Line],
    scales: tuple[Any, Any],
    told: Callable[[float], str],
    marks: Sequence[tuple[float, str]] = (),
) -> Chart | None:
    """A chart of curves, with what is to be seen in words; none where there are no curves."""
    drawn = [line for line in lines if any(value is not None for value in line.y)]
    if not drawn:
        return None
    drawn = [line if line.label else replace(line, dashed=_dashed(line.contestant)) for line in drawn]
    title, across, up = words
    ends = [f"{line.label or shown(line.contestant)}: {told(_last(line))}" for line in drawn if line.named]
    alt = f"Curves of {up} by {across}. Their right ends: {'; '.join(ends)}."
    return Chart(name, title, across, up, drawn, alt, scales, marks)


def _last(line: Line) -> float:
    return next(value for value in reversed(line.y) if value is not None)
