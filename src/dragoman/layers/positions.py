"""Where a token stands: sines and cosines, learned vectors, rotation, or nothing.

Letters for axes: see `dragoman.layers`. Places are position numbers from 0.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from dragoman.errors import DragomanError


def sinusoids(positions: int, width: int) -> Float[Tensor, "positions width"]:
    """PE(p, 2i) = sin(p / 10000^(2i / width)), PE(p, 2i + 1) = cos of the same (Vaswani et al. 2017, section 3.5)."""
    place = torch.arange(positions, dtype=torch.float64)[:, None]
    angle = place / 10000 ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


class SinusoidalPositions(nn.Module):
    """Sines and cosines: no parameter, nothing in the checkpoint, any length."""

    table: Tensor

    def __init__(self, d_model: int):
        super().__init__()
        self.register_buffer("table", sinusoids(512, d_model), persistent=False)

    def forward(self, places: Int[Tensor, "#B P"]) -> Float[Tensor, "#B P M"]:
        """The vectors at `places`; the table grows when a longer sentence comes."""
        needed = int(places.max()) + 1
        if needed > len(self.table):
            self.table = sinusoids(2 * needed, self.table.shape[1]).to(self.table)
        return self.table[places]


class LearnedPositions(nn.Module):
    """A trained vector a position (Gehring et al. 2017)."""

    def __init__(self, d_model: int, longest: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(longest, d_model) * d_model**-0.5)

    def forward(self, places: Int[Tensor, "#B P"]) -> Float[Tensor, "#B P M"]:
        """The vectors at `places`.

        Raises:
            DragomanError: a place beyond the last trained one.
        """
        if int(places.max()) >= len(self.weight):
            raise DragomanError(
                f"position {int(places.max()) + 1} is beyond the {len(self.weight)} that model.positions=learned "
                "was trained with; shorten the line, or train with sinusoidal, which has no limit"
            )
        return self.weight[places]


class NoPositions(nn.Module):
    """Zeros: a sentence is a bag of words, but for what masks and rotation tell."""

    def __init__(self, d_model: int):
        super().__init__()
        self.d_model = d_model

    def forward(self, places: Int[Tensor, "#B P"]) -> Float[Tensor, "#B P M"]:
        """Nothing to add."""
        return torch.zeros(*places.shape, self.d_model, device=places.device)


class RotaryPositions(nn.Module):
    """Turns each pair of a query's or key's coordinates by an angle that grows with its place (Su et al. 2021).

    A query and a key turned so have a product that depends on the distance between their places only.
    """

    def __init__(self, width: int):
        super().__init__()
        self.width = width

    def forward(self, vectors: Float[Tensor, "B H P D"], places: Int[Tensor, "#B P"]) -> Float[Tensor, "B H P D"]:
        """The turned vectors; pairs are neighbouring coordinates."""
        frequency = 10000.0 ** -(
            torch.arange(0, self.width, 2, dtype=torch.float64, device=vectors.device) / self.width
        )
        angle = places[:, None, :, None] * frequency
        sine, cosine = angle.sin().to(vectors.dtype), angle.cos().to(vectors.dtype)
        even, odd = vectors[..., 0::2], vectors[..., 1::2]
        return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1).flatten(-2)


class NoRotation(nn.Module):
    """Leaves queries and keys as they are."""

    def forward(
        self, vectors: Float[Tensor, "B H P D"], places: Int[Tensor, "#B P"] | None
    ) -> Float[Tensor, "B H P D"]:
        """The vectors themselves."""
        return vectors
