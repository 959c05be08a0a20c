"""Figures of races that were never run: plausible, and the same each time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

NAMES = ("rnn", "rnn-attention", "gru", "gru-attention", "lstm", "lstm-attention", "transformer")
LENGTHS = (8, 16, 32, 64, 128, 256)
CHAINS = LENGTHS
DISTANCES = (5, 10, 20, 30, 40, 50, 75, 100, 150, 200)
WORDS = ((2, 5), (6, 9), (10, 13), (14, 17), (18, 21), (22, 25), (26, 40))
BUCKETS = ((1, 5, 31), (6, 10, 411), (11, 15, 382), (16, 20, 121), (21, 30, 52), (31, 50, 3))
Story = Literal["told", "usual", "upside-down"]


@dataclass(frozen=True)
class Race:
    """What the folder is to hold."""

    story: Story = "usual"
    names: Sequence[str] = NAMES
    seeds: Sequence[int] = (1, 2, 3)
    missing: Sequence[str] = ()
    """Measures that are not there."""
    untrained: Sequence[str] = ()
    """Contestants without a training and without quality."""
    joules: bool = False
    kind: Literal["minutes", "updates", "tokens"] = "minutes"
    pizzeria: bool = True
    trial: bool = False
    draw: Random = field(default_factory=lambda: Random(1))

    def about(self, value: float, share: float = 0.02) -> float:
        """A value with a little noise."""
        return value * (1 + self.draw.uniform(-share, share))


def _pace(race: Race, name: str, length: int) -> float:
    """Target tokens a second."""
    family, attention = name.partition("-")[0], name.endswith("attention")
    if family == "transformer":
        return 9_400 / (1 + length / 900)
    share = {"rnn": 1.0, "gru": 0.86, "lstm": 0.97}[family] * (0.9 if attention else 1.0)
    rnn = {
        "told": 7_000 / (1 + length / 60),
        "usual": 12_000 / (1 + length / 80),
        "upside-down": 14_000.0,
    }[race.story]
    if family == "lstm":
        share *= {"told": 0.7, "usual": 0.86 if length < 20 else 1.06, "upside-down": 1.2}[race.story]
    return rnn * share


def speed(race: Race) -> dict[str, Any]:
    found = {}
    for name in race.names:
        rows = []
        for length in LENGTHS:
            speed = race.about(_pace(race, name, length))
            whole = 4096 / speed
            rows.append(
                {
                    "length": length,
                    "tokens_per_second": speed,
                    "spread": [0.97 * speed, 1.02 * speed],
                    "repetitions": 5,
                    "forward": 0.34 * whole,
                    "backward": 0.59 * whole,
                    "update": 0.07 * whole,
                }
            )
        found[name] = rows
    return {"lengths": list(LENGTHS), "target_tokens": 4096, "contestants": found}


def translation_speed(race: Race) -> dict[str, Any]:
    found = {}
    for name in race.names:
        rows = []
        for length in LENGTHS:
            recurrent = 3_600 * (0.8 if "attention" in name else 1.0) / (1 + length / 2000)
            speed = race.about(2_400 / (1 + length / 160) if name == "transformer" else recurrent)
            rows.append({"length": length, "tokens_per_second": speed, "spread": [0.95 * speed, 1.03 * speed],
                         "repetitions": 5})  # fmt: skip
        found[name] = rows
    return {"lengths": list(LENGTHS), "contestants": found}


def chain(race: Race) -> dict[str, Any]:
    found = {}
    for name in race.names:
        if name == "transformer":
            grows = 2 if race.story == "upside-down" else 0
            training, translating = [76 + grows * n for n in CHAINS], [27 * n + 12 for n in CHAINS]
        else:
            training = [2 * (2 * n + 5 + (3 if "attention" in name else 0)) for n in CHAINS]
            translating = [(7 if "attention" in name else 3) * n + 4 for n in CHAINS]
        found[name] = {"training": training, "translating": translating}
    return {"lengths": list(CHAINS), "contestants": found}


def _slope(race: Race, name: str, axis: str, start: str, moment: str) -> float:
    """Powers of ten a position."""
    family = name.partition("-")[0]
    if race.story == "upside-down":
        return -0.02 if family == "rnn" else -0.05
    if axis == "end-to-end" and "attention" in name:
        return -0.004
    fall = {"rnn": -0.19, "gru": -0.05, "lstm": -0.028, "transformer": -0.012}[family]
    if family == "rnn" and start == "orthogonal" and moment == "start" and race.story == "usual":
        return -0.021
    return fall * (0.5 if moment == "trained" else 1.0)


def gradients(race: Race) -> dict[str, Any]:
    curves, singular, trainings = [], [], []
    for name in race.names:
        family = name.partition("-")[0]
        for start in ("orthogonal", "plain") if family == "rnn" else ("default",):
            for moment, clip in (("start", None), ("trained", True), ("trained", False)):
                about = {"contestant": name, "start": start, "moment": moment, "clip": clip}
                about["as_raced"] = start != "plain"
                if moment == "trained":
                    trainings.append(about | {"updates": 200, "loss": 1.234, "largest_norm": 3.21 if clip else 12.3})
                for axis in ("decoder", "encoder", "end-to-end"):
                    if axis == "encoder" and name == "transformer":
                        continue
                    distances = [4, 8, 16, 32, 64, 128] if axis == "end-to-end" else list(range(1, 64))
                    slope = _slope(race, name, axis, start, moment) * (0.93 if clip is False else 1)
                    values = [
                        -1.2 + slope * d - 0.3 * math.log10(d) + race.draw.uniform(-0.05, 0.05) for d in distances
                    ]
                    curves.append(
                        about
                        | {
                            "axis": axis,
                            "distances": distances,
                            "log10_norm": values,
                            "low": [value - 0.1 - 0.01 * d for value, d in zip(values, distances, strict=True)],
                            "high": [value + 0.1 + 0.008 * d for value, d in zip(values, distances, strict=True)],
                        }
                    )
                if family == "rnn":
                    for side, more in (("encoder", 0.0), ("decoder", 0.2)):
                        largest = {"orthogonal": 1.0, "plain": 1.15}[start] + (0.4 + more if moment == "trained" else 0)
                        sentence = f"the {side}'s matrix alone makes a gradient at most {largest:.2f} times as long"
                        told = {"largest": largest, "radius": 0.8 * largest, "matrices": 1, "per_step": 0.6}
                        singular.append(about | {"side": side, "sentence": sentence} | told)
    plan = {"length": 64, "sentences": 8, "updates": 200, "learnt_length": 16}
    return {
        "curves": curves,
        "singular_values": singular,
        "trainings": trainings,
        "plan": plan,
        "translators": _translators(race),
    }


def _translators(race: Race) -> dict[str, Any]:
    """Curves of the race's own models; none where nobody was trained."""
    found: dict[str, Any] = {"corpus": "multi30k:en-de valid", "curves": [], "without": [], "why": "", "seed": 1}
    found |= {"sentences": 8, "length": 38}
    for name in race.names:
        if name in race.untrained:
            found["without"].append(name)
            continue
        for moment in ("start", "trained"):
            distances = list(range(1, 38))
            slope = 0.8 * _slope(race, name, "decoder", "orthogonal", moment)
            values = [-0.8 + slope * d + race.draw.uniform(-0.05, 0.05) for d in distances]
            about = {"contestant": name, "start": "default", "moment": moment, "clip": None, "as_raced": True}
            found["curves"].append(
                about
                | {
                    "axis": "decoder",
                    "distances": distances,
                    "log10_norm": values,
                    "low": [value - 0.2 for value in values],
                    "high": [value + 0.2 for value in values],
                }
            )
    return found if found["curves"] else found | {"why": "no training on the main corpus has a checkpoint"}


def copying(race: Race) -> dict[str, Any]:
    reach = {"rnn": 12, "gru": 45, "lstm": 62}
    found = {}
    for number, name in enumerate(race.names):
        family, attention = name.partition("-")[0], name.endswith("attention") or name == "transformer"
        half = 400.0 if attention else float(reach[family])
        if family == "rnn" and attention and race.story == "told":
            half = 80.0
        if race.story == "upside-down" and not attention:
            half = 30.0
        recall = [1 / 32 + (1 - 1 / 32) / (1 + math.exp((d - half) / (half / 4))) for d in DISTANCES]
        found[name] = {
            "recall": [min(1.0, race.about(share, 0.01)) for share in recall],
            "forced": [min(1.0, share + 0.04) for share in recall],
            "updates": 900 - 37 * number,
            "seconds": 60.0 + number / 10,
            "target_tokens": 1_790_000 - 71_003 * number,
            "parameters": 120_000 + 91 * number,
        }
    return {"distances": list(DISTANCES), "kinds": 32, "chance": 1 / 32, "contestants": found}


def pronouns(race: Race) -> dict[str, Any]:
    far = {"rnn": 0.41, "gru": 0.62, "lstm": 0.71, "rnn-attention": 0.66, "gru-attention": 0.86,
           "lstm-attention": 0.9, "transformer": 0.95}  # fmt: skip
    found = {}
    for name in race.names:
        rows = []
        for number in range(len(WORDS)):
            share = 0.93 + (far[name] - 0.93) * number / (len(WORDS) - 1)
            share = 0.5 if race.story == "upside-down" else min(1.0, race.about(share))
            rows.append(
                {
                    "right": share,
                    "low": share - 0.06,
                    "high": min(1.0, share + 0.06),
                    "sentences": 200 - 7 * number,
                    "preferred": min(1.0, share + 0.02),
                    "preferred_low": share - 0.04,
                    "preferred_high": min(1.0, share + 0.07),
                }
            )
        found[name] = rows
    shortcuts = {"always-first-noun": 0.5, "always-nearest-noun": 0.49, "best-guess-by-predicate": 0.337}
    return {
        "distances": [list(words) for words in WORDS],
        "contestants": found,
        "shortcuts": shortcuts,
        "shortcuts_by_distance": {
            name: [share + (number % 3 - 1) / 97 for number in range(len(WORDS))] for name, share in shortcuts.items()
        },
        "trained_up_to": 15,
    }


def quality(race: Race) -> dict[str, Any]:
    scores = {"rnn": 15.3, "gru": 20.9, "lstm": 22.4, "rnn-attention": 28.6, "gru-attention": 31.7,
              "lstm-attention": 32.3, "transformer": 35.9}  # fmt: skip
    if race.story == "usual":
        scores["lstm-attention"] = 35.6
    if race.story == "upside-down":
        scores["transformer"] = 14.0
    names = [name for name in race.names if name not in race.untrained]
    runs = [_run(race, name, seed, scores[name]) for seed in race.seeds for name in names]
    means = {name: sum(run["bleu"]["score"] for run in runs if run["contestant"] == name) / len(race.seeds)
             for name in names}  # fmt: skip
    paired = [
        {
            "contestant": name,
            "other": other,
            "seeds": list(race.seeds),
            "bleu": _test(means[name] - means[other], 1.2),
            "chrf": _test(1.4 * (means[name] - means[other]), 2.0),
        }
        for number, name in enumerate(names)
        for other in names[:number]
    ]
    return {
        "split": "test",
        "corpus": "multi30k:en-de (test2016)",
        "sentences": 1000,
        "signature": "nrefs:1|bs:1000|seed:12345|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
        "chrf_signature": "nrefs:1|bs:1000|seed:12345|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0",
        "runs": runs,
        "paired": paired,
    }


def _test(difference: float, apart: float) -> dict[str, float]:
    """A paired test; those of near contestants have p-values that Holm's correction makes a difference to."""
    p = 0.31 if abs(difference) < 1 else 0.004 if abs(difference) < 4 else 1 / 1001
    return {"difference": difference, "low": difference - apart + 0.1, "high": difference + apart, "p": p}


def _run(race: Race, name: str, seed: int, score: float) -> dict[str, Any]:
    bleu = race.about(score, 0.01)
    seconds = 420.3 / len(race.seeds)
    updates = round(seconds * (5.1 if name == "transformer" else 4.4))
    curve = [
        {
            "seconds": seconds * part / 5,
            "target_tokens": round(1_850 * updates * part / 5),
            "step": updates * part // 5,
            "bleu": race.about(score * (1 - math.exp(-0.7 * part)), 0.02),
            "chrf": race.about((1.55 * score + 3) * (1 - math.exp(-0.8 * part)), 0.02),
            "loss": 1.6 + 2.5 * math.exp(-0.6 * part),
        }
        for part in range(1, 6)
    ]
    return {
        "contestant": name,
        "seed": seed,
        "bleu": {"score": bleu, "low": bleu - 1.4, "high": bleu + 1.5},
        "chrf": {"score": 1.55 * bleu + 3, "low": 1.55 * bleu + 1.7, "high": 1.55 * bleu + 4.2},
        "exact_match": bleu / 600,
        "by_length": [
            {
                "from": low,
                "to": None if low == 31 else high,
                "sentences": count,
                "bleu": max(2.0, race.about(bleu * (1 - (0.028 if "attention" in name else 0.005) * low), 0.03)),
                "chrf": race.about(1.5 * bleu, 0.03),
            }
            for low, high, count in BUCKETS
        ],
        "curve": curve,
        "parameters": 6_211_840,
        "peak_mib": race.about(812.0, 0.1),
        "updates": updates,
        "seconds": seconds,
        "epochs": updates // 227,
        "target_tokens": curve[-1]["target_tokens"],
        "joules": race.about(11_000.0) if race.joules else None,
    }
