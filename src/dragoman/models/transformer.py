"""The encoder-decoder Transformer (Vaswani et al. 2017).

Letters for axes: see `dragoman.layers` and `dragoman.models.contract`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from dragoman import kernels
from dragoman.batches.packed import Blocks, PackedPair, pack_pair
from dragoman.batches.padded import PairBatch, SourceBatch
from dragoman.layers.attention import Attended, KeysValues, MultiHeadAttention, causal_mask
from dragoman.layers.embedding import Embedding
from dragoman.layers.residual import Residual, end_stack
from dragoman.models.contract import Step, TrainableModel
from dragoman.models.decoding_state import LayerState, Memory, TransformerState, join_states
from dragoman.tracing import report


def places(positions: int, device: torch.device) -> Int[Tensor, "1 positions"]:
    """Position numbers 0, 1, 2, ..."""
    return torch.arange(positions, device=device)[None]


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward, each with its way around."""

    def __init__(self, attention: MultiHeadAttention, feed_forward: nn.Module, residuals: tuple[Residual, Residual]):
        super().__init__()
        self.attention, self.feed_forward = attention, feed_forward
        self.attention_residual, self.feed_forward_residual = residuals

    def forward(
        self, x: Float[Tensor, "B S M"], mask: Bool[Tensor, "B 1 #S S"] | Blocks, place: Int[Tensor, "1 S"]
    ) -> Float[Tensor, "B S M"]:
        """One layer of the encoder; `mask` hides padding, and edges where each query has its own row."""
        x = self.attention_residual(x, lambda y: self.attention(y, y, mask, place))
        x = self.feed_forward_residual(x, self.feed_forward)
        return x

    def reporting(self) -> dict[str, nn.Module]:
        """The parts that report while somebody records, by their names in a trace."""
        return {
            "self": self.attention,
            "self.residual": self.attention_residual,
            "feed_forward": self.feed_forward,
            "feed_forward.residual": self.feed_forward_residual,
        }


@dataclass
class DecoderParts:
    """What a decoder layer is made of."""

    self_attention: MultiHeadAttention
    cross_attention: MultiHeadAttention
    feed_forward: nn.Module
    residuals: tuple[Residual, Residual, Residual]


class DecoderLayer(nn.Module):
    """Masked self-attention, attention to the encoder's output, feed-forward, each with its way around."""

    def __init__(self, parts: DecoderParts):
        super().__init__()
        self.self_attention, self.cross_attention = parts.self_attention, parts.cross_attention
        self.feed_forward = parts.feed_forward
        self.self_residual, self.cross_residual, self.feed_forward_residual = parts.residuals

    def forward(
        self,
        x: Float[Tensor, "B T M"],
        memory: Float[Tensor, "B S M"],
        masks: tuple[Bool[Tensor, "1 1 T T"] | Blocks, Bool[Tensor, "B 1 1 S"] | Blocks],
        place: Int[Tensor, "1 T"],
    ) -> Float[Tensor, "B T M"]:
        """All target positions at once; `masks` are those of self-attention and of attention to the memory."""
        self_mask, cross_mask = masks
        x = self.self_residual(x, lambda y: self.self_attention(y, y, self_mask, place))
        x = self.cross_residual(x, lambda y: self.cross_attention(y, memory, cross_mask))
        x = self.feed_forward_residual(x, self.feed_forward)
        return x

    def step(
        self, x: Float[Tensor, "R 1 M"], state: TransformerState, layer: LayerState
    ) -> tuple[Float[Tensor, "R 1 M"], LayerState, Attended]:
        """One more position; gives the output, what to remember, and the attention to the encoder's output."""
        grown: list[KeysValues] = []
        cross: list[Attended] = []
        place = state.lengths[:, None]

        def look_back(y: Tensor) -> Tensor:
            grown.append(layer.past.then(self.self_attention.keys_values(y, place)))
            return self.self_attention.attend(y, grown[0], state.past_mask_with_now, place)[0]

        def look_across(y: Tensor) -> Tensor:
            output, attended = self.cross_attention.attend(y, layer.memory, state.source_mask[:, None, None])
            cross.append(attended)
            return output

        x = self.self_residual(x, look_back)
        x = self.cross_residual(x, look_across)
        x = self.feed_forward_residual(x, self.feed_forward)
        return x, LayerState(grown[0], layer.memory), cross[0]

    def reporting(self) -> dict[str, nn.Module]:
        """The parts that report while somebody records, by their names in a trace."""
        return {
            "self": self.self_attention,
            "self.residual": self.self_residual,
            "cross": self.cross_attention,
            "cross.residual": self.cross_residual,
            "feed_forward": self.feed_forward,
            "feed_forward.residual": self.feed_forward_residual,
        }


@dataclass
class TransformerParts:
    """What a Transformer is made of."""

    source_embedding: Embedding
    target_embedding: Embedding
    encoder_layers: list[EncoderLayer]
    encoder_norm: nn.Module
    decoder_layers: list[DecoderLayer]
    decoder_norm: nn.Module
    output: nn.Linear


class Transformer(TrainableModel[TransformerState]):
    """Encoder, decoder and output projection; keeps the contract of `dragoman.models.contract`."""

    has_attention = True

    def __init__(self, parts: TransformerParts):
        super().__init__()
        self.source_embedding, self.target_embedding = parts.source_embedding, parts.target_embedding
        self.encoder = nn.ModuleList(parts.encoder_layers)
        self.encoder_norm = parts.encoder_norm
        self.decoder = nn.ModuleList(parts.decoder_layers)
        self.decoder_norm = parts.decoder_norm
        self.output = parts.output

    def encode(self, source: SourceBatch, visible: Bool[Tensor, "B S S"] | None = None) -> Memory:
        """Reads the source: what the encoder says about each of its positions.

        Args:
            visible: False where a query (row) may not look at a key in any layer and head, besides padding; each
                query must keep a key.
        """
        mask = source.mask
        edges = mask[:, None, None] if visible is None else mask[:, None, None] & visible[:, None]
        place = places(source.ids.shape[1], source.ids.device)
        x = self.source_embedding(source.ids, place)
        for layer in self.encoder:
            x = layer(x, edges, place)
        vectors = self.encoder_norm(x)
        report(self.encoder_norm, inputs=x, output=vectors)
        return Memory(vectors, mask)

    def hidden(self, batch: PairBatch, visible: Bool[Tensor, "B S S"] | None = None) -> Float[Tensor, "B T M"]:
        """The decoder's output at every target position, each having seen only the tokens before it."""
        memory = self.encode(batch.source, visible)
        positions, device = batch.target_in.shape[1], batch.target_in.device
        place = places(positions, device)
        x = self.target_embedding(batch.target_in, place)
        masks = causal_mask(positions, device), memory.mask[:, None, None]
        for layer in self.decoder:
            x = layer(x, memory.vectors, masks, place)
        output: Tensor = self.decoder_norm(x)
        report(self.decoder_norm, inputs=x, output=output)
        return output

    def packed_hidden(self, pair: PackedPair) -> Float[Tensor, "1 N M"]:
        """The decoder's output at every position of a packed batch."""
        source, target = pair.source, pair.target
        x = self.source_embedding(source.ids, source.places)
        for layer in self.encoder:
            x = layer(x, Blocks(source.starts, source.starts), source.places)
        memory = end_stack(self.encoder_norm, x)
        x = self.target_embedding(target.ids, target.places)
        masks = Blocks(target.starts, target.starts, causal=True), Blocks(target.starts, source.starts)
        for layer in self.decoder:
            x = layer(x, memory, masks, target.places)
        return end_stack(self.decoder_norm, x)

    def rows(self, batch: PairBatch) -> tuple[Float[Tensor, "N M"], Int[Tensor, "N"]]:
        """The decoder's output at every real target position, and the token to be predicted; packed for kernels."""
        if kernels.wanted(self.output.weight):
            pair = pack_pair(batch)
            return self.packed_hidden(pair)[0], pair.target_out[0]
        mask = batch.target_mask
        return self.hidden(batch)[mask], batch.target_out[mask]

    def start(self, memory: Memory) -> TransformerState:
        """Projects the memory once for every decoder layer; nothing has been read yet."""
        projected = [layer.cross_attention.keys_values(memory.vectors) for layer in self._decoder_layers()]
        return TransformerState.empty(projected, memory.mask)

    def step(
        self, tokens: Int[Tensor, "R"], state: TransformerState, attention: bool = False
    ) -> tuple[Step, TransformerState]:
        """Reads one token of every row and scores the next."""
        x = self.target_embedding(tokens[:, None], state.lengths[:, None])
        layers: list[LayerState] = []
        attended: Attended | None = None
        for layer, remembered in zip(self._decoder_layers(), state.layers, strict=True):
            x, grown, attended = layer.step(x, state, remembered)
            layers.append(grown)
        logits = self.project(self.decoder_norm(x[:, 0]))
        weights = attended.weights[:, :, 0].mean(1) if attention and attended is not None else None
        return Step(logits.log_softmax(-1), weights), state.after(layers)

    def reorder(self, state: TransformerState, rows: Int[Tensor, "N"]) -> TransformerState:
        """Repeats, drops and permutes rows."""
        return state.select(rows)

    def join(self, first: TransformerState, second: TransformerState) -> TransformerState:
        """Puts the rows of two states into one."""
        return join_states(first, second)

    def reporting(self) -> dict[str, nn.Module]:
        """The parts that report while somebody records, by the names that a trace has for them."""
        named: dict[str, nn.Module] = {
            "source": self.source_embedding,
            "target": self.target_embedding,
            "encoder.norm": self.encoder_norm,
            "decoder.norm": self.decoder_norm,
        }
        for stack, layers in (("encoder", self.encoder), ("decoder", self.decoder)):
            for number, layer in enumerate(layers):
                if isinstance(layer, EncoderLayer | DecoderLayer):
                    named |= {f"{stack}.{number}.{name}": part for name, part in layer.reporting().items()}
        return named

    def _decoder_layers(self) -> list[DecoderLayer]:
        return [layer for layer in self.decoder if isinstance(layer, DecoderLayer)]
