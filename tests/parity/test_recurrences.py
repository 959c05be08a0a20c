"""Cells written out from their equations against torch.nn's kernels, in float64: values, states and every gradient."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dragoman.layers.recurrent import KINDS, Recurrence, turned, written_out
from dragoman.tracing import recording
from tests.parity.closeness import relative_error

LIMIT = 1e-6
ROWS, POSITIONS, INPUTS, WIDTH = 5, 9, 6, 8
LENGTHS = torch.tensor([9, 1, 4, 9, 6])


def layer(kind: str, backwards: bool = False) -> Recurrence:
    torch.manual_seed(1)
    made = Recurrence(kind, INPUTS, WIDTH, backwards).double()
    made.begin(orthogonal=True)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


def given(kind: str) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Inputs and a past that is not zero."""
    torch.manual_seed(2)
    inputs = torch.randn(ROWS, POSITIONS, INPUTS, dtype=torch.float64, requires_grad=True)
    past = tuple(
        torch.randn(ROWS, WIDTH, dtype=torch.float64).tanh().requires_grad_() for _ in range(KINDS[kind].states)
    )
    return inputs, past


def all_of(made: Recurrence, kind: str, lengths: Tensor | None) -> list[Tensor]:
    """Outputs, last states and the gradients by inputs, past and weights of an uneven sum of them."""
    inputs, past = given(kind)
    outputs, last = made(inputs, past, lengths)
    weights = torch.linspace(-1, 2, outputs.numel(), dtype=torch.float64).view_as(outputs)
    total = (outputs * weights).sum() + sum(((at + 2) * state.sin()).sum() for at, state in enumerate(last))
    gradients = torch.autograd.grad(total, [inputs, *past, *made.parameters()])
    return [outputs, *last, *gradients]


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "unequal"])
def test_both_ways_agree(kind: str, backwards: bool, lengths: Tensor | None) -> None:
    made = layer(kind, backwards)
    fast = all_of(made, kind, lengths)
    with written_out():
        plain = all_of(made, kind, lengths)
    for found, expected in zip(plain, fast, strict=True):
        assert relative_error(found, expected) < LIMIT


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_two_directions_are_torchs_bidirectional_network(kind: str) -> None:
    """Poured into torch's own network of two directions; outputs, states, gradients by inputs and weights."""
    ours = [layer(kind), layer(kind, backwards=True)]
    theirs: Any = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](
        INPUTS, WIDTH, batch_first=True, bidirectional=True
    ).double()
    for one, ending in zip(ours, ("", "_reverse"), strict=True):
        for name, weight in one.cells.named_parameters():
            theirs.get_parameter(name + ending).data.copy_(weight)
    inputs, _ = given(kind)
    found, ends = zip(*(one(inputs, None, LENGTHS) for one in ours), strict=True)
    packed = pack_padded_sequence(inputs, LENGTHS, batch_first=True, enforce_sorted=False)
    packed_outputs, last = theirs(packed)
    expected = pad_packed_sequence(packed_outputs, batch_first=True, total_length=POSITIONS)[0]
    last = last if kind == "lstm" else (last,)
    assert relative_error(torch.cat(found, -1), expected) < LIMIT
    for number, state in enumerate(last):
        for direction in (0, 1):
            assert relative_error(ends[direction][number], state[direction]) < LIMIT
    weights = torch.linspace(-1, 2, expected.numel(), dtype=torch.float64).view_as(expected)
    mine = torch.autograd.grad(
        (torch.cat(found, -1) * weights).sum(), [inputs, *ours[0].parameters(), *ours[1].parameters()]
    )
    other = torch.autograd.grad((expected * weights).sum(), [inputs, *theirs.parameters()])
    for gradient, wanted in zip(mine, other, strict=True):
        assert relative_error(gradient, wanted) < LIMIT


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_row_in_a_batch_is_the_row_alone(kind: str, backwards: bool) -> None:
    made = layer(kind, backwards)
    inputs, past = given(kind)
    for way in (torch.no_grad, written_out):
        with way():
            outputs, last = made(inputs, past, LENGTHS)
            for row, length in enumerate(LENGTHS.tolist()):
                mine = slice(row, row + 1)
                alone, end = made(inputs[mine, :length], tuple(state[mine] for state in past), LENGTHS[mine])
                assert torch.allclose(outputs[mine, :length], alone, rtol=0, atol=1e-14)
                assert not outputs[row, length:].any()
                for together, single in zip(last, end, strict=True):
                    assert torch.allclose(together[mine], single, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_going_on_is_going_through(kind: str) -> None:
    made = layer(kind)
    inputs, past = given(kind)
    whole, end = made(inputs, past)
    first, middle = made(inputs[:, :4], past)
    second, last = made(inputs[:, 4:], middle)
    assert torch.allclose(whole, torch.cat([first, second], 1), atol=1e-14)
    assert all(torch.allclose(one, two, atol=1e-14) for one, two in zip(end, last, strict=True))


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("backwards", [False, True])
def test_recording_reports_each_gate_where_it_stands(kind: str, backwards: bool) -> None:
    made = layer(kind, backwards)
    inputs, past = given(kind)
    plain, _ = made(inputs, past, LENGTHS)
    with recording() as recorder:
        during, _ = made(inputs, past, LENGTHS)
    (told,) = recorder.of(made)
    assert relative_error(during, plain) < LIMIT
    assert list(told) == list(KINDS[kind].formula(*first_step(made, inputs, past))._fields)
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.equal(told["hidden"][row, :length], during[row, :length].detach())


def first_step(made: Recurrence, inputs: Tensor, past: tuple[Tensor, ...]) -> tuple[Tensor, Any, Tensor, Tensor]:
    driven = torch.nn.functional.linear(inputs[:, 0], made.cells.weight_ih_l0, made.cells.bias_ih_l0)
    return driven, past, made.cells.weight_hh_l0, made.cells.bias_hh_l0


def test_turned() -> None:
    values = torch.arange(1.0, 9.0).view(2, 4, 1)
    assert turned(values, torch.tensor([4, 2]))[:, :, 0].tolist() == [[4, 3, 2, 1], [6, 5, 7, 8]]
    assert turned(values, None)[:, :, 0].tolist() == [[4, 3, 2, 1], [8, 7, 6, 5]]
