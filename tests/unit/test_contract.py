"""Every model keeps its contract: steps equal the parallel pass, batches equal one by one, states join and move."""

from typing import Any

import pytest
import torch

from dragoman.batches.padded import BOS, pair_batch, source_batch
from dragoman.config import SearchSettings
from dragoman.errors import DragomanError
from dragoman.search import search
from tests.unit.small_models import SOURCES, TARGETS, every_model, small


@every_model
def test_steps_equal_the_parallel_pass(variant: dict[str, Any]) -> None:
    model = small(**variant)
    batch = pair_batch(SOURCES, TARGETS)
    expected = model(batch).log_softmax(-1)
    state = model.start(model.encode(batch.source))
    for place in range(batch.target_in.shape[1]):
        step, state = model.step(batch.target_in[:, place], state)
        real = batch.target_mask[:, place]
        assert torch.allclose(step.log_probabilities[real], expected[real, place], atol=1e-12)


@every_model
def test_a_batch_equals_one_by_one(variant: dict[str, Any]) -> None:
    model = small(**variant)
    together = model(pair_batch(SOURCES, TARGETS))
    for row, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        alone = model(pair_batch([source], [target]))
        assert torch.allclose(together[row, : len(target) + 1], alone[0], rtol=0, atol=1e-12)


@every_model
def test_a_later_word_changes_nothing_before_it(variant: dict[str, Any]) -> None:
    model = small(**variant)
    first, second = model(pair_batch([[5, 6]] * 2, [[20, 21, 22], [20, 21, 39]]))
    assert torch.allclose(first[:3], second[:3], atol=1e-13)
    assert not torch.allclose(first[3], second[3])


@every_model
def test_reorder_repeats_and_drops_rows_and_leaves_the_old_state(variant: dict[str, Any]) -> None:
    model = small(**variant)
    state = model.start(model.encode(source_batch(SOURCES)))
    first, state = model.step(torch.full((4,), BOS), state)
    model.step(torch.tensor([20, 21, 22, 23]), model.reorder(state, torch.arange(4)))
    moved, _ = model.step(torch.tensor([22, 20, 22]), model.reorder(state, torch.tensor([2, 0, 2])))
    plain, _ = model.step(torch.tensor([20, 21, 22, 23]), state)
    assert torch.allclose(moved.log_probabilities, plain.log_probabilities[[2, 0, 2]], atol=1e-12)
    assert first.attention is None


@every_model
def test_joined_rows_go_on_as_if_alone(variant: dict[str, Any]) -> None:
    model = small(**variant)
    old = model.start(model.encode(source_batch(SOURCES[:2])))
    for token in (BOS, 20, 21):
        _, old = model.step(torch.full((2,), token), old)
    new = model.start(model.encode(source_batch([[7, 8, 9, 10, 11, 12, 13]])))
    _, new = model.step(torch.tensor([BOS]), new)
    for joined, parts in [(model.join(old, new), ((old, 2), (new, 1))), (model.join(new, old), ((new, 1), (old, 2)))]:
        tokens = torch.tensor([30, 31, 32])
        together, later = model.step(tokens, joined)
        again, _ = model.step(tokens, later)
        at = 0
        for part, rows in parts:
            mine = tokens[at : at + rows]
            step, alone = model.step(mine, part)
            step_again, _ = model.step(mine, alone)
            for joint, single in [(together, step), (again, step_again)]:
                found = joint.log_probabilities[at : at + rows]
                assert torch.allclose(found, single.log_probabilities, atol=1e-12)
            at += rows


@every_model
def test_attention_over_the_source_is_a_distribution_without_padding(variant: dict[str, Any]) -> None:
    model, batch = small(**variant), source_batch(SOURCES)
    step, _ = model.step(torch.full((4,), BOS), model.start(model.encode(batch)), attention=True)
    if not model.has_attention:
        assert step.attention is None
        with pytest.raises(DragomanError, match="no attention over the source"):
            search(model, batch, SearchSettings(beam=1), attention=True)
        return
    assert step.attention is not None
    assert torch.allclose(step.attention.sum(-1), torch.ones(4, dtype=torch.float64))
    assert bool((step.attention[~batch.mask] == 0).all())
