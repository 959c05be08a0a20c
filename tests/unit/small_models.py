"""Small models of every family, for tests of what all of them promise."""

from itertools import product
from typing import Any

import pytest
import torch

from dragoman.config import ModelSettings
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel

SOURCES = [[5, 6, 7, 8, 9], [10], [11, 12, 13], [5, 5]]
TARGETS = [[20, 21], [22, 23, 24, 25, 26, 27], [], [28, 29, 30]]
TRANSFORMERS: list[dict[str, Any]] = [
    {"norm": norm, "norm_kind": kind, "positions": positions, "similarity": compare, "activation": bend, "tie": tie}
    for (norm, kind), positions, (compare, bend), tie in product(
        [("pre", "layer"), ("post", "layer"), ("pre", "rms"), ("post", "rms")],
        ["sinusoidal", "learned", "rotary", "none"],
        [("scaled-dot", "relu"), ("dot", "gelu"), ("cosine", "swiglu")],
        ["all"],
    )
] + [{"tie": "output"}, {"tie": "none"}]
RECURRENT: list[dict[str, Any]] = [
    {"family": family, "attention": attention, "bidirectional": both_ways}
    for family, attention, both_ways in product(["rnn", "gru", "lstm"], ["none", "additive", "dot"], [True, False])
] + [
    {"family": "lstm", "attention": "additive", "input_feeding": True},
    {"family": "gru", "attention": "dot", "input_feeding": True, "tie": "none"},
    {"family": "rnn", "attention": "none", "encoder_layers": 1, "tie": "output"},
    {"family": "lstm", "attention": "none", "encoder_layers": 3, "decoder_layers": 1},
]
every_model = pytest.mark.parametrize("variant", TRANSFORMERS + RECURRENT, ids=lambda v: "-".join(map(str, v.values())))


def small(**changes: Any) -> TrainableModel[Any]:
    """A small model in float64, with biases that are not zero."""
    shape = {"d_model": 16, "d_ff": 32, "heads": 4, "encoder_layers": 2, "decoder_layers": 2, "dropout": 0.3} | changes
    model = build_model(ModelSettings(**shape), 40, 40, seed=1)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.double().eval()
