"""How the cost of a training step grows: with sentence length, batch, width, vocabulary, threads, dtype and corpus.

    python benchmarks/growth.py --text pairs.tsv --out runs/growth.json --picture docs/pictures/growth.png
    python benchmarks/growth.py --axes corpus --corpus-sizes 10000 100000 1000000 10000000

One thing grows, the rest is as the preset `small` has it, with batches of 4,096 target tokens and sentences of 16.
Every point is a process of its own, one after another, so that its peak memory is its own. Updates are dragoman's own,
on random ids; a corpus is read as `dragoman train` reads it. Prints Markdown tables. Where fewer cores were used than
there were threads, the machine was busy with something else: measure again.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.peers.measuring import usable_cores  # noqa: E402

LENGTH, TOKENS = 16, 4096
"""Positions of a sentence, and target tokens of a batch, where they are not what grows."""


@dataclass(frozen=True)
class Point:
    """One thing at one size, and what was measured there."""

    axis: str
    value: int | str
    asked: tuple[str, ...]
    """The module that measures it and its arguments."""
    measured: dict[str, float | str] = field(default_factory=dict)


def lengths(_: argparse.Namespace) -> list[Point]:
    """Longer sentences, fewer of them in a batch."""
    return [updates("sentence length", n, (), n) for n in (10, 20, 50, 100, 200, 500, 1000)]


def batches(_: argparse.Namespace) -> list[Point]:
    """More sentences in a batch."""
    sizes = (250, 500, 1000, 2000, 4000, 8000, 16000)
    return [updates("batch size", n, (f"batches.target_tokens={n}",)) for n in sizes]


def widths(_: argparse.Namespace) -> list[Point]:
    """Wider layers, heads of 64."""
    return [
        updates("d_model", n, (f"model.d_model={n}", f"model.d_ff={4 * n}", f"model.heads={n // 64}"))
        for n in (128, 256, 512, 1024)
    ]


def vocabularies(_: argparse.Namespace) -> list[Point]:
    """More tokens to choose from."""
    sizes = (4000, 8000, 16000, 32000, 64000)
    return [updates("vocabulary", n, (f"text.vocabulary_size={n}",)) for n in sizes]


def threads(_: argparse.Namespace) -> list[Point]:
    """One thread, two, four, and so on up to the cores that there are."""
    cores = usable_cores()
    numbers = sorted({*(2**power for power in range(cores.bit_length())), cores})
    return [updates("threads", n, (f"training.threads={n}",)) for n in numbers]


def dtypes(_: argparse.Namespace) -> list[Point]:
    """Both kinds of arithmetic."""
    return [updates("dtype", name, (f"training.dtype={name}",)) for name in ("float32", "bfloat16")]


def corpora(options: argparse.Namespace) -> list[Point]:
    """More pairs to read before the first update."""
    return [
        Point("corpus", n, ("benchmarks.growth_corpus", "read", str(options.folder), "--size", str(n)))
        for n in options.corpus_sizes
    ]


def updates(axis: str, value: int | str, sets: Sequence[str], length: int = LENGTH) -> Point:
    """A point whose updates are timed; the later of `sets` win."""
    told = [part for one in (f"batches.target_tokens={TOKENS}", *sets) for part in ("--set", one)]
    return Point(axis, value, ("benchmarks.growth_update", *told, "--length", str(length)))


AXES: dict[str, Callable[[argparse.Namespace], list[Point]]] = {
    "length": lengths,
    "batch": batches,
    "width": widths,
    "vocabulary": vocabularies,
    "threads": threads,
    "dtype": dtypes,
    "corpus": corpora,
}


def main() -> None:
    """Measures, tells, draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axes", nargs="+", choices=list(AXES), default=list(AXES))
    parser.add_argument("--seconds", type=float, default=5, help="about how long updates are timed at each point")
    parser.add_argument("--corpus-sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--text", type=Path, help="a file of pairs (source TAB target) that the corpora are made from")
    parser.add_argument("--out", type=Path, default=Path("runs/growth.json"))
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options.folder = Path(folder)
        points: list[Point] = []
        for point in measured(options):
            points.append(point)
            save(points, options.out)
    print(f"{date.today()}, {machine()}\n\n{tables(points)}")
    if options.picture:
        from benchmarks.growth_picture import draw

        draw(options.out, options.picture)


def save(points: Sequence[Point], out: Path) -> None:
    """Writes what is known so far."""
    told = [{"axis": point.axis, "value": point.value, "measured": point.measured} for point in points]
    facts = {"date": str(date.today()), "machine": machine(), "points": told}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def measured(options: argparse.Namespace) -> Iterator[Point]:
    """Every point of the chosen axes that could be measured."""
    points = [point for name in options.axes for point in AXES[name](options)]
    if "corpus" in options.axes:
        text = ["--text", str(options.text.resolve())] if options.text else []
        sizes = map(str, options.corpus_sizes)
        run(["benchmarks.growth_corpus", "make", str(options.folder), *text, "--sizes", *sizes])
    if set(options.axes) != {"corpus"}:
        compile_kernels()
    for point in points:
        timing = ["--seconds", str(options.seconds)] if point.axis != "corpus" else []
        try:
            line = run([*point.asked, *timing])
        except subprocess.CalledProcessError as error:
            print(f"{point.axis} {point.value}: not measured (exit code {error.returncode})", file=sys.stderr)
            continue
        print(f"{point.axis} {point.value}: {line.strip()}", file=sys.stderr, flush=True)
        yield replace(point, measured=json.loads(line))


def compile_kernels() -> None:
    """A short run of each dtype, so that what is compiled and kept for later is in nobody's memory."""
    for point in dtypes(argparse.Namespace()):
        run([*point.asked, "--seconds", "0"])


def run(asked: Sequence[str]) -> str:
    """What a process prints; its threads are those that its settings say."""
    clean = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    command = [sys.executable, "-m", *asked]
    return subprocess.run(command, check=True, cwd=ROOT, env=clean, stdout=subprocess.PIPE, text=True).stdout


def machine() -> str:
    """What was measured on."""
    return f"{processor()}, {usable_cores()} cores, torch {version('torch')}"


def processor(told: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name where the system tells it, else its kind."""
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def tables(points: Sequence[Point]) -> str:
    """A Markdown table for each axis."""
    told = []
    for axis, group in groupby(points, lambda point: point.axis):
        rows = [corpus_row(point) if axis == "corpus" else update_row(point) for point in group]
        names = list(rows[0])
        lines = [names, ["---"] * len(names), *(list(row.values()) for row in rows)]
        told.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(told)


def update_row(point: Point) -> dict[str, str]:
    """One line of a table of updates."""
    found = {name: value for name, value in point.measured.items() if not isinstance(value, str)}
    speed, products = found["gflop_per_second"], found["gflop_per_second_of_products"]
    return {
        point.axis.capitalize() if point.axis != "d_model" else "d_model": shown(point.value),
        "Target tokens/s": f"{found['tokens_per_second']:,.0f}",
        "ms an update": f"{found['ms_an_update']:,.1f}",
        "GFLOP/s": f"{speed:,.0f}",
        "of one large product's": f"{speed / products:.0%}",
        "Peak memory, MiB": f"{found['peak_mib']:,.0f}",
        "Cores used": f"{found['cores_used']:.1f}",
        "Arithmetic": str(point.measured["dtype"]),
    }


def corpus_row(point: Point) -> dict[str, str]:
    """One line of the table of corpora."""
    found = point.measured
    return {
        "Pairs": shown(point.value),
        "Seconds to the first batch": f"{found['seconds']:,.1f}",
        "Pairs/s": f"{found['pairs_per_second']:,.0f}",
        "Bytes of memory a pair": f"{found['bytes_a_pair']:,.0f}",
        "Peak memory, MiB": f"{found['peak_mib']:,.0f}",
        "Cores used": f"{found['cores_used']:.1f}",
    }


def shown(value: int | str) -> str:
    """A size as people read it."""
    return value if isinstance(value, str) else f"{value:,}"


if __name__ == "__main__":
    main()
