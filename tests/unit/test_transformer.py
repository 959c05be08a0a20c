"""The whole model keeps its contract: steps equal the parallel pass, batches equal one by one, states join."""

from itertools import product

import pytest
import torch

from dragoman.batches.padded import BOS, pair_batch, source_batch
from dragoman.config import ModelSettings
from dragoman.models.build import build_model
from dragoman.models.contract import TranslationModel
from dragoman.models.transformer import Transformer
from dragoman.models.weights import named_weights

SOURCES = [[5, 6, 7, 8, 9], [10], [11, 12, 13], [5, 5]]
TARGETS = [[20, 21], [22, 23, 24, 25, 26, 27], [], [28, 29, 30]]
VARIANTS = [
    {"norm": norm, "norm_kind": kind, "positions": positions, "similarity": compare, "activation": bend, "tie": tie}
    for (norm, kind), positions, (compare, bend), tie in product(
        [("pre", "layer"), ("post", "layer"), ("pre", "rms"), ("post", "rms")],
        ["sinusoidal", "learned", "rotary", "none"],
        [("scaled-dot", "relu"), ("dot", "gelu"), ("cosine", "swiglu")],
        ["all"],
    )
] + [{"tie": "output"}, {"tie": "none"}]


def small(**changes: object) -> Transformer:
    """A small model in float64."""
    settings = ModelSettings(d_model=16, d_ff=32, heads=4, encoder_layers=2, decoder_layers=2, **changes)  # type: ignore[arg-type]
    model = build_model(settings, 40, 40, seed=1).double().eval()
    assert isinstance(model, Transformer)
    return model


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(map(str, v.values())))
def test_steps_equal_the_parallel_pass(variant: dict[str, object]) -> None:
    model = small(**variant)
    batch = pair_batch(SOURCES, TARGETS)
    expected = model(batch).log_softmax(-1)
    state = model.start(model.encode(batch.source))
    for place in range(batch.target_in.shape[1]):
        step, state = model.step(batch.target_in[:, place], state)
        real = batch.target_mask[:, place]
        assert torch.allclose(step.log_probabilities[real], expected[real, place], atol=1e-12)


def test_keeps_the_contract() -> None:
    model = small()
    assert isinstance(model, TranslationModel)
    assert model.has_attention


def test_a_batch_equals_one_by_one() -> None:
    model = small()
    together = model(pair_batch(SOURCES, TARGETS))
    for row, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone = model(pair_batch([source], [target]))
        assert torch.allclose(together[row, : len(target) + 1], alone[0], atol=1e-12)


def test_a_later_word_changes_nothing_before_it() -> None:
    model = small()
    first, second = model(pair_batch([[5, 6]] * 2, [[20, 21, 22], [20, 21, 39]]))
    assert torch.allclose(first[:3], second[:3], atol=1e-13)
    assert not torch.allclose(first[3], second[3])


def test_reorder_repeats_and_drops_rows_and_leaves_the_old_state() -> None:
    model = small()
    state = model.start(model.encode(source_batch(SOURCES)))
    first, state = model.step(torch.full((4,), BOS), state)
    _, after = model.step(torch.tensor([20, 21, 22, 23]), model.reorder(state, torch.arange(4)))
    moved, _ = model.step(torch.tensor([22, 20, 22]), model.reorder(state, torch.tensor([2, 0, 2])))
    plain, _ = model.step(torch.tensor([20, 21, 22, 23]), state)
    assert torch.allclose(moved.log_probabilities, plain.log_probabilities[[2, 0, 2]], atol=1e-12)
    assert after.lengths.tolist() == [2, 2, 2, 2]
    assert first.attention is None


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary", "learned"])
def test_joined_rows_go_on_as_if_alone(positions: str) -> None:
    model = small(positions=positions)
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
            mine = tokens[at : at + len(part.lengths)]
            step, alone = model.step(mine, part)
            step_again, _ = model.step(mine, alone)
            for joint, single in [(together, step), (again, step_again)]:
                found = joint.log_probabilities[at : at + len(mine)]
                assert torch.allclose(found, single.log_probabilities, atol=1e-12)
            at += len(mine)


def test_attention_over_the_source_is_a_distribution_without_padding() -> None:
    model = small()
    batch = source_batch(SOURCES)
    step, _ = model.step(torch.full((4,), BOS), model.start(model.encode(batch)), attention=True)
    assert step.attention is not None
    assert torch.allclose(step.attention.sum(-1), torch.ones(4, dtype=torch.float64))
    assert bool((step.attention[~batch.mask] == 0).all())


def test_tying_and_what_the_checkpoint_holds() -> None:
    tied, apart = named_weights(small()), named_weights(small(tie="none"))
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
