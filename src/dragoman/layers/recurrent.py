"""Recurrent cells: the bare formulas, and one layer of them along a sentence in one direction.

A cell reads one position at a time and remembers the past in its hidden state. Each formula takes `driven`, what the
input alone contributes (W x + b, for all gates side by side), so that a layer computes that part for all positions at
once; only the product with the hidden state has to wait for the position before.

Letters for axes: B batch rows, P positions, I width of the input, W width of the hidden state, G width of all gates
side by side (W for the RNN, 3 W for the GRU, 4 W for the LSTM).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dragoman.batches.padded import positions_below
from dragoman.tracing import recorded, report

Past = tuple[Tensor, ...]
"""What a cell remembers, B x W each: its hidden state, and the LSTM's cell behind it."""


class RnnStep(NamedTuple):
    """Everything that one step of the plain RNN computed."""

    hidden: Float[Tensor, "B W"]

    @property
    def past(self) -> Past:
        """What the next step remembers."""
        return (self.hidden,)


class GruStep(NamedTuple):
    """Everything that one step of the GRU computed."""

    reset_gate: Float[Tensor, "B W"]
    update_gate: Float[Tensor, "B W"]
    candidate: Float[Tensor, "B W"]
    hidden: Float[Tensor, "B W"]

    @property
    def past(self) -> Past:
        """What the next step remembers."""
        return (self.hidden,)


class LstmStep(NamedTuple):
    """Everything that one step of the LSTM computed."""

    input_gate: Float[Tensor, "B W"]
    forget_gate: Float[Tensor, "B W"]
    output_gate: Float[Tensor, "B W"]
    candidate: Float[Tensor, "B W"]
    cell: Float[Tensor, "B W"]
    hidden: Float[Tensor, "B W"]

    @property
    def past(self) -> Past:
        """What the next step remembers."""
        return self.hidden, self.cell


CellStep = RnnStep | GruStep | LstmStep


def rnn_cell(
    driven: Float[Tensor, "B G"], past: Past, weight: Float[Tensor, "G W"], bias: Float[Tensor, "G"]
) -> RnnStep:
    """h' = tanh(W x + b + U h + c) (Elman 1990); `weight` is U, `bias` is c."""
    (hidden,) = past
    return RnnStep((driven + linear(hidden, weight, bias)).tanh())


def gru_cell(
    driven: Float[Tensor, "B G"], past: Past, weight: Float[Tensor, "G W"], bias: Float[Tensor, "G"]
) -> GruStep:
    """One step of the GRU (Cho et al. 2014; the reset gate behind the product, as torch has it).

    r = sigmoid(W_r x + b_r + U_r h + c_r), z = sigmoid(W_z x + b_z + U_z h + c_z),
    n = tanh(W_n x + b_n + r * (U_n h + c_n)), h' = (1 - z) * n + z * h.
    """
    (hidden,) = past
    recurrent = linear(hidden, weight, bias)
    reset_in, update_in, new_in = driven.chunk(3, dim=-1)
    reset_past, update_past, new_past = recurrent.chunk(3, dim=-1)
    reset_gate = (reset_in + reset_past).sigmoid()
    update_gate = (update_in + update_past).sigmoid()
    candidate = (new_in + reset_gate * new_past).tanh()
    return GruStep(reset_gate, update_gate, candidate, (1 - update_gate) * candidate + update_gate * hidden)


def lstm_cell(
    driven: Float[Tensor, "B G"], past: Past, weight: Float[Tensor, "G W"], bias: Float[Tensor, "G"]
) -> LstmStep:
    """One step of the LSTM (Hochreiter and Schmidhuber 1997; the forget gate is Gers et al.'s, 2000).

    i, f, o = sigmoid(W x + b + U h + c) each with its own matrices, g = tanh(the same with its own),
    c' = f * c + i * g, h' = o * tanh(c').
    """
    hidden, cell = past
    into, forget, new, out = (driven + linear(hidden, weight, bias)).chunk(4, dim=-1)
    input_gate, forget_gate, output_gate = into.sigmoid(), forget.sigmoid(), out.sigmoid()
    candidate = new.tanh()
    cell = forget_gate * cell + input_gate * candidate
    return LstmStep(input_gate, forget_gate, output_gate, candidate, cell, output_gate * cell.tanh())


@dataclass(frozen=True)
class _Kind:
    """One kind of cell: its formula, and torch's kernel of a whole sentence."""

    formula: Callable[[Tensor, Past, Tensor, Tensor], CellStep]
    network: Callable[..., nn.Module]
    states: int
    """Tensors that it remembers."""
    forgets: bool = False
    """Whether it has a forget gate, the second of the gates."""


KINDS = {
    "rnn": _Kind(rnn_cell, nn.RNN, 1),
    "gru": _Kind(gru_cell, nn.GRU, 1),
    "lstm": _Kind(lstm_cell, nn.LSTM, 2, forgets=True),
}

_step_by_step: ContextVar[bool] = ContextVar("recurrences step by step", default=False)


@contextmanager
def written_out() -> Iterator[None]:
    """Lets recurrences run step by step through the bare formulas inside the `with` block."""
    token = _step_by_step.set(True)
    try:
        yield
    finally:
        _step_by_step.reset(token)


class Recurrence(nn.Module):
    """One layer in one direction; its weights live in torch's own network, which is the fast way.

    While somebody records, and inside `written_out`, it loops over the bare formula instead, with the same weights.
    """

    def __init__(self, kind: str, inputs: int, width: int, backwards: bool = False):
        super().__init__()
        self.kind = KINDS[kind]
        self.cells: Any = self.kind.network(inputs, width, batch_first=True)
        self.width, self.backwards = width, backwards

    def begin(self, orthogonal: bool) -> None:
        """Draws first values, gate by gate: input matrices by Glorot, biases zero but the LSTM's forget gate's, one.

        Args:
            orthogonal: matrices on the hidden state keep its length (Saxe et al. 2014); else they are uniform in
                +-1 / sqrt(W), torch's own start.
        """
        cells = self.cells
        with torch.no_grad():
            for matrix in cells.weight_ih_l0.split(self.width):
                nn.init.xavier_uniform_(matrix)
            for matrix in cells.weight_hh_l0.split(self.width):
                if orthogonal:
                    nn.init.orthogonal_(matrix)
                else:
                    nn.init.uniform_(matrix, -(self.width**-0.5), self.width**-0.5)
            cells.bias_ih_l0.zero_()
            cells.bias_hh_l0.zero_()
            if self.kind.forgets:
                cells.bias_ih_l0[self.width : 2 * self.width] = 1  # Gers et al. 2000; Jozefowicz et al. 2015

    def nothing(self, inputs: Float[Tensor, "B P I"]) -> Past:
        """The past before the first position: zeros."""
        return tuple(inputs.new_zeros(len(inputs), self.width) for _ in range(self.kind.states))

    def forward(
        self, inputs: Float[Tensor, "B P I"], past: Past | None = None, lengths: Int[Tensor, "B"] | None = None
    ) -> tuple[Float[Tensor, "B P W"], Past]:
        """The hidden state at each position, and what is remembered at the end.

        Args:
            past: what is remembered from before; zeros where None.
            lengths: the rows' real positions; what stands behind them is not read, and its output is zero. None where
                all are real, or the end does not matter.
        """
        past = self.nothing(inputs) if past is None else past
        read = turned(inputs, lengths) if self.backwards else inputs
        run = self._written_out if recorded() or _step_by_step.get() else self._fast
        outputs, last = run(read, past, lengths)
        return turned(outputs, lengths) if self.backwards else outputs, last

    def _fast(self, inputs: Tensor, past: Past, lengths: Tensor | None) -> tuple[Tensor, Past]:
        stacked = tuple(state[None] for state in past)
        before = stacked if self.kind.states > 1 else stacked[0]
        if lengths is None:
            outputs, after = self.cells(inputs, before)
        else:
            packed = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
            found, after = self.cells(packed, before)
            outputs = pad_packed_sequence(found, batch_first=True, total_length=inputs.shape[1])[0]
        last = after if self.kind.states > 1 else (after,)
        return outputs, tuple(state[0] for state in last)

    def _written_out(self, inputs: Tensor, past: Past, lengths: Tensor | None) -> tuple[Tensor, Past]:
        cells = self.cells
        driven = linear(inputs, cells.weight_ih_l0, cells.bias_ih_l0)
        steps: list[CellStep] = []
        for at in range(inputs.shape[1]):
            step = self.kind.formula(driven[:, at], past, cells.weight_hh_l0, cells.bias_hh_l0)
            past = step.past if lengths is None else _where(at < lengths, step.past, past)
            steps.append(step)
        self._report(steps, lengths)
        outputs = torch.stack([step.hidden for step in steps], dim=1)
        if lengths is not None:
            outputs = outputs * positions_below(lengths, outputs.shape[1])[:, :, None]
        return outputs, past

    def _report(self, steps: list[CellStep], lengths: Tensor | None) -> None:
        if recorded():
            values = {name: torch.stack([getattr(step, name) for step in steps], dim=1) for name in steps[0]._fields}
            report(
                self, **{name: turned(all_of, lengths) if self.backwards else all_of for name, all_of in values.items()}
            )


def turned(values: Float[Tensor, "B P _"], lengths: Int[Tensor, "B"] | None) -> Float[Tensor, "B P _"]:
    """Each row's real positions in the opposite order; padding stays where it is."""
    if lengths is None:
        return values.flip(1)
    place = torch.arange(values.shape[1], device=values.device)
    mirrored = lengths[:, None] - 1 - place
    place = torch.where(mirrored >= 0, mirrored, place)
    return values.gather(1, place[:, :, None].expand_as(values))


def _where(real: Tensor, now: Past, before: Past) -> Past:
    """What is remembered: the new past where a row goes on, the old one where it has ended."""
    return tuple(torch.where(real[:, None], new, old) for new, old in zip(now, before, strict=True))
