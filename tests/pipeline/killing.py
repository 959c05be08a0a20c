"""Trainings in other processes, some of which kill themselves at a chosen moment; and what is compared afterwards."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dragoman.training.safety import splitting
from dragoman.training.step import Update, gradient

DYING = """
import importlib, os, signal, sys
from dragoman.cli.main import run

def die_at(place, count):
    *owner, name = place.split(".")
    held = importlib.import_module(".".join(owner))
    first, left = getattr(held, name), [count]
    def dying(*arguments, **named):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return first(*arguments, **named)
    setattr(held, name, dying)

exec(sys.argv[1])
die_at(sys.argv[2], int(sys.argv[3]))
sys.exit(run(sys.argv[4:]))
"""


def killed_at(place: str, call: int, *arguments: object, before: str = "") -> None:
    """Runs a command line whose process is killed just before this call of the function at `place`.

    Args:
        before: is run first.
    """
    done = python(DYING, before, place, call, *arguments)
    assert done.returncode == -signal.SIGKILL, (place, done.stdout, done.stderr)


def python(code: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Runs a program of ours in another process."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


def killed_after(seconds: float, *arguments: object, begun: Path | None = None) -> bool:
    """Runs a command line, killed after so many seconds; False where it had ended before.

    Args:
        begun: the seconds count from the moment when this file changes.
    """
    command = [sys.executable, "-m", "dragoman", *map(str, arguments)]
    before = _changed(begun)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while begun is not None and process.poll() is None and _changed(begun) == before:
            time.sleep(0.02)
        try:
            _, told = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        assert process.returncode == 0, told
        return False


def killed_when(part: str, event: str, count: int, *arguments: object) -> None:
    """Runs a race that is killed when it tells such an event of this part for the n-th time.

    Args:
        part: `train COURSE CONTESTANT SEED` or `measure NAME`.
    """
    command = [sys.executable, "-m", "dragoman", *map(str, arguments), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            count -= (told["event"], told.get("part")) == (event, part)
            if not count:
                process.kill()
                return
    raise AssertionError(f"the race ended before {part} told of so many: {event}")


def _changed(path: Path | None) -> int:
    return path.stat().st_mtime_ns if path is not None and path.exists() else 0


def weights(run: Path) -> str:
    """The SHA-256 of the last weights."""
    return _sha256(run / json.loads((run / "last.json").read_text())["checkpoint"] / "model.safetensors")


def best(run: Path) -> tuple[dict[str, Any], str]:
    """What `best.json` says, and the SHA-256 of the weights that it points to."""
    mark = json.loads((run / "best.json").read_text())
    return mark, _sha256(run / mark["checkpoint"] / "model.safetensors")


def lines(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl but for what the clock decides."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    timed = ("seconds", "tokens_per_second")
    return [{name: value for name, value in line.items() if name not in timed} for line in found]


def same_ending(run: Path, other: Path) -> None:
    """Checks that two runs ended in the same weights and wrote the same lines."""
    assert weights(run) == weights(other)
    assert best(run) == best(other)
    assert lines(run) == lines(other)


def wait_for(path: Path, process: "subprocess.Popen[str]", seconds: float = 120) -> None:
    """Waits until a training has made a file."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stop_during(monkeypatch: pytest.MonkeyPatch, *updates: int) -> list[int]:
    """Sends this process SIGTERM during the updates of these numbers; gives a list that grows by one with each."""
    made: list[int] = []

    def stops(*arguments: Any) -> Update:
        made.append(1)
        if len(made) in updates:
            os.kill(os.getpid(), signal.SIGTERM)
        return gradient(*arguments)

    monkeypatch.setattr(splitting, "gradient", stops)
    return made
