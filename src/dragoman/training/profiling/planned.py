"""Profiles a training that is planned, or a run that exists, and writes what was found into its folder."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from dragoman.config import Settings
from dragoman.errors import DragomanError, UsageError
from dragoman.runs import Run, checkpoint_steps, load_checkpoint
from dragoman.runs.writing import is_aside, replacing, write_json
from dragoman.training.inheriting import inherit
from dragoman.training.preparing import Prepared, on_this_machine, prepare
from dragoman.training.profiling.picture import draw, table
from dragoman.training.profiling.profiler import UPDATES, Profile, Tell, profile_training

FILES = ("profile.json", "profile.md", "profile.png")
"""What is written; nothing else of a folder is touched."""


def profile_run(
    path: Path,
    settings: Callable[[Settings | None], Settings],
    source_run: Path | None,
    which: Literal["best"] | int,
    tell: Tell,
) -> Profile:
    """Profiles the training that `train` would make of the same settings; of a run that exists, with its weights.

    Args:
        settings: gives the settings to train with, from those of the run where there is one.
        source_run: a run whose vocabulary, shape and weights the training would start from.
        which: the checkpoint whose weights these are.

    Raises:
        UsageError: for a run that exists another model, vocabulary or source run was asked for.
        DragomanError: the folder holds something else, the corpus cannot be used, this is no processor.
    """
    is_run = (path / "config.yaml").exists()
    if not is_run:
        _check_folder(path)
    prepared = _of_run(path, settings, source_run) if is_run else _planned(settings(None), source_run, which)
    found = profile_training(prepared, UPDATES, tell)
    _write(path, found)
    return found


def _check_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise DragomanError(f"{path} is a file, not a folder: choose another name")
    others = (
        [entry for entry in path.iterdir() if entry.name not in FILES and not is_aside(entry)] if path.exists() else []
    )
    if others:
        raise DragomanError(f"{path} holds something else ({others[0].name}): give a run, or choose another folder")


def _planned(settings: Settings, source_run: Path | None, which: Literal["best"] | int) -> Prepared:
    if source_run is None:
        return prepare(on_this_machine(settings), None, None)
    other = Run.open(source_run)
    return prepare(on_this_machine(inherit(settings, other.settings)), source_run, load_checkpoint(other, which))


def _of_run(path: Path, settings: Callable[[Settings | None], Settings], source_run: Path | None) -> Prepared:
    if source_run is not None:
        raise UsageError(f"{path} is a run with weights of its own; leave --from away")
    run = Run.open(path)
    wanted = settings(run.settings)
    before, after = (asdict(inherit(wanted, each)) for each in (run.settings, wanted))
    changed = [
        f"{part}.{key}" for part in ("model", "text") for key in before[part] if before[part][key] != after[part][key]
    ]
    if changed:
        raise UsageError(f"{path} is a run; its shape and vocabulary stay: leave {', '.join(changed)} away")
    if not checkpoint_steps(run):
        return prepare(on_this_machine(wanted), None, None)
    return prepare(on_this_machine(wanted), path, load_checkpoint(run, "last"))


def _write(path: Path, found: Profile) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "profile.json", found.to_json())
        with replacing(path / "profile.md") as aside:
            aside.write_text(table(found), encoding="utf-8")
        with replacing(path / "profile.png") as aside:
            draw(found, aside)
    except OSError as error:
        raise DragomanError(f"cannot write into {path} ({error.strerror}): make it writable, then try again") from error
