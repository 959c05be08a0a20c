"""Whether memory and disk will do, asked before the first update."""

import shutil
from dataclasses import replace
from typing import Any

from dragoman.config import Settings
from dragoman.models.contract import TrainableModel
from dragoman.runs import Run
from dragoman.training.safety.limits import available_memory
from dragoman.training.safety.memory import LONG, demand, resident

SMALLEST = 64
"""Target positions; a piece is not made smaller beforehand."""
ADAM = 3
"""Numbers saved for each trained one: itself and the optimizer's two moments (and its average)."""


def fitting_piece(settings: Settings, model: TrainableModel[Any], longest: int, held: int = 0) -> int:
    """Target positions of a batch that can be computed at once in the memory that is free; 0 where all can.

    Args:
        longest: tokens of the corpus' longest sentence; a smaller piece would not divide it.
        held: bytes of the optimizer's moments and of averages that are there already.
    """
    whole = settings.batches.target_tokens
    piece, free, smallest = whole, available_memory(), max(SMALLEST, longest)
    while piece > smallest:
        tried = replace(settings, batches=replace(settings.batches, target_tokens=piece))
        needed = demand(tried, model, longest, held).after(max(LONG, settings.training.steps))
        if needed - resident() <= free:
            break
        piece = max(smallest, piece // 2)
    return 0 if piece == whole else piece


def room_for_checkpoints(run: Run, model: TrainableModel[Any]) -> str:
    """What is said where the disk has too little room for the checkpoints; empty where it has enough."""
    training = run.settings.training
    one = 4 * (ADAM + bool(training.average)) * sum(parameter.numel() for parameter in model.parameters())
    there = sum(file.stat().st_size for file in run.path.glob("checkpoints/*/*"))
    # The newest ones, the best, the one to go back to, and the one that is being written.
    needed = (max(training.keep, training.snapshots) + 3) * one - there
    free = shutil.disk_usage(run.path).free
    if needed <= free:
        return ""
    return (
        f"the checkpoints will need up to {needed / 2**20:,.0f} MiB more, and {run.path} has {free / 2**20:,.0f} MiB "
        f"free: make room, or lower training.keep"
    )
