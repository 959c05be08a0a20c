"""Averaged weights against the formula by hand; two passes that are drawn together."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dragoman.batches.padded import pair_batch, twice
from dragoman.config import ModelSettings
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.training.averaging import EVERY, Averages, mean_of
from dragoman.training.step import batch_loss

ROWS = [[5, 6, 7], [8], [9, 10, 11, 12, 13]]


def test_the_moving_average_is_the_formula() -> None:
    model = nn.Linear(1, 1, bias=False)
    averages = Averages(model, span=20)
    expected = model.weight.detach().clone()
    for step in range(1, 401):
        with torch.no_grad():
            model.weight.fill_(step / 100)
        averages.note(step, 1.0)
        if step % EVERY == 0:
            decay = min(0.95, (1 + step) / (10 + step)) ** EVERY
            expected = decay * expected + (1 - decay) * step / 100
    assert torch.allclose(averages.values[0], expected, rtol=1e-5)
    # On a straight line an average of span n lags by n - 1 updates, here a little more: it moves every EVERY updates.
    assert 4.0 - float(averages.values[0]) == pytest.approx(0.19, abs=0.02)


def test_the_average_looks_back_less_as_the_rate_falls() -> None:
    model = nn.Linear(1, 1, bias=False)
    averages, lags = Averages(model, span=100), {}
    for step in range(1, 4001):
        share = min(1.0, (4000 - step) / 1000)
        with torch.no_grad():
            model.weight.fill_(float(step))
        averages.note(step, share)
        lags[step] = step - float(averages.values[0])
    assert lags[3000] == pytest.approx(100, abs=5)
    # On the way down the span is what it lags by, and a little from before.
    assert lags[3500] == pytest.approx(55, abs=5)
    assert lags[4000] < 0.1


def test_the_average_of_what_stands_still_is_that() -> None:
    model = nn.Linear(3, 2)
    averages = Averages(model, span=5)
    for step in range(100):
        averages.note(step, 1.0)
    assert all(torch.equal(a, b) for a, b in zip(averages.values, model.parameters(), strict=True))


def test_the_model_shows_the_averages_and_has_its_own_again() -> None:
    model = nn.Linear(2, 2)
    own = model.weight.detach().clone()
    averages = Averages(model, span=0)
    averages.values[0].fill_(3.0)
    with averages.shown():
        assert torch.equal(model.weight, torch.full((2, 2), 3.0))
    assert torch.equal(model.weight, own)
    assert torch.equal(averages.values[0], torch.full((2, 2), 3.0))


def test_the_mean_of_checkpoints() -> None:
    def checkpoint(number: float) -> dict[str, Tensor]:
        return {"a": torch.full((2,), number), "b": torch.tensor([number, 2 * number])}

    mean = mean_of([checkpoint(1.0), checkpoint(2.0), checkpoint(6.0)])
    assert mean["a"].tolist() == [3.0, 3.0]
    assert mean["b"].tolist() == [3.0, 6.0]


def test_two_equal_passes_cost_what_one_does() -> None:
    batch, model = pair_batch(ROWS, ROWS), _model(0.0)
    one = batch_loss(model, batch, 0.1, torch.float32)
    two = batch_loss(model, batch, 0.1, torch.float32, agreement=4.0)
    assert float(two[0].detach()) == pytest.approx(float(one[0].detach()), rel=1e-5)
    assert two[1] == pytest.approx(one[1], rel=1e-5)
    assert two[2] == one[2]


def test_passes_that_differ_cost_more_and_learn_to_agree() -> None:
    batch, model = pair_batch(ROWS, ROWS), _model(0.3)
    model.train()

    def loss(alpha: float) -> float:
        torch.manual_seed(3)
        return float(batch_loss(model, batch, 0.1, torch.float32, alpha)[0].detach())

    def divergence() -> float:
        return loss(2.0) - loss(1e-9)

    before = divergence()
    assert before > 0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(60):
        found, _, _ = batch_loss(model, batch, 0.0, torch.float32, agreement=200.0)
        optimizer.zero_grad()
        (found / 1000).backward()
        optimizer.step()
    assert divergence() < 0.7 * before


def test_a_batch_twice_is_its_pairs_twice() -> None:
    batch = twice(pair_batch(ROWS, ROWS[::-1]))
    again = pair_batch([*ROWS, *ROWS], [*ROWS[::-1], *ROWS[::-1]])
    assert torch.equal(batch.source.ids, again.source.ids)
    assert torch.equal(batch.target_out, again.target_out)
    assert torch.equal(batch.target_lengths, again.target_lengths)


def _model(dropout: float) -> TrainableModel[Any]:
    torch.manual_seed(2)
    shape = ModelSettings(d_model=16, d_ff=32, heads=2, encoder_layers=1, decoder_layers=1, dropout=dropout)
    return build_model(shape, 30, 30, seed=1)
