"""How much of a loss' gradient arrives at each input: the bare formulas.

Letters for axes: B sentences, T positions of what is differentiated, P places among them, S positions of the inputs
that it is differentiated by, M d_model.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

LOWEST = -150.0
"""The least log10 of a norm; the squares of smaller numbers leave float64."""


@contextmanager
def inputs_of(embedding: nn.Module) -> Iterator[list[Tensor]]:
    """Inside the block, what the embedding gives is put into the list, and gradients end there."""
    found: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        found.append(output.detach().requires_grad_())
        return found[-1]

    hook = embedding.register_forward_hook(keep)
    try:
        yield found
    finally:
        hook.remove()


def gradient_norms(
    values: Float[Tensor, "B T"], inputs: Float[Tensor, "B S M"], places: Sequence[int]
) -> Float[Tensor, "B P S"]:
    """The length of d(value at each of `places`) / d(input at each position), one backward pass a place.

    A sentence's values must not depend on the inputs of another one.
    """
    norms = []
    for place in places:
        (gradient,) = torch.autograd.grad(values[:, place].sum(), inputs, retain_graph=True, materialize_grads=True)
        norms.append(gradient.norm(dim=-1))
    return torch.stack(norms, dim=1)


def is_causal(norms: Float[Tensor, "B P S"], places: Sequence[int]) -> bool:
    """Whether no value depends on a later input: their gradients are exactly zero."""
    return not any(bool(norms[:, number, place + 1 :].any()) for number, place in enumerate(places))


def by_distance(norms: Float[Tensor, "B P S"], places: Sequence[int]) -> dict[int, Float[Tensor, "_"]]:
    """The norms of all values and earlier inputs that are equally far apart, by their distance t - s."""
    return {
        distance: torch.cat(
            [norms[:, number, place - distance] for number, place in enumerate(places) if place >= distance]
        )
        for distance in range(1, max(places) + 1)
    }


def curve(norms: dict[int, Float[Tensor, "_"]]) -> dict[str, list[float]]:
    """Of each distance's norms the mean of log10, and the quartiles around it.

    Returns:
        `distances`, `log10_norm`, `low` and `high`, as many numbers in each.
    """
    found: dict[str, list[float]] = {"distances": [], "log10_norm": [], "low": [], "high": []}
    for distance, some in sorted(norms.items()):
        logs = some.double().log10().clamp(min=LOWEST)
        low, high = logs.quantile(torch.tensor([0.25, 0.75], dtype=torch.float64)).tolist()
        found["distances"].append(distance)
        found["log10_norm"].append(float(logs.mean()))
        found["low"].append(low)
        found["high"].append(high)
    return found


def recurrent_matrices(model: nn.Module) -> list[Float[Tensor, "W W"]]:
    """The matrices that lead from a plain recurrence's state to its next one.

    Gated recurrences have several for each step, none of which alone says what becomes of a gradient.
    """
    return [
        weight.detach().double()
        for module in model.modules()
        if isinstance(module, nn.RNN)
        for name, weight in module.named_parameters()
        if name.startswith("weight_hh")
    ]


@dataclass(frozen=True)
class Stretch:
    """What plain recurrences' matrices do to a gradient on its way back; the largest of several matrices' values."""

    largest: float
    """Largest singular value: one step makes a gradient at most so many times as long."""
    radius: float
    """Largest absolute eigenvalue: in the long run each step makes it about so many times as long."""
    matrices: int = 1
    """How many there are: one a layer."""

    @staticmethod
    def of(matrices: Sequence[Float[Tensor, "W W"]]) -> "Stretch":
        """Looks at the matrices, of which there must be one at least."""
        return Stretch(
            max(float(torch.linalg.matrix_norm(matrix, 2)) for matrix in matrices),
            max(float(torch.linalg.eigvals(matrix).abs().max()) for matrix in matrices),
            len(matrices),
        )

    def told(self, side: str, per_step: float) -> str:
        """The same in a sentence, with what was measured; the tanh's slope is at most one (Pascanu et al. 2013).

        Args:
            side: whose matrices they are, the encoder's or the decoder's.
            per_step: how many times as long each step back makes a gradient, as that side's curve shows it.
        """
        who = f"each of the {side}'s {self.matrices} matrices" if self.matrices > 1 else f"the {side}'s matrix"
        return (
            f"{who} alone makes a gradient at most {self.largest:.2f} times as long in one step back and about "
            f"{self.radius:.2f} times in each of many; with the tanh's slope, which only takes off, it is "
            f"{per_step:.2f} times: {outcome(per_step)}"
        )


def per_step(curve: Mapping[str, Sequence[float]]) -> float:
    """How many times as long each step between the shortest and the longest distance makes a gradient; the mean."""
    values, distances = curve["log10_norm"], curve["distances"]
    return float(10 ** ((values[-1] - values[0]) / max(1, distances[-1] - distances[0])))


def outcome(per_step: float) -> str:
    """What becomes of a gradient over many such steps; after 50 of them at least a hundredfold change."""
    if per_step < 10 ** (-2 / 50):
        return "it vanishes"
    return "it explodes" if per_step > 10 ** (2 / 50) else "it neither vanishes nor explodes"
