"""What a run is computed with: versions, processor and device, noted in its folder and compared when it goes on."""

import json
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from dragoman import __version__
from dragoman.errors import DragomanError
from dragoman.models import hardware
from dragoman.runs.run import Run
from dragoman.runs.writing import write_json

FILE = "made-with.json"
_PACKAGES = ("torch", "numpy", "numba", "sentencepiece")
"""Those that a training's numbers depend on."""


def versions(packages: Iterable[str] = _PACKAGES) -> dict[str, str]:
    """Versions of dragoman, Python and some packages."""
    found = {name: version(name) for name in packages}
    return {"dragoman": __version__, "python": platform.python_version(), **found}


def processor() -> str:
    """What the processor calls itself."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _now() -> dict[str, str]:
    return versions() | {"processor": processor(), "device": hardware.device()}


def note_made_with(run: Run) -> None:
    """Notes what the run is computed with from here on.

    Raises:
        DragomanError: The disk is full or may not be written to; what was noted before is as it was.
    """
    file = run.path / FILE
    try:
        write_json(file, _now())
    except OSError as error:
        raise DragomanError(f"cannot write {file} ({error.strerror}): make room or make it writable") from error


def otherwise(run: Run) -> list[str]:
    """What the run was computed with and is not any more, in words; of an older run its version alone."""
    try:
        noted = json.loads((run.path / FILE).read_text(encoding="utf-8"))
        before = {str(name): str(value) for name, value in noted.items()}
    except (OSError, ValueError, AttributeError):
        before = {"dragoman": str(run.version or __version__)}
    now = _now()
    changed = [name for name in now if before.get(name, now[name]) != now[name]]
    return [f"{name} was {before[name]}, is {now[name]}" for name in changed]
