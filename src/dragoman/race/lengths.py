"""Whether sentences of a length fit into the memory that is free: asked before anything is measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dragoman.config import BatchSettings, ModelSettings, Settings, TrainingSettings
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.training.safety.limits import available_memory
from dragoman.training.safety.memory import SHORT, demand, resident

TRIED = (64, 128)
"""Lengths that are tried; what a position keeps grows in a straight line between and beyond them."""
SPARE = 1.5
"""Measured: additive attention over long sentences takes up to 1.4 times the forecast, as its few tensors are so large
that each one on its way counts; all others take less than the forecast."""


def check_lengths(
    contestants: Mapping[str, ModelSettings],
    training: TrainingSettings,
    vocabulary: int,
    lengths: Sequence[int],
    positions: Callable[[int], int],
) -> None:
    """Refuses sentences that the passes of some contestant would have no memory for.

    Args:
        positions: of a length, the target positions of a batch.

    Raises:
        DragomanError: the longest sentences need more memory than is free.
    """
    models = {name: build_model(shape, vocabulary, vocabulary, training.seed) for name, shape in contestants.items()}
    # All of them stay in memory while they take turns, each with its optimizer's two moments.
    together = sum(12 * parameter.numel() for model in models.values() for parameter in model.parameters())
    longest, free = max(lengths), max(0, available_memory() - together)
    for name, model in models.items():
        settings = Settings(model=contestants[name], training=training)
        needed = needed_memory(settings, model, longest, positions(longest))
        if needed > free:
            fits = longest
            while fits > 1 and needed_memory(settings, model, fits, positions(fits)) > free:
                fits //= 2
            mend = f"lengths of {fits:,} at most" if fits > 1 else "fewer tokens a batch, or smaller models"
            raise DragomanError(
                f"sentences of {longest:,} tokens need about {_gib(needed)} in {name}, and {_gib(free)} are free: "
                f"give {mend}"
            )


def needed_memory(settings: Settings, model: TrainableModel[Any], length: int, positions: int) -> int:
    """Bytes that a pass over so many target positions in sentences of this length takes, besides what is taken.

    Reckoned from two short lengths, so that asking costs little: attention keeps a position times the length, all
    else keeps the same for every position.
    """
    settings = replace(settings, batches=BatchSettings(target_tokens=positions, longest=max(TRIED)))
    # What the process has is asked last: trying takes some memory too, and keeps it.
    near, far = (demand(settings, model, tried).after(SHORT) - resident() for tried in TRIED)
    return round(SPARE * (near + (far - near) * (length - TRIED[0]) / (TRIED[1] - TRIED[0])))


def _gib(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB"
