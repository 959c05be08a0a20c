"""A race's logs, read and reckoned without the package: what a report must agree with."""

import json
from pathlib import Path
from statistics import mean
from typing import Any

FAMILIES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "transformer": "Transformer"}


class Race:
    """The logs, read without the package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = json.loads((folder / "race.json").read_text(encoding="utf-8"))
        self.measures: dict[str, Any] = {
            file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (folder / "measures").glob("*.json")
        }
        self.names = [one["name"] for one in self.plan["contestants"]]

    def of(self, measure: str) -> list[tuple[str, Any]]:
        """A measure's figures, contestant by contestant."""
        there = self.measures.get(measure, {}).get("contestants", {})
        return [(name, there[name]) for name in self.names if name in there]

    def runs(self) -> list[dict[str, Any]]:
        """Quality, contestant by contestant and seed by seed."""
        runs = self.measures["quality"]["runs"]
        return [run for name in self.names for run in runs if run["contestant"] == name]

    def means(self, metric: str) -> dict[str, float]:
        """A score's mean over each contestant's trainings."""
        names = [name for name in self.names if any(run["contestant"] == name for run in self.runs())]
        return {n: mean(run[metric]["score"] for run in self.runs() if run["contestant"] == n) for n in names}

    def tests(self) -> list[dict[str, Any]]:
        """The paired tests of quality."""
        found: list[dict[str, Any]] = self.measures.get("quality", {}).get("paired", [])
        return found

    def against_transformer(self) -> dict[str, dict[str, float]]:
        """BLEU of each contestant less the Transformer's, whichever way round it was tested."""
        found = {}
        for one in self.tests():
            test = one["bleu"]
            if one["other"] == "transformer":
                found[one["contestant"]] = test
            if one["contestant"] == "transformer":
                turned = {"difference": -test["difference"], "low": -test["high"], "high": -test["low"]}
                found[one["other"]] = test | turned
        return found

    def curves(self, axis: str) -> list[dict[str, Any]]:
        """The gradient curves of an axis of the small models, or of the race's translators."""
        measure = self.measures.get("gradients", {})
        if axis == "translators":
            return list(measure.get("translators", {}).get("curves", []))
        return [one for one in measure.get("curves", []) if one["axis"] == axis]

    def lines(self, course: str, name: str, seed: int) -> list[dict[str, Any]]:
        """A training's log."""
        file = self.folder / "runs" / course / f"{name}-{seed}" / "metrics.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def called(name: str) -> str:
    """A contestant as the report calls it."""
    family, _, rest = name.partition("-")
    return FAMILIES[family] + (f" + {rest}" if rest else "")


def curve_name(one: dict[str, Any]) -> str:
    """Such as: RNN, plain start, trained with clipping."""
    start = f", {one['start']} start" if one["start"] != "default" else ""
    clip = {None: "", True: " with clipping", False: " without clipping"}[one["clip"]]
    when = "before training" if one["moment"] == "start" else f"trained{clip}"
    return f"{called(one['contestant'])}{start}, {when}"


def corrected(chances: dict[str, float]) -> dict[str, float]:
    """Holm's correction by its definition: the largest of all that come no later, times how many are left."""
    order = sorted(chances, key=lambda name: chances[name])
    times = [min(1.0, (len(order) - place) * chances[name]) for place, name in enumerate(order)]
    return {name: max(times[: place + 1]) for place, name in enumerate(order)}
