"""dragoman trains, runs and opens up Transformer translators on hardware that people own."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dragoman.translation import Translator

# oneDNN keeps what it compiled for the last 1,024 shapes of a product, several MB each. Batches come in thousands of
# shapes, so a training would grow by gigabytes and never use them again. Read by torch at its first product.
for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "256")

__version__ = "0.1.0"
__all__ = ["__version__", "load", "train"]


def load(run: str | Path, checkpoint: Literal["best", "last"] | int = "best") -> "Translator":
    """Loads the translator that a run has trained.

    Raises:
        dragoman.errors.DragomanError: not a run, nothing trained yet, or a file is damaged.
    """
    from dragoman.translation.loading import load as load_run

    return load_run(run, checkpoint)


def train(
    run: str | Path,
    source: str | Path | None = None,
    target: str | Path | None = None,
    *,
    corpus: str | None = None,
    minutes: float | None = None,
    preset: str = "small",
    settings: dict[str, Any] | None = None,
) -> "Translator":
    """Trains a translator from two aligned text files, or a corpus by name, and gives it back.

    Args:
        run: the folder to make.
        source: file with one source sentence a line.
        target: their translations, line by line.
        minutes: minutes by the clock until the best model is ready.
        settings: any other setting by its dotted name, such as ``{"model.d_model": 128}``.

    Raises:
        dragoman.errors.DragomanError: what could not be done, in one line; the training was stopped by a signal.
    """
    from dragoman.cli.display import Display
    from dragoman.config.loading import build_settings
    from dragoman.errors import DragomanError
    from dragoman.training.start import start

    files = {"data.source": source and str(source), "data.target": target and str(target)}
    options = {**files, "data.corpus": corpus, "training.minutes": minutes, **(settings or {})}
    display = Display()
    try:
        ending = start(Path(run), build_settings(preset, options=options), display)
    finally:
        display.close()
    if not ending.finished:
        raise DragomanError(ending.message)
    return load(run)
