"""Ids become vectors."""

from math import sqrt

from jaxtyping import Float, Int
from torch import Tensor, nn

from dragoman.layers.dropout import Dropout
from dragoman.layers.positions import LearnedPositions, NoPositions, SinusoidalPositions
from dragoman.tracing import report


class Embedding(nn.Module):
    """A trained vector a token, times sqrt(d_model), plus its position (Vaswani et al. 2017, sections 3.4 and 3.5)."""

    def __init__(
        self, table: nn.Embedding, positions: SinusoidalPositions | LearnedPositions | NoPositions, drop: float
    ):
        super().__init__()
        self.table = table
        self.positions = positions
        self.drop = Dropout(drop)

    def forward(self, ids: Int[Tensor, "B P"], places: Int[Tensor, "#B P"]) -> Float[Tensor, "B P M"]:
        """The input of the first layer; `places` are the tokens' positions, from 0."""
        scaled = self.table(ids) * sqrt(self.table.embedding_dim)
        positions = self.positions(places).to(scaled.dtype)
        placed = scaled + positions
        report(self, embeddings=scaled, positions=positions.expand_as(scaled), inputs=placed)
        dropped: Tensor = self.drop(placed)
        return dropped
