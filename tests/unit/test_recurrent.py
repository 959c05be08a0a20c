"""Every recurrent translator keeps the contract: steps equal the rows of the parallel pass, batches equal one by one,
states join and move, weights come back from a file."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.batches.padded import BOS, pair_batch, source_batch
from dragoman.config import ModelSettings, SearchSettings, TrainingSettings
from dragoman.errors import DragomanError
from dragoman.layers.recurrent import written_out
from dragoman.models.build import build_model, title
from dragoman.models.contract import TraceableModel, TrainableModel
from dragoman.models.recurrent import RecurrentTranslator
from dragoman.models.weights import load_weights, named_weights
from dragoman.search import search
from dragoman.training.optimizer import build_optimizer
from dragoman.training.step import batch_loss, update

SOURCES = [[5, 6, 7, 8, 9], [10], [11, 12, 13], [5, 5]]
TARGETS = [[20, 21], [22, 23, 24, 25, 26, 27], [], [28, 29, 30]]
VARIANTS: list[dict[str, Any]] = [
    {"family": family, "attention": attention, "bidirectional": both_ways}
    for family, attention, both_ways in product(["rnn", "gru", "lstm"], ["none", "additive", "dot"], [True, False])
] + [
    {"family": "lstm", "attention": "additive", "input_feeding": True},
    {"family": "gru", "attention": "dot", "input_feeding": True, "tie": "none"},
    {"family": "rnn", "attention": "none", "encoder_layers": 1, "tie": "output"},
    {"family": "lstm", "attention": "none", "encoder_layers": 3, "decoder_layers": 1},
]
FEEDING = [variant for variant in VARIANTS if variant.get("input_feeding")]
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(map(str, v.values())))


def small(**changes: Any) -> RecurrentTranslator:
    """A small model in float64, with biases that are not zero."""
    shape = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "dropout": 0.3} | changes
    model = build_model(ModelSettings(**shape), 40, 40, seed=1)
    assert isinstance(model, RecurrentTranslator)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.double().eval()


@every_variant
def test_steps_equal_the_parallel_pass(variant: dict[str, Any]) -> None:
    model = small(**variant)
    batch = pair_batch(SOURCES, TARGETS)
    expected = model(batch).log_softmax(-1)
    state = model.start(model.encode(batch.source))
    for place in range(batch.target_in.shape[1]):
        step, state = model.step(batch.target_in[:, place], state)
        real = batch.target_mask[:, place]
        assert torch.allclose(step.log_probabilities[real], expected[real, place], atol=1e-12)


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
def test_a_batch_equals_one_by_one(variant: dict[str, Any]) -> None:
    model = small(**variant)
    together = model(pair_batch(SOURCES, TARGETS))
    for row, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone = model(pair_batch([source], [target]))
        assert torch.allclose(together[row, : len(target) + 1], alone[0], rtol=0, atol=1e-12)


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


def test_a_later_word_changes_nothing_before_it() -> None:
    for variant in VARIANTS:
        model = small(**variant)
        first, second = model(pair_batch([[5, 6]] * 2, [[20, 21, 22], [20, 21, 39]]))
        assert torch.allclose(first[:3], second[:3], atol=1e-13)
        assert not torch.allclose(first[3], second[3])


@every_variant
def test_reorder_repeats_and_drops_rows_and_leaves_the_old_state(variant: dict[str, Any]) -> None:
    model = small(**variant)
    state = model.start(model.encode(source_batch(SOURCES)))
    _, state = model.step(torch.full((4,), BOS), state)
    model.step(torch.tensor([20, 21, 22, 23]), model.reorder(state, torch.arange(4)))
    moved, _ = model.step(torch.tensor([22, 20, 22]), model.reorder(state, torch.tensor([2, 0, 2])))
    plain, _ = model.step(torch.tensor([20, 21, 22, 23]), state)
    assert torch.allclose(moved.log_probabilities, plain.log_probabilities[[2, 0, 2]], atol=1e-12)


@every_variant
def test_joined_rows_go_on_as_if_alone(variant: dict[str, Any]) -> None:
    model = small(**variant)
    old = model.start(model.encode(source_batch(SOURCES[:2])))
    for token in (BOS, 20, 21):
        _, old = model.step(torch.full((2,), token), old)
    new = model.start(model.encode(source_batch([[7, 8, 9, 10, 11, 12, 13]])))
    _, new = model.step(torch.tensor([BOS]), new)
    for joined, parts in [(model.join(old, new), (old, new)), (model.join(new, old), (new, old))]:
        tokens = torch.tensor([30, 31, 32])
        together, later = model.step(tokens, joined)
        again, _ = model.step(tokens, later)
        at = 0
        for part in parts:
            mine = tokens[at : at + len(part.layers[0][0])]
            step, alone = model.step(mine, part)
            step_again, _ = model.step(mine, alone)
            for joint, single in [(together, step), (again, step_again)]:
                found = joint.log_probabilities[at : at + len(mine)]
                assert torch.allclose(found, single.log_probabilities, atol=1e-12)
            at += len(mine)


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


def test_attention_over_the_source_is_a_distribution_without_padding() -> None:
    for variant in VARIANTS:
        model, batch = small(**variant), source_batch(SOURCES)
        step, _ = model.step(torch.full((4,), BOS), model.start(model.encode(batch)), attention=True)
        if not model.has_attention:
            assert step.attention is None
            with pytest.raises(DragomanError, match="no attention over the source"):
                search(model, batch, SearchSettings(beam=1), attention=True)
            continue
        assert step.attention is not None
        assert torch.allclose(step.attention.sum(-1), torch.ones(4, dtype=torch.float64))
        assert bool((step.attention[~batch.mask] == 0).all())


def test_without_attention_one_vector_is_all_that_passes() -> None:
    """The decoder of such a model gives the same whatever the encoder said at each position."""
    model = small(family="lstm", attention="none")
    state = model.start(model.encode(source_batch(SOURCES)))
    assert state.seen is None
    assert [[tuple(tensor.shape) for tensor in past] for past in state.layers] == [[(4, 16)] * 2] * 2


def test_the_decoder_starts_where_the_encoder_ended() -> None:
    model = small(family="gru", encoder_layers=2, decoder_layers=3)
    memory = model.encode(source_batch(SOURCES))
    state = model.start(memory)
    assert [past[0] is memory.ends[number][0] for past, number in zip(state.layers, (0, 1, 1), strict=True)] == [
        True
    ] * 3
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
    for variant in VARIANTS:
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
