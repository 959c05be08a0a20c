"""The record of one sentence pair's way through a model: plain arrays and tokens, no model needed to read it.

Shapes: H heads, Q queries, K keys, D width of a head, M d_model, P positions, T target positions, V vocabulary.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from dragoman.errors import DragomanError
from dragoman.tracing.files import read, write

Array = NDArray[np.float32]


@dataclass(frozen=True)
class AttentionTrace:
    """One attention of one layer: the formula's every step, head by head."""

    query: Float[np.ndarray, "H Q D"]
    """As they enter the product: with cosine brought to length one, with rotary turned."""
    key: Float[np.ndarray, "H K D"]
    value: Float[np.ndarray, "H K D"]
    scores: Float[np.ndarray, "H Q K"]
    """query . key"""
    scaled: Float[np.ndarray, "H Q K"]
    """scores times the scale, before the mask"""
    weights: Float[np.ndarray, "H Q K"]
    """after mask and softmax; each query's weights sum to one"""
    context: Float[np.ndarray, "H Q D"]
    """the sum of the weighted values"""
    joined: Float[np.ndarray, "Q M"]
    """the heads' contexts side by side"""
    output: Float[np.ndarray, "Q M"]
    """the output projection of `joined`"""

    def weighted_values(self, query: int) -> Float[np.ndarray, "H K D"]:
        """Each value times its weight, for one query; their sum over the keys is its context."""
        product: Array = self.weights[:, query, :, None] * self.value
        return product


class Candidate(NamedTuple):
    """A token that might be written at a position, and how probable the model finds it (0-1)."""

    token: str
    probability: float


@dataclass(frozen=True)
class Trace:
    """One sentence pair's way through the model."""

    source_tokens: list[str]
    """What the encoder reads; the last is the end mark."""
    target_tokens: list[str]
    """What the decoder writes, or was made to; the last is the end mark."""
    read_tokens: list[str]
    """What the decoder reads at each position: the begin mark, then what it wrote before."""
    attentions: dict[str, AttentionTrace]
    """By name: encoder.LAYER.self, decoder.LAYER.self, decoder.LAYER.cross; layers from 0. None in some models."""
    embeddings: dict[str, Float[np.ndarray, "P M"]]
    """`source` and `target`: the tokens' vectors times sqrt(M)."""
    positions: dict[str, Float[np.ndarray, "P M"]]
    """`source` and `target`: what is added to them for their place."""
    inputs: dict[str, Float[np.ndarray, "P M"]]
    """`source` and `target`: the sums, which enter the first layer."""
    parts: dict[str, dict[str, Float[np.ndarray, "P _"]]] = field(repr=False)
    """By name, such as encoder.0.self.residual, encoder.0.feed_forward, encoder.0.feed_forward.residual,
    encoder.norm: what each part took and gave; encoder.0.forward, encoder.0.backward, decoder.0: a cell's gates."""
    logits: Float[np.ndarray, "T V"] = field(repr=False)
    candidates: list[list[Candidate]] = field(repr=False)
    """The most probable tokens at each target position, best first."""

    @property
    def probabilities(self) -> Float[np.ndarray, "T V"]:
        """The softmax of the logits."""
        shifted = np.exp(self.logits - self.logits.max(-1, keepdims=True))
        softmax: Array = shifted / shifted.sum(-1, keepdims=True)
        return softmax

    def crossings(self) -> list[str]:
        """The names of the attentions over the source, layer by layer.

        Raises:
            DragomanError: there is none.
        """
        found = [name for name in self.attentions if name.endswith(".cross")]
        if not found:
            raise DragomanError("this run's model has no attention to look at; give a run of a model that has")
        return found

    def tokens(self, attention: str) -> tuple[list[str], list[str]]:
        """The tokens of an attention's queries and of its keys."""
        side, _, kind = attention.split(".")
        if kind == "cross":
            return self.read_tokens, self.source_tokens
        here = self.source_tokens if side == "encoder" else self.read_tokens
        return here, here

    def save(self, path: str | Path) -> None:
        """Writes the whole record, as .npz or .json by the path's ending.

        Raises:
            UsageError: another ending.
            DragomanError: the file cannot be written.
        """
        write({**asdict(self), "candidates": [[list(pair) for pair in row] for row in self.candidates]}, Path(path))

    @staticmethod
    def load(path: str | Path) -> "Trace":
        """Reads what `save` wrote.

        Raises:
            UsageError: another ending than .npz and .json.
            DragomanError: no such file, or not a trace.
        """
        return read(Path(path), _built)


def _built(tree: dict[str, Any]) -> Trace:
    return Trace(
        source_tokens=tree["source_tokens"],
        target_tokens=tree["target_tokens"],
        read_tokens=tree["read_tokens"],
        attentions={name: AttentionTrace(**_arrays(values)) for name, values in tree["attentions"].items()},
        embeddings=_arrays(tree["embeddings"]),
        positions=_arrays(tree["positions"]),
        inputs=_arrays(tree["inputs"]),
        parts={name: _arrays(values) for name, values in tree["parts"].items()},
        logits=np.asarray(tree["logits"], dtype=np.float32),
        candidates=[[Candidate(str(token), float(p)) for token, p in row] for row in tree["candidates"]],
    )


def _arrays(values: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}
