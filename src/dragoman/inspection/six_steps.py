"""The six steps of attention for one query, as plain numbers: from its query vector to the sum of weighted values.

1 query, key, value; 2 score; 3 scaled; 4 softmax; 5 value times weight; 6 sum (Vaswani et al. 2017, section 3.2.1);
then the heads side by side and the output projection. Every number is the trace's own.

Letters for axes: H heads, K keys, D width of a head, M d_model, Q queries, W query words, U key words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from dragoman.errors import UsageError, nearest
from dragoman.inspection.words import Place, between_words, find, spelt, words_of
from dragoman.tracing import Trace


@dataclass(frozen=True)
class HeadSteps:
    """One head's six steps."""

    head: int
    query: Float[np.ndarray, "D"]
    key: Float[np.ndarray, "K D"]
    value: Float[np.ndarray, "K D"]
    scores: Float[np.ndarray, "K"]
    scaled: Float[np.ndarray, "K"]
    weights: Float[np.ndarray, "K"]
    weighted_values: Float[np.ndarray, "K D"]
    sum: Float[np.ndarray, "D"]

    @property
    def scale(self) -> float:
        """What the scores were multiplied by, found from the two (least squares)."""
        scores, scaled = self.scores.astype(np.float64), self.scaled.astype(np.float64)
        square = float(scores @ scores)
        return float(scores @ scaled) / square if square else 1.0


@dataclass(frozen=True)
class SixSteps:
    """The six steps of one query in one attention, for the chosen heads."""

    attention: str
    token: str
    """The query's piece."""
    place: Place
    position: int
    keys: list[str]
    """The keys' pieces."""
    hidden: Bool[np.ndarray, "K"]
    """True where the mask hides a key: its weight is 0 whatever its score."""
    heads: list[HeadSteps]
    all_heads: int
    """How many heads the attention has."""
    joined: Float[np.ndarray, "M"]
    output: Float[np.ndarray, "M"]

    @property
    def looked_at(self) -> str:
        """What keys and values are made of: x, where the queries come from too, or m, the encoder's output."""
        return "m" if self.attention.endswith(".cross") else "x"

    @property
    def sharpest(self) -> HeadSteps:
        """The head with the largest weight on one key."""
        return max(self.heads, key=lambda steps: float(steps.weights.max()))

    def to_json(self) -> dict[str, Any]:
        """Every number, for a program."""
        heads = [
            {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(head).items()}
            | {"scale": head.scale}
            for head in self.heads
        ]
        return {
            "attention": self.attention,
            **vars(self.place),
            "position": self.position,
            "token": self.token,
            "keys": self.keys,
            "hidden": self.hidden.tolist(),
            "heads": heads,
            "joined": self.joined.tolist(),
            "output": self.output.tolist(),
        }


@dataclass(frozen=True)
class WordMap:
    """Attention between words."""

    attention: str
    head: int | None
    """None: the heads' mean."""
    queries: list[str]
    keys: list[str]
    weights: Float[np.ndarray, "W U"]


def attention_names(trace: Trace) -> list[str]:
    """Those of the trace, encoder first."""
    return list(trace.attentions)


def last_cross(trace: Trace) -> str:
    """The last decoder layer's attention over the source.

    Raises:
        DragomanError: there is none.
    """
    return trace.crossings()[-1]


def default_attention(trace: Trace, word: str | None) -> str:
    """The last cross-attention; with a word of the source the first self-attention of the encoder.

    Raises:
        UsageError: a word of the source, and no attention whose queries are such words.
        DragomanError: there is no attention.
    """
    last = last_cross(trace)
    if word is None:
        return last
    reading = [name for name in attention_names(trace) if side_of(name) == "source"]
    is_written = isinstance(find(word, "written", trace.target_tokens), Place)
    is_read = isinstance(find(word, "source", trace.source_tokens), Place)
    if reading and (is_read or not is_written):
        return reading[0]
    if is_read and not is_written:
        raise UsageError(
            f"'{word}' is a word of the source, and this run's encoder has no attention to follow it through: "
            f"give a word that the decoder writes"
        )
    return last


def side_of(attention: str) -> str:
    """Which tokens are an attention's queries: those that a person would look for a word in.

    In cross-attention a query is the step that writes a word, though it stands where the word before is read.
    """
    if attention.endswith(".cross"):
        return "written"
    return "source" if attention.startswith("encoder") else "read"


def tokens_of(trace: Trace, attention: str) -> tuple[list[str], list[str]]:
    """The pieces of an attention's queries and of its keys."""
    rows = {"source": trace.source_tokens, "read": trace.read_tokens, "written": trace.target_tokens}
    return rows[side_of(attention)], trace.tokens(attention)[1]


def check_attention(trace: Trace, attention: str, head: int | None) -> None:
    """Refuses what the trace has not.

    Raises:
        UsageError: an unknown attention or head; the message says what exists.
    """
    if attention not in trace.attentions:
        known = ", ".join(trace.attentions)
        near = nearest(attention, trace.attentions)
        mend = near if "did you mean" in near else ""
        raise UsageError(f"no attention '{attention}' in this run{mend} (there are {known})")
    count = len(trace.attentions[attention].weights)
    if head is not None and not 0 <= head < count:
        raise UsageError(f"no head {head} in {attention}: choose 0 to {count - 1}")


def find_word(trace: Trace, attention: str, word: str) -> Place:
    """Finds where a word stands among an attention's queries.

    Raises:
        UsageError: it stands there not at all, or not so often; the message names the nearest that does.
    """
    side = side_of(attention)
    found = find(word, side, tokens_of(trace, attention)[0])
    if isinstance(found, str):
        raise UsageError(found)
    return found


def six_steps(trace: Trace, attention: str, place: Place, position: int, head: int | None = None) -> SixSteps:
    """Cuts the six steps of the query at `position` out of a trace, for one head or all."""
    found = trace.attentions[attention]
    queries, keys = tokens_of(trace, attention)
    weighted = found.weighted_values(position)
    later = np.arange(len(keys)) > position
    masked = attention.startswith("decoder") and attention.endswith(".self")
    return SixSteps(
        attention=attention,
        token=queries[position],
        place=place,
        position=position,
        keys=keys,
        hidden=later & masked,
        heads=[
            HeadSteps(
                head=one,
                query=found.query[one, position],
                key=found.key[one],
                value=found.value[one],
                scores=found.scores[one, position],
                scaled=found.scaled[one, position],
                weights=found.weights[one, position],
                weighted_values=weighted[one],
                sum=found.context[one, position],
            )
            for one in (range(len(found.weights)) if head is None else [head])
        ],
        all_heads=len(found.weights),
        joined=found.joined[position],
        output=found.output[position],
    )


def kept_keys(weights: Float[np.ndarray, "K"], most: int) -> list[int]:
    """The keys to be shown, in order: all, or the `most` with the largest weights."""
    return sorted(np.argsort(-weights, kind="stable")[:most].tolist())


def scale_told(head: HeadSteps) -> str:
    """What a score is multiplied or divided by, as people write it."""
    width, scale = len(head.query), head.scale
    if np.isclose(scale, width**-0.5, rtol=1e-3):
        return f"÷ √{width}"
    return "× 1" if np.isclose(scale, 1, rtol=1e-3) else f"× {scale:.2f}"


def word_map(trace: Trace, attention: str, head: int | None = None) -> WordMap:
    """Gives the attention between words, of one head or the heads' mean."""
    queries, keys = tokens_of(trace, attention)
    rows, columns = words_of(queries), words_of(keys)
    found = trace.attentions[attention].weights
    chosen = found.mean(0) if head is None else found[head]
    weights = between_words(chosen, rows, columns)
    return WordMap(attention, head, spelt(queries, rows), spelt(keys, columns), weights)


def written_probabilities(trace: Trace, vocabulary: Sequence[str]) -> list[float]:
    """How probable the model found each token that it wrote, or was made to write; `vocabulary` is by id."""
    ids = {piece: id for id, piece in reversed(list(enumerate(vocabulary)))}
    rows = trace.probabilities
    return [float(rows[place, ids[piece]]) for place, piece in enumerate(trace.target_tokens)]
