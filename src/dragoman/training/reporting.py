"""What a training tells while it runs, and to whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dragoman.training.validation import Validation
from dragoman.training.watching.coach import Advice

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Ending:
    """How a training ended."""

    message: str
    """One line for people."""
    finished: bool
    """Whether it came to its end, rather than being stopped."""
    line: Line = field(default_factory=dict)
    """What a line of metrics.jsonl would begin with."""
    early: bool = False
    """Whether patience ended it."""
    next: str = ""
    """What it reached and what to do next, in one line."""


class Reporter(Protocol):
    """Is told what happens."""

    def preparing(self, message: str) -> None:
        """What takes long before the training begins: one line now and then."""
        ...

    def begin(self, facts: Mapping[str, str]) -> None:
        """What was found and chosen, before the first update."""
        ...

    def update(self, line: Line, share: float) -> None:
        """A line of metrics.jsonl; `share` of the training is over."""
        ...

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """A validation's line; `best` where it is the best so far."""
        ...

    def advised(self, advice: Advice) -> None:
        """What the curves say, where it has changed."""
        ...

    def warned(self, message: str) -> None:
        """Something went wrong, and what the training does about it: one line."""
        ...

    def end(self, message: str, following: str = "") -> None:
        """How the training ended, and what to do next."""
        ...


class Silent:
    """Tells nobody."""

    def preparing(self, message: str) -> None:
        """Nothing is said."""

    def begin(self, facts: Mapping[str, str]) -> None:
        """Nothing is said."""

    def update(self, line: Line, share: float) -> None:
        """Nothing is said."""

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """Nothing is said."""

    def advised(self, advice: Advice) -> None:
        """Nothing is said."""

    def warned(self, message: str) -> None:
        """Nothing is said."""

    def end(self, message: str, following: str = "") -> None:
        """Nothing is said."""
