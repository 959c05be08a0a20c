"""The lines of a training on the disk; a log that cannot be written never costs the training."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from dragoman.errors import DragomanError
from dragoman.runs import Run
from dragoman.training.watching.words import count


class Logs:
    """Writes every line to metrics.jsonl and to TensorBoard's events.

    Lines that could not be written are held back and written in their order as soon as the disk takes them.
    """

    def __init__(self, run: Run, step: int, warn: Callable[[str], None]):
        """`step` is where the training begins or goes on: TensorBoard forgets what it had beyond."""
        self._run, self._warn = run, warn
        self._held: list[dict[str, Any]] = []
        self._curves: Any = None
        self._draw(self._open, step)

    def write(self, line: Mapping[str, Any]) -> None:
        """One line, its numbers as curves over the updates.

        Raises:
            DragomanError: the run's folder is gone.
        """
        self._held.append(dict(line))
        self.flush()
        numbers = {name: value for name, value in line.items() if isinstance(value, int | float)}
        self._draw(self._add, numbers, numbers.pop("step"))

    def flush(self) -> None:
        """Writes what is held back, and warns the first time that it cannot.

        Raises:
            DragomanError: the run's folder is gone.
        """
        try:
            self._write_held()
        except DragomanError as error:
            if not self._run.path.is_dir():
                raise folder_gone(self._run) from error
            if len(self._held) == 1:
                self._warn(f"{error}; the training goes on, and its lines are kept until they can be written")

    def go_back(self, step: int) -> None:
        """Drops the lines after a step."""
        self._held = [line for line in self._held if line["step"] <= step]
        try:
            self._run.truncate_metrics(step)
        except DragomanError as error:
            self._warn(f"{error}; its lines after update {step} count no longer")
        self._draw(self._reopen, step)

    def close(self) -> None:
        """Writes what is still held back, or says how much is lost."""
        with suppress(DragomanError):
            self._write_held()
        if self._held and self._run.path.is_dir():
            self._warn(f"the last {count(len(self._held), 'line')} of metrics.jsonl could not be written")
        self._draw(self._close)

    def _write_held(self) -> None:
        while self._held:
            self._run.metrics(self._held[0])
            self._held.pop(0)

    def _open(self, step: int) -> None:
        from dragoman.training.safety.curves import Curves

        self._curves = Curves(self._run.path / "tensorboard", step)

    def _reopen(self, step: int) -> None:
        if self._curves is not None:
            self._close()
            self._open(step)

    def _add(self, numbers: Mapping[str, float], step: int) -> None:
        if self._curves is not None:
            self._curves.add(numbers, step)

    def _close(self) -> None:
        if self._curves is not None:
            self._curves.close()

    def _draw(self, act: Callable[..., None], *arguments: Any) -> None:
        """Draws, or says that there will be no more curves."""
        try:
            act(*arguments)
        except Exception as error:
            self._curves = None
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self._warn(f"no TensorBoard curves from here on ({reason}); metrics.jsonl has the same numbers")


def folder_gone(run: Run) -> DragomanError:
    """What is said where somebody removed the run's folder."""
    return DragomanError(
        f"the run's folder {run.path} is gone, so nothing can be saved: put it back and add --resume, or train anew"
    )
