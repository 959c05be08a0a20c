"""What is the Transformer's own: the places of its rows, its tying, its first values, its size."""

from typing import Any

import pytest
import torch

from dragoman.batches.padded import BOS, source_batch
from dragoman.config import ModelSettings
from dragoman.models.build import build_model
from dragoman.models.contract import TranslationModel
from dragoman.models.transformer import Transformer
from dragoman.models.weights import named_weights
from tests.unit.small_models import SOURCES, small


def transformer(**changes: Any) -> Transformer:
    """A small one."""
    model = small(**changes)
    assert isinstance(model, Transformer)
    return model


def test_keeps_the_contract() -> None:
    model = transformer()
    assert isinstance(model, TranslationModel)
    assert model.has_attention


def test_a_state_knows_how_far_its_rows_are() -> None:
    model = transformer()
    state = model.start(model.encode(source_batch(SOURCES)))
    for _ in range(2):
        _, state = model.step(torch.full((4,), BOS), state)
    assert model.reorder(state, torch.tensor([2, 0])).lengths.tolist() == [2, 2]


def test_tying_and_what_the_checkpoint_holds() -> None:
    tied, apart = named_weights(transformer()), named_weights(transformer(tie="none"))
    table = 40 * 16
    assert sum(w.numel() for w in apart.values()) == sum(w.numel() for w in tied.values()) + 2 * table
    assert not any("position" in name for name in tied)


def test_the_first_values() -> None:
    settings = ModelSettings(d_model=64, d_ff=128)
    model = build_model(settings, 1000, 1000, seed=3)
    assert float(model.source_embedding.table.weight.detach().std()) == pytest.approx(1 / 8, rel=0.02)
    attention = dict(model.named_parameters())["encoder.0.attention.query.weight"]
    assert float(attention.detach().abs().max()) <= (6 / 128) ** 0.5
    again = build_model(settings, 1000, 1000, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    other = build_model(settings, 1000, 1000, seed=4)
    assert not torch.equal(model.output.weight, other.output.weight)


def test_the_papers_base_model_has_its_size() -> None:
    settings = ModelSettings(
        d_model=512, d_ff=2048, heads=8, encoder_layers=6, decoder_layers=6, norm="post", tie="all"
    )
    with torch.device("meta"):
        count = 0
        for name, value in _meta_parameters(settings):
            count += value
            assert value > 0, name
    # Table 3 says 65 million for a shared vocabulary of about 37,000.
    assert count / 1e6 == pytest.approx(63.1, abs=0.1)


def _meta_parameters(settings: ModelSettings) -> list[tuple[str, int]]:
    return [(name, p.numel()) for name, p in build_model(settings, 37_000, 37_000, 1).named_parameters()]
