"""Attention of a recurrent decoder over the encoder's output, and the attentional vector that it ends in.

The decoder's top state asks at each position; the scores' softmax weighs the encoder's output. Queries, keys and
values have an axis of one head, so that everything that reads attention reads this one too.

Letters for axes: see `dragoman.layers`; A width of a query and a key, R rows.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from dragoman.layers.attention import Attended, weigh
from dragoman.tracing import report


def additive_scores(
    query: Float[Tensor, "B 1 Q A"], key: Float[Tensor, "B 1 K A"], vector: Float[Tensor, "A"]
) -> Float[Tensor, "B 1 Q K"]:
    """v . tanh(q + k) of every query and key (Bahdanau et al. 2015, appendix A.1.2)."""
    return (query[:, :, :, None] + key[:, :, None]).tanh() @ vector


class AdditiveScore(nn.Module):
    """v . tanh(W s + U h): a small network looks at the decoder's state s and the encoder's output h."""

    def __init__(self, d_model: int):
        super().__init__()
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.vector = nn.Parameter(torch.empty(d_model).uniform_(-(d_model**-0.5), d_model**-0.5))

    def forward(self, query: Float[Tensor, "B 1 Q A"], key: Float[Tensor, "B 1 K A"]) -> Float[Tensor, "B 1 Q K"]:
        """The scores of queries W s + b and keys U h."""
        return additive_scores(query, key, self.vector)


class DotScore(nn.Module):
    """s . h (Luong et al. 2015, equation 8): nothing is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Identity(), nn.Identity()

    def forward(self, query: Float[Tensor, "B 1 Q A"], key: Float[Tensor, "B 1 K A"]) -> Float[Tensor, "B 1 Q K"]:
        """The scores."""
        return query @ key.transpose(-2, -1)


@dataclass(frozen=True)
class Seen:
    """The encoder's output as the decoder looks at it."""

    keys: Float[Tensor, "R 1 K A"]
    values: Float[Tensor, "R 1 K M"]
    mask: Bool[Tensor, "R K"]
    """True where a real token stands."""

    def select(self, rows: Int[Tensor, "N"]) -> "Seen":
        """Row n is the old row `rows[n]`."""
        return Seen(self.keys[rows], self.values[rows], self.mask[rows])

    def join(self, other: "Seen") -> "Seen":
        """Rows of both; the shorter sources are padded at their end."""
        longest = max(self.mask.shape[1], other.mask.shape[1])
        one, two = self._widened(longest), other._widened(longest)
        keys, values = torch.cat([one.keys, two.keys]), torch.cat([one.values, two.values])
        return Seen(keys, values, torch.cat([one.mask, two.mask]))

    def _widened(self, longest: int) -> "Seen":
        more = longest - self.mask.shape[1]
        return Seen(pad(self.keys, (0, 0, 0, more)), pad(self.values, (0, 0, 0, more)), pad(self.mask, (0, more)))


class Alignment(nn.Module):
    """The decoder's attention over the source: score, softmax, the encoder's output averaged, projected."""

    def __init__(self, score: AdditiveScore | DotScore, d_model: int):
        super().__init__()
        self.score = score
        self.output = nn.Linear(d_model, d_model)

    def look_at(self, memory: Float[Tensor, "B K M"], mask: Bool[Tensor, "B K"]) -> Seen:
        """Makes the encoder's output ready to be looked at, once for all positions."""
        return Seen(self.score.key(memory)[:, None], memory[:, None], mask)

    def forward(self, states: Float[Tensor, "B Q M"], seen: Seen) -> tuple[Float[Tensor, "B Q M"], Attended]:
        """Looks from each state at the source; gives the projected context and everything the formula computed."""
        query = self.score.query(states)[:, None]
        attended = weigh(self.score(query, seen.keys), seen.values, seen.mask[:, None, None])
        joined = attended.context[:, 0]
        output: Tensor = self.output(joined)
        report(
            self,
            query=query,
            key=seen.keys,
            value=seen.values,
            **attended._asdict(),
            joined=joined,
            output=output,
        )
        return output, attended


class AttentionalVector(nn.Module):
    """tanh(W_c [context; state]) (Luong et al. 2015, equation 5); the context's half of W_c is `Alignment.output`."""

    def __init__(self, d_model: int):
        super().__init__()
        self.state = nn.Linear(d_model, d_model, bias=False)

    def forward(self, states: Float[Tensor, "B Q M"], looked: Float[Tensor, "B Q M"]) -> Float[Tensor, "B Q M"]:
        """The vector that the output is predicted from; `looked` is what `Alignment` gave."""
        vector: Tensor = (looked + self.state(states)).tanh()
        report(self, state=states, looked=looked, output=vector)
        return vector
