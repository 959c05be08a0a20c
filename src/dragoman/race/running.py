"""Runs a race part by part, each in a process of its own, from wherever it was stopped."""

import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dragoman.errors import DragomanError
from dragoman.race.folder import RaceFolder
from dragoman.race.parts import Part, parts
from dragoman.race.plan import Plan
from dragoman.training.safety.interrupt import Interrupt

LOOKS = 0.2
"""Seconds between two looks whether somebody wants to stop."""
Event = Mapping[str, Any]


class RaceReporter(Protocol):
    """Is told how a race goes on."""

    def preparing(self, message: str) -> None:
        """What takes long before the first part."""
        ...

    def begin(self, plan: Plan, done: int, total: int) -> None:
        """The plan, and how many of its parts are done already."""
        ...

    def happened(self, part: Part, event: Event, share: float, left: float) -> None:
        """Something in a part; `share` of the whole race is over, `left` seconds are left."""
        ...

    def warned(self, message: str) -> None:
        """What went wrong, and what the race does about it."""
        ...

    def end(self, message: str) -> None:
        """How it ended."""
        ...


@dataclass
class Clock:
    """What share of a race is over, and about how long the rest takes."""

    parts: Sequence[Part]
    expected: float = 0.0
    """Seconds that were forecast for the parts done in this process."""
    taken: float = 0.0
    """Seconds that they took."""

    def share_and_left(self, index: int, share: float) -> tuple[float, float]:
        """Where a race is that has done `share` of the part at `index`."""
        whole = sum(part.expected for part in self.parts)
        before = sum(part.expected for part in self.parts[:index]) + share * self.parts[index].expected
        pace = self.taken / self.expected if self.expected else 1.0
        return before / whole, pace * (whole - before)


def run(folder: RaceFolder, plan: Plan, lock: int, reporter: RaceReporter) -> list[str] | None:
    """Does what is left of a race; gives the measures that failed and why, or None where somebody stopped it.

    Args:
        lock: the file of the folder's lock, which the parts' processes hold open too.

    Raises:
        DragomanError: a training cannot be made.
    """
    every = sorted(parts(plan), key=lambda part: not part.is_done(folder))
    done = sum(part.is_done(folder) for part in every)
    reporter.begin(plan, done, len(every))
    clock, failed = Clock(every), []
    with Interrupt() as interrupt:
        for index, part in enumerate(every[done:], start=done):
            begin = time.monotonic()
            last = _run_part(folder, part, lock, interrupt, _Told(reporter, clock, index))
            if last["event"] == "stopped" or interrupt.requested:
                return None
            if last["event"] == "error":
                failed.append(_failure(part, last, reporter))
            clock.expected += part.expected
            clock.taken += time.monotonic() - begin
    return failed


def _failure(part: Part, last: Event, reporter: RaceReporter) -> str:
    """What is said of a part that failed; without a training there is no race."""
    message = f"{part.label}: {last['message']}"
    if not part.measure:
        raise DragomanError(f"{message}; then add --resume")
    reporter.warned(f"{message}; the race goes on without it")
    return message


@dataclass
class _Told:
    """Hands a part's events on."""

    reporter: RaceReporter
    clock: Clock
    index: int
    share: float = 0.0

    def __call__(self, event: Event) -> None:
        part, kind = self.clock.parts[self.index], event["event"]
        if kind == "warning":
            self.reporter.warned(f"{part.label}: {event['message']}")
        elif kind != "error":
            self.share = 1.0 if kind == "done" else float(event.get("share", self.share))
            self.reporter.happened(part, event, *self.clock.share_and_left(self.index, self.share))


def command(folder: RaceFolder, part: Part) -> list[str]:
    """The command line of a part's process."""
    return [sys.executable, "-m", "dragoman.race.child", str(folder.path), *part.arguments]


def _run_part(folder: RaceFolder, part: Part, lock: int, interrupt: Interrupt, told: _Told) -> Event:
    """Runs one process to its end and gives its last event."""
    last: Event = {"event": "part"}
    told(last)
    with tempfile.TemporaryFile() as complaints:
        # In a session of its own, so that Ctrl-C reaches the race alone, which asks the part to stop.
        with subprocess.Popen(
            command(folder, part),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            pass_fds=(lock,),
            start_new_session=True,
        ) as process:
            try:
                for event in _events(process, interrupt):
                    last = event
                    told(event)
            except BaseException:
                process.kill()
                raise
        if last["event"] in ("done", "stopped", "error"):
            return last
        if interrupt.requested:
            return {"event": "stopped"}
        complaints.seek(0)
        return {"event": "error", "message": _silent_end(process.returncode, complaints.read())}


def _events(process: "subprocess.Popen[bytes]", interrupt: Interrupt) -> Iterator[Event]:
    """What the process tells, until it ends; passes a wish to stop on to it, once."""
    lines: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    asked = False
    while True:
        if interrupt.requested and not asked:
            process.send_signal(signal.SIGTERM)
            asked = True
        try:
            line = lines.get(timeout=LOOKS)
        except queue.Empty:
            continue
        if line is None:
            return
        # Whatever a library prints besides is no event.
        if line.startswith(b'{"event"'):
            yield json.loads(line)


def _read(process: "subprocess.Popen[bytes]", lines: "queue.Queue[bytes | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _silent_end(code: int, complaints: bytes) -> str:
    """What is said of a process that ended without a word."""
    if code == -signal.SIGKILL:
        return "its process was killed; if memory ran out, lower batches.target_tokens"
    said = complaints.decode(errors="replace").strip().rpartition("\n")[2]
    return f"its process ended with exit code {code} ({said or 'it said nothing'})"
