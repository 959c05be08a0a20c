"""From settings to everything a training needs: text, tokenizers, batches, model."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from dragoman.batches.epochs import Epochs
from dragoman.batches.store import store_pairs
from dragoman.config import Settings
from dragoman.corpora import Corpus
from dragoman.corpora.stored import StoredCorpus, Tell, store_corpus
from dragoman.errors import DragomanError, lacks_memory
from dragoman.models import hardware
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.models.weights import load_weights
from dragoman.runs import Checkpoint
from dragoman.text import Tokenizers
from dragoman.text.vector_files import open_vectors
from dragoman.training.embeddings import start_from
from dragoman.training.safety.data_record import check_files, check_text, record
from dragoman.training.validation import Validator


@dataclass(frozen=True)
class Prepared:
    """Everything that the loop and the dry run look at."""

    settings: Settings
    corpus: Corpus
    tokenizers: Tokenizers
    epochs: Epochs
    model: TrainableModel[Any]
    validator: Validator
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


def prepare(
    settings: Settings,
    tokenizer_folder: Path | None,
    weights: Checkpoint | None,
    run: Path | None = None,
    tell: Tell = lambda _: None,
) -> Prepared:
    """Stores the corpus, learns the vocabulary (or takes the one in `tokenizer_folder`), builds the model.

    Args:
        settings: with dtype and threads decided (`on_this_machine`).
        weights: where the model's values come from; drawn from the seed where None.
        run: the run's folder, which keeps what was made; what a killed process left there is used.
        tell: is told what takes long, in words.

    Raises:
        UsageError, DragomanError: the text, the vocabulary or the model cannot be as the settings want it.
    """
    _prepare_machine(settings, tell)
    seed = settings.training.seed
    # Read first, so that a file that cannot be used is told of at once.
    given = settings.model.embeddings if weights is None else ""
    vectors = open_vectors(given) if given else None
    with _store(run) as store:
        stored = _text(settings, store, run, tell)
        text = stored.corpus.train
        tokenizers = _tokenizers(settings, stored.corpus, tokenizer_folder, run, tell)
        pairs = store_pairs(store / "ids", text, tokenizers, settings.batches.longest, stored.key, tell)
    validator = Validator(stored.corpus.valid, tokenizers, settings)
    epochs = Epochs(pairs, tokenizers, settings.batches, settings.text.sampling, seed)
    hardware.keep_freed_memory()
    model = _model(settings, tokenizers)
    if weights is not None:
        load_weights(model, weights.model)
    embeddings = ""
    if vectors is not None:
        embeddings = start_from(model, tokenizers, text, vectors, settings.model)
    return Prepared(settings, stored.corpus, tokenizers, epochs, model.to(hardware.device()), validator, embeddings)


def _model(settings: Settings, tokenizers: Tokenizers) -> TrainableModel[Any]:
    try:
        return build_model(settings.model, tokenizers.source.size, tokenizers.target.size, settings.training.seed)
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        raise DragomanError(
            "not enough memory for a model of this size; lower model.d_model, model.d_ff or its layers, or free memory"
        ) from error


def _prepare_machine(settings: Settings, tell: Tell) -> None:
    """Threads, and a folder for what will be compiled."""
    fused = settings.training.kernels == "fused"
    if fused or settings.text.sampling:
        from dragoman.kernels.compiling import find_folder

        find_folder(tell)
    if fused:
        from dragoman.kernels.numbers import use_threads

        use_threads(settings.training.threads)
    torch.set_num_threads(settings.training.threads)


@contextmanager
def _store(run: Path | None) -> Iterator[Path]:
    """The run's store, or one whose files lose their names at once and go when nobody uses them."""
    folder = run / "store" if run else Path(tempfile.mkdtemp(prefix="dragoman-"))
    try:
        yield folder
    except OSError as error:
        place, why = error.filename or folder, error.strerror or error
        raise DragomanError(f"cannot use {place} ({why}); free some space or choose another place") from error
    finally:
        if run is None:
            shutil.rmtree(folder, ignore_errors=True)


def _text(settings: Settings, store: Path, run: Path | None, tell: Tell) -> StoredCorpus:
    """The corpus, the same as before where a run goes on."""
    before = check_files(run, settings.data, tell) if run else None
    known = before.text if before else None
    stored = store_corpus(store / "text", settings.data, settings.pizzeria, settings.training.seed, tell, known)
    if run:
        check_text(run, before, stored)
        record(run, stored)
    return stored


def _tokenizers(settings: Settings, corpus: Corpus, folder: Path | None, run: Path | None, tell: Tell) -> Tokenizers:
    """The vocabulary of `folder`, or the one that the run has already, or one learnt anew."""
    if folder is not None:
        found = Tokenizers.load(folder)
    else:
        if run is not None and Tokenizers.saved_in(run):
            return Tokenizers.load(run)
        if len(corpus.train) > settings.text.sample_lines:
            tell(f"learning the vocabulary from {settings.text.sample_lines:,} of {len(corpus.train):,} pairs")
        found = Tokenizers.learn(corpus.train.source, corpus.train.target, settings.text, settings.training.seed)
    if run is not None and folder != run:
        found.save(run)
    return found
