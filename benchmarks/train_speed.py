"""How fast dragoman trains, side by side with other toolkits, on this machine.

    python benchmarks/train_speed.py --repeats 3 --seconds 20 --out runs/train_speed.json

One shape for all: d_model 256, d_ff 1024, 4 heads, 3+3 layers, 8,000 joint BPE tokens, tied embeddings, dropout and
label smoothing 0.1, 4,096 target tokens a batch, AdamW, Multi30k en-de raw. dragoman, Hugging Face and torch.nn train
on the same tensors in the same order; JoeyNMT and Eole read the same text with the same vocabulary by their own
loaders and loops, in environments of their own, which are installed where they are missing. Each measurement is a
process of its own. The repetitions are interleaved: everyone once, then everyone again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.peers import environments  # noqa: E402
from benchmarks.peers.measuring import Result, read_result, usable_cores  # noqa: E402


@dataclass(frozen=True)
class Entry:
    """One toolkit in one arithmetic."""

    peer: str
    dtype: str
    module: str
    reads: str
    """What it is given: the same batches, or the corpus."""

    @property
    def key(self) -> str:
        """Its name in the results."""
        return f"{self.peer}/{self.dtype}"


ENTRIES = [
    Entry("ours", "auto", "ours", "batches"),
    Entry("ours", "float32", "ours", "batches"),
    Entry("hf", "float32", "huggingface", "batches"),
    Entry("hf", "bfloat16", "huggingface", "batches"),
    Entry("torch", "float32", "torch_nn", "batches"),
    Entry("torch", "bfloat16", "torch_nn", "batches"),
    Entry("joeynmt", "float32", "joeynmt", "corpus"),
    Entry("eole", "float32", "eole", "corpus"),
    Entry("eole", "bfloat16", "eole", "corpus"),
]
PEERS = list(dict.fromkeys(entry.peer for entry in ENTRIES))
BASE = ENTRIES[0].key
"""Whose speed is divided by each other's."""
OURS_ALONE = ("MALLOC_", "GLIBC_TUNABLES", "ONEDNN_", "LRU_CACHE_", "OMP_", "MKL_")
"""Variables that no process is handed on, so that each toolkit has the defaults that its users have."""

Runs = Mapping[str, Sequence[Result]]


def main() -> None:
    """Measures everyone, tells, and writes what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="about how long each timed window is")
    parser.add_argument("--only", default=",".join(PEERS), help="toolkits, with commas between")
    parser.add_argument("--environments", type=Path, default=environments.FOLDER, help="where JoeyNMT and Eole live")
    parser.add_argument("--out", type=Path, help="a file for every figure (JSON)")
    options = parser.parse_args()
    if unknown := set(options.only.split(",")) - set(PEERS):
        parser.error(f"no toolkit {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    entries = [entry for entry in ENTRIES if entry.peer in options.only.split(",")]
    pythons = {entry.peer: python_of(entry, options.environments) for entry in entries}
    found = {"date": str(date.today()), "threads": usable_cores(), "seconds": options.seconds, "limits": limits()}
    print(f"{found['date']}, {found['threads']} threads; matrix products: {found['limits']} GFLOP/s", flush=True)
    runs: dict[str, list[Result]] = {entry.key: [] for entry in entries}
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for repetition in range(options.repeats):
            for entry in entries:
                result = measure(entry, pythons[entry.peer], Path(folder), options.seconds)
                runs[entry.key].append(result)
                print(f"{repetition + 1}. {entry.key}: {told(result)}", file=sys.stderr, flush=True)
    print(f"\n{versions(runs)}\n\n{table(runs)}")
    if options.out:
        found["runs"] = {key: [asdict(result) for result in results] for key, results in runs.items()}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def python_of(entry: Entry, folder: Path) -> Path:
    """The Python that an entry's peer runs in: this one, or that of its own environment."""
    return Path(sys.executable) if entry.reads == "batches" else environments.python_of(entry.peer, folder)


def prepare(folder: Path) -> None:
    """Makes the batches of one epoch and the files of the corpus, in a process of its own that then lets go of them."""
    command = [sys.executable, "-m", "benchmarks.peers.material", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT)


def measure(entry: Entry, python: Path, folder: Path, seconds: float) -> Result:
    """Runs one peer once.

    Raises:
        SystemExit: it failed; its last words are told.
    """
    given = ["--batches", str(folder / "batches.npz")] if entry.reads == "batches" else ["--corpus", str(folder)]
    options = [*given, "--seconds", str(seconds), "--dtype", entry.dtype]
    command = [str(python), "-m", f"benchmarks.peers.{entry.module}", *options]
    done = subprocess.run(command, cwd=ROOT, env=clean(os.environ), capture_output=True, text=True, check=False)
    try:
        return read_result(done.stdout)
    except ValueError:
        raise SystemExit(f"{entry.key} failed: $ {' '.join(command)}\n{done.stderr[-2000:]}") from None


def clean(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would change a toolkit's memory or threads."""
    return {name: value for name, value in variables.items() if not name.startswith(OURS_ALONE)}


def limits() -> dict[str, dict[str, int]]:
    """GFLOP/s of the product of 4096 x 1024 and 1024 x 256 by dtype: the best and the median of one second.

    A median far below the best means that something else was running.
    """
    import torch

    torch.set_num_threads(usable_cores())
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.randn(4096, 1024).to(dtype), torch.randn(1024, 256).to(dtype)
        seconds: list[float] = []
        while sum(seconds) < 1:
            begin = perf_counter()
            left @ right
            seconds.append(perf_counter() - begin)
        gflop = 2 * 4096 * 1024 * 256 / 1e9
        name = str(dtype).removeprefix("torch.")
        found[name] = {"best": round(gflop / min(seconds)), "median": round(gflop / median(seconds))}
    return found


def told(result: Result) -> str:
    """One measurement in words."""
    return (
        f"{result.speed:,.0f} target tokens/s over {result.updates} updates, "
        f"{result.processor_seconds / result.seconds:.2f} cores busy, {result.peak_mib:,.0f} MiB"
    )


def versions(runs: Runs) -> str:
    """Who was measured, each with its version."""
    return ", ".join(dict.fromkeys(f"{results[0].name} {results[0].version}" for results in runs.values()))


def ratios(runs: Runs, key: str) -> list[float]:
    """Ours (as `dragoman train` chooses) over an entry, repetition by repetition."""
    return [ours.speed / theirs.speed for ours, theirs in zip(runs[BASE], runs[key], strict=True)]


def peak(results: Sequence[Result]) -> float:
    """The median of the largest resident memories, MiB."""
    return median(result.peak_mib for result in results)


def table(runs: Runs) -> str:
    """The figures as Markdown: medians over the repetitions; a ratio is the median of the repetitions' ratios."""
    lines = [
        "| Toolkit | dtype | Target tokens/s | Ours over it [least, most] | Peak memory, MiB | Of Hugging Face's |",
        "|---|---|---|---|---|---|",
    ]
    smallest = min((peak(results) for key, results in runs.items() if key.startswith("hf/")), default=None)
    for key, results in runs.items():
        speed = f"{median(result.speed for result in results):,.0f}"
        compared = ""
        if key != BASE and BASE in runs:
            found = ratios(runs, key)
            compared = f"{median(found):.2f} [{min(found):.2f}, {max(found):.2f}]"
        share = f"{peak(results) / smallest:.2f}" if smallest else ""
        row = [results[0].name, results[0].dtype, speed, compared, f"{peak(results):,.0f}", share]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
