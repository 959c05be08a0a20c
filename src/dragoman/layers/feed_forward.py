"""The same small network at every position (Vaswani et al. 2017, section 3.3)."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from dragoman import kernels
from dragoman.layers.dropout import Dropout
from dragoman.tracing import report

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": functional.relu, "gelu": functional.gelu}


class FeedForward(nn.Module):
    """FFN(x) = act(x W1 + b1) W2 + b2, with ReLU (equation 2) or GELU (Hendrycks and Gimpel 2016)."""

    def __init__(self, d_model: int, d_ff: int, activation: str, drop: float):
        super().__init__()
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)
        self.activation = ACTIVATIONS[activation]
        self.drop = Dropout(drop)

    def forward(self, inputs: Float[Tensor, "B P M"]) -> Float[Tensor, "B P M"]:
        """The output, position by position."""
        if self.activation is functional.relu and kernels.wanted(inputs):
            return self._fused(inputs)
        inner = self.activation(self.inner(inputs))
        output: Tensor = self.outer(self.drop(inner))
        report(self, inputs=inputs, inner=inner, output=output)
        return output

    def _fused(self, inputs: Tensor) -> Tensor:
        from dragoman.kernels.dropout import relu_dropped

        output: Tensor = self.outer(relu_dropped(self.inner(inputs), self.drop.dropped))
        return output


class GatedFeedForward(nn.Module):
    """SwiGLU(x) = (swish(x W) * x V) W2 (Shazeer 2020): a third matrix, so half as many parameters again."""

    def __init__(self, d_model: int, d_ff: int, drop: float):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff)
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)
        self.drop = Dropout(drop)

    def forward(self, inputs: Float[Tensor, "B P M"]) -> Float[Tensor, "B P M"]:
        """The output, position by position."""
        inner = functional.silu(self.gate(inputs)) * self.inner(inputs)
        output: Tensor = self.outer(self.drop(inner))
        report(self, inputs=inputs, inner=inner, output=output)
        return output


def feed_forward(d_model: int, d_ff: int, activation: str, drop: float) -> FeedForward | GatedFeedForward:
    """Builds the kind that `activation` names."""
    if activation == "swiglu":
        return GatedFeedForward(d_model, d_ff, drop)
    return FeedForward(d_model, d_ff, activation, drop)
