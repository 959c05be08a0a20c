"""What a race runs on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dragoman import __version__
from dragoman.config import TrainingSettings
from dragoman.models import hardware

PACKAGES = ("torch", "numpy", "matplotlib", "sacrebleu", "sentencepiece", "numba")


def machine(training: TrainingSettings) -> dict[str, Any]:
    """The processor, its cores, the memory, and what of it a training uses."""
    return {
        "processor": processor(),
        "cores": hardware.usable_cores(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "device": hardware.device(),
        "threads": training.threads,
        "dtype": training.dtype,
        "kernels": training.kernels,
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    """What everything is computed and drawn with."""
    return {
        "dragoman": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """What the processor calls itself."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
