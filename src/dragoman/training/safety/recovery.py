"""Back to the last good checkpoint with a smaller learning rate, a bounded number of times."""

from collections.abc import Mapping
from typing import Any

from dragoman.errors import DragomanError
from dragoman.runs import Run, load_checkpoint, mark_last
from dragoman.training.progress import Progress
from dragoman.training.safety.logs import Logs
from dragoman.training.safety.saving import Training
from dragoman.training.watching.coach import RATES

RETURNS = 3
"""How often a training goes back before it gives up."""


class Diverged(DragomanError):
    """The training has gone back as often as it may; its checkpoints stay."""


def go_back(training: Training, why: str, logs: Logs) -> str:
    """Puts the training back to its refuge and halves the learning rate for good; gives the line to be said.

    The step is taken by one atomic write of `last.json`; a training killed before it comes to the same point again,
    one killed after it goes on from the refuge, with the return counted (`after_kill`).

    Raises:
        Diverged: it has gone back often enough.
        DragomanError: there is nothing whole to go back to.
    """
    run, before = training.run, training.progress
    returns = before.health.returns + 1
    if returns > RETURNS:
        raise Diverged(given_up(run, before, why))
    checkpoint = load_checkpoint(run, before.refuge, optimizer=True)
    note = {"returns": returns, "from": before.step, "why": why}
    mark_last(run, before.refuge, note)
    training.restore(checkpoint)
    count_return(training.progress, returns)
    training.progress.seconds, training.progress.piece = before.seconds, before.piece
    logs.go_back(before.refuge)
    logs.write(return_line(training.progress, note))
    return (
        f"update {before.step}: {why}; back to update {before.refuge}, with "
        f"{training.progress.health.share:g} of the learning rate from there on"
    )


def count_return(progress: Progress, returns: int) -> None:
    """Makes a checkpoint's progress that of a training which has gone back to it."""
    progress.health.after_return(returns)
    progress.refuge = progress.step


def return_line(progress: Progress, note: dict[str, Any]) -> dict[str, Any]:
    """The line of metrics.jsonl about a return."""
    return {**progress.line(), "recovery": "back", **note, "rate_share": progress.health.share}


def after_kill(run: Run, progress: Progress, mark: Mapping[str, Any]) -> None:
    """Counts a return that `last.json` knows of and the checkpoint, saved before it, does not."""
    returns = int(mark.get("returns", 0))
    if mark.get("step") != progress.step or returns <= progress.health.returns:
        return
    count_return(progress, returns)
    told = [line.get("returns") for line in run.read_metrics() if line.get("recovery") == "back"]
    if returns not in told:
        run.metrics(return_line(progress, {name: mark[name] for name in ("returns", "from", "why")}))


def given_up(run: Run, progress: Progress, why: str) -> str:
    """The last line of a training that cannot be brought to converge."""
    rate = min(run.settings.training.learning_rate / 2**RETURNS, RATES[1])
    return (
        f"the training does not converge: {why}, after going back {RETURNS} times; {run.path} keeps its checkpoints: "
        f"train anew with training.learning_rate below {rate:.2g} or more training.warmup_steps, and check the corpus"
    )
