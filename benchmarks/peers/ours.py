"""dragoman's own training step on given batches, everything made from settings as `dragoman train` makes it.

    python -m benchmarks.peers.ours --batches FILE --seconds 20 --dtype auto

Prints one line of JSON. `auto` is what `dragoman train` uses by default.
"""

from collections.abc import Callable
from pathlib import Path

import torch

import dragoman
from benchmarks.peers import measuring
from benchmarks.peers.batches import Batch, load
from dragoman.__main__ import begin_without_cache
from dragoman.batches.padded import PairBatch, SourceBatch
from dragoman.config.loading import build_settings
from dragoman.training.optimizer import build_optimizer
from dragoman.training.preparing import Prepared, on_this_machine, prepare
from dragoman.training.step import update


def main() -> None:
    """Measures and tells."""
    begin_without_cache()
    parser = measuring.parser(__doc__)
    parser.add_argument("--batches", type=Path, required=True, help="with the corpus and its tokenizer beside it")
    options = parser.parse_args()
    wanted = [f"training.dtype={options.dtype}", f"training.threads={options.threads}"]
    settings = on_this_machine(build_settings(sets=[*SETTINGS, *wanted, *data(options.batches.parent)]))
    prepared = prepare(settings, options.batches.parent, None)
    window = measuring.timed(updater(prepared), load(options.batches), options.seconds)
    print(measuring.result_line("dragoman", dragoman.__version__, settings.training.dtype, window))


SETTINGS = [
    "model.d_model=256",
    "model.d_ff=1024",
    "model.heads=4",
    "model.encoder_layers=3",
    "model.decoder_layers=3",
    "model.dropout=0.1",
    "model.tie=all",
    "text.vocabulary_size=8000",
    "batches.target_tokens=4096",
    "training.label_smoothing=0.1",
    f"training.clip={measuring.CLIP}",
]
"""The shape that all toolkits are given."""


def data(folder: Path) -> list[str]:
    """The settings that name the text in `folder`, as `benchmarks.peers.material` writes it."""
    files = {"source": "train.en", "target": "train.de", "valid_source": "valid.en", "valid_target": "valid.de"}
    return [f"data.{name}={folder / file}" for name, file in files.items()]


def updater(prepared: Prepared) -> Callable[[Batch], object]:
    """The update of a training that begins."""
    model, training = prepared.model.train(), prepared.settings.training
    optimizer = build_optimizer(model, training)
    torch.manual_seed(training.seed)
    return lambda batch: update(model, optimizer, [pair_of(batch)], training, measuring.RATE)


def pair_of(batch: Batch) -> PairBatch:
    """The batch as our model takes it."""
    source = SourceBatch(batch.source, batch.source_lengths)
    return PairBatch(source, batch.target_in, batch.target_out, batch.target_lengths)


if __name__ == "__main__":
    main()
