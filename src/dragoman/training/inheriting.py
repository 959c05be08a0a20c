"""A new run that begins with another one's vocabulary, shape and weights."""

from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Literal

import torch

from dragoman.config import Settings
from dragoman.config.faults import check_positions, contradictions
from dragoman.errors import UsageError
from dragoman.runs import Run, load_checkpoint, save_checkpoint
from dragoman.runs.writing import beside, remove_leftovers
from dragoman.text import Tokenizers
from dragoman.training.preparing import on_this_machine
from dragoman.training.progress import Progress


def inherit(settings: Settings, other: Settings) -> Settings:
    """The settings with the shape and vocabulary of another run; what only training uses stays as it was given.

    Raises:
        UsageError: the two contradict each other.
    """
    ours = settings.model
    model = replace(other.model, dropout=ours.dropout, attention_dropout=ours.attention_dropout)
    merged = replace(settings, model=model, text=replace(other.text, sampling=settings.text.sampling))
    if amiss := contradictions(merged):
        raise UsageError(f"{'; '.join(amiss)} (shape and vocabulary are the other run's)")
    check_positions(merged)
    return merged


def run_from(path: Path, settings: Settings, source_run: Path, which: Literal["best"] | int) -> Run:
    """Makes a run with another one's vocabulary and weights, as its checkpoint 0: all of it, or none."""
    other = Run.open(source_run)
    settings = inherit(settings, other.settings)
    weights = load_checkpoint(other, which)
    Run(path).make_folder()
    place = path.resolve()
    if place == Path.cwd():
        raise UsageError(f"--from makes the folder {path} anew, and you are in it: choose another folder")
    aside = beside(place)
    run = Run.create(aside, on_this_machine(settings))
    try:
        Tokenizers.load(source_run).save(aside)
        state = {"progress": Progress().to_json()}
        torch.manual_seed(settings.training.seed)
        save_checkpoint(run, 0, weights.model, {"rng": torch.get_rng_state()}, state, settings.training.keep)
        remove_leftovers(place)
        aside.replace(place)
    finally:
        rmtree(aside, ignore_errors=True)
    return Run.open(path)
