"""What is the recurrent translators' own: rows, gradients, the written-out way, what passes from encoder to decoder."""

from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.batches.padded import pair_batch, source_batch
from dragoman.config import ModelSettings, SearchSettings, TrainingSettings
from dragoman.layers.recurrent import written_out
from dragoman.models.build import build_model, title
from dragoman.models.contract import TraceableModel, TrainableModel
from dragoman.models.recurrent import RecurrentTranslator
from dragoman.models.weights import load_weights, named_weights
from dragoman.search import search
from dragoman.training.optimizer import build_optimizer
from dragoman.training.step import batch_loss, update
from tests.unit.small_models import RECURRENT, SOURCES, TARGETS
from tests.unit.small_models import small as small_model

FEEDING = [variant for variant in RECURRENT if variant.get("input_feeding")]
every_variant = pytest.mark.parametrize("variant", RECURRENT, ids=lambda v: "-".join(map(str, v.values())))


def small(**changes: Any) -> RecurrentTranslator:
    """A small recurrent one."""
    model = small_model(**changes)
    assert isinstance(model, RecurrentTranslator)
    return model


@every_variant
def test_rows_are_the_real_positions(variant: dict[str, Any]) -> None:
    model = small(**variant)
    batch = pair_batch(SOURCES, TARGETS)
    rows, targets = model.rows(batch)
    assert targets.tolist() == [token for row in TARGETS for token in [*row, 3]]
    assert torch.equal(rows, model.hidden(batch)[batch.target_mask])


@every_variant
def test_keeps_the_contract(variant: dict[str, Any]) -> None:
    model = small(**variant)
    assert isinstance(model, TrainableModel)
    assert isinstance(model, TraceableModel)
    assert model.has_attention == (variant["attention"] != "none")
    assert model.output.bias is None


@every_variant
def test_gradients_of_a_batch_are_the_sum_of_those_of_its_pairs(variant: dict[str, Any]) -> None:
    model = small(**variant)
    parameters = list(model.parameters())

    def gradients(sources: list[list[int]], targets: list[list[int]]) -> list[torch.Tensor]:
        loss = batch_loss(model, pair_batch(sources, targets), 0.1, torch.float32)[0]
        return [torch.zeros_like(p) if g is None else g for p, g in zip(
            parameters, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True
        )]  # fmt: skip

    together = gradients(SOURCES, TARGETS)
    apart = [gradients([source], [target]) for source, target in zip(SOURCES, TARGETS, strict=True)]
    for found, parts in zip(together, zip(*apart, strict=True), strict=True):
        assert torch.allclose(found, sum(parts), rtol=0, atol=1e-10)


@every_variant
def test_written_out_is_the_same_model(variant: dict[str, Any]) -> None:
    model = small(**variant)
    batch = pair_batch(SOURCES, TARGETS)
    fast = model.hidden(batch)
    with written_out():
        plain = model.hidden(batch)
    assert torch.allclose(fast, plain, rtol=0, atol=1e-12)


@every_variant
def test_search_finds_what_one_by_one_finds(variant: dict[str, Any]) -> None:
    model = small(**variant)
    for beam in (1, 3):
        settings = SearchSettings(beam=beam, longest_ratio=0.5)
        together = search(model, source_batch(SOURCES), settings)
        for row, source in enumerate(SOURCES):
            (alone,) = search(model, source_batch([source]), settings)
            assert together[row][0].tokens == alone[0].tokens
            assert together[row][0].score == pytest.approx(alone[0].score, abs=1e-10)


def test_without_attention_one_vector_is_all_that_passes() -> None:
    """The decoder of such a model gives the same whatever the encoder said at each position."""
    model = small(family="lstm", attention="none")
    state = model.start(model.encode(source_batch(SOURCES)))
    assert state.seen is None
    assert [[tuple(tensor.shape) for tensor in past] for past in state.layers] == [[(4, 16)] * 2] * 2


@pytest.mark.parametrize(("encoder", "starts"), [(1, (0, 0, 0)), (2, (0, 1, 1)), (3, (0, 1, 2)), (5, (2, 3, 4))])
def test_the_decoder_starts_where_the_encoder_ended(encoder: int, starts: tuple[int, ...]) -> None:
    model = small(family="gru", encoder_layers=encoder, decoder_layers=3)
    memory = model.encode(source_batch(SOURCES))
    state = model.start(memory)
    assert all(past[0] is memory.ends[number][0] for past, number in zip(state.layers, starts, strict=True))
    # The last layer's end is its output at the last position (first half) and at the first one (second half).
    lengths = [len(row) for row in SOURCES]
    ends = memory.ends[-1][0]
    assert torch.allclose(ends[:, :8], memory.vectors[range(4), lengths, :8])
    assert torch.allclose(ends[:, 8:], memory.vectors[:, 0, 8:])


def test_dropout_works_while_training_only() -> None:
    model = small(family="lstm")
    batch = pair_batch(SOURCES, TARGETS)
    assert torch.equal(model(batch), model(batch))
    model.train()
    assert not torch.equal(model(batch), model(batch))


def test_weights_come_back(tmp_path: Path) -> None:
    for variant in RECURRENT:
        model, other = small(**variant), small(**variant)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        load_weights(other, named_weights(model))
        batch = pair_batch(SOURCES, TARGETS)
        assert torch.equal(model(batch), other(batch))


def test_the_first_values_follow_the_seed() -> None:
    shape = ModelSettings(family="lstm", d_model=32)
    one, again, other = (build_model(shape, 50, 50, seed) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(one.output.weight, other.output.weight)
    assert float(one.source_embedding.table.weight.detach().std()) == pytest.approx(32**-0.5, rel=0.1)


def test_sizes_by_hand() -> None:
    """An LSTM of one layer each: 4 gates with two matrices and two biases, attention and attentional vector."""
    m, half, v = 16, 8, 40
    both_ways = 2 * 4 * (half * m + half * half + 2 * half)
    decoder = 4 * (m * m + m * m + 2 * m)
    attention = (m * m + m) + m * m + m + (m * m + m) + m * m
    counts = {
        "none": v * m + both_ways + decoder,
        "additive": v * m + both_ways + decoder + attention,
        "dot": v * m + both_ways + decoder + (m * m + m) + m * m,
    }
    for kind, count in counts.items():
        model = small(family="lstm", attention=kind, encoder_layers=1, decoder_layers=1)
        assert sum(p.numel() for p in model.parameters()) == count, kind
    feeding = small(family="lstm", encoder_layers=1, decoder_layers=1, input_feeding=True)
    assert sum(p.numel() for p in feeding.parameters()) == counts["additive"] + 4 * m * m


@pytest.mark.parametrize("family", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("kernels", ["plain", "fused"])
def test_an_update_lowers_the_loss(family: Any, kernels: Any) -> None:
    model = build_model(ModelSettings(family=family, d_model=16, encoder_layers=1, decoder_layers=1), 40, 40, 1).train()
    settings = TrainingSettings(steps=30, learning_rate=0.01, dtype="float32", kernels=kernels)
    optimizer = build_optimizer(model, settings)
    batch = pair_batch(SOURCES, TARGETS)
    losses = [update(model, optimizer, [batch], settings, 0.01).loss for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]


def test_titles() -> None:
    assert title(ModelSettings()) == "Transformer"
    assert title(ModelSettings(family="lstm")) == "LSTM with additive attention"
    assert title(ModelSettings(family="gru", attention="none")) == "GRU without attention"
