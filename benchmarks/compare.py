"""One setting's kinds compared at equal updates, on the pizzeria and on Multi30k.

    python benchmarks/compare.py model.similarity scaled-dot dot cosine
    python benchmarks/compare.py model.positions sinusoidal learned rotary none

Everything but that setting is the same, seed and batches included; scores are those of the validation sets.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from itertools import cycle
from pathlib import Path
from typing import Any

DRAGOMAN = [sys.executable, "-m", "dragoman"]


def main() -> None:
    """Trains, evaluates, tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setting")
    parser.add_argument("kinds", nargs="+")
    parser.add_argument("--out", type=Path, default=Path("runs/compare"))
    parser.add_argument("--pizzeria-updates", type=int, default=1500)
    parser.add_argument("--multi30k-updates", type=int, default=800)
    parser.add_argument("--picture", type=Path, help="the training's loss on the last corpus by update")
    options = parser.parse_args()
    print(date.today())
    for corpus, preset, updates in (
        ("pizzeria:en-de", "demo", options.pizzeria_updates),
        ("multi30k:en-de", "tiny", options.multi30k_updates),
    ):
        if updates:
            folder = compare(options, corpus, preset, updates)
    if options.picture:
        draw({kind: folder / kind / "metrics.jsonl" for kind in options.kinds}, options.picture)


def compare(options: argparse.Namespace, corpus: str, preset: str, updates: int) -> Path:
    """One corpus' table; gives the folder of its runs."""
    out = options.out / options.setting / corpus.partition(":")[0]
    print(f"\n{corpus}, preset {preset}, {updates} updates; validation split, the run's search.beam\n")
    print(f"| `{options.setting}` | Loss (nats a token) | BLEU | chrF | Exact match | Pronouns | Training seconds |")
    print("|---|---|---|---|---|---|---|")
    for kind in options.kinds:
        row = measure(corpus, preset, updates, {options.setting: kind}, out / kind)
        bleu, chrf, pronouns = row["bleu"], row["chrf"], row.get("pronoun_accuracy")
        print(
            f"| {kind} | {row['loss']:.3f} | {bleu['score']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}] "
            f"| {chrf['score']:.2f} | {row['exact_match']:.1%} "
            f"| {'' if pronouns is None else f'{pronouns:.1%}'} | {row['seconds']:.0f} |",
            flush=True,
        )
    return Path(out)


def draw(logs: dict[str, Path], path: Path) -> None:
    """The training's loss by update, one curve a kind."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (kind, log), style in zip(logs.items(), cycle(("-", "--", ":", "-.")), strict=False):
        lines = [line for line in map(json.loads, log.read_text().splitlines()) if "loss" in line]
        axes.plot([line["step"] for line in lines], [line["loss"] for line in lines], label=kind, linestyle=style)
    axes.set(xlabel="update", ylabel="loss (nats a target token, smoothing included)")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def measure(corpus: str, preset: str, updates: int, chosen: dict[str, str], run: Path) -> dict[str, Any]:
    """One training and its scores."""
    settings = {
        **chosen,
        "training.steps": updates,
        "training.minutes": 0,
        "training.validate_every": updates,
    }
    sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    train = [*DRAGOMAN, "train", str(run), "--corpus", corpus, "--preset", preset, *sets]
    subprocess.run(train, check=True, capture_output=True)
    evaluate = [*DRAGOMAN, "evaluate", str(run), "--corpus", corpus, "--split", "valid", "--json"]
    scores = json.loads(subprocess.run(evaluate, check=True, stdout=subprocess.PIPE).stdout)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    return {**scores, "loss": last["validation_loss"], "seconds": last["seconds"]}


if __name__ == "__main__":
    main()
