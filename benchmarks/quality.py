"""BLEU after so many minutes (or updates) on Multi30k: the documented command, as a user runs it, by pair and seed.

    python benchmarks/quality.py --pairs en-de de-en en-fr --preset small --minutes 20 --out runs/quality
    python benchmarks/quality.py --pairs en-de --seeds 1 2 3 --out runs/seeds
    python benchmarks/quality.py --pairs en-de --tokenized --minutes 60 --out runs/tokenized
    python benchmarks/quality.py --pairs en-de --trial --updates 6110 --set text.sampling=0.1 --out runs/trials/sampling

Trains each pair (a run that was begun goes on, one that is finished is taken as it is), scores its test set by the
best checkpoint of validation, prints a Markdown table, and draws the curve of validation BLEU by minute. A trial is
scored on the validation set instead, so that choices never see the test.
"""

import argparse
import json
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path
from statistics import mean
from typing import Any

from dragoman.config.loading import read_settings

DRAGOMAN = [sys.executable, "-m", "dragoman"]


def main() -> None:
    """Trains, evaluates, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", default=["en-de", "de-en", "en-fr"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--preset", default="small")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--updates", type=int, help="instead of minutes: the same on every machine, busy or not")
    parser.add_argument("--set", action="append", default=[], help="a setting of the training")
    parser.add_argument("--tokenized", action="store_true", help="the tokenized, lower-cased files and their BLEU")
    parser.add_argument("--trial", action="store_true", help="score the validation set, not the test")
    parser.add_argument("--out", type=Path, default=Path("runs/quality"))
    parser.add_argument("--picture", type=Path, help="BLEU by minute")
    options = parser.parse_args()
    results = [measure(pair, seed, options) for pair in options.pairs for seed in options.seeds]
    print(f"\n{date.today()}, {platform.machine()}, {results[0]['machine']}; {results[0]['split']} set\n")
    print("| Pair | Seed | Updates | Epochs | Target tokens/s | BLEU (beam 5) | chrF | Seconds of updates |")
    print("|---|---|---|---|---|---|---|---|")
    for row in results:
        bleu, chrf = row["bleu"], row["chrf"]
        print(
            f"| {row['pair']} | {row['seed']} | {row['step']:,} | {row['epoch']} | {row['speed']:,.0f} "
            f"| {bleu['score']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}] "
            f"| {chrf['score']:.2f} [{chrf['low']:.2f}, {chrf['high']:.2f}] | {row['seconds']:.0f} |"
        )
    for pair in options.pairs if len(options.seeds) > 1 else []:
        scores = [row["bleu"]["score"] for row in results if row["pair"] == pair]
        print(f"\n{pair}: mean {mean(scores):.2f} of {len(scores)} seeds, from {min(scores):.2f} to {max(scores):.2f}")
    print(f"\nSignature: {results[0]['bleu']['signature']}")
    if options.picture:
        draw({f"{row['pair']}, seed {row['seed']}": row["curve"] for row in results}, options.picture)


def measure(pair: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One training and its score."""
    run = options.out / (pair if seed == 1 else f"{pair}-{seed}")
    corpus = f"multi30k-tok:{pair}" if options.tokenized else f"multi30k:{pair}"
    settings = [*options.set, f"training.seed={seed}"]
    wanted = ["--corpus", corpus, "--preset", options.preset]
    wanted += ["--minutes", f"{options.minutes:g}"] if options.updates is None else []
    settings += [] if options.updates is None else [f"training.steps={options.updates}"]
    wanted += [part for setting in settings for part in ("--set", setting)]
    say_and_run(["train", str(run), *(["--resume"] if run.exists() else wanted), "--json"])
    split = "valid" if options.trial else "test"
    evaluate = ["evaluate", str(run), "--corpus", corpus, "--split", split, "--json"]
    scores = json.loads(say_and_run([*evaluate, *(["--tokenize", "none"] if options.tokenized else [])]))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    last, training = lines[-1], read_settings(run / "config.yaml").training
    return {
        **scores,
        "pair": pair,
        "seed": seed,
        "split": split,
        "machine": f"{training.threads} threads, {training.dtype}",
        "step": last["step"],
        "epoch": last["epoch"],
        "speed": last["target_tokens"] / last["seconds"],
        "seconds": last["seconds"],
        "curve": [(line["seconds"] / 60, line["validation_bleu"]) for line in lines if "validation_bleu" in line],
    }


def say_and_run(arguments: list[str]) -> str:
    """Runs a command line after showing it; gives what it prints."""
    print("$ dragoman " + " ".join(arguments), flush=True)
    return subprocess.run([*DRAGOMAN, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


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
