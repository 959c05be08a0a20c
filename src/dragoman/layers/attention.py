"""Attention: the bare formula, and the heads around it (Vaswani et al. 2017, section 3.2).

Letters for axes: see `dragoman.layers`.
"""

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from dragoman import kernels
from dragoman.batches.packed import Blocks
from dragoman.layers.dropout import Dropout
from dragoman.layers.positions import NoRotation, RotaryPositions
from dragoman.tracing import report

Places = Int[Tensor, "#B P"]


class Attended(NamedTuple):
    """Everything the formula computed, in its order."""

    scores: Float[Tensor, "B H Q K"]
    """query . key"""
    scaled: Float[Tensor, "B H Q K"]
    """scores * scale, before the mask"""
    weights: Float[Tensor, "B H Q K"]
    """softmax over the keys that the mask shows; each query's weights sum to one"""
    context: Float[Tensor, "B H Q D"]
    """the values' average under these weights"""


def attention(
    query: Float[Tensor, "B H Q D"],
    key: Float[Tensor, "B H K D"],
    value: Float[Tensor, "B H K D"],
    mask: Bool[Tensor, "#B #H #Q K"] | None,
    scale: float | Float[Tensor, "H 1 1"],
    drop: nn.Module | None = None,
) -> Attended:
    """Attention(Q, K, V) = softmax(Q K^T * scale) V (equation 1).

    Args:
        mask: True where a query may look; None where every query sees every key. Each query must see a key.
        scale: the paper's 1 / sqrt(D), 1 for the plain dot product, a trained number a head for cosine.
        drop: sets weights to zero while training; the weights returned are those before it.
    """
    return weigh(query @ key.transpose(-2, -1), value, mask, scale, drop)


def weigh(
    scores: Float[Tensor, "B H Q K"],
    value: Float[Tensor, "B H K D"],
    mask: Bool[Tensor, "#B #H #Q K"] | None,
    scale: float | Float[Tensor, "H 1 1"] = 1.0,
    drop: nn.Module | None = None,
) -> Attended:
    """The rest of the formula, wherever the scores come from: softmax(scores * scale) V."""
    scaled = scores * scale
    visible = scaled if mask is None else scaled.masked_fill(~mask, float("-inf"))
    weights = visible.softmax(dim=-1)
    context = (weights if drop is None else drop(weights)) @ value
    return Attended(scores, scaled, weights, context)


def causal_mask(positions: int, device: torch.device | None = None) -> Bool[Tensor, "1 1 P P"]:
    """True where a query may look: at its own position and before it."""
    return torch.ones(positions, positions, dtype=torch.bool, device=device).tril()[None, None]


class DotSimilarity(nn.Module):
    """The dot product, times one fixed scale: 1 / sqrt(D) for the paper's, 1 for the plain one."""

    def __init__(self, scale: float):
        super().__init__()
        self.scale = scale

    def prepare(self, vectors: Float[Tensor, "B H P D"]) -> Float[Tensor, "B H P D"]:
        """Queries and keys enter the product as they are."""
        return vectors


class CosineSimilarity(nn.Module):
    """The cosine, times one trained temperature a head (Henry et al. 2020, query-key normalisation)."""

    def __init__(self, heads: int, width: int):
        super().__init__()
        self.logarithm = nn.Parameter(torch.full((heads, 1, 1), sqrt(width)).log())

    @property
    def scale(self) -> Float[Tensor, "H 1 1"]:
        """The temperature; it starts at sqrt(D), where scaled dots of unit-variance vectors have theirs."""
        return self.logarithm.exp()

    def prepare(self, vectors: Float[Tensor, "B H P D"]) -> Float[Tensor, "B H P D"]:
        """Queries and keys are brought to length one."""
        return nn.functional.normalize(vectors, dim=-1)


def similarity(kind: str, heads: int, width: int) -> DotSimilarity | CosineSimilarity:
    """Builds the similarity of that name; `width` is a head's."""
    if kind == "cosine":
        return CosineSimilarity(heads, width)
    return DotSimilarity(1 / sqrt(width) if kind == "scaled-dot" else 1.0)


@dataclass(frozen=True)
class KeysValues:
    """What queries look at, ready to be kept between steps; the keys are prepared and, with rotary, turned."""

    keys: Float[Tensor, "B H K D"]
    values: Float[Tensor, "B H K D"]

    def then(self, later: "KeysValues") -> "KeysValues":
        """Appends later positions."""
        return KeysValues(torch.cat([self.keys, later.keys], 2), torch.cat([self.values, later.values], 2))


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in its own projection (section 3.2.2)."""

    def __init__(
        self,
        heads: int,
        d_model: int,
        similarity: DotSimilarity | CosineSimilarity,
        drop: float,
        rotation: RotaryPositions | NoRotation | None = None,
    ):
        super().__init__()
        self.heads = heads
        self.similarity = similarity
        self.rotation = rotation or NoRotation()
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)
        self.drop = Dropout(drop)

    def keys_values(self, inputs: Float[Tensor, "B K M"], places: Places | None = None) -> KeysValues:
        """Projects what queries will look at; `places` are its positions (rotary only)."""
        keys = self.similarity.prepare(self._split(self.key(inputs)))
        return KeysValues(self.rotation(keys, places), self._split(self.value(inputs)))

    def attend(
        self,
        inputs: Float[Tensor, "B Q M"],
        seen: KeysValues,
        mask: Bool[Tensor, "#B #H #Q K"] | None,
        places: Places | None = None,
    ) -> tuple[Float[Tensor, "B Q M"], Attended]:
        """Looks from `inputs` at `seen`; gives the output and everything the formula computed."""
        queries = self.rotation(self.similarity.prepare(self._split(self.query(inputs))), places)
        attended = attention(queries, seen.keys, seen.values, mask, self.similarity.scale, self.drop)
        joined = self._join(attended.context)
        output: Tensor = self.output(joined)
        report(
            self,
            query=queries,
            key=seen.keys,
            value=seen.values,
            **attended._asdict(),
            joined=joined,
            output=output,
        )
        return output, attended

    def forward(
        self,
        inputs: Float[Tensor, "B Q M"],
        memory: Float[Tensor, "B K M"],
        mask: Bool[Tensor, "#B #H #Q K"] | Blocks | None,
        places: Places | None = None,
    ) -> Float[Tensor, "B Q M"]:
        """Looks from `inputs` at `memory` (the same tensor for self-attention)."""
        if isinstance(mask, Blocks):
            if kernels.wanted(inputs):
                return self._fused(inputs, memory, mask, places)
            mask = mask.mask(inputs.shape[1], memory.shape[1])
        return self.attend(inputs, self.keys_values(memory, places), mask, places)[0]

    def _fused(
        self, inputs: Float[Tensor, "1 Q M"], memory: Float[Tensor, "1 K M"], blocks: Blocks, places: Places | None
    ) -> Float[Tensor, "1 Q M"]:
        from dragoman.kernels.heads import Attention, attend

        scale, seen = self.similarity.scale, None
        if isinstance(scale, Tensor) or not isinstance(self.rotation, NoRotation):
            query, seen = self._prepared(inputs, memory, places)
            scale = 1.0
        elif memory is inputs:
            query = _side_by_side(inputs, self.query, self.key, self.value)
        else:
            query, seen = self.query(inputs), _side_by_side(memory, self.key, self.value)
        about = Attention(blocks.queries, blocks.keys, blocks.causal, self.heads, scale, self.drop.dropped)
        output: Tensor = self.output(attend(query[0], None if seen is None else seen[0], about)[None])
        return output

    def _prepared(
        self, inputs: Float[Tensor, "1 Q M"], memory: Float[Tensor, "1 K M"], places: Places | None
    ) -> tuple[Float[Tensor, "1 Q M"], Float[Tensor, "1 K _"]]:
        """Queries, already scaled, and keys beside values, where similarity or rotation change them first."""
        seen = self.keys_values(memory, places)
        queries = (
            self.rotation(self.similarity.prepare(self._split(self.query(inputs))), places) * self.similarity.scale
        )
        pair = torch.cat([self._join(seen.keys).to(seen.values.dtype), self._join(seen.values)], dim=-1)
        return self._join(queries).to(pair.dtype), pair

    def _split(self, vectors: Float[Tensor, "B P M"]) -> Float[Tensor, "B H P D"]:
        split: Tensor = vectors.unflatten(-1, (self.heads, -1))
        return split.transpose(1, 2)

    def _join(self, heads: Float[Tensor, "B H P D"]) -> Float[Tensor, "B P M"]:
        return heads.transpose(1, 2).flatten(-2)


def _side_by_side(inputs: Float[Tensor, "B P M"], *maps: nn.Linear) -> Float[Tensor, "B P _"]:
    """Several linear maps of the same input as one matrix product."""
    weight, bias = torch.cat([one.weight for one in maps]), torch.cat([one.bias for one in maps])
    return nn.functional.linear(inputs, weight, bias)
