"""A race's folder: the plan, the runs, the measures, the report; whole at any moment."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError
from dragoman.race.costs import Costs
from dragoman.race.plan import Plan
from dragoman.runs import Run, last_mark
from dragoman.runs.writing import is_aside, note_owner, remove_leftovers, write_json

WAITING = 10.0
"""Seconds in which a race that was killed may still come to its end."""
LOCK, PREPARED = "lock", "prepared"
"""What a race makes before it has a plan."""


class RaceFolder:
    """One race's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def plan_file(self) -> Path:
        """Where the plan is kept."""
        return self.path / "race.json"

    def data(self, course: str) -> Path:
        """Where a course's vocabulary is, and its text where it had to be divided."""
        return self.path / PREPARED / course

    def run(self, course: str, contestant: str, seed: int) -> Path:
        """Where a training is."""
        return self.path / "runs" / course / f"{contestant}-{seed}"

    def costs_file(self, course: str, contestant: str, seed: int) -> Path:
        """Where it is noted what a training took besides time."""
        return self.path / "costs" / course / f"{contestant}-{seed}.json"

    def costs(self, course: str, contestant: str, seed: int) -> Costs:
        """What a training took besides time, as far as it is noted."""
        return Costs.load(self.costs_file(course, contestant, seed))

    def measure(self, name: str) -> Path:
        """Where a measure's figures are, once it is finished."""
        return self.path / "measures" / f"{name}.json"

    def plan(self) -> Plan | None:
        """The plan; None where none was made yet.

        Raises:
            DragomanError: it is damaged.
        """
        return Plan.load(self.plan_file) if self.plan_file.exists() else None

    def begin(self, resume: bool) -> None:
        """Makes the folder, or finds it as a race left it.

        Raises:
            DragomanError: it is a race already, holds something else, or cannot be made.
        """
        path = self.path
        if self.plan_file.exists() and not resume:
            raise DragomanError(f"{path} exists: add --resume to go on, or choose another folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            left = [entry for entry in path.iterdir() if not is_aside(entry)]
        except FileExistsError:
            raise DragomanError(f"{path} is a file, not a folder: choose another name") from None
        except OSError as error:
            raise DragomanError(f"cannot make {path} ({error.strerror}): choose another folder") from error
        ours = {LOCK, PREPARED} if (path / LOCK).is_file() else set()
        if not self.plan_file.exists() and {entry.name for entry in left} - ours:
            raise DragomanError(f"{path} is not empty and not a race: choose another folder")

    def clear(self) -> None:
        """Removes what was made for a plan."""
        shutil.rmtree(self.path / PREPARED, ignore_errors=True)

    def forget(self) -> None:
        """Removes what was made before there was a plan, and the folder where nothing else is in it."""
        self.clear()
        (self.path / LOCK).unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Keeps other races out; gives the lock's file, which those that work for this race hold open too.

        Raises:
            DragomanError: another process races here.
        """
        import fcntl

        with (self.path / LOCK).open("a+", encoding="utf-8") as file:
            end = time.monotonic() + WAITING
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        file.seek(0)
                        raise DragomanError(
                            f"{self.path} is being raced by another process (pid {file.read().strip() or 'unknown'}): "
                            f"wait for it, stop it, or choose another folder"
                        ) from None
                    time.sleep(0.1)
            note_owner(file)
            remove_leftovers(self.path)
            remove_leftovers(self.path / "measures")
            yield file.fileno()

    def is_trained(self, course: str, contestant: str, seed: int) -> bool:
        """Whether a training has come to its end, or was given up."""
        finished = last_mark(Run(self.run(course, contestant, seed))).get("finished")
        return bool(finished or self.costs(course, contestant, seed).given_up)

    def is_measured(self, name: str) -> bool:
        """Whether a measure is finished."""
        return self.measure(name).exists()

    def save_measure(self, name: str, values: dict[str, Any]) -> None:
        """Keeps a measure's figures, in one piece."""
        self.measure(name).parent.mkdir(exist_ok=True)
        write_json(self.measure(name), values)
