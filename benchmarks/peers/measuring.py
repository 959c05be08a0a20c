"""What every peer's script shares: its options, the clock, the peak of memory, the line that it prints.

Only the standard library is imported here, since some peers live in an environment of their own.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Protocol, TypeVar

WARM_UP = 5
"""Updates before the clock starts, besides one of the largest batch."""
FEWEST = 5
"""Updates in a timed window at least, so that one slow moment of the machine cannot be the whole result."""
RATE = 3e-4
"""The learning rate of every update that is timed; its value costs nothing."""
CLIP = 1.0
"""Largest norm of the gradient, for ours and every peer."""


class Countable(Protocol):
    """What the clock must know of a batch."""

    @property
    def target_tokens(self) -> int:
        """Real target tokens, end marks counted, padding not."""
        ...

    @property
    def positions(self) -> int:
        """Source and target positions, padding counted."""
        ...


B = TypeVar("B", bound=Countable)


@dataclass(frozen=True)
class Window:
    """A stretch of steady training."""

    target_tokens: int
    seconds: float
    updates: int
    processor_seconds: float = 0.0
    """Time that the process computed, all threads together; below seconds x threads, it waited or one thread worked."""


@dataclass(frozen=True)
class Result:
    """One line of output: one process of one toolkit."""

    name: str
    version: str
    dtype: str
    target_tokens: int
    """Real target tokens in the window, end marks counted, padding not."""
    seconds: float
    updates: int
    processor_seconds: float
    peak_mib: float
    """The process' largest resident memory from its start on, Python and torch included."""

    @property
    def speed(self) -> float:
        """Target tokens a second."""
        return self.target_tokens / self.seconds


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every peer has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seconds", type=float, default=20, help="about how long the timed window is")
    made.add_argument("--dtype", choices=["auto", "float32", "bfloat16"], default="float32")
    made.add_argument("--threads", type=int, default=usable_cores())
    return made


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def timed(
    update: Callable[[B], object],
    batches: Sequence[B],
    seconds: float,
    clock: Callable[[], float] = perf_counter,
) -> Window:
    """Trains on `batches` in their order, over and over, for about `seconds`, and `FEWEST` updates, after a warm-up.

    The warm-up is an update on each of the first batches and one on the largest, so that every part has been
    set up and memory has reached its size.
    """
    update(max(batches, key=lambda batch: batch.positions))
    for batch in batches[:WARM_UP]:
        update(batch)
    tokens = updates = 0
    begin, processor = clock(), process_time()
    for batch in islice(cycle(batches), WARM_UP, None):
        update(batch)
        tokens, updates = tokens + batch.target_tokens, updates + 1
        elapsed = clock() - begin
        if elapsed >= seconds and updates >= FEWEST:
            break
    return Window(tokens, elapsed, updates, process_time() - processor)


def peak_mib(status: Path = Path("/proc/self/status")) -> float:
    """The largest resident memory of this process so far, in MiB (VmHWM)."""
    for line in status.read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.removesuffix("kB")) / 1024
    raise OSError(f"{status} does not tell VmHWM; measure on Linux")


def result_line(name: str, version: str, dtype: str, window: Window) -> str:
    """The one line of JSON that a peer prints at its end."""
    return json.dumps(asdict(Result(name, version, dtype, **asdict(window), peak_mib=round(peak_mib(), 1))))


def read_result(output: str) -> Result:
    """The result in a process' standard output: its last line that is a JSON object.

    Raises:
        ValueError: there is none.
    """
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            return Result(**json.loads(line))
    raise ValueError("it printed no result")
