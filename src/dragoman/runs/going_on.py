"""Where a training that was stopped goes on: at the last checkpoint, or at the newest whole one."""

from typing import Any

from dragoman.errors import DragomanError
from dragoman.runs.checkpoints import Checkpoint, checkpoint_steps, load_checkpoint, read_mark
from dragoman.runs.run import Run


def last_mark(run: Run) -> dict[str, Any]:
    """What `last.json` says; empty where it is missing or damaged."""
    try:
        return read_mark(run, "last") or {}
    except DragomanError:
        return {}


def newest_whole(run: Run) -> tuple[Checkpoint, str]:
    """Loads the last checkpoint or, where it is damaged, the newest whole one before it.

    Returns:
        The checkpoint with its optimizer, and what is wrong with the last one in words, or nothing.

    Raises:
        DragomanError: none is whole, or there is none.
    """
    steps = checkpoint_steps(run)
    last = int(last_mark(run).get("step", max(steps, default=0)))
    wrong = "" if last in steps else f"checkpoint {last} is missing"
    for step in sorted(steps, key=lambda step: (step > last, -step)):
        try:
            return load_checkpoint(run, step, optimizer=True), wrong
        except DragomanError as error:
            wrong = wrong or str(error).partition(";")[0]
    raise DragomanError(f"{wrong}; no other checkpoint is whole: copy the run anew, or train again")
