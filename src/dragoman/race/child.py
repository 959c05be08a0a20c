"""One part of a race in a process of its own: a training or a measure, so that its memory is its own.

    python -m dragoman.race.child OUT train COURSE CONTESTANT SEED
    python -m dragoman.race.child OUT measure NAME

It tells what happens as JSON, one object a line, and ends when whoever started it is gone.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError, lacks_memory
from dragoman.race.costs import Costs
from dragoman.race.energy import joules
from dragoman.race.folder import RaceFolder
from dragoman.race.plan import Plan
from dragoman.runs import Run, checkpoint_steps, mark_best, read_mark
from dragoman.training.reporting import Ending, Line
from dragoman.training.safety.memory import peak_memory
from dragoman.training.safety.recovery import Diverged
from dragoman.training.start import resume, start
from dragoman.training.validation import Validation
from dragoman.training.watching.coach import Advice

MIB = 2**20
BETWEEN = 0.2
"""Seconds between two lines about a share."""


class Teller:
    """Tells of a training what a race wants to know."""

    def preparing(self, message: str) -> None:
        """What takes long before the first update."""
        tell("preparing", message=message)

    def begin(self, facts: Mapping[str, str]) -> None:
        """The plan has said it all."""

    def update(self, line: Line, share: float) -> None:
        """The share that is over, and the loss."""
        tell("share", share=share, loss=line["loss"], tokens_per_second=line["tokens_per_second"])

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """The scores."""
        tell("validation", step=line["step"], bleu=validation.bleu, loss=validation.loss)

    def advised(self, advice: Advice) -> None:
        """No advice is taken in a race."""

    def warned(self, message: str) -> None:
        """What went wrong."""
        tell("warning", message=message)

    def end(self, message: str, following: str = "") -> None:
        """Told with the ending."""


def tell(event: str, **values: Any) -> None:
    """Writes one line."""
    print(json.dumps({"event": event, **values}), flush=True)


class Shares:
    """Tells what share of a measure is over, a few times a second."""

    def __init__(self) -> None:
        self._told = 0.0

    def __call__(self, text: str, share: float) -> None:
        """Tells it unless it was told just before."""
        if time.monotonic() - self._told >= BETWEEN:
            self._told = time.monotonic()
            tell("share", share=share, text=text)


def train(folder: RaceFolder, plan: Plan, course: str, name: str, seed: int) -> None:
    """Trains one contestant to its end, from where it was stopped; notes what it took."""
    path, file = folder.run(course, name, seed), folder.costs_file(course, name, seed)
    Costs.load(file).one_more().save(file)
    given_up = ""
    with joules() as energy:
        try:
            ending = _trained(folder, plan, course, name, seed)
        except Diverged as error:
            given_up = str(error).partition("; ")[0]
            ending = Ending(_given_up(Run(path), given_up), True)
    Costs.load(file).add(peak_memory() / MIB, energy.joules, given_up).save(file)
    tell("done" if ending.finished else "stopped", message=ending.message)


def _trained(folder: RaceFolder, plan: Plan, course: str, name: str, seed: int) -> Ending:
    path = folder.run(course, name, seed)
    if (path / "config.yaml").exists() and checkpoint_steps(Run(path)):
        return resume(path, lambda settings: settings, Teller())
    shutil.rmtree(path, ignore_errors=True)
    return start(path, plan.settings(course, name, seed), Teller(), vocabulary=folder.data(course))


def _given_up(run: Run, why: str) -> str:
    """A training that never was well still has a checkpoint to be judged by."""
    if read_mark(run, "best") is None:
        mark_best(run, max(checkpoint_steps(run)), {})
    return f"{why}: it is judged by its best checkpoint"


def measure(folder: RaceFolder, plan: Plan, name: str) -> None:
    """Measures one thing and keeps its figures."""
    from dragoman.race.measuring import measure as measured

    values = measured(name, plan, folder, Shares())
    folder.save_measure(name, values)
    tell("done", message="measured")


def main(arguments: list[str]) -> int:
    """Does one part; gives the exit code."""
    folder, kind, *rest = RaceFolder(Path(arguments[0])), *arguments[1:]
    try:
        plan = folder.plan()
        if plan is None:
            raise DragomanError(f"{folder.path} has no plan; begin with `dragoman race`")
        if kind == "train":
            course, name, seed = rest
            train(folder, plan, course, name, int(seed))
        else:
            measure(folder, plan, rest[0])
    except (DragomanError, MemoryError, OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not lacks_memory(error):
            raise
        tell("error", message=" ".join(str(error).split()) or type(error).__name__, code=getattr(error, "exit_code", 1))
        return 1
    return 0


def _end_with_the_race() -> None:
    """The race holds the other end of this pipe; it closes when the race ends, however it ends."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_race, daemon=True).start()
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # All is written; taking everything down piece by piece would cost a second and a half of each part.
    os._exit(code)
