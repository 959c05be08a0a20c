"""From settings to everything a training needs: text, tokenizers, batches, model."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from dragoman.batches.epochs import Epochs
from dragoman.config import Settings
from dragoman.corpora import Corpus, open_corpus
from dragoman.models import hardware
from dragoman.models.build import build_model
from dragoman.models.transformer import Transformer
from dragoman.models.weights import load_weights
from dragoman.runs import Checkpoint
from dragoman.text import Tokenizers
from dragoman.training.validation import Validator


@dataclass(frozen=True)
class Prepared:
    """Everything that the loop and the dry run look at."""

    settings: Settings
    corpus: Corpus
    tokenizers: Tokenizers
    epochs: Epochs
    model: Transformer


def on_this_machine(settings: Settings) -> Settings:
    """The settings with `auto` and 0 replaced by what was found here; stored in the run, so that a resume agrees."""
    chosen = settings.training
    dtype = hardware.faster_dtype() if chosen.dtype == "auto" else chosen.dtype
    return replace(
        settings,
        training=replace(chosen, dtype=dtype, threads=chosen.threads or hardware.usable_cores()),
    )


def prepare(settings: Settings, tokenizer_folder: Path | None, weights: Checkpoint | None) -> Prepared:
    """Reads the corpus, learns the vocabulary (or takes the one in `tokenizer_folder`), builds the model.

    Args:
        settings: with dtype and threads decided (`on_this_machine`).
        weights: where the model's values come from; drawn from the seed where None.
    """
    torch.set_num_threads(settings.training.threads)
    hardware.keep_freed_memory()
    seed = settings.training.seed
    corpus = open_corpus(settings.data, settings.pizzeria, seed)
    if tokenizer_folder is None:
        tokenizers = Tokenizers.learn(corpus.train.source, corpus.train.target, settings.text, seed)
    else:
        tokenizers = Tokenizers.load(tokenizer_folder)
    lines = (corpus.train.source, corpus.train.target)
    epochs = Epochs(lines, tokenizers, settings.batches, settings.text.sampling, seed)
    model = build_model(settings.model, tokenizers.source.size, tokenizers.target.size, seed)
    if weights is not None:
        load_weights(model, weights.model)
    return Prepared(settings, corpus, tokenizers, epochs, model.to(hardware.device()))


def validator(prepared: Prepared) -> Validator:
    """The validator of this corpus."""
    return Validator(prepared.corpus.valid, prepared.tokenizers, prepared.settings)
