"""The settings that a checkpoint was trained with, and whether `config.yaml` still says the same."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from dragoman.config import Settings
from dragoman.corpora.opening import TEXT_FILES
from dragoman.errors import DragomanError
from dragoman.runs import Checkpoint, Run

_DECIDING = ("data", "pizzeria", "text", "batches", "model", "training")
"""The sections that decide the weights; the files of the text may move, and `data_record` knows them."""


def settings_record(settings: Settings) -> dict[str, Any]:
    """What is noted with each checkpoint."""
    sections = asdict(settings)
    data = {name: value for name, value in sections["data"].items() if name not in TEXT_FILES}
    return {name: sections[name] for name in _DECIDING} | {"data": data}


def check_settings(run: Run, checkpoint: Checkpoint, may_change: Collection[str]) -> None:
    """Compares the run's settings with what the checkpoint notes, where it notes them.

    Args:
        may_change: dotted keys of settings that a training may be given anew.

    Raises:
        DragomanError: `config.yaml` was edited in between.
    """
    now, noted = settings_record(run.settings), checkpoint.state.get("settings", {})
    changed = [
        f"{part}.{name} was {_said(before)} and is {_said(now[part][name])}"
        for part in _DECIDING
        for name, before in noted.get(part, {}).items()
        if name in now[part] and now[part][name] != before and f"{part}.{name}" not in may_change
    ]
    if changed:
        raise DragomanError(
            f"{run.path / 'config.yaml'} was edited since checkpoint {checkpoint.step} ({', '.join(changed)}); "
            f"put it back as it was, or train a new run (--from {run.path} starts from these weights)"
        )


def _said(value: object) -> object:
    return "empty" if value == "" else value
