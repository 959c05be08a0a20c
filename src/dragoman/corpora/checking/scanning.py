"""The second reading: every pair by itself, in worker processes where the corpus is large."""

import multiprocessing
import os
import re
import signal
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import resource_tracker
from zlib import crc32

import numpy as np

from dragoman.corpora.checking.columns import Columns
from dragoman.corpora.checking.hashing import digest, exact, near, to_numbers
from dragoman.corpora.checking.kinds import bit
from dragoman.corpora.checking.language import BEGINNING, wrong_language
from dragoman.corpora.checking.lines import Line, read_line
from dragoman.corpora.checking.pairs import Chunk, Pairs
from dragoman.corpora.checking.stutters import stuttering
from dragoman.corpora.checking.survey import Side
from dragoman.errors import DragomanError

_JUDGED = 2_000
"""Lines whose letters are judged at once."""
LARGE = 200_000
"""From so many pairs on, workers are worth their start."""


@dataclass(frozen=True)
class LeakDigests:
    """What a leak is known by: digests of the test files' lines."""

    exact: frozenset[bytes] = frozenset()
    near: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Plan:
    """What a worker needs to know; it gets this once."""

    sides: tuple[Side, Side]
    tests: LeakDigests = field(default_factory=LeakDigests)
    kept: int = 0
    """Faults that are let pass: lines that have no other are judged by their language all the same."""


@dataclass(frozen=True)
class Scanned:
    """What a worker found in a chunk."""

    columns: Columns
    languages: tuple[Counter[str], Counter[str]]
    """Lines in wrong languages on either side."""


def scan_all(pairs: Pairs, plan: Plan, total: int, workers: int) -> Iterator[Scanned]:
    """Checks all `total` pairs; the order is the corpus', whatever the number of workers.

    Raises:
        DragomanError: a worker ended before its work did.
    """
    workers = workers or _processors()
    if workers < 2 or total < LARGE:
        yield from map(partial(scan, plan), pairs.chunks())
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(plan,)) as pool:
        try:
            _start(pool)
            yield from _in_order(pool, pairs, 2 * workers)
        except (BrokenProcessPool, OSError) as error:  # OSError: the pool's pipe, closed as a task was sent
            raise DragomanError(
                "a worker process ended before its work did (out of memory?); try again with --workers 1"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_order(pool: ProcessPoolExecutor, pairs: Pairs, ahead: int) -> Iterator[Scanned]:
    waiting: deque[Future[Scanned]] = deque()
    for chunk in pairs.chunks():
        waiting.append(pool.submit(_work, chunk))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


_plan: list[Plan] = []
"""A worker's plan."""


def _start(pool: ProcessPoolExecutor) -> None:
    """Starts the workers deaf to Ctrl-C, which they inherit; the process that waits for them hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        return
    resource_tracker.ensure_running()  # else it would be started below, and would let Ctrl-C in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pool.submit(_nothing)
    except ValueError as error:  # a worker that ended at once has closed what the next one was to be given
        raise BrokenProcessPool(str(error)) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _nothing() -> None:
    """The first task, which starts the processes."""


def _begin(plan: Plan) -> None:
    _plan[:] = [plan]


def _work(chunk: Chunk) -> Scanned:
    return scan(_plan[0], chunk)


def scan(plan: Plan, chunk: Chunk) -> Scanned:
    """Looks for the faults that a pair shows by itself, and takes down what the whole corpus is judged by."""
    raws = (chunk.source, chunk.target)
    sides = [_read(lines, side) for lines, side in zip(raws, plan.sides, strict=True)]
    flags = np.zeros(len(chunk.source), dtype=np.uint64)
    languages = (Counter[str](), Counter[str]())
    for which, (lines, side) in enumerate(zip(sides, plan.sides, strict=True)):
        flags |= np.array([line.flags for line in lines], dtype=np.uint64) << np.uint64(which)
        for place, language in _strangers(lines, raws[which], side, plan.kept):
            flags[place] |= np.uint64(bit("language", which))
            languages[which][language] += 1
        if plan.tests.near:
            flags |= np.array([_leak(line, plan.tests) for line in lines], dtype=np.uint64) << np.uint64(which)
    pairs = list(zip(*sides, strict=True))
    flags |= np.array([bit("copy") * is_copy(*pair) for pair in pairs], dtype=np.uint64)
    for place in chunk.torn:
        flags[place] |= np.uint64(bit("torn"))
    columns = Columns(
        flags=flags,
        exact=to_numbers(exact(*pair) for pair in pairs),
        near=to_numbers(near(*pair) for pair in pairs),
        source=to_numbers(digest(pair[0].text) for pair in pairs),
        lengths=np.array([[min(len(line.text), 65535) for line in pair] for pair in pairs], dtype=np.uint16),
        digits=np.array([[_digits(line.text) for line in pair] for pair in pairs], dtype=np.uint32),
        ends=np.array([[_end(line.text) for line in pair] for pair in pairs], dtype=np.uint8),
    )
    return Scanned(columns, languages)


def _read(raws: list[bytes], side: Side) -> list[Line]:
    stutters = stuttering(raws)
    return [read_line(raw, side.escaped, side.scripts, place in stutters) for place, raw in enumerate(raws)]


def is_copy(source: Line, target: Line) -> bool:
    """Whether the target repeats the source, or nearly: four in five of its words, in a line of several."""
    if not (source.says_something and target.says_something):
        return False
    if source.words == target.words:
        return True
    shared = set(source.words) & set(target.words)
    fewest = max(len(set(source.words)), len(set(target.words)))
    return fewest >= 5 and len(shared) >= 0.8 * fewest


def _strangers(lines: list[Line], raws: list[bytes], side: Side, kept: int) -> Iterator[tuple[int, str]]:
    """Places of lines in another language, with that language."""
    for first in range(0, len(lines), _JUDGED):
        usual, margin = side.letters.judge(raws[first : first + _JUDGED])
        for place, line in enumerate(lines[first : first + _JUDGED]):
            if line.flags & ~kept == 0 and (usual[place] or margin[place]):
                found = wrong_language(line.text[:BEGINNING], side.language, float(usual[place]), float(margin[place]))
                if found:
                    yield first + place, found


def _leak(line: Line, tests: LeakDigests) -> int:
    """Whether a line of several words stands in a test file."""
    if not line.has_words(4, 20):
        return 0
    if digest(line.text) in tests.exact:
        return bit("leak")
    return bit("near-leak") if digest(" ".join(line.words)) in tests.near else 0


_NUMBER = re.compile(r"\d+")


def _digits(text: str) -> int:
    """The digits of a line in order, as a number; 0 where it has none."""
    found = sorted(_NUMBER.findall(text))
    return crc32(" ".join(found).encode()) | 1 if found else 0


def _end(text: str) -> int:
    """The kind of sign that a line ends with."""
    return _ENDS.get(text[-1:], 0)


_ENDS = {"?": 1, "？": 1, "؟": 1, "!": 2, "！": 2, ".": 3, "。": 3, "।": 3, "…": 3, ":": 4, "：": 4, ",": 5}
"""Signs that end a line, the same in many scripts."""
