"""A reporter that cannot speak any more never costs the training."""

from collections.abc import Callable, Mapping
from typing import Any

from dragoman.training.reporting import Line, Reporter
from dragoman.training.validation import Validation
from dragoman.training.watching.coach import Advice


class Guarded:
    """Hands everything on to a reporter, whose failures are kept from the training.

    After a failure such as a terminal that is no more or a full disk the training goes on; where the program that read
    the output has gone (a pipe that is closed), it is asked to stop.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._closed = False
        self._stop: Callable[[], None] = lambda: None

    def when_closed(self, stop: Callable[[], None]) -> None:
        """Whom to tell that nobody reads any more; at once, where that is so already."""
        self._stop = stop
        if self._closed:
            stop()

    def preparing(self, message: str) -> None:
        """Hands it on."""
        self._tell(self._reporter.preparing, message)

    def begin(self, facts: Mapping[str, str]) -> None:
        """Hands it on."""
        self._tell(self._reporter.begin, facts)

    def update(self, line: Line, share: float) -> None:
        """Hands it on."""
        self._tell(self._reporter.update, line, share)

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """Hands it on."""
        self._tell(self._reporter.validated, line, validation, best)

    def advised(self, advice: Advice) -> None:
        """Hands it on."""
        self._tell(self._reporter.advised, advice)

    def warned(self, message: str) -> None:
        """Hands it on."""
        self._tell(self._reporter.warned, message)

    def end(self, message: str, following: str = "") -> None:
        """Hands it on."""
        self._tell(self._reporter.end, message, following)

    def _tell(self, method: Callable[..., None], *arguments: Any) -> None:
        try:
            method(*arguments)
        except (BrokenPipeError, SystemExit):
            # The console library answers a closed pipe by asking the whole program to end.
            self._closed = True
            self._stop()
        except (OSError, ValueError):
            return
