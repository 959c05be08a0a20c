"""A reporter that cannot speak any more never costs the training."""

from collections.abc import Callable
from typing import Any, cast

from dragoman.training.reporting import Reporter


def guarded(reporter: Reporter, closed: Callable[[], None]) -> Reporter:
    """The reporter, whose failures are kept from the training.

    Args:
        closed: is called where the program that read the output has gone (a pipe that is closed). After any other
            failure, such as a terminal that is no more or a full disk, the training goes on.
    """
    return cast(Reporter, _Guarded(reporter, closed))


class _Guarded:
    def __init__(self, reporter: Reporter, closed: Callable[[], None]):
        self._reporter, self._closed = reporter, closed

    def __getattr__(self, name: str) -> Callable[..., None]:
        method = getattr(self._reporter, name)

        def tell(*arguments: Any) -> None:
            try:
                method(*arguments)
            except (BrokenPipeError, SystemExit):
                # The console library answers a closed pipe by asking the whole program to end.
                self._closed()
            except (OSError, ValueError):
                return

        return tell
