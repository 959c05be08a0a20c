"""The cells' formulas against numbers worked out by hand, and how their matrices start."""

from math import exp, tanh

import pytest
import torch
from torch import Tensor

from dragoman.layers.recurrent import Recurrence, gru_cell, lstm_cell, rnn_cell


def column(*values: float) -> Tensor:
    """One row a value, width one."""
    return torch.tensor(values, dtype=torch.float64)[:, None]


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_rnn_by_hand() -> None:
    step = rnn_cell(column(0.5, -1.0), (column(1.0, 0.0),), column(2.0), torch.tensor([0.25], dtype=torch.float64))
    assert torch.allclose(step.hidden, column(tanh(0.5 + 2 * 1 + 0.25), tanh(-1 + 0.25)))
    assert step.past == (step.hidden,)


def test_gru_by_hand() -> None:
    driven = torch.tensor([[0.0, 1.0, 0.5]], dtype=torch.float64)
    weight, bias = column(1.0, -1.0, 2.0), torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    step = gru_cell(driven, (column(0.5),), weight, bias)
    reset, update = sigmoid(0.0 + 0.5), sigmoid(1.0 - 0.5 + 0.5)
    candidate = tanh(0.5 + reset * (2 * 0.5 + 1.0))
    assert float(step.reset_gate) == pytest.approx(reset)
    assert float(step.update_gate) == pytest.approx(update)
    assert float(step.candidate) == pytest.approx(candidate)
    assert float(step.hidden) == pytest.approx((1 - update) * candidate + update * 0.5)


def test_lstm_by_hand() -> None:
    driven = torch.tensor([[0.1, 0.2, 0.3, 0.4]], dtype=torch.float64)
    weight, bias = column(1.0, 2.0, 3.0, 4.0), torch.tensor([0.0, 1.0, 0.0, -1.0], dtype=torch.float64)
    step = lstm_cell(driven, (column(0.5), column(-2.0)), weight, bias)
    into, forget, candidate, out = sigmoid(0.6), sigmoid(2.2), tanh(1.8), sigmoid(1.4)
    cell = forget * -2.0 + into * candidate
    for name, value in {
        "input_gate": into,
        "forget_gate": forget,
        "candidate": candidate,
        "output_gate": out,
        "cell": cell,
        "hidden": out * tanh(cell),
    }.items():
        assert float(getattr(step, name)) == pytest.approx(value), name
    assert step.past == (step.hidden, step.cell)


@pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_matrices_start_as_they_should(kind: str, gates: int) -> None:
    torch.manual_seed(1)
    made = Recurrence(kind, 12, 32)
    made.begin(orthogonal=True)
    for matrix in made.cells.weight_hh_l0.detach().split(32):
        assert torch.allclose(matrix @ matrix.T, torch.eye(32), atol=1e-5)
    for matrix in made.cells.weight_ih_l0.detach().split(32):
        limit = (6 / (12 + 32)) ** 0.5
        assert 0.9 * limit < float(matrix.abs().max()) <= limit
    assert len(made.cells.weight_hh_l0) == gates * 32
    biases = made.cells.bias_ih_l0.detach() + made.cells.bias_hh_l0.detach()
    expected = torch.zeros(gates * 32)
    if kind == "lstm":
        expected[32:64] = 1
    assert torch.equal(biases, expected)
    made.begin(orthogonal=False)
    assert 0.95 * 32**-0.5 < float(made.cells.weight_hh_l0.detach().abs().max()) <= 32**-0.5
