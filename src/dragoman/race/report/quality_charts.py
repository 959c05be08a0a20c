"""What the report's pictures of quality show: intervals, BLEU by length, and how BLEU grew."""

from statistics import mean
from typing import Literal

from dragoman.race.logs import Logs
from dragoman.race.report.charts import curve_chart
from dragoman.race.report.document import Chart, Line
from dragoman.race.report.wording import fixed, shown


def bleu_chart(logs: Logs) -> Chart | None:
    """BLEU of every training with its interval."""
    runs = logs.measures.get("quality", {}).get("runs", [])
    lines = [
        Line(name, [run["bleu"]["score"]], [None], [run["bleu"]["low"]], [run["bleu"]["high"]])
        for name in logs.names
        for run in runs
        if run["contestant"] == name
    ]
    if not lines:
        return None
    told = [f"{shown(line.contestant)}: {fixed(line.x[0], 1)}" for line in lines]
    return Chart(
        name="bleu",
        title="BLEU of each training, with 95 % intervals",
        across="BLEU",
        up="",
        lines=lines,
        alt=f"Points with intervals. {'; '.join(told)}.",
        intervals=True,
    )


def length_chart(logs: Logs) -> Chart | None:
    """BLEU by the length of the source, the mean over a contestant's trainings."""
    runs = logs.measures.get("quality", {}).get("runs", [])
    lines = []
    for name in logs.names:
        mine = [run["by_length"] for run in runs if run["contestant"] == name]
        if mine and mine[0]:
            middles = [(one["from"] + (one["to"] or 1.2 * one["from"])) / 2 for one in mine[0]]
            lines.append(
                Line(name, middles, [mean(one["bleu"] for one in bucket) for bucket in zip(*mine, strict=True)])
            )
    words = ("BLEU by length of the source", "words of the source sentence", "BLEU")
    return curve_chart("bleu-by-length", words, lines, ("linear", "linear"), _tenths)


def learning_chart(logs: Logs, by: Literal["time", "tokens"]) -> Chart | None:
    """Validation BLEU by minutes of updates, or by millions of target tokens."""
    key, unit, across = {
        "time": ("seconds", 60.0, "minutes of updates"),
        "tokens": ("target_tokens", 1e6, "target tokens read, millions"),
    }[by]
    lines, named = [], set[str]()
    for log in logs.trainings:
        validated = [one for one in log.lines if one.get("validation_bleu") is not None]
        if log.course == logs.plan.main.name and validated:
            places, scores = [one[key] / unit for one in validated], [one["validation_bleu"] for one in validated]
            lines.append(Line(log.contestant, places, scores, named=log.contestant not in named))
            named.add(log.contestant)
    words = (f"Learning by {by}", across, "validation BLEU")
    return curve_chart(f"learning-by-{by}", words, lines, ("linear", "linear"), _tenths)


def _tenths(value: float) -> str:
    return fixed(value, 1)
