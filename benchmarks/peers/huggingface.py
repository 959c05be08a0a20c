"""Hugging Face's MarianMTModel trained on given batches, or for some minutes on Multi30k.

    python -m benchmarks.peers.huggingface --batches FILE --seconds 20 --dtype bfloat16
    python -m benchmarks.peers.huggingface --minutes 20 --curve FILE --dtype bfloat16

The first prints one line of JSON. The second writes validation BLEU by minute (`benchmarks.peers.learning_curve`).
"""

from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from benchmarks.peers import measuring
from benchmarks.peers.batches import BOS, EOS, PAD, Batch, load
from benchmarks.peers.stepping import Stepper

VOCABULARY = 8000
FASTEST = {"float32": "sdpa", "bfloat16": "eager"}
"""The attention that trains this shape in the least processor time on a CPU."""


def main() -> None:
    """Measures and tells, or trains and writes."""
    parser = measuring.parser(__doc__)
    parser.add_argument("--batches", type=Path)
    parser.add_argument("--attention", choices=["best", "eager", "sdpa"], default="best")
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--curve", type=Path)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="the curve's highest learning rate")
    options = parser.parse_args()
    if not (options.batches or (options.minutes and options.curve)):
        parser.error("give --batches FILE, or --minutes N and --curve FILE")
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    dtype = "float32" if options.dtype == "auto" else options.dtype
    attention = FASTEST[dtype] if options.attention == "best" else options.attention
    if options.curve:
        from benchmarks.peers.learning_curve import Plan, train

        train(options.curve, Plan(60 * options.minutes, options.rate, getattr(torch, dtype)), attention)
        return
    stepper = stepper_of(marian(attention), getattr(torch, dtype))
    window = measuring.timed(stepper.update, load(options.batches), options.seconds)
    print(measuring.result_line("MarianMTModel", transformers.__version__, dtype, window))


def marian(attention: str, dropout: float = 0.1) -> Any:
    """The model, to be trained; it has its norms after each part, and dropout in the same three places as ours."""
    config = transformers.MarianConfig(
        vocab_size=VOCABULARY,
        d_model=256,
        encoder_layers=3,
        decoder_layers=3,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=1024,
        decoder_ffn_dim=1024,
        activation_function="relu",
        dropout=dropout,
        activation_dropout=dropout,
        attention_dropout=0.0,
        scale_embedding=True,
        max_position_embeddings=512,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
        share_encoder_decoder_embeddings=True,
        tie_word_embeddings=True,
        attn_implementation=attention,
    )
    return transformers.MarianMTModel(config).train()


def stepper_of(model: Any, dtype: torch.dtype, smoothing: float = 0.1) -> Stepper:
    """The model's updates."""

    def logits(batch: Batch) -> Tensor:
        outputs = model(
            input_ids=batch.source,
            attention_mask=batch.source_mask.long(),
            decoder_input_ids=batch.target_in,
            use_cache=False,
        )
        found: Tensor = outputs.logits
        return found

    return Stepper(model, logits, dtype, smoothing)


if __name__ == "__main__":
    main()
