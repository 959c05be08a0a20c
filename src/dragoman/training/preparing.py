"""From settings to everything a training needs: text, tokenizers, batches, model."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

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
from dragoman.text.vector_files import open_vectors
from dragoman.training.embeddings import start_from
from dragoman.training.validation import Validator


@dataclass(frozen=True)
class Prepared:
    """Everything that the loop and the dry run look at."""

    settings: Settings
    corpus: Corpus
    tokenizers: Tokenizers
    epochs: Epochs
    model: Transformer
    embeddings: str = ""
    """Which rows of the embedding start from word vectors, in words; empty where none do."""


def on_this_machine(settings: Settings) -> Settings:
    """The settings with `auto` and 0 replaced by what was found here; stored in the run, so that a resume agrees."""
    chosen = settings.training
    dtype = hardware.faster_dtype() if chosen.dtype == "auto" else chosen.dtype
    on_processor: Literal["fused", "plain"] = "fused" if hardware.device() == "cpu" else "plain"
    kind = on_processor if chosen.kernels == "auto" else chosen.kernels
    return replace(
        settings,
        training=replace(chosen, dtype=dtype, kernels=kind, threads=chosen.threads or hardware.usable_cores()),
    )


def prepare(settings: Settings, tokenizer_folder: Path | None, weights: Checkpoint | None) -> Prepared:
    """Reads the corpus, learns the vocabulary (or takes the one in `tokenizer_folder`), builds the model.

    Args:
        settings: with dtype and threads decided (`on_this_machine`).
        weights: where the model's values come from; drawn from the seed where None.
    """
    if settings.training.kernels == "fused":
        from dragoman.kernels.numbers import use_threads

        use_threads(settings.training.threads)
    torch.set_num_threads(settings.training.threads)
    hardware.keep_freed_memory()
    seed = settings.training.seed
    # Read first, so that a file that cannot be used is told of at once.
    given = settings.model.embeddings if weights is None else ""
    vectors = open_vectors(given) if given else None
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
    embeddings = ""
    if vectors is not None:
        embeddings = start_from(model, tokenizers, corpus.train, vectors, settings.model)
    return Prepared(settings, corpus, tokenizers, epochs, model.to(hardware.device()), embeddings)


def validator(prepared: Prepared) -> Validator:
    """The validator of this corpus."""
    return Validator(prepared.corpus.valid, prepared.tokenizers, prepared.settings)
