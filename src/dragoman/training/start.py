"""Begins a training, or goes on with one."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic

import torch

from dragoman.config import Settings
from dragoman.config.faults import check_training
from dragoman.errors import DragomanError, UsageError
from dragoman.runs import Checkpoint, Run, checkpoint_steps, load_checkpoint, read_mark
from dragoman.training.facts import facts
from dragoman.training.loop import Loop, restore_rng
from dragoman.training.optimizer import build_optimizer, restore_optimizer
from dragoman.training.preparing import Prepared, on_this_machine, prepare, validator
from dragoman.training.progress import Budget, Progress
from dragoman.training.reporting import Ending, Reporter

MAY_CHANGE = frozenset(
    f"training.{name}" for name in ("steps", "epochs", "minutes", "patience", "validate_every", "log_every", "keep")
)
"""Settings that a resumed training may be given anew."""


def start(path: Path, settings: Settings, reporter: Reporter, source_run: Path | None = None) -> Ending:
    """Trains a new run to its end.

    Args:
        source_run: a run whose vocabulary, shape and best weights the training starts from.

    Raises:
        DragomanError: the folder is taken, the corpus cannot be used, a checkpoint cannot be saved.
    """
    began = monotonic()
    check_training(settings)
    if (path / "config.yaml").exists():
        raise DragomanError(f"{path} exists: add --resume to go on, or choose another folder")
    weights: Checkpoint | None = None
    if source_run is not None:
        other = Run.open(source_run)
        weights = load_checkpoint(other, "best")
        settings = inherit(settings, other.settings)
    prepared = prepare(on_this_machine(settings), source_run, weights)
    run = Run.create(path, prepared.settings)
    with run.lock():
        prepared.tokenizers.save(path)
        torch.manual_seed(settings.training.seed)
        return _train(run, prepared, Progress(), None, Budget(prepared.settings.training, began), reporter)


def resume(path: Path, changes: Callable[[Settings], Settings], reporter: Reporter, which: int | None = None) -> Ending:
    """Goes on where the last checkpoint (or that of step `which`) was saved.

    Args:
        changes: lays what the user gave anew over the run's settings.

    Raises:
        UsageError: a setting was changed that a resumed training must keep.
        DragomanError: not a run, being trained, or its checkpoint is damaged.
    """
    began = monotonic()
    run = Run.open(path)
    settings = changes(run.settings)
    _refuse_changes(run.settings, settings)
    check_training(settings)
    with run.lock():
        last = read_mark(run, "last") if which is None else None
        if last and last.get("finished") and settings.training == run.settings.training:
            message = f"{path} is finished (update {last['step']}); give more --minutes or training.steps to train on"
            reporter.end(message)
            return Ending(message, finished=True)
        if not checkpoint_steps(run):
            return _start_over(run, settings, began, reporter)
        checkpoint = load_checkpoint(run, "last" if which is None else which, optimizer=True)
        prepared = prepare(on_this_machine(settings), path, checkpoint)
        run.save_settings(prepared.settings)
        run.truncate_metrics(checkpoint.step)
        progress = Progress.from_json(checkpoint.state["progress"])
        budget = Budget(prepared.settings.training, began - progress.clock)
        return _train(run, prepared, progress, checkpoint, budget, reporter)


def _start_over(run: Run, settings: Settings, began: float, reporter: Reporter) -> Ending:
    prepared = prepare(on_this_machine(settings), None, None)
    prepared.tokenizers.save(run.path)
    run.save_settings(prepared.settings)
    run.truncate_metrics(-1)
    torch.manual_seed(settings.training.seed)
    return _train(run, prepared, Progress(), None, Budget(prepared.settings.training, began), reporter)


def _train(
    run: Run,
    prepared: Prepared,
    progress: Progress,
    checkpoint: Checkpoint | None,
    budget: Budget,
    reporter: Reporter,
) -> Ending:
    optimizer = build_optimizer(prepared.model, prepared.settings.training)
    if checkpoint is not None and checkpoint.optimizer is not None:
        restore_rng(checkpoint.optimizer)
        restore_optimizer(optimizer, checkpoint.optimizer)
    reporter.begin(facts(prepared))
    data = prepared.epochs, validator(prepared)
    ending = Loop(run, prepared.model, optimizer, data, progress, budget, reporter).train()
    reporter.end(ending.message)
    return ending


def inherit(settings: Settings, other: Settings) -> Settings:
    """The settings with the shape and vocabulary of another run; what only training uses stays as it was given."""
    ours = settings.model
    model = replace(other.model, dropout=ours.dropout, attention_dropout=ours.attention_dropout)
    return replace(settings, model=model, text=replace(other.text, sampling=settings.text.sampling))


def _refuse_changes(before: Settings, after: Settings) -> None:
    old, new = _flat(asdict(before)), _flat(asdict(after))
    changed = [key for key in new if new[key] != old[key] and key not in MAY_CHANGE]
    if changed:
        listed = ", ".join(f"{key} is {old[key]} in the run, {new[key]} was given" for key in changed)
        raise UsageError(f"a resumed training keeps its settings: {listed}; start a new run instead")


def _flat(sections: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    return {f"{section}.{name}": value for section, values in sections.items() for name, value in values.items()}
