"""Writes the folder of a race that was never run: plausible figures, so that the report can be tried in seconds.

Three stories: `told` (everything as the five claims have it), `usual` (as on two cores: some claims hold, some partly)
and `upside-down` (nothing as they have it).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dragoman.config import DataSettings, Settings
from dragoman.race.plan import Contestant, Course, Plan, RaceBudget
from dragoman.runs.writing import write_json
from tests.unit import race_figures
from tests.unit.race_figures import NAMES, Race

__all__ = ["Race", "write_race"]


def write_race(folder: Path, race: Race | None = None) -> Path:
    """Writes everything; gives the folder."""
    race = race or Race()
    (folder / "measures").mkdir(parents=True, exist_ok=True)
    _plan(race).save(folder / "race.json")
    measures = {
        "speed": race_figures.speed(race),
        "translation_speed": race_figures.translation_speed(race),
        "chain": race_figures.chain(race),
        "gradients": race_figures.gradients(race),
        "copying": race_figures.copying(race),
        "pronouns": race_figures.pronouns(race),
        "quality": race_figures.quality(race),
    }
    for name, values in measures.items():
        if name not in race.missing:
            write_json(folder / "measures" / f"{name}.json", values)
    for run in measures["quality"]["runs"]:
        _metrics(folder / "runs" / "main" / f"{run['contestant']}-{run['seed']}", run["curve"])
        if race.pizzeria:
            _metrics(folder / "runs" / "pizzeria" / f"{run['contestant']}-{run['seed']}", run["curve"][:3])
    return folder


def _metrics(run: Path, curve: Sequence[dict[str, Any]]) -> None:
    """A log with a training line before each validation."""
    run.mkdir(parents=True, exist_ok=True)
    lines = []
    for at in curve:
        begin = {
            "step": at["step"],
            "epoch": at["step"] // 227,
            "seconds": at["seconds"],
            "source_tokens": round(0.9 * at["target_tokens"]),
            "target_tokens": at["target_tokens"],
        }
        training = {"loss": at["loss"] + 0.9, "learning_rate": 1e-3, "gradient_norm": 0.4, "tokens_per_second": 5000.0}
        lines.append(begin | training)
        lines.append(begin | {f"validation_{score}": at[score] for score in ("loss", "bleu", "chrf")})
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _plan(race: Race) -> Plan:
    widths = {"rnn": 348, "gru": 296, "lstm": 272, "transformer": 256}
    contestants = [
        Contestant(
            name,
            {
                "model.family": name.partition("-")[0],
                "model.attention": "additive" if name.endswith("attention") else "none",
                "model.d_model": widths[name.partition("-")[0]] - (20 if name.endswith("attention") else 0),
                "model.dropout": 0.25 if name == "transformer" else 0.2,
                "training.learning_rate": 1.5e-3 if name == "transformer" else 1e-3,
            },
            6_211_840 + 1_013 * (NAMES.index(name) - 6),
        )
        for name in race.names
    ]
    each = {"minutes": 7.0 / len(race.seeds), "updates": 500.0, "tokens": 2_000_000.0}[race.kind]
    main = Course(
        name="main",
        settings=asdict(Settings(data=DataSettings(corpus="multi30k:en-de"))),
        contestants=contestants,
        seeds=list(race.seeds),
        each=each,
        pairs={"train": 29_000, "valid": 1_014},
        vocabulary=7_999,
        epoch_updates=227,
        epoch_seconds={name: 41.0 for name in race.names},
        part_seconds={name: 500.0 for name in race.names},
    )
    pizzeria = replace(
        main,
        name="pizzeria",
        settings=asdict(Settings(data=DataSettings(corpus="pizzeria:en-de"))),
        each=2.0,
        pairs={"train": 24_000, "valid": 500},
        vocabulary=1_500,
        epoch_updates=104,
    )
    return Plan(
        corpus={"data.corpus": "multi30k:en-de"},
        name="multi30k:en-de",
        preset="race",
        sets=[],
        budget=RaceBudget(race.kind, 70.0, each, 1.0),
        courses=[main, pizzeria] if race.pizzeria else [main],
        languages=["en", "de"],
        test=[],
        files=[],
        versions={"dragoman": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "numpy": "2.3.0", "matplotlib": "3.11.2"},
        machine={
            "processor": "Intel(R) Xeon(R) Processor",
            "cores": 2,
            "memory_gib": 24.0,
            "device": "cpu",
            "threads": 2,
            "dtype": "bfloat16",
            "kernels": "fused",
            "system": "Linux",
        },
        command="dragoman race races/m30k --corpus multi30k:en-de --minutes 70",
        date="2026-11-25",
        trial=race.trial,
    )
