"""Points of growth.py: from a file of pairs to the first batch, by the way that `dragoman train` goes.

    python -m benchmarks.growth_corpus make FOLDER --text pairs.tsv --sizes 10000 100000
    python -m benchmarks.growth_corpus read FOLDER --size 10000

`make` learns a vocabulary from the text and writes files with so many pairs: the text's own in a random order, then the
same again and again with a word changed on either side. `read` measures one of them and prints one line of JSON.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.peers.measuring import peak_mib
from dragoman.config.loading import build_settings
from dragoman.corpora import load_named, read_tsv
from dragoman.text import Tokenizers

FIRST = 1000
"""Pairs that are read before the clock starts, so that libraries are loaded."""
PIZZERIA_VOCABULARY = 1500
"""The built-in corpus has no words for more."""
Pairs = list[tuple[str, str]]


def main() -> None:
    """Makes the files, or reads one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "read"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--text", type=Path, help="source TAB target a line; the built-in corpus where none is given")
    parser.add_argument("--sizes", type=int, nargs="+", default=[])
    parser.add_argument("--size", type=int, default=FIRST)
    options = parser.parse_args()
    if options.what == "make":
        make(options.folder, options.preset, options.text, options.sizes)
    else:
        print(json.dumps(read(options.folder, options.preset, options.size)))


def make(folder: Path, preset: str, text: Path | None, sizes: Sequence[int]) -> None:
    """Writes the tokenizer and the files."""
    settings = build_settings(preset, sets=[] if text else [f"text.vocabulary_size={PIZZERIA_VOCABULARY}"])
    corpus = read_tsv(text) if text else load_named("pizzeria:en-de", "train")
    Tokenizers.learn(corpus.source, corpus.target, settings.text, seed=1).save(folder)
    pairs = list(zip(corpus.source, corpus.target, strict=True))
    for size in {FIRST, *sizes}:
        with file_of(folder, size).open("w", encoding="utf-8") as file:
            file.writelines(f"{source}\t{target}\n" for source, target in islice(grown(pairs), size))


def file_of(folder: Path, size: int) -> Path:
    """Where the file with so many pairs is."""
    return folder / f"{size}.tsv"


def grown(pairs: Pairs) -> Iterator[tuple[str, str]]:
    """The pairs in a random order, then the same with a word changed on either side, without end."""
    draw = random.Random(1)
    order = draw.sample(pairs, len(pairs))
    yield from order
    while True:
        for source, target in order:
            other_source, other_target = draw.choice(order)
            yield varied(source, other_source, draw), varied(target, other_target, draw)


def varied(line: str, other: str, draw: random.Random) -> str:
    """The line with one of its words replaced by a word of another line."""
    words = line.split(" ")
    words[draw.randrange(len(words))] = draw.choice(other.split(" "))
    return " ".join(words)


def read(folder: Path, preset: str, size: int) -> dict[str, float]:
    """Time and memory from the file to the first batch; the vocabulary is there already."""
    first_batch(folder, preset, FIRST)
    before, begin, begin_worked = resident_mib(), perf_counter(), process_time()
    first_batch(folder, preset, size)
    seconds, worked, peak = perf_counter() - begin, process_time() - begin_worked, peak_mib()
    return {
        "seconds": seconds,
        "pairs_per_second": size / seconds,
        "bytes_a_pair": (peak - before) * 2**20 / size,
        "peak_mib": peak,
        "cores_used": worked / seconds,
    }


def first_batch(folder: Path, preset: str, size: int) -> None:
    """Reads, checks, holds out, tokenizes, cuts and pads; the model has next to no parameters."""
    from dragoman.training.preparing import on_this_machine, prepare

    shape = ["model.d_model=8", "model.d_ff=8", "model.heads=1", "training.dtype=float32"]
    settings = build_settings(preset, options={"data.tsv": str(file_of(folder, size))}, sets=shape)
    prepared = prepare(on_this_machine(settings), folder, None)
    prepared.epochs.epoch(0).batch(0)
    prepared.epochs.close()


def resident_mib(status: Path = Path("/proc/self/status")) -> float:
    """The memory of this process that is resident now, in MiB (VmRSS)."""
    lines = status.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    main()
