"""How far off the forecasts of time and memory are: small trainings, each in a process of its own.

    python benchmarks/forecast.py
    python benchmarks/forecast.py --processor --only tiny,demo

Each configuration is trained for some updates and validated at the end, by the same code as `dragoman train`. Beside
the forecast stands the truth: seconds from the forecast to the end, and the largest resident memory of the process.
On a machine where other work runs, `--processor` takes the process' own processor time for both (with one thread).
Multi30k is needed (docs/corpora.md).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter, process_time

from dragoman.__main__ import begin_without_cache

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATIONS: dict[str, tuple[str, int, list[str]]] = {
    "demo": ("demo", 150, []),
    "tiny": ("tiny", 80, []),
    "tiny, batches of 1,000": ("tiny", 100, ["batches.target_tokens=1000"]),
    "tiny, float32": ("tiny", 30, ["training.dtype=float32"]),
    "tiny, plain kernels": ("tiny", 30, ["training.dtype=float32", "training.kernels=plain"]),
    "tiny, 2,000 tokens": ("tiny", 60, ["text.vocabulary_size=2000"]),
    "small": ("small", 60, []),
    "small, batches of 4,096": ("small", 50, ["batches.target_tokens=4096"]),
    "small, post-norm, swiglu": ("small", 50, ["model.norm=post", "model.activation=swiglu"]),
    "d 512, 6 + 6 layers": ("base", 20, ["batches.target_tokens=2000", "text.vocabulary_size=8000"]),
}
"""Preset, updates and settings by name."""


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="configurations by the beginnings of their names, commas between")
    parser.add_argument("--threads", type=int, default=0, help="0 means: as many as there are")
    parser.add_argument("--processor", action="store_true", help="processor time instead of the clock's")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        begin_without_cache()
        print(json.dumps(one(options.one, options.threads, options.processor)))
        return
    print("| Configuration | Updates | Time: forecast | truth | off | Memory: forecast | truth | off |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in CONFIGURATIONS:
        if not options.only or any(name.startswith(begin) for begin in options.only.split(",")):
            print(row(name, measured(name, options.threads, options.processor)), flush=True)


def measured(name: str, threads: int, processor: bool) -> Mapping[str, float]:
    """Trains one configuration in a process of its own.

    Raises:
        SystemExit: it failed; its last words are told.
    """
    command = [sys.executable, __file__, "--one", name, "--threads", str(threads), *["--processor"] * processor]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def one(name: str, threads: int, processor: bool) -> dict[str, float]:
    """Trains one configuration here; gives forecasts and truths."""
    from dragoman.config.loading import build_settings
    from dragoman.training.reporting import Silent
    from dragoman.training.safety.memory import peak_memory
    from dragoman.training.start import start
    from dragoman.training.watching import probe

    clock = process_time if processor else perf_counter
    probe.clock = clock
    preset, steps, sets = CONFIGURATIONS[name]
    chosen = ["training.minutes=0", f"training.steps={steps}", f"training.threads={threads}", *sets]
    options = {} if preset == "demo" else {"data.corpus": "multi30k:en-de"}

    class Watch(Silent):
        began = ended = 0.0

        def begin(self, facts: Mapping[str, str]) -> None:
            self.began = clock()

        def end(self, message: str, following: str = "") -> None:
            self.ended = clock()

    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        start(Path(folder) / "run", build_settings(preset, None, options, chosen), watch)
        forecast = json.loads((Path(folder) / "run" / "forecast.json").read_text(encoding="utf-8"))
    truth = {"updates": steps, "true_seconds": watch.ended - watch.began, "true_memory": peak_memory()}
    return {**truth, "seconds": forecast["seconds"], "memory": forecast["memory"]}


def row(name: str, found: Mapping[str, float]) -> str:
    """One configuration's line of the table."""
    time, memory = found["seconds"] / found["true_seconds"] - 1, found["memory"] / found["true_memory"] - 1
    cells = [
        name, f"{found['updates']:.0f}",
        f"{found['seconds']:.1f} s", f"{found['true_seconds']:.1f} s", f"{time:+.0%}",
        f"{found['memory'] / 2**20:,.0f} MiB", f"{found['true_memory'] / 2**20:,.0f} MiB", f"{memory:+.0%}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
