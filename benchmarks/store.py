"""From files to the first updates, by the way that `dragoman train` goes, for corpora of any size.

    python benchmarks/store.py --text pairs.tsv.gz --pairs 10000 1000000

The text's pairs are repeated with a word changed on either side until there are enough, in a temporary folder. For each
size, processes of their own build the store, open the finished one, and train a tiny model for some updates. Reported
are the speed of building, the seconds to the first batch, and the memory that grows with the corpus: what is held after
building beside the smallest size, and the most that each process held at any time (looked at 20 times a second).
Pages of mapped files are not counted: the system takes them back when it needs them. The next window is waited for
after the batches of a window were made, which is all that the measuring process does.
"""

import argparse
import ctypes
import gc
import json
import shutil
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.growth_corpus import grown
from dragoman.__main__ import begin_without_cache
from dragoman.config import Settings
from dragoman.config.loading import build_settings
from dragoman.corpora import read_tsv
from dragoman.runs import Run
from dragoman.text import Tokenizers
from dragoman.training.preparing import Prepared, on_this_machine, prepare
from dragoman.training.reporting import Silent
from dragoman.training.start import resume

BYTES_A_PAIR = 700
"""Room on the disk for the text, the store and the run, with something to spare."""
SHAPE = [
    "model.d_model=32", "model.d_ff=64", "model.heads=2", "model.encoder_layers=1", "model.decoder_layers=1",
    "training.dtype=float32", "training.threads=1", "training.validation_sentences=10", "search.longest_ratio=0.5",
]  # fmt: skip


def main() -> None:
    """Makes the files and measures each, or is one of the measuring processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="source TAB target a line")
    parser.add_argument("--pairs", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--sampling", type=float, default=0.0, help="the setting text.sampling")
    parser.add_argument("--sample-lines", type=int, default=500_000, help="the setting text.sample_lines")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args()
    if options.measure:
        begin_without_cache()
        settings = settings_of(options)
        with Most() as most:
            found = MEASURES[options.measure](settings, options.folder / f"run{options.pairs[0]}")
        print(json.dumps(found | {"most": most.bytes}))
        return
    folder = Path(tempfile.mkdtemp(prefix="store-", dir=options.folder))
    try:
        check_room(folder, max(options.pairs))
        measure_all(options, folder)
    finally:
        shutil.rmtree(folder)


def check_room(folder: Path, pairs: int) -> None:
    """Ends where the disk has no room."""
    free, wanted = shutil.disk_usage(folder).free, BYTES_A_PAIR * pairs
    if free < wanted:
        raise SystemExit(f"{folder} has {free / 1e9:.0f} GB free, {wanted / 1e9:.0f} GB are needed; choose --folder")


def measure_all(options: argparse.Namespace, folder: Path) -> None:
    """Prints a line for each size."""
    corpus = read_tsv(options.text)
    pairs = list(zip(corpus.source, corpus.target, strict=True))
    anonymous = None
    for size in options.pairs:
        with (folder / f"{size}.tsv").open("w", encoding="utf-8") as file:
            file.writelines(f"{source}\t{target}\n" for source, target in islice(grown(pairs), size))
        found = {name: measured(name, options, folder, size) for name in MEASURES}
        build, opened, trained = found["build"], found["open"], found["train"]
        anonymous = build["anonymous"] if anonymous is None else anonymous
        print(
            f"{size:,} pairs: text {build['text_seconds']:.1f} s, vocabulary {build['vocabulary_seconds']:.1f} s, "
            f"ids {build['ids_seconds']:.1f} s ({size / build['build_seconds']:,.0f} pairs/s for text and ids, "
            f"{size / build['worked']:,.0f} a second of processor time); "
            f"first batch after {build['seconds']:.1f} s, from the finished store after {opened['seconds']:.2f} s; "
            f"store {build['disk'] / size:.0f} bytes a pair; "
            f"memory {build['anonymous'] / 2**20:.0f} MiB ({(build['anonymous'] - anonymous) / size:.1f} bytes a pair "
            f"more than the smallest), from the finished store {opened['anonymous'] / 2**20:.0f} MiB; "
            f"at most {build['most'] / 2**20:.0f} MiB in building, {opened['most'] / 2**20:.0f} from the finished "
            f"store, {trained['most'] / 2**20:.0f} in training; "
            f"next window takes {opened['next_window']:.2f} s, waited for "
            f"{opened['waited'] * 1000:.1f} ms; {options.updates} updates in {trained['seconds']:.1f} s",
            flush=True,
        )
        shutil.rmtree(folder / f"run{size}")
        (folder / f"{size}.tsv").unlink()


def measured(name: str, options: argparse.Namespace, folder: Path, size: int) -> dict[str, float]:
    """What a process of its own found."""
    command = [sys.executable, __file__, "--measure", name, "--folder", str(folder), "--pairs", str(size)]
    command += ["--updates", str(options.updates), "--sampling", str(options.sampling)]
    command += ["--sample-lines", str(options.sample_lines)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def settings_of(options: argparse.Namespace) -> Settings:
    """A tiny model on that file."""
    text = [f"text.sampling={options.sampling}", f"text.sample_lines={options.sample_lines}"]
    sets = [*SHAPE, *text, f"training.steps={options.updates}", "training.validate_every=1000000"]
    file = options.folder / f"{options.pairs[0]}.tsv"
    return on_this_machine(build_settings("tiny", options={"data.tsv": str(file)}, sets=sets))


def build(settings: Settings, run: Path) -> dict[str, float]:
    """Everything from the file to the first batch, with the moments in between."""
    moments: dict[str, float] = {}
    worked: dict[str, float] = {}
    learn = Tokenizers.learn.__func__  # type: ignore[attr-defined]

    def timed(cls: type[Tokenizers], *arguments: object) -> Tokenizers:
        moments["text"], worked["text"] = perf_counter(), process_time()
        found: Tokenizers = learn(cls, *arguments)
        moments["vocabulary"], worked["vocabulary"] = perf_counter(), process_time()
        return found

    Tokenizers.learn = classmethod(timed)  # type: ignore[method-assign, assignment]
    Run.create(run, settings)
    begin, begin_worked = perf_counter(), process_time()
    prepared = prepare(settings, None, None, run, print)
    moments["ids"], worked["ids"] = perf_counter(), process_time()
    first_batch(prepared)
    end = perf_counter()
    text, vocabulary = moments["text"] - begin, moments["vocabulary"] - moments["text"]
    ids = moments["ids"] - moments["vocabulary"]
    disk = sum(path.stat().st_size for path in (run / "store").rglob("*") if path.is_file())
    return {
        "text_seconds": text,
        "vocabulary_seconds": vocabulary,
        "ids_seconds": ids,
        "build_seconds": text + ids,
        "worked": worked["ids"] - begin_worked - (worked["vocabulary"] - worked["text"]),
        "seconds": end - begin,
        "disk": disk,
        "anonymous": anonymous_bytes(),
    }


def opened(settings: Settings, run: Path) -> dict[str, float]:
    """The finished store: to the first batch, and the wait for the next window while a window is trained on."""
    begin = perf_counter()
    prepared = prepare(settings, run, None, run)
    first = first_batch(prepared)
    seconds = perf_counter() - begin
    # The worker has begun the next window; nothing else goes on here, so this is the whole of its time.
    begin = perf_counter()
    second = prepared.epochs.epoch(*prepared.epochs.epoch(0).next)
    alone = perf_counter() - begin
    # Making a window's batches takes far less than training on them.
    for number in range(len(second.batches)):
        second.batch(number)
    begin = perf_counter()
    prepared.epochs.epoch(*second.next)
    waited = perf_counter() - begin
    prepared.epochs.close()
    return {
        "seconds": seconds,
        "batches": first,
        "next_window": alone,
        "waited": waited,
        "anonymous": anonymous_bytes(),
    }


def trained(settings: Settings, run: Path) -> dict[str, float]:
    """A training of some updates from the finished store."""
    begin = perf_counter()
    resume(run, lambda _: settings, Silent())
    return {"seconds": perf_counter() - begin}


def first_batch(prepared: Prepared) -> int:
    """The first batch; gives the number of batches in its window."""
    epoch = prepared.epochs.epoch(0)
    epoch.batch(0)
    return len(epoch.batches)


def anonymous_bytes() -> int:
    """Memory of this process that is no mapped file, once what is free has been given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return held()


def held(status: Path = Path("/proc/self/status")) -> int:
    """Memory of this process that is no mapped file."""
    lines = status.read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


class Most:
    """Looks again and again how much is held, and keeps the most."""

    def __init__(self) -> None:
        self.bytes = 0
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Most":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.bytes = max(self.bytes, held())


MEASURES = {"build": build, "open": opened, "train": trained}

if __name__ == "__main__":
    main()
