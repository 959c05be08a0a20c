"""Scaled dot product, dot product and cosine at equal updates, on the pizzeria and on Multi30k.

    python benchmarks/similarity.py --out runs/similarity

Everything but `model.similarity` is the same, seed and batches included; scores are those of the validation sets.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

DRAGOMAN = [sys.executable, "-m", "dragoman"]
KINDS = ("scaled-dot", "dot", "cosine")


def main() -> None:
    """Trains, evaluates, tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/similarity"))
    parser.add_argument("--pizzeria-updates", type=int, default=1500)
    parser.add_argument("--multi30k-updates", type=int, default=800)
    options = parser.parse_args()
    print(f"{date.today()}")
    for corpus, preset, updates in (
        ("pizzeria:en-de", "demo", options.pizzeria_updates),
        ("multi30k:en-de", "tiny", options.multi30k_updates),
    ):
        if updates:
            compare(corpus, preset, updates, options.out / corpus.partition(":")[0])


def compare(corpus: str, preset: str, updates: int, out: Path) -> None:
    """One corpus' table."""
    print(f"\n{corpus}, preset {preset}, {updates} updates; validation split, the run's search.beam\n")
    print("| Similarity | Loss (nats a token) | BLEU | chrF | Exact match | Pronouns | Training seconds |")
    print("|---|---|---|---|---|---|---|")
    for kind in KINDS:
        row = measure(corpus, preset, updates, kind, out / kind)
        bleu, chrf, pronouns = row["bleu"], row["chrf"], row.get("pronoun_accuracy")
        print(
            f"| {kind} | {row['loss']:.3f} | {bleu['score']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}] "
            f"| {chrf['score']:.2f} | {row['exact_match']:.1%} "
            f"| {'' if pronouns is None else f'{pronouns:.1%}'} | {row['seconds']:.0f} |",
            flush=True,
        )


def measure(corpus: str, preset: str, updates: int, kind: str, run: Path) -> dict[str, Any]:
    """One similarity's training and its scores."""
    settings = {
        "model.similarity": kind,
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
