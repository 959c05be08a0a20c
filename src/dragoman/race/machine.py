"""What a race runs on."""

import os
import platform
from typing import Any

from dragoman.config import TrainingSettings
from dragoman.models import hardware
from dragoman.runs import made_with
from dragoman.runs.made_with import processor

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
    return made_with.versions(PACKAGES)
