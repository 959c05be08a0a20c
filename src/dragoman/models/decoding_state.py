"""What a Transformer remembers while it decodes: keys and values of the past, kept outside the modules.

Letters for axes: R rows, S source positions, N past positions; the others as in `dragoman.layers`.
A row that is younger than another has padding before its first position, which `past_mask` hides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from dragoman.layers.attention import KeysValues


@dataclass(frozen=True)
class Memory:
    """The encoder's output."""

    vectors: Float[Tensor, "B S M"]
    mask: Bool[Tensor, "B S"]


@dataclass(frozen=True)
class LayerState:
    """What one decoder layer remembers: its own past, and the projected memory."""

    past: KeysValues
    memory: KeysValues


@dataclass(frozen=True)
class TransformerState:
    """What all layers remember of R rows."""

    layers: Sequence[LayerState]
    lengths: Int[Tensor, "R"]
    """Tokens read so far, which is the next token's place."""
    past_mask: Bool[Tensor, "R N"]
    source_mask: Bool[Tensor, "R S"]

    @staticmethod
    def empty(memory: Sequence[KeysValues], source_mask: Bool[Tensor, "R S"]) -> "TransformerState":
        """Nothing read yet."""
        rows = len(source_mask)
        layers = [LayerState(KeysValues(m.keys[:, :, :0], m.values[:, :, :0]), m) for m in memory]
        lengths = torch.zeros(rows, dtype=torch.long, device=source_mask.device)
        return TransformerState(layers, lengths, source_mask[:, :0], source_mask)

    @property
    def past_mask_with_now(self) -> Bool[Tensor, "R 1 1 _"]:
        """What a query at the next place may see: the past and itself."""
        return pad(self.past_mask, (0, 1), value=True)[:, None, None]

    def after(self, layers: Sequence[LayerState]) -> "TransformerState":
        """The state once every row has read one more token."""
        past = pad(self.past_mask, (0, 1), value=True)
        return TransformerState(layers, self.lengths + 1, past, self.source_mask)

    def select(self, rows: Int[Tensor, "N"]) -> "TransformerState":
        """The state whose row n is the old row `rows[n]`."""
        layers = [LayerState(_select(layer.past, rows), _select(layer.memory, rows)) for layer in self.layers]
        return TransformerState(layers, self.lengths[rows], self.past_mask[rows], self.source_mask[rows])


def join_states(first: TransformerState, second: TransformerState) -> TransformerState:
    """Rows of both: pasts are padded at their beginning, sources at their end."""
    past = max(first.past_mask.shape[1], second.past_mask.shape[1])
    source = max(first.source_mask.shape[1], second.source_mask.shape[1])
    widened = [_widen(state, past, source) for state in (first, second)]
    layers = [
        LayerState(_stack([a.past, b.past]), _stack([a.memory, b.memory]))
        for a, b in zip(widened[0].layers, widened[1].layers, strict=True)
    ]
    return TransformerState(
        layers,
        torch.cat([state.lengths for state in widened]),
        torch.cat([state.past_mask for state in widened]),
        torch.cat([state.source_mask for state in widened]),
    )


def _widen(state: TransformerState, past: int, source: int) -> TransformerState:
    before, behind = past - state.past_mask.shape[1], source - state.source_mask.shape[1]
    layers = [LayerState(_pad(layer.past, (before, 0)), _pad(layer.memory, (0, behind))) for layer in state.layers]
    masks = pad(state.past_mask, (before, 0)), pad(state.source_mask, (0, behind))
    return TransformerState(layers, state.lengths, *masks)


def _pad(kept: KeysValues, sides: tuple[int, int]) -> KeysValues:
    return KeysValues(pad(kept.keys, (0, 0, *sides)), pad(kept.values, (0, 0, *sides)))


def _select(kept: KeysValues, rows: Int[Tensor, "N"]) -> KeysValues:
    return KeysValues(kept.keys[rows], kept.values[rows])


def _stack(kept: Sequence[KeysValues]) -> KeysValues:
    return KeysValues(torch.cat([k.keys for k in kept]), torch.cat([k.values for k in kept]))
