"""Recurrent translators: an encoder and a decoder of RNN, GRU or LSTM cells, with or without attention.

Without attention all that the decoder knows of the source is the encoder's last states (Sutskever et al. 2014); with
it the decoder's top state looks at every position of the encoder (Bahdanau et al. 2015, Luong et al. 2015).

Letters for axes: see `dragoman.layers` and `dragoman.models.contract`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from dragoman.batches.padded import PairBatch, SourceBatch
from dragoman.layers.alignment import Alignment, AttentionalVector, Seen
from dragoman.layers.attention import Attended
from dragoman.layers.dropout import Dropout
from dragoman.layers.embedding import Embedding
from dragoman.layers.recurrent import Past, Recurrence
from dragoman.models.contract import Step, TrainableModel
from dragoman.tracing import recorded, recording, report


@dataclass(frozen=True)
class RecurrentMemory:
    """What the encoder gives."""

    vectors: Float[Tensor, "B S M"]
    """The last layer at each position; zeros where padding stands."""
    mask: Bool[Tensor, "B S"]
    ends: Sequence[Past]
    """What each layer remembers at the end (the other direction: at the beginning), B x M each."""


@dataclass(frozen=True)
class RecurrentState:
    """What the decoder remembers of R rows."""

    layers: Sequence[Past]
    """What each layer's cells remember, R x M each."""
    seen: Seen | None
    """The source as attention looks at it; None without attention."""
    fed: Float[Tensor, "R M"] | None
    """The attentional vector of the step before; None without input feeding."""

    def select(self, rows: Int[Tensor, "N"]) -> "RecurrentState":
        """The state whose row n is the old row `rows[n]`."""
        return RecurrentState(
            [tuple(tensor[rows] for tensor in past) for past in self.layers],
            self.seen and self.seen.select(rows),
            None if self.fed is None else self.fed[rows],
        )

    def join(self, other: "RecurrentState") -> "RecurrentState":
        """Rows of both."""
        return RecurrentState(
            [_both(*pasts) for pasts in zip(self.layers, other.layers, strict=True)],
            self.seen.join(other.seen) if self.seen and other.seen else None,
            None if self.fed is None or other.fed is None else torch.cat([self.fed, other.fed]),
        )


def _both(first: Past, second: Past) -> Past:
    return tuple(torch.cat(pair) for pair in zip(first, second, strict=True))


class ReadingLayer(nn.Module):
    """One layer of the encoder: a recurrence, or one in each direction with their outputs side by side."""

    def __init__(self, directions: Sequence[Recurrence]):
        super().__init__()
        self.directions = nn.ModuleList(directions)

    def forward(self, x: Float[Tensor, "B S M"], lengths: Int[Tensor, "B"]) -> tuple[Float[Tensor, "B S M"], Past]:
        """Each position's output, and what is remembered at each direction's end."""
        outputs, ends = zip(*(direction(x, None, lengths) for direction in self.directions), strict=True)
        return torch.cat(outputs, -1), tuple(torch.cat(parts, -1) for parts in zip(*ends, strict=True))


@dataclass
class RecurrentParts:
    """What a recurrent translator is made of."""

    source_embedding: Embedding
    target_embedding: Embedding
    encoder_layers: Sequence[ReadingLayer]
    decoder_layers: Sequence[Recurrence]
    alignment: Alignment | None
    """None: no attention."""
    attentional: AttentionalVector | None
    """There with attention."""
    input_feeding: bool
    """The first decoder layer's input is 2 M wide then."""
    dropout: float
    output: nn.Linear


class RecurrentTranslator(TrainableModel[RecurrentState]):
    """Encoder, decoder and output projection; keeps the contract of `dragoman.models.contract`."""

    def __init__(self, parts: RecurrentParts):
        super().__init__()
        self.source_embedding, self.target_embedding = parts.source_embedding, parts.target_embedding
        self.encoder, self.decoder = nn.ModuleList(parts.encoder_layers), nn.ModuleList(parts.decoder_layers)
        self.alignment, self.attentional = parts.alignment, parts.attentional
        self.input_feeding = parts.input_feeding
        self.has_attention = parts.alignment is not None
        self.drop = Dropout(parts.dropout)
        self.output = parts.output

    def encode(self, source: SourceBatch) -> RecurrentMemory:
        """Reads the source: what the encoder says about each position, and remembers at the end."""
        x = self.source_embedding(source.ids, _nowhere(source.ids))
        ends: list[Past] = []
        for layer in self.encoder:
            x, end = layer(x, source.lengths)
            x = self.drop(x)
            ends.append(end)
        return RecurrentMemory(x, source.mask, ends)

    def start(self, memory: RecurrentMemory) -> RecurrentState:
        """Each decoder layer starts from what one encoder layer remembers.

        The topmost ones hand theirs over in their order, so that no encoder layer is read by nobody; where the decoder
        has more layers, the rest start from the encoder's last.
        """
        ends = memory.ends[-len(self.decoder) :]
        layers = [ends[min(number, len(ends) - 1)] for number in range(len(self.decoder))]
        seen = self.alignment.look_at(memory.vectors, memory.mask) if self.alignment else None
        fed = layers[-1][0].new_zeros(layers[-1][0].shape) if self.input_feeding else None
        return RecurrentState(layers, seen, fed)

    def hidden(self, batch: PairBatch) -> Float[Tensor, "B T M"]:
        """What the output is predicted from at every target position, each having seen only the tokens before it."""
        state = self.start(self.encode(batch.source))
        x = self.target_embedding(batch.target_in, _nowhere(batch.target_in))
        return self._one_by_one(x, state) if self.input_feeding else self._read(x, state)[0]

    def rows(self, batch: PairBatch) -> tuple[Float[Tensor, "N M"], Int[Tensor, "N"]]:
        """What the output is predicted from at every real target position, and the token to be predicted."""
        mask = batch.target_mask
        return self.hidden(batch)[mask], batch.target_out[mask]

    def step(
        self, tokens: Int[Tensor, "R"], state: RecurrentState, attention: bool = False
    ) -> tuple[Step, RecurrentState]:
        """Reads one token of every row and scores the next."""
        x = self.target_embedding(tokens[:, None], _nowhere(tokens[:, None]))
        vectors, attended, state = self._read(x, state)
        weights = attended.weights[:, 0, 0] if attention and attended is not None else None
        return Step(self.project(vectors[:, 0]).log_softmax(-1), weights), state

    def reorder(self, state: RecurrentState, rows: Int[Tensor, "N"]) -> RecurrentState:
        """Repeats, drops and permutes rows."""
        return state.select(rows)

    def join(self, first: RecurrentState, second: RecurrentState) -> RecurrentState:
        """Puts the rows of two states into one."""
        return first.join(second)

    def reporting(self) -> dict[str, nn.Module]:
        """The parts that report while somebody records, by the names that a trace has for them."""
        named: dict[str, nn.Module] = {"source": self.source_embedding, "target": self.target_embedding}
        for number, layer in enumerate(self.encoder):
            for name, direction in zip(("forward", "backward"), layer.directions, strict=False):  # type: ignore[arg-type]
                named[f"encoder.{number}.{name}"] = direction
        named |= {f"decoder.{number}": layer for number, layer in enumerate(self.decoder)}
        if self.alignment and self.attentional:
            named[f"decoder.{len(self.decoder) - 1}.cross"] = self.alignment
            named["decoder.attentional"] = self.attentional
        return named

    def _read(
        self, x: Float[Tensor, "R T M"], state: RecurrentState
    ) -> tuple[Float[Tensor, "R T M"], Attended | None, RecurrentState]:
        """Goes on by T positions, by one where the attentional vector is fed; the vectors, the attention, the state."""
        if state.fed is not None:
            x = torch.cat([x, state.fed[:, None]], -1)
        layers: list[Past] = []
        for layer, before in zip(self.decoder, state.layers, strict=True):
            x, past = layer(x, before)
            x = self.drop(x)
            layers.append(past)
        attended: Attended | None = None
        state = replace(state, layers=layers)
        if self.alignment and self.attentional and state.seen:
            looked, attended = self.alignment(x, state.seen)
            x = self.attentional(x, looked)
            state = state if state.fed is None else replace(state, fed=x[:, -1])
            x = self.drop(x)
        return x, attended, state

    def _one_by_one(self, x: Float[Tensor, "B T M"], state: RecurrentState) -> Float[Tensor, "B T M"]:
        """The same position by position, since each waits for the attentional vector of the one before."""

        def run() -> Float[Tensor, "B T M"]:
            vectors, now = [], state
            for at in range(x.shape[1]):
                vector, _, now = self._read(x[:, at : at + 1], now)
                vectors.append(vector)
            return torch.cat(vectors, 1)

        return self._reported_as_one(run) if recorded() else run()

    def _reported_as_one(self, run: Callable[[], Tensor]) -> Tensor:
        """Runs and reports of each part all positions together, as it would have without input feeding."""
        with recording() as steps:
            found = run()
        for part in (*self.decoder, self.alignment, self.attentional):
            reports = steps.of(part)
            kept = {"key", "value"} if part is self.alignment else set()
            report(
                part,
                **{
                    name: values if name in kept else torch.cat([each[name] for each in reports], -2)
                    for name, values in reports[0].items()
                },
            )
        return found


def _nowhere(ids: Int[Tensor, "B P"]) -> Int[Tensor, "1 P"]:
    """Places for an embedding that adds nothing for them: order is what recurrences know by themselves."""
    return torch.zeros(1, ids.shape[1], dtype=torch.long, device=ids.device)
