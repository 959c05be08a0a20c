"""A larger corpus, split so that nothing like a test sentence is trained on: trains, scores, tells time and memory.

    python benchmarks/union.py --text pairs.tsv.gz --minutes 60 --out runs/union

The text has source TAB target a line. Pairs that share a side, up to case, digits, signs and one word, belong to one
group, and so do groups that have such a pair in common; whole groups are dealt to training, validation and test.
"""

import argparse
import gzip
import json
import platform
import random
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

DRAGOMAN = [sys.executable, "-m", "dragoman"]
FEWEST = 4
"""Words of a side from which one may differ; shorter sides must be equal."""
LARGEST = 20
"""Pairs of a group that may still be held out: families of hundreds of pairs are for training."""

Pair = tuple[str, str]


def main() -> None:
    """Splits, trains, evaluates, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/union"))
    parser.add_argument("--preset", default="small")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--held-out", type=int, default=1000, help="pairs of validation, and of the test")
    parser.add_argument("--set", action="append", default=[], help="a setting of the training")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with gzip.open(options.text, "rt", encoding="utf-8") as file:
        pairs = [(source, target) for source, target in (line.rstrip("\n").split("\t") for line in file)]
    parts = deal(groups(pairs), options.held_out, seed=1)
    for name, members in parts.items():
        write(options.out, name, [pairs[at] for at in members])
    print(date.today(), platform.machine(), {name: len(members) for name, members in parts.items()}, flush=True)
    tell(options.out, measure(options))


def groups(pairs: Sequence[Pair]) -> list[list[int]]:
    """The pairs' numbers by group, in the corpus' order."""
    above = list(range(len(pairs)))

    def top(at: int) -> int:
        while above[at] != at:
            above[at] = above[above[at]]
            at = above[at]
        return at

    first: dict[tuple[int, str], int] = {}
    for number, pair in enumerate(pairs):
        for side, text in enumerate(pair):
            for key in keys(text):
                other = first.setdefault((side, key), number)
                above[top(number)] = top(other)
    found: dict[int, list[int]] = {}
    for number in range(len(pairs)):
        found.setdefault(top(number), []).append(number)
    return list(found.values())


def keys(text: str) -> Iterator[str]:
    """A sentence without case, digits and signs; longer ones also with each word left open in turn."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    yield " ".join(words) or text
    if len(words) >= FEWEST:
        for at in range(len(words)):
            yield " ".join([*words[:at], "*", *words[at + 1 :]])


def deal(found: Sequence[list[int]], held_out: int, seed: int) -> dict[str, list[int]]:
    """Deals whole groups, small ones in an order drawn from the seed, to test and valid; the rest is for training."""
    order = [number for number, group in enumerate(found) if len(group) <= LARGEST]
    random.Random(seed).shuffle(order)
    parts: dict[str, list[int]] = {"test": [], "valid": []}
    dealt = set()
    for members in parts.values():
        while order and len(members) < held_out:
            number = order.pop()
            dealt.add(number)
            members.extend(found[number])
    rest = [at for number, group in enumerate(found) if number not in dealt for at in group]
    return {"train": sorted(rest), **parts}


def write(folder: Path, name: str, pairs: Sequence[Pair]) -> None:
    """One part as a TSV file, and its sides."""
    (folder / f"{name}.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    for side, at in (("source", 0), ("target", 1)):
        (folder / f"{name}.{side}").write_text("".join(f"{pair[at]}\n" for pair in pairs), encoding="utf-8")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Trains (or goes on), and scores the test once."""
    run, out = options.out / "run", options.out
    data = ["--tsv", str(out / "train.tsv"), "--valid-tsv", str(out / "valid.tsv")]
    sets = [part for one in options.set for part in ("--set", one)]
    wanted = [*data, "--preset", options.preset, "--minutes", f"{options.minutes:g}", *sets]
    train = [*DRAGOMAN, "train", str(run), *(["--resume"] if run.exists() else wanted)]
    print("$ dragoman " + " ".join(train[3:]), flush=True)
    subprocess.run([*train, "--json"], check=True, stdout=subprocess.DEVNULL)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    evaluate = [*DRAGOMAN, "evaluate", str(run), "--source", str(out / "test.source"), "--reference"]
    done = subprocess.run([*evaluate, str(out / "test.target"), "--json"], check=True, stdout=subprocess.PIPE)
    scores: dict[str, Any] = json.loads(done.stdout)
    return scores | {"peak_mib": peak}


def tell(out: Path, scores: dict[str, Any]) -> None:
    """One line of a table."""
    lines = [json.loads(line) for line in (out / "run" / "metrics.jsonl").read_text().splitlines()]
    last, bleu, chrf, peak = lines[-1], scores["bleu"], scores["chrf"], scores["peak_mib"]
    print("| Updates | Epochs | BLEU | chrF | Seconds of updates | Peak, MiB |\n|---|---|---|---|---|---|")
    print(
        f"| {last['step']:,} | {last['epoch']} | {bleu['score']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}] "
        f"| {chrf['score']:.2f} [{chrf['low']:.2f}, {chrf['high']:.2f}] | {last['seconds']:.0f} | {peak:,} |"
    )


if __name__ == "__main__":
    main()
