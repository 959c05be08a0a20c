"""A run becomes a translator."""

from pathlib import Path
from typing import Literal

from dragoman.models import hardware
from dragoman.models.build import build_model
from dragoman.models.weights import load_weights
from dragoman.runs import Run, load_checkpoint
from dragoman.text import Tokenizers
from dragoman.translation.translator import Translator


def load(path: str | Path, checkpoint: Literal["best", "last"] | int = "best") -> Translator:
    """Loads the translator that a run has trained.

    Args:
        checkpoint: the best one by validation, the last one, or that of a step.

    Raises:
        DragomanError: not a run, made by a newer dragoman, nothing trained yet, or a file is damaged.
    """
    run = Run.open(path)
    found = load_checkpoint(run, checkpoint)
    tokenizers = Tokenizers.load(run.path)
    settings = run.settings
    model = build_model(settings.model, tokenizers.source.size, tokenizers.target.size, settings.training.seed)
    load_weights(model, found.model)
    device = hardware.device()
    return Translator(model.to(device).eval(), tokenizers, settings, device)
