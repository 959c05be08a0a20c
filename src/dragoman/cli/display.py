"""What people and programs see of a training: a live bar on a terminal, lines in a file, JSON for a program."""

import json
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from dragoman.training.reporting import Line
from dragoman.training.validation import Validation

SECONDS_BETWEEN_LINES = 30
"""How often a training that writes to a file tells how it is."""


def console() -> Console:
    """The console for everything that is not a result: it writes to stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


class Display:
    """Shows a training to a person."""

    def __init__(self) -> None:
        self._console = console()
        self._progress = Progress(BarColumn(), TextColumn("{task.description}"), console=self._console, transient=True)
        self._bar: TaskID | None = None
        self._began = self._told = time.monotonic()
        self._first_share: float | None = None

    def begin(self, facts: Mapping[str, str]) -> None:
        """Prints what was found and chosen."""
        table = Table.grid(padding=(0, 2))
        for name, value in facts.items():
            table.add_row(Text(name, style="bold"), value)
        self._console.print(table)
        self._began = self._told = time.monotonic()
        if self._console.is_terminal:
            self._bar = self._progress.add_task("first update ...", total=1.0)
            self._progress.start()

    def update(self, line: Line, share: float) -> None:
        """Moves the bar, or now and then prints a line."""
        if self._first_share is None:
            self._first_share = share
            self._began = time.monotonic()
        text = (
            f"update {line['step']:,}  epoch {line['epoch'] + 1}  loss {line['loss']:.3f}  "
            f"{line['tokens_per_second']:,.0f} tokens/s  {self._time_left(share)}"
        )
        if self._bar is not None:
            self._progress.update(self._bar, completed=share, description=text)
        elif time.monotonic() - self._told >= SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            self._console.print(text)

    def _time_left(self, share: float) -> str:
        done = share - (self._first_share or 0.0)
        if done <= 0:
            return ""
        left = (time.monotonic() - self._began) * (1 - share) / done
        return f"{timedelta(seconds=round(left))} left"

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """Prints the scores and a few translations."""
        star = "  (best so far)" if best else ""
        self._console.print(
            Text(
                f"update {line['step']:,}: validation BLEU {validation.bleu:.2f}, loss {validation.loss:.3f}{star}",
                style="bold" if best else "",
            )
        )
        for sample in validation.samples:
            self._console.print(Text(f"   {_short(sample.source)}", style="dim"))
            self._console.print(Text(f"   -> {_short(sample.hypothesis)}"))
        self._told = time.monotonic()

    def end(self, message: str) -> None:
        """Takes the bar away and prints how it ended."""
        self.close()
        self._console.print(Text(message, style="bold"))

    def close(self) -> None:
        """Takes the bar away."""
        self._progress.stop()


class JsonLines:
    """Writes one JSON object a line on stdout."""

    def begin(self, facts: Mapping[str, str]) -> None:
        """The facts as one object."""
        print_json({"event": "begin", **facts})

    def update(self, line: Line, share: float) -> None:
        """A line of metrics.jsonl and the share that is over."""
        print_json({"event": "update", **line, "share": share})

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """A validation's line."""
        print_json({"event": "validation", **line, "best": best})

    def end(self, message: str) -> None:
        """How it ended."""
        print_json({"event": "end", "message": message})

    def close(self) -> None:
        """Nothing is open."""


def print_json(value: Mapping[str, Any]) -> None:
    """One object as one line on stdout, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _short(text: str, width: int = 160) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
