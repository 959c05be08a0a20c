"""BLEU after so many minutes on Multi30k: the documented command, run as a user runs it, for each language pair.

    python benchmarks/quality.py --pairs en-de,de-en,en-fr --preset small --minutes 20 --out runs/quality

Trains each pair (a run that was begun goes on, one that is finished is taken as it is), scores its test set by the
best checkpoint of validation, prints a Markdown table, and draws the curve of validation BLEU by minute.
"""

import argparse
import json
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from dragoman.config.loading import read_settings

DRAGOMAN = [sys.executable, "-m", "dragoman"]


def main() -> None:
    """Trains, evaluates, tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", default="en-de,de-en,en-fr")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--out", type=Path, default=Path("runs/quality"))
    parser.add_argument("--picture", type=Path, default=Path("docs/pictures/multi30k-by-minute.png"))
    options = parser.parse_args()
    results = [measure(pair, options) for pair in options.pairs.split(",")]
    print(f"\n{date.today()}, {platform.machine()}, {results[0]['machine']}\n")
    print("| Pair | Updates | Epochs | Target tokens/s | test2016 BLEU (13a, cased, beam 5) | chrF | Seconds |")
    print("|---|---|---|---|---|---|---|")
    for row in results:
        bleu, chrf = row["bleu"], row["chrf"]
        print(
            f"| {row['pair']} | {row['step']:,} | {row['epoch']} | {row['speed']:,.0f} "
            f"| {bleu['score']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}] "
            f"| {chrf['score']:.2f} [{chrf['low']:.2f}, {chrf['high']:.2f}] | {row['seconds']:.0f} |"
        )
    print(f"\nSignature: {results[0]['bleu']['signature']}")
    draw({row["pair"]: row["curve"] for row in results}, options.picture)


def measure(pair: str, options: argparse.Namespace) -> dict[str, Any]:
    """One pair's training and its test."""
    run, corpus = options.out / pair, f"multi30k:{pair}"
    wanted = ["--corpus", corpus, "--preset", options.preset, "--minutes", str(options.minutes)]
    train = [*DRAGOMAN, "train", str(run), *(["--resume"] if run.exists() else wanted)]
    print("$ dragoman " + " ".join(train[3:]), flush=True)
    subprocess.run([*train, "--json"], check=True, stdout=subprocess.DEVNULL)
    evaluate = [*DRAGOMAN, "evaluate", str(run), "--corpus", corpus, "--split", "test"]
    print("$ dragoman " + " ".join(evaluate[3:]), flush=True)
    scores = json.loads(subprocess.run([*evaluate, "--json"], check=True, stdout=subprocess.PIPE).stdout)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    last, settings = lines[-1], read_settings(run / "config.yaml").training
    curve = [(line["seconds"] / 60, line["validation_bleu"]) for line in lines if "validation_bleu" in line]
    return {
        **scores,
        "pair": pair,
        "machine": f"{settings.threads} threads, {settings.dtype}",
        "step": last["step"],
        "epoch": last["epoch"],
        "speed": last["target_tokens"] / last["seconds"],
        "seconds": last["seconds"],
        "curve": curve,
    }


def draw(curves: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Validation BLEU (greedy) by minutes of training."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for pair, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), marker="o", markersize=3, label=pair)
    axes.set(xlabel="minutes of training", ylabel="validation BLEU (greedy, 13a, cased)", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"curve: {path}")


if __name__ == "__main__":
    main()
