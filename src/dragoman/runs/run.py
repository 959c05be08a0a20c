"""A run: a folder that can be copied, with everything about one translator."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from dragoman import __version__
from dragoman.config.loading import read_header, read_settings, write_settings
from dragoman.config.settings import Settings
from dragoman.errors import DragomanError, UsageError
from dragoman.runs.writing import finite, flush_to_disk, is_aside, note_owner, remove_leftovers, replacing

RUN_FORMAT = 1
"""The layout of the folder; a larger one needs a newer dragoman."""
_NUMBERS = (
    "epoch", "seconds", "source_tokens", "target_tokens", "loss", "gradient_norm", "tokens_per_second",
    "validation_loss", "validation_bleu", "validation_chrf",
)  # fmt: skip
"""What lines of metrics.jsonl say in numbers, or as null."""


class Run:
    """One run's folder; `create` and `open` check it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: Path | str, settings: Settings) -> "Run":
        """Makes a new run's folder.

        Raises:
            DragomanError: The folder is a run already, holds something else, or cannot be made.
        """
        run = cls(path)
        run.make_folder()
        run.save_settings(settings)
        return run

    def make_folder(self) -> None:
        """Makes the folder, which must not hold anything yet.

        Raises:
            DragomanError: The folder is a run already, holds something else, or cannot be made.
        """
        path = self.path
        if self._config.exists():
            raise DragomanError(f"{path} exists: add --resume to go on, or choose another folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not all(is_aside(entry) for entry in path.iterdir()):
                raise DragomanError(f"{path} is not empty and not a run: choose another folder")
        except FileExistsError:
            raise DragomanError(f"{path} is a file, not a folder: choose another name") from None
        except OSError as error:
            raise DragomanError(f"cannot make {path} ({error.strerror}): choose another folder") from error

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Opens a run's folder.

        Raises:
            DragomanError: There is no such folder, it is not a run, or a newer dragoman made it.
        """
        run = cls(path)
        if not run.path.exists():
            raise DragomanError(f"no run at {path}: check the path, or make one with `dragoman train {path}`")
        if not run._config.is_file():
            raise DragomanError(f"{path} is not a run (no config.yaml in it): give a folder that `train` made")
        format, version = read_header(run._config)
        if not isinstance(format, int) or format < 1:
            raise DragomanError(
                f"{path} is not a run (its config.yaml names no format): give a folder that `train` made"
            )
        if format > RUN_FORMAT:
            raise DragomanError(
                f"{path} was made by dragoman {version} (run format {format}), "
                f"this is {__version__} (format {RUN_FORMAT}): update dragoman"
            )
        try:
            _ = run.settings
        except UsageError as error:
            if version in (None, __version__):
                raise
            raise DragomanError(
                f"{error}; {path} was made by dragoman {version}, this is {__version__}: use that version"
            ) from error
        return run

    @property
    def _config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def _metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def version(self) -> str | None:
        """The version of dragoman that wrote `config.yaml`."""
        version = read_header(self._config)[1]
        return None if version is None else str(version)

    @cached_property
    def settings(self) -> Settings:
        """The settings in `config.yaml`."""
        return read_settings(self._config)

    def save_settings(self, settings: Settings) -> None:
        """Writes `config.yaml` anew."""
        with self._writing(self._config), replacing(self._config) as aside:
            write_settings(settings, aside, RUN_FORMAT, __version__)
        self.__dict__["settings"] = settings

    def metrics(self, line: dict[str, Any]) -> None:
        """Appends a line to `metrics.jsonl`; a number that is not finite becomes null.

        Raises:
            DragomanError: The disk is full or may not be written to.
        """
        text = json.dumps(finite(line), allow_nan=False) + "\n"
        with self._writing(self._metrics), self._metrics.open("ab+") as file:
            _cut_partial_line(file)
            file.write(text.encode())

    def flush_metrics(self) -> None:
        """Waits until `metrics.jsonl` is on the disk, so that no power cut leaves a checkpoint ahead of it."""
        if self._metrics.exists():
            with self._writing(self._metrics):
                flush_to_disk(self._metrics)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Reads `metrics.jsonl`; a last line that was cut off is left out.

        Raises:
            DragomanError: An earlier line is not JSON.
        """
        if not self._metrics.exists():
            return []
        lines = self._metrics.read_bytes().splitlines()
        found: list[dict[str, Any]] = []
        for number, line in enumerate(lines, start=1):
            try:
                found.append(_json_object(line))
            except ValueError as error:
                if number < len(lines):
                    raise DragomanError(
                        f"{self._metrics} line {number} is not a JSON object: delete this line"
                    ) from error
        return found

    def truncate_metrics(self, step: int) -> None:
        """Drops the lines after a step, from which a resumed training goes on, and lines that are damaged."""
        if not self._metrics.exists():
            return
        whole = [_whole_line(line) for line in self._metrics.read_bytes().splitlines()]
        kept = [json.dumps(line) + "\n" for line in whole if line is not None and line["step"] <= step]
        with self._writing(self._metrics), replacing(self._metrics) as aside:
            aside.write_text("".join(kept), encoding="utf-8")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other trainers out and clears away what a killed one left; the lock ends with the process.

        Raises:
            DragomanError: Another process trains this run.
        """
        import fcntl

        with self._writing(self.path / "lock"):
            file = (self.path / "lock").open("a+", encoding="utf-8")
        with file:
            with self._writing(self.path / "lock"):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    file.seek(0)
                    pid = file.read().strip() or "unknown"
                    raise DragomanError(
                        f"{self.path} is being trained by another process (pid {pid}): "
                        f"wait for it, stop it, or choose another folder"
                    ) from None
            try:
                with self._writing(self.path / "lock"):
                    note_owner(file)
                with self._writing(self.path):
                    remove_leftovers(self.path)
                    remove_leftovers(self.path / "checkpoints")
                yield
            finally:
                # A forked child still holds the open file; closing it here would not free the lock.
                fcntl.flock(file, fcntl.LOCK_UN)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        """Says in one line what could not be written and why."""
        try:
            yield
        except OSError as error:
            mend = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "make it writable"
            raise DragomanError(f"cannot write {path} ({error.strerror}): {mend}, then try again") from error


def _cut_partial_line(file: Any) -> None:
    """Removes the end of a line that a killed process did not finish, so that the next line stands alone."""
    end = file.seek(0, os.SEEK_END)
    if not end:
        return
    file.seek(end - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def _whole_line(line: bytes) -> dict[str, Any] | None:
    """A line of metrics.jsonl; None where it is damaged: not JSON, of no update, or something else for a number."""
    try:
        found = _json_object(line)
    except (ValueError, RecursionError):
        return None
    numbers = (found.get(name) for name in _NUMBERS)
    whole = all(number is None or (isinstance(number, int | float) and isfinite(number)) for number in numbers)
    return found if whole and isinstance(found.get("step"), int) else None


def _json_object(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
