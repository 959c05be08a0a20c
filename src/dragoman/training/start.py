"""Begins a training, or goes on with one."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from shutil import rmtree
from time import monotonic
from types import MappingProxyType
from typing import Any, Literal

import torch

from dragoman.config import Settings, TrainingSettings
from dragoman.config.faults import check_training
from dragoman.corpora.opening import data_files, from_the_root
from dragoman.corpora.reading import is_pipe
from dragoman.corpora.sealed import is_sealed
from dragoman.errors import DragomanError, UsageError
from dragoman.models.hardware import crowding
from dragoman.runs import (
    Checkpoint,
    Run,
    checkpoint_steps,
    last_mark,
    load_checkpoint,
    mark_last,
    newest_whole,
)
from dragoman.runs.made_with import note_made_with, otherwise
from dragoman.training.averaging import Averages
from dragoman.training.facts import doubts, facts
from dragoman.training.inheriting import run_from
from dragoman.training.loop import Loop
from dragoman.training.optimizer import build_optimizer, reserve
from dragoman.training.preparing import Prepared, on_this_machine, prepare
from dragoman.training.progress import Budget, Progress, ended_by
from dragoman.training.reporting import Ending, Reporter
from dragoman.training.safety.data_record import moved
from dragoman.training.safety.recovery import after_kill
from dragoman.training.safety.room import fitting_piece, room_for_checkpoints
from dragoman.training.safety.saving import Training, making_batches
from dragoman.training.safety.settings_record import check_settings
from dragoman.training.safety.splitting import enough_memory
from dragoman.training.safety.telling import Guarded
from dragoman.training.watching.following import Follower
from dragoman.training.watching.forecast import foresee

MAY_CHANGE = frozenset(
    f"training.{name}"
    for name in (
        "steps",
        "epochs",
        "minutes",
        "update_minutes",
        "target_tokens",
        "patience",
        "validate_every",
        "validations",
        "log_every",
        "keep",
        "save_minutes",
        "snapshots",
    )
)
"""Settings that a resumed training may be given anew."""
_FORECAST = "forecast what batches take", "batches.longest or model"
"""What memory may give out in, and what would be smaller in another run."""


def start(
    path: Path,
    settings: Settings,
    reporter: Reporter,
    source_run: Path | None = None,
    vocabulary: Path | None = None,
    which: Literal["best"] | int = "best",
) -> Ending:
    """Trains a new run to its end.

    Args:
        source_run: a run whose vocabulary, shape and weights the training starts from.
        which: the checkpoint whose weights these are.
        vocabulary: a folder whose vocabulary is taken, instead of one that is learnt.

    Raises:
        DragomanError: the folder is taken, the corpus cannot be used, a checkpoint cannot be saved.
    """
    began = monotonic()
    check_training(settings)
    settings, listener = replace(settings, data=from_the_root(settings.data)), Guarded(reporter)
    if (path / "config.yaml").exists():
        raise DragomanError(f"{path} exists: add --resume to go on, or choose another folder")
    checkpoint = None
    if source_run is None:
        run = Run.create(path, on_this_machine(settings))
    else:
        run = run_from(path, settings, source_run, which)
        checkpoint = load_checkpoint(run, 0, optimizer=True)
    with run.lock():
        with _undone_on_error(run):
            prepared = prepare(run.settings, path if checkpoint else vocabulary, checkpoint, path, listener.preparing)
        if checkpoint is None:
            return _begin(run, prepared, began, listener)
        return _go_on(run, prepared, checkpoint, began, listener)


def resume(path: Path, changes: Callable[[Settings], Settings], reporter: Reporter, which: int | None = None) -> Ending:
    """Goes on where the last checkpoint (or that of step `which`) was saved; a damaged last one gives way to another.

    Args:
        changes: lays what the user gave anew over the run's settings.

    Raises:
        UsageError: a setting was changed that a resumed training must keep.
        DragomanError: not a run, being trained, or no checkpoint is whole.
    """
    began, listener = monotonic(), Guarded(reporter)
    run = Run.open(path)
    settings = changes(run.settings)
    settings = replace(settings, data=from_the_root(settings.data, run.settings.data))
    _refuse_changes(run.settings, settings, MAY_CHANGE | moved(path, run.settings.data, settings.data))
    check_training(settings)
    with run.lock():
        mark = last_mark(run) if which is None else {}
        if changed := otherwise(run):
            listener.warned(f"{path}: {', '.join(changed)}: it goes on, perhaps rounded otherwise")
        if not checkpoint_steps(run):
            if which is not None:
                raise DragomanError(f"{path} has no checkpoint yet; give --resume without --checkpoint")
            prepared = prepare(on_this_machine(settings), None, None, path, listener.preparing)
            return _begin(run, prepared, began, listener)
        checkpoint, wrong = newest_whole(run) if which is None else (load_checkpoint(run, which, optimizer=True), "")
        if wrong:
            listener.warned(f"{wrong}: going on from checkpoint {checkpoint.step}, the newest whole one")
        bound = "" if wrong else _bound_to_move(run.settings.training, settings.training, checkpoint, mark)
        if bound:
            message = f"{path} is finished (update {mark['step']}); give a larger {bound} to train on"
            listener.end(message)
            return Ending(message, finished=True)
        check_settings(run, checkpoint, MAY_CHANGE)
        if later := [str(step) for step in checkpoint_steps(run) if which is not None and step > which]:
            listener.warned(
                f"the next checkpoint takes the place of {', '.join(later)}: copy {path} first to keep them"
            )
        prepared = prepare(on_this_machine(settings), path, checkpoint, path, listener.preparing)
        if which is not None:
            # Before the history after it is given up, so that a kill in between loses nothing of either.
            mark_last(run, which, {})
        return _go_on(run, prepared, checkpoint, began, listener, mark)


def _bound_to_move(
    old: TrainingSettings, new: TrainingSettings, checkpoint: Checkpoint, mark: Mapping[str, Any]
) -> str:
    """The setting that ended a finished training and was not given a larger value; empty where nothing hinders it."""
    if not mark.get("finished"):
        return ""
    # config.yaml may have been edited since, or given a larger bound by a start that was killed.
    noted = checkpoint.state.get("settings", {}).get("training", {})
    old = replace(old, **{name: value for name, value in noted.items() if hasattr(old, name)})
    name = "patience" if mark.get("early") else ended_by(old, Progress.from_json(checkpoint.state["progress"]))
    hinders = 0 < getattr(new, name) <= getattr(old, name)
    return ("--minutes" if name == "minutes" else f"training.{name}") if hinders else ""


def _begin(run: Run, prepared: Prepared, began: float, listener: Guarded) -> Ending:
    """Trains from the first update."""
    settings = prepared.settings
    prepared.tokenizers.save(run.path)
    run.save_settings(settings)
    note_made_with(run)
    run.truncate_metrics(-1)
    training = _training(run, prepared)
    training.progress.piece = _fitting(prepared, training)
    torch.manual_seed(settings.training.seed)
    training.save()
    return _train(training, prepared, Budget(settings.training, began), listener)


def _go_on(
    run: Run,
    prepared: Prepared,
    checkpoint: Checkpoint,
    began: float,
    listener: Guarded,
    mark: Mapping[str, Any] = MappingProxyType({}),
) -> Ending:
    """Trains on from a checkpoint; `mark` is what `last.json` says of it."""
    settings = prepared.settings
    run.save_settings(settings)
    note_made_with(run)
    run.truncate_metrics(checkpoint.step)
    training = _training(run, prepared)
    training.restore(checkpoint, weights=False)
    # The weights are in the model now, and whoever called holds the checkpoint until the training ends.
    checkpoint.model.clear()
    progress = training.progress
    after_kill(run, progress, mark)
    if progress.refuge not in checkpoint_steps(run):
        progress.refuge = progress.step
    training.mark_missed_best()
    before, fits = progress.piece, _fitting(prepared, training)
    progress.piece = min(fits or before, before or fits)
    # Checkpoint 0 of --from notes no settings: nothing was computed with any piece before.
    if progress.piece != before and "settings" in checkpoint.state:
        listener.warned(
            f"less memory is free than before: batches are computed in pieces of at most {progress.piece:,} target "
            f"positions from here on, and the weights will not be exactly those of a training that was never stopped"
        )
    return _train(training, prepared, Budget(settings.training, began - progress.clock), listener)


def _training(run: Run, prepared: Prepared) -> Training:
    settings, model = prepared.settings.training, prepared.model
    averages = Averages(model, settings.average) if settings.average else None
    return Training(run, model, build_optimizer(model, settings), Progress(), averages)


def _fitting(prepared: Prepared, training: Training) -> int:
    """`fitting_piece` of what was prepared."""
    with making_batches(), enough_memory(*_FORECAST):
        return fitting_piece(prepared.settings, prepared.model, prepared.epochs.epoch(0).longest, training.held)


def _train(training: Training, prepared: Prepared, budget: Budget, listener: Guarded) -> Ending:
    piece, drawn = training.progress.piece, torch.get_rng_state()
    split = {"pieces": f"of at most {piece:,} target positions: whole batches would not fit into memory"}
    with making_batches(), enough_memory(*_FORECAST):
        foreseen = foresee(prepared, training.progress, budget.elapsed(), training.held)
        found = facts(prepared, foreseen)
    follower = Follower(training.run, prepared, foreseen, listener, budget.elapsed)
    listener.begin(found | (split if piece else {}))
    crowded, room = crowding(prepared.settings.training.threads), room_for_checkpoints(training.run, prepared.model)
    for amiss in (room, crowded, *doubts(prepared)):
        if amiss:
            listener.warned(amiss)
    # Whatever was measured for the facts leaves the training's random numbers as they were.
    torch.set_rng_state(drawn)
    with enough_memory("hold the optimizer's moments", "model"):
        reserve(training.optimizer)
    loop = Loop(training, (prepared.epochs, prepared.validator), budget, follower)
    listener.when_closed(loop.nobody_reads)
    ending = follower.close(loop.train())
    listener.end(ending.message, ending.next)
    return ending


@contextmanager
def _undone_on_error(run: Run) -> Iterator[None]:
    """Removes a new run's folder where what was given cannot be used.

    A kill leaves it for --resume, and so does a lack of room once a text that came through a pipe is stored.
    """
    try:
        yield
    except DragomanError as error:
        piped = any(map(is_pipe, data_files(run.settings.data)))
        if piped and isinstance(error.__cause__, OSError) and is_sealed(run.path / "store" / "text"):
            command = f"`dragoman train {run.path} --resume`"
            raise DragomanError(f"{error}; what was read from the pipe is kept: go on with {command}") from error
        rmtree(run.path, ignore_errors=True)
        raise


def _refuse_changes(before: Settings, after: Settings, allowed: Collection[str]) -> None:
    old, new = _flat(asdict(before)), _flat(asdict(after))
    changed = [key for key in new if new[key] != old[key] and key not in allowed]
    if changed:
        told = {key: [value if value != "" else "empty" for value in (old[key], new[key])] for key in changed}
        listed = ", ".join(f"{key} is {before} in the run, {after} was given" for key, (before, after) in told.items())
        raise UsageError(f"a resumed training keeps its settings: {listed}; start a new run instead")


def _flat(sections: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    return {f"{section}.{name}": value for section, values in sections.items() for name, value in values.items()}
