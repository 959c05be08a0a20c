"""torch's own nn.Transformer trained on given batches.

    python -m benchmarks.peers.torch_nn --batches FILE --seconds 20 --dtype bfloat16

Prints one line of JSON. Embedding, sinusoids and the projection that shares the embedding's matrix stand around it.
"""

from contextlib import nullcontext
from math import sqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.peers import measuring
from benchmarks.peers.batches import Batch, load
from benchmarks.peers.stepping import Stepper

VOCABULARY, WIDTH, DROPOUT = 8000, 256, 0.1
FASTEST = {"float32": "default", "bfloat16": "math"}
"""The attention that trains this shape in the least processor time on a CPU."""


def main() -> None:
    """Measures and tells."""
    parser = measuring.parser(__doc__)
    parser.add_argument("--batches", type=Path, required=True)
    parser.add_argument("--attention", choices=["best", "math", "default"], default="best", help="which kernel")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    dtype = "float32" if options.dtype == "auto" else options.dtype
    model = Model().train()
    stepper = Stepper(model, model, getattr(torch, dtype))
    attention = FASTEST[dtype] if options.attention == "best" else options.attention
    kernel = sdpa_kernel(SDPBackend.MATH) if attention == "math" else nullcontext()
    with kernel:
        window = measuring.timed(stepper.update, load(options.batches), options.seconds)
    print(measuring.result_line("torch.nn.Transformer", torch.__version__, dtype, window))


class Model(nn.Module):
    """A translator around nn.Transformer, with the norms before each part."""

    positions: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        nn.init.normal_(self.embedding.weight, std=WIDTH**-0.5)
        self.register_buffer("positions", sinusoids(512))
        self.dropout = nn.Dropout(DROPOUT)
        shape: dict[str, Any] = {"dropout": DROPOUT, "activation": "relu", "batch_first": True, "norm_first": True}
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, **shape)
        # Its own encoder would ask for nested tensors, which pre-norm cannot have, and warn.
        encoder = nn.TransformerEncoder(layer, 3, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.transformer = nn.Transformer(WIDTH, 4, 3, 3, 4 * WIDTH, custom_encoder=encoder, **shape)
        for parameter in encoder.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
        for module in self.transformer.modules():
            if isinstance(module, nn.MultiheadAttention):
                module.dropout = 0.0

    def forward(self, batch: Batch) -> Tensor:
        """Logits, B x T x vocabulary. A later position is hidden by the causal mask, padding of the source by its own.

        Padding of the target needs no mask: it stands behind every token that is predicted.
        """
        hidden_source = ~batch.source_mask
        later = torch.ones(batch.target_in.shape[1], batch.target_in.shape[1], dtype=torch.bool).triu(1)
        states = self.transformer(
            self.embed(batch.source),
            self.embed(batch.target_in),
            tgt_mask=later,
            src_key_padding_mask=hidden_source,
            memory_key_padding_mask=hidden_source,
            tgt_is_causal=True,
        )
        return nn.functional.linear(states, self.embedding.weight)

    def embed(self, ids: Tensor) -> Tensor:
        """Scaled vectors with their positions, B x positions x width."""
        embedded: Tensor = self.dropout(self.embedding(ids) * sqrt(WIDTH) + self.positions[: ids.shape[1]])
        return embedded


def sinusoids(positions: int) -> Tensor:
    """Sines in the even places, cosines in the odd ones, positions x width."""
    place = torch.arange(positions)[:, None]
    angle = place / 10000 ** (torch.arange(0, WIDTH, 2) / WIDTH)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


if __name__ == "__main__":
    main()
