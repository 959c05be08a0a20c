"""What a small translator gains from a larger one's translations (sequence-level distillation, Kim and Rush 2016).

    python benchmarks/distil.py runs/m30k --corpus multi30k:en-de --preset tiny --steps 3000
    python benchmarks/distil.py runs/m30k --corpus multi30k:en-de --preset tiny --steps 3000 --split test

The teacher translates the training sources by beam search. Students of one shape, seed and number of updates are
trained on the references, on the teacher's translations, and on both together; each is scored on the validation split
(for choices) or the test split (once, for what is reported), and so is the teacher. What is there already is taken as
it is.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from dragoman.corpora import load_named

DRAGOMAN = [sys.executable, "-m", "dragoman"]
KINDS = ("references", "teacher", "both")
"""What students are trained on."""


def main() -> None:
    """Translates, trains, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", type=Path, help="a trained run")
    parser.add_argument("--corpus", default="multi30k:en-de", help="what the teacher was trained on")
    parser.add_argument("--preset", default="tiny", help="of the students")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--set", action="append", default=[], help="a setting of the students")
    parser.add_argument("--split", default="valid", choices=["valid", "test"])
    parser.add_argument("--out", type=Path, default=Path("runs/distil"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    texts(options)
    runs = {"the teacher": options.teacher} | {kind: student(kind, options) for kind in options.kinds}
    print(f"\n{date.today()}, {options.corpus}, {options.split} split")
    print(f"students: {options.preset}, {options.steps} updates\n")
    print("| Trained on | BLEU (beam 5) | BLEU (greedy) | chrF |\n|---|---|---|---|")
    for name, run in runs.items():
        beam, greedy = (score(run, options, width) for width in (5, 1))
        bleu = beam["bleu"]
        print(
            f"| {name} | {bleu['score']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}] "
            f"| {greedy['bleu']['score']:.2f} | {beam['chrf']['score']:.2f} |",
            flush=True,
        )


def texts(options: argparse.Namespace) -> None:
    """Writes the corpus' sides, and the teacher's translations of the training sources."""
    for split in ("train", "valid"):
        pairs = load_named(options.corpus, split)
        write(options.out / f"{split}.source", pairs.source)
        write(options.out / f"{split}.target", pairs.target)
    source, taught = options.out / "train.source", options.out / "train.teacher"
    if not taught.exists():
        # A name of its own until it is whole, so that a stopped translation is not taken for one.
        unfinished = taught.with_suffix(".part")
        run(["translate", str(options.teacher), str(source), "--out", str(unfinished), "--beam", "5"])
        unfinished.replace(taught)
    both = options.out / "both"
    for side, second in (("source", source), ("target", taught)):
        together = (options.out / f"train.{side}").read_bytes() + second.read_bytes()
        both.with_suffix(f".{side}").write_bytes(together)


def write(path: Path, lines: Any) -> None:
    """One sentence a line."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def student(kind: str, options: argparse.Namespace) -> Path:
    """Trains one student, or goes on with it."""
    out: Path = options.out
    folder = out / kind
    sides = {
        "references": ("train.source", "train.target"),
        "teacher": ("train.source", "train.teacher"),
        "both": ("both.source", "both.target"),
    }[kind]
    wanted = ["--source", str(out / sides[0]), "--target", str(out / sides[1])]
    wanted += ["--valid-source", str(out / "valid.source"), "--valid-target", str(out / "valid.target")]
    wanted += ["--preset", options.preset]
    settings = [*options.set, f"training.steps={options.steps}"]
    wanted += [part for setting in settings for part in ("--set", setting)]
    run(["train", str(folder), *(["--resume"] if folder.exists() else wanted), "--json"])
    return folder


def score(folder: Path, options: argparse.Namespace, beam: int) -> dict[str, Any]:
    """What a run's translations of the split are worth."""
    wanted = ["--corpus", options.corpus, "--split", options.split, "--beam", str(beam), "--json"]
    found: dict[str, Any] = json.loads(run(["evaluate", str(folder), *wanted]))
    return found


def run(arguments: list[str]) -> str:
    """Runs a command line after showing it; gives what it prints."""
    print("$ dragoman " + " ".join(arguments), flush=True)
    return subprocess.run([*DRAGOMAN, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
