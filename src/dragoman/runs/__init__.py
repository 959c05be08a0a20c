"""The run folder: settings, metrics, lock, checkpoints; it can be copied, and nothing in it is unpickled."""

from dragoman.runs.checkpoints import (
    Checkpoint,
    checkpoint_steps,
    forget_best,
    load_checkpoint,
    mark_best,
    mark_last,
    read_mark,
    save_checkpoint,
)
from dragoman.runs.going_on import last_mark, newest_whole
from dragoman.runs.run import RUN_FORMAT, Run

__all__ = [
    "RUN_FORMAT",
    "Checkpoint",
    "Run",
    "checkpoint_steps",
    "forget_best",
    "last_mark",
    "load_checkpoint",
    "mark_best",
    "mark_last",
    "newest_whole",
    "read_mark",
    "save_checkpoint",
]
