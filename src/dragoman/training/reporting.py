"""What a training tells while it runs, and to whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dragoman.runs import Run
from dragoman.training.validation import Validation

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Ending:
    """How a training ended."""

    message: str
    """One line for people."""
    finished: bool
    """Whether it came to its end, rather than being stopped."""


class Reporter(Protocol):
    """Is told what happens."""

    def begin(self, facts: Mapping[str, str]) -> None:
        """What was found and chosen, before the first update."""
        ...

    def update(self, line: Line, share: float) -> None:
        """A line of metrics.jsonl; `share` of the training is over."""
        ...

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """A validation's line; `best` where it is the best so far."""
        ...

    def end(self, message: str) -> None:
        """How the training ended."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, facts: Mapping[str, str]) -> None:
        """Nothing is said."""

    def update(self, line: Line, share: float) -> None:
        """Nothing is said."""

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """Nothing is said."""

    def end(self, message: str) -> None:
        """Nothing is said."""


class Logs:
    """Writes every line to metrics.jsonl and to TensorBoard's events."""

    def __init__(self, run: Run):
        from torch.utils.tensorboard import SummaryWriter

        self._run = run
        self._writer = SummaryWriter(str(run.path / "tensorboard"))

    def write(self, line: Line) -> None:
        """One line, its numbers as curves over the updates."""
        self._run.metrics(dict(line))
        for name, value in line.items():
            if name != "step" and isinstance(value, int | float):
                self._writer.add_scalar(name, value, line["step"])

    def close(self) -> None:
        """Flushes what is still held."""
        self._writer.close()
