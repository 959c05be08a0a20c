"""JoeyNMT's own training, its loader and its loop, timed by its log.

    .peers/joeynmt/bin/python -m benchmarks.peers.joeynmt --corpus FOLDER --seconds 20

Prints one line of JSON. It logs each update's "Tokens per Sec": real target tokens, end marks counted, over the time
since the line before, so loading is in it and nothing needs correction. On a CPU it knows float32 only.
"""

import logging
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers import measuring
from benchmarks.peers.log_clock import LogClock, listen

SPECIAL = {
    "unk_token": "<unk>",
    "unk_id": 0,
    "pad_token": "<pad>",
    "pad_id": 1,
    "bos_token": "<s>",
    "bos_id": 2,
    "eos_token": "</s>",
    "eos_id": 3,
    "sep_token": None,
    "sep_id": None,
    "lang_tags": [],
}


def main() -> None:
    """Trains, measures, tells."""
    parser = measuring.parser(__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    options = parser.parse_args()
    import torch
    from joeynmt.training import train  # type: ignore[import-not-found]

    torch.set_num_threads(options.threads)
    logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))
    clock = LogClock(r"Tokens per Sec:\s*(\d+)", options.seconds)
    with tempfile.TemporaryDirectory() as folder:
        configuration = settings(options.corpus, Path(folder))
        listen(clock, "joeynmt.training", lambda: train(0, None, configuration, skip_test=True))
    print(measuring.result_line("JoeyNMT", version("joeynmt"), "float32", clock.window))


def settings(corpus: Path, out: Path) -> dict[str, Any]:
    """The configuration: one update a line of log, no validation within the run."""
    return {
        "name": "speed",
        "joeynmt_version": "2.3.0",
        "model_dir": str(out),
        "use_cuda": False,
        "fp16": False,
        "random_seed": 1,
        "data": {
            "train": str(corpus / "train"),
            "dev": str(corpus / "valid"),
            "dataset_type": "plain",
            "src": side(corpus, "en"),
            "trg": side(corpus, "de"),
            "special_symbols": SPECIAL,
        },
        "testing": {"beam_size": 1, "batch_size": 1000, "batch_type": "token", "eval_metrics": ["bleu"]},
        "training": training(),
        "model": model(),
    }


def side(corpus: Path, language: str) -> dict[str, Any]:
    """One language's part of the data."""
    return {
        "lang": language,
        "level": "bpe",
        "max_length": 256,
        "voc_file": str(corpus / "vocabulary.txt"),
        "tokenizer_type": "sentencepiece",
        "tokenizer_cfg": {"model_file": str(corpus / "tokenizer.model"), "pretokenizer": "none"},
    }


def training() -> dict[str, Any]:
    """How it trains."""
    return {
        "optimizer": "adamw",
        "adam_betas": [0.9, 0.98],
        "learning_rate": measuring.RATE,
        "learning_rate_min": 0.0,
        "scheduling": "warmupinversesquareroot",
        "weight_decay": 0.01,
        "clip_grad_norm": measuring.CLIP,
        "normalization": "tokens",
        "label_smoothing": 0.1,
        "loss": "crossentropy",
        "batch_size": 4096,
        "batch_type": "token",
        "epochs": 1000,
        "logging_freq": 1,
        "validation_freq": 1_000_000,
        "early_stopping_metric": "bleu",
        "shuffle": True,
        "overwrite": True,
    }


def model() -> dict[str, Any]:
    """The shape."""
    part = {
        "type": "transformer",
        "num_layers": 3,
        "num_heads": 4,
        "embeddings": {"embedding_dim": 256, "scale": True, "dropout": 0.1},
        "hidden_size": 256,
        "ff_size": 1024,
        "dropout": 0.1,
        "layer_norm": "pre",
        "activation": "relu",
    }
    return {
        "initializer": "xavier_uniform",
        "bias_initializer": "zeros",
        "embed_initializer": "xavier_uniform",
        "tied_embeddings": True,
        "tied_softmax": True,
        "encoder": part,
        "decoder": part,
    }


if __name__ == "__main__":
    main()
