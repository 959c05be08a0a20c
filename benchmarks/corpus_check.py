"""How much of the noise in a corpus `dragoman corpus check` finds, and how fast it is.

    python -m benchmarks.corpus_check --text multi30k union union-es --seed 2
    python -m benchmarks.corpus_check --pairs 1000000 --workers 1

The first puts known faults into real pairs, each kind into 1 % of them, and prints for each kind how many of the pairs
that were named are faulty (precision) and how many of the faulty ones were named (recall); what is wrong with the pairs
already counts against precision. The second writes a large corpus into a temporary folder, checks it, and takes the
folder away.
"""

import argparse
import gzip
import os
import random
import resource
import shutil
import tempfile
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.corpus_noise import Material, Noisy, Text, spoil
from dragoman.corpora.checking import FilePairs, Wishes, check

BYTES_A_PAIR = 400
"""What a pair of the large corpus needs on the disk, with the check's own files."""


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", nargs="+", default=["multi30k"], choices=sorted(MATERIAL))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--pairs", type=int, default=0, help="measure the time for so many pairs instead")
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corpus-check-") as folder:
        if options.pairs:
            return speed(Path(folder), options.pairs, options.workers, options.seed)
        for name in options.text:
            material = MATERIAL[name]()
            noisy = spoil(material, options.share, options.seed)
            faulty = sum(map(bool, noisy.kinds))
            print(f"{name}, seed {options.seed}: {len(noisy.pairs):,} pairs, {faulty:,} of them faulty")
            report(Path(folder) / name, material, noisy)


def data() -> Path:
    """The folder with the texts."""
    return Path(os.environ["DRAGOMAN_CORPORA"])


def lines(name: str) -> list[str]:
    """The lines of a gzipped file."""
    with gzip.open(data() / name, "rt", encoding="utf-8", newline="\n") as stream:
        return [line.rstrip("\n") for line in stream]


def multi30k(target: str, strangers: str) -> Material:
    """English captions with translations; captions of a third language are the strangers."""
    sides = [lines(f"multi30k/train.{language}.gz")[:20_000] for language in ("en", target)]
    tests = [lines(f"multi30k/test_2016_flickr.{language}.gz") for language in ("en", target)]
    others = lines(f"multi30k/train.{strangers}.gz")[20_000:]
    return Material(list(zip(*sides, strict=True)), others, list(zip(*tests, strict=True)))


def union(languages: str, strangers: str) -> Material:
    """Help pages and descriptions; the last pairs are the test, and another corpus' targets are the strangers."""
    pairs = [as_pair(line) for line in lines(f"union/{languages}.tsv.gz")]
    random.Random(0).shuffle(pairs)
    others = [as_pair(line)[1] for line in lines(f"union/{strangers}.tsv.gz")[::10]]
    return Material(pairs[:50_000], [line for line in others if len(line) >= 40], pairs[-1000:])


def as_pair(line: str) -> Text:
    """A line of a TSV file."""
    source, _, target = line.partition("\t")
    return source, target


MATERIAL = {
    "multi30k": lambda: multi30k("de", "fr"),
    "multi30k-fr": lambda: multi30k("fr", "de"),
    "union": lambda: union("en-de", "en-es"),
    "union-es": lambda: union("en-es", "en-de"),
}


def report(folder: Path, material: Material, noisy: Noisy) -> None:
    """Checks the noisy corpus and prints precision and recall."""
    folder.mkdir()
    files = [folder / "noisy.src", folder / "noisy.tgt", folder / "test.src", folder / "test.tgt"]
    for side in (0, 1):
        files[side].write_bytes(b"".join(pair[side] + b"\n" for pair in noisy.pairs))
        files[2 + side].write_text("".join(f"{pair[side]}\n" for pair in material.tests), encoding="utf-8")
    began = perf_counter()
    check(FilePairs(files[0], files[1]), Wishes(against=files[2:], clean=folder / "clean"))
    seconds = perf_counter() - began
    named = read_removed(folder / "clean.removed.tsv")
    print(f"{'kind':16}{'faulty':>8}{'named':>8}{'precision':>11}{'recall':>8}{'removed':>9}")
    for kind in dict.fromkeys(noisy.kinds):
        if kind:
            print_kind(kind, noisy.kinds, named)
    faulty = {place for place, kind in enumerate(noisy.kinds) if kind}
    right = len(faulty & named.keys())
    print(f"{'all':16}{len(faulty):8}{len(named):8}{right / len(named):11.3f}{right / len(faulty):8.3f}")
    wrong = Counter(reason for place, reasons in named.items() if place not in faulty for reason in reasons)
    print(f"named though nothing was put in: {dict(wrong.most_common())}; {seconds:.1f} s\n")


def print_kind(kind: str, kinds: list[str], named: dict[int, set[str]]) -> None:
    """One kind's line: precision counts a pair as right where any fault was put in."""
    faulty = {place for place, one in enumerate(kinds) if one == kind}
    found = {place for place, reasons in named.items() if kind in reasons}
    right = sum(bool(kinds[place]) for place in found)
    recall = len(faulty & found) / len(faulty)
    removed = len(faulty & named.keys()) / len(faulty)
    print(f"{kind:16}{len(faulty):8}{len(found):8}{right / max(1, len(found)):11.3f}{recall:8.3f}{removed:9.3f}")


def read_removed(path: Path) -> dict[int, set[str]]:
    """The kinds named for each removed pair."""
    found = {}
    with path.open(encoding="utf-8", newline="\n") as stream:
        for line in stream:
            number, reasons, _ = line.split("\t", 2)
            found[int(number) - 1] = {reason.partition(":")[0] for reason in reasons.split(",")}
    return found


def speed(folder: Path, pairs: int, workers: int, seed: int) -> None:
    """Writes a large corpus, checks it, and prints seconds and memory."""
    if shutil.disk_usage(folder).free < 2 * BYTES_A_PAIR * pairs:
        raise SystemExit(f"not enough room in {folder} for {pairs:,} pairs: about {BYTES_A_PAIR * pairs >> 20:,} MiB")
    draw = random.Random(seed)
    texts = [as_pair(line) for line in lines("union/en-de.tsv.gz")]
    files = [folder / "large.en", folder / "large.de"]
    with files[0].open("w", encoding="utf-8") as source, files[1].open("w", encoding="utf-8") as target:
        for pair in islice(cycle(texts), pairs):
            word = "".join(draw.choices("bdfgklmnprst", k=2)) + draw.choice("aeiou") + draw.choice("nmrst")
            source.write(f"{pair[0]} {word}\n")
            target.write(f"{pair[1]} {word}\n")
    began, before = perf_counter(), process_time()
    found = check(FilePairs(files[0], files[1]), Wishes(workers=workers))
    seconds = perf_counter() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(one.ru_utime + one.ru_stime for one in used) - before
    print(
        f"{pairs:,} pairs in {seconds:.1f} s, {processor:.1f} s of processor time "
        f"({1e6 * processor / pairs:.0f} microseconds a pair), kept {found.kept:,}; "
        f"peak {used[0].ru_maxrss >> 10} MiB, a worker {used[1].ru_maxrss >> 10} MiB"
    )


if __name__ == "__main__":
    main()
