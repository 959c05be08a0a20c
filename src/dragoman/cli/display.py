"""What people and programs see of a training: a live bar on a terminal, lines in a file, JSON for a program."""

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from dragoman.cli.visible import json_line, visible
from dragoman.training.reporting import Line
from dragoman.training.validation import Validation
from dragoman.training.watching.coach import Advice

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
        self._told = time.monotonic()

    def preparing(self, message: str) -> None:
        """Prints what is being done."""
        self._console.print(Text(visible(message), style="dim"))

    def begin(self, facts: Mapping[str, str]) -> None:
        """Prints what was found and chosen."""
        table = Table.grid(padding=(0, 2))
        for name, value in facts.items():
            table.add_row(Text(name, style="bold"), Text(visible(value)))
        self._console.print(table)
        self._told = time.monotonic()
        # Not where colours are forced on a file or a pipe: the bar is drawn by a thread that nobody hears of.
        if self._console.is_terminal and sys.stderr.isatty():
            self._bar = self._progress.add_task("first update ...", total=1.0)
            self._progress.start()

    def update(self, line: Line, share: float) -> None:
        """Moves the bar, or now and then prints a line."""
        # The time left before the speed: a narrow terminal cuts the end off.
        text = (
            f"update {line['step']:,}  epoch {line['epoch'] + 1}  loss {line['loss']:.3f}  "
            f"{_left(line.get('seconds_left'))}{line['tokens_per_second']:,.0f} tokens/s"
        )
        if self._bar is not None:
            self._progress.update(self._bar, completed=share, description=text)
        elif time.monotonic() - self._told >= SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            self._console.print(text)

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

    def advised(self, advice: Advice) -> None:
        """Prints what the curves say."""
        calm = advice.verdict in ("on track", "warming up")
        self._console.print(Text(f"coach: {advice.text}", style="green" if calm else "bold yellow"))

    def warned(self, message: str) -> None:
        """Prints what went wrong and what is done about it."""
        self._console.print(Text(f"warning: {visible(message)}", style="bold yellow"))

    def end(self, message: str, following: str = "") -> None:
        """Takes the bar away and prints how it ended and what to do next."""
        self.close()
        self._console.print(Text(visible(message), style="bold"))
        if following:
            self._console.print(Text(visible(following)))

    def close(self) -> None:
        """Takes the bar away, where there is one: it would leave an empty line in a file."""
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._progress.stop()


class JsonLines:
    """Writes one JSON object a line on stdout."""

    def preparing(self, message: str) -> None:
        """What is being done before the training begins."""
        print_json({"event": "preparing", "message": message})

    def begin(self, facts: Mapping[str, str]) -> None:
        """The facts as one object."""
        print_json({"event": "begin", **facts})

    def update(self, line: Line, share: float) -> None:
        """A line of metrics.jsonl and the share that is over."""
        print_json({"event": "update", **line, "share": share})

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """A validation's line."""
        print_json({"event": "validation", **line, "best": best})

    def advised(self, advice: Advice) -> None:
        """What the curves say, and what to do."""
        print_json({"event": "advice", "verdict": advice.verdict, "message": advice.message, "mend": advice.mend})

    def warned(self, message: str) -> None:
        """What went wrong and what is done about it."""
        print_json({"event": "warning", "message": message})

    def end(self, message: str, following: str = "") -> None:
        """How it ended, and what to do next."""
        print_json({"event": "end", "message": message, **({"next": following} if following else {})})

    def close(self) -> None:
        """Nothing is open."""


def drop_unwritten(stream: TextIO) -> None:
    """Lets go of what nobody takes (a closed pipe, a full disk), so that it does not fail once more at the end."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def print_json(value: Mapping[str, Any]) -> None:
    """One object as one line on stdout, at once."""
    print(json_line(value), flush=True)


def _left(seconds: float | None) -> str:
    """The time left; nothing where it is not known, or where it is beyond the years that are counted."""
    known = seconds is not None and seconds < timedelta.max.total_seconds()
    return f"{timedelta(seconds=round(seconds or 0))} left  " if known else ""


def _short(text: str, width: int = 160) -> str:
    return visible(text if len(text) <= width else text[: width - 1] + "…")
