"""Eole's own training, its loader and its loop, timed by its log.

    .peers/eole/bin/python -m benchmarks.peers.eole --corpus FOLDER --seconds 20 --dtype bfloat16

Prints one line of JSON. It logs each update's source and target "tok/s": real target tokens, end marks counted, over
the time since the line before, so loading is in it and nothing needs correction.
"""

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers import measuring
from benchmarks.peers.log_clock import LogClock, listen

DTYPES = {"float32": "fp32", "bfloat16": "bf16", "auto": "bf16"}


def main() -> None:
    """Trains, measures, tells."""
    parser = measuring.parser(__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=0, help="processes that load")
    options = parser.parse_args()
    import torch
    from eole.bin.run.train import train  # type: ignore[import-not-found]
    from eole.config.run import TrainConfig  # type: ignore[import-not-found]

    torch.set_num_threads(options.threads)
    clock = LogClock(r"/\s*(\d+) tok/s", options.seconds)
    with tempfile.TemporaryDirectory() as folder:
        values = settings(options.corpus, Path(folder), DTYPES[options.dtype], options.workers)
        listen(clock, "eole", lambda: train(TrainConfig(**values)))
    print(measuring.result_line("Eole", version("eole"), options.dtype, clock.window))


def settings(corpus: Path, out: Path, dtype: str, workers: int) -> dict[str, Any]:
    """The configuration: one update a line of log, no validation within the run."""
    vocabulary, subwords = str(corpus / "vocabulary.txt"), str(corpus / "tokenizer.model")
    return {
        "seed": 1,
        "save_data": str(out / "data"),
        "overwrite": True,
        "report_every": 1,
        "src_vocab": vocabulary,
        "tgt_vocab": vocabulary,
        "src_vocab_size": 8000,
        "tgt_vocab_size": 8000,
        "share_vocab": True,
        "data": {"corpus_1": {"path_src": str(corpus / "train.en"), "path_tgt": str(corpus / "train.de")}},
        "transforms": ["sentencepiece"],
        "transforms_configs": {"sentencepiece": {"src_subword_model": subwords, "tgt_subword_model": subwords}},
        "training": training(str(out / "model"), dtype, workers),
        "model": model(),
    }


def training(path: str, dtype: str, workers: int) -> dict[str, Any]:
    """How it trains."""
    return {
        "model_path": path,
        "train_steps": 1_000_000,
        "valid_steps": 1_000_000,
        "save_checkpoint_steps": 1_000_000,
        "world_size": 1,
        "gpu_ranks": [],
        "batch_type": "tokens",
        "batch_size": 4096,
        "bucket_size": 32_768,
        "num_workers": workers,
        "prefetch_factor": 400,
        "accum_count": [1],
        "accum_steps": [0],
        "compute_dtype": dtype,
        "optim": "adamw",
        "adam_beta2": 0.98,
        "learning_rate": measuring.RATE,
        "max_grad_norm": measuring.CLIP,
        "dropout": [0.1],
        "attention_dropout": [0.0],
        "dropout_steps": [0],
        "label_smoothing": 0.1,
        "param_init_method": "xavier_uniform",
        "normalization": "tokens",
    }


def model() -> dict[str, Any]:
    """The shape."""
    return {
        "architecture": "transformer",
        "hidden_size": 256,
        "layers": 3,
        "heads": 4,
        "transformer_ff": 1024,
        "share_decoder_embeddings": True,
        "share_embeddings": True,
        "embeddings": {"word_vec_size": 256, "position_encoding_type": "SinusoidalInterleaved"},
    }


if __name__ == "__main__":
    main()
