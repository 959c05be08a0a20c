"""A toolkit's speed from its own log, line by line, without touching its loop."""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from time import process_time

from benchmarks.peers import measuring
from benchmarks.peers.measuring import Window


class LogClock(logging.Filter):
    """Listens to a toolkit that logs each update with its target tokens a second.

    That figure times the seconds since the line before is the update's tokens. After the warm-up and `seconds` more
    it stops the toolkit as Ctrl-C does. It is a filter, for toolkits set up their handlers anew.
    """

    def __init__(self, speed: str, seconds: float, warm_up: int = measuring.WARM_UP) -> None:
        """`speed` is a pattern whose first group is the line's target tokens a second."""
        super().__init__()
        self._speed, self._seconds, self._warm_up = re.compile(speed), seconds, warm_up
        self._lines = 0
        self._last = self._begin = 0.0
        self._tokens = self._processor = 0.0
        self.peak_mib = 0.0
        """The largest resident memory when the window ended."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Counts one line of the log, and lets it through."""
        found = self._speed.search(record.getMessage())
        if found is None:
            return True
        self._lines += 1
        if self._lines <= self._warm_up:
            self._begin, self._processor = record.created, process_time()
        else:
            self._tokens += float(found[1]) * (record.created - self._last)
        self._last = record.created
        if self._lines >= self._warm_up + measuring.FEWEST and self._last - self._begin >= self._seconds:
            self._processor = process_time() - self._processor
            self.peak_mib = measuring.peak_mib()
            raise KeyboardInterrupt
        return True

    @property
    def window(self) -> Window:
        """What was counted."""
        return Window(round(self._tokens), self._last - self._begin, self._lines - self._warm_up, self._processor)


def listen(clock: LogClock, logger: str, train: Callable[[], object]) -> None:
    """Runs a training that logs through `logger`, until the clock stops it.

    Raises:
        RuntimeError: it ended before the window did.
    """
    logging.getLogger(logger).addFilter(clock)
    with suppress(KeyboardInterrupt):
        train()
    if not clock.peak_mib:
        raise RuntimeError("the training ended before the timed window did: its log has other lines than expected")
