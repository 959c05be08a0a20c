"""The way around each part: the only place that decides where the normalisation stands."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dragoman import kernels
from dragoman.layers.dropout import Dropout
from dragoman.tracing import report


def norm_layer(kind: str, d_model: int) -> nn.LayerNorm | nn.RMSNorm:
    """LayerNorm (Ba et al. 2016) or RMSNorm (Zhang and Sennrich 2019)."""
    return nn.LayerNorm(d_model) if kind == "layer" else nn.RMSNorm(d_model, eps=1e-6)


class Residual(nn.Module):
    """x + part(norm(x)) for pre-norm (Xiong et al. 2020), norm(x + part(x)) for post-norm (Vaswani et al. 2017)."""

    def __init__(self, norm: nn.Module, drop: float, order: str):
        super().__init__()
        self.norm = norm
        self.drop = Dropout(drop)
        self.pre = order == "pre"

    def forward(self, inputs: Float[Tensor, "B P M"], part: Callable[[Tensor], Tensor]) -> Float[Tensor, "B P M"]:
        """Runs `part` beside the way around it."""
        output: Tensor
        if kernels.wanted(inputs) and inputs.dtype == torch.float32:
            return self._fused(inputs, part)
        if self.pre:
            normed = self.norm(inputs)
            found = part(normed)
            output = summed = inputs + self.drop(found)
        else:
            found = part(inputs)
            summed = inputs + self.drop(found)
            output = normed = self.norm(summed)
        report(self, inputs=inputs, normed=normed, found=found, sum=summed, output=output)
        return output

    def _fused(self, inputs: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
        from dragoman.kernels.dropout import add_dropped
        from dragoman.kernels.norm import branch_norm

        norm, onward, normed = self.norm, inputs, inputs
        if self.pre and isinstance(norm, nn.LayerNorm):
            onward, normed = branch_norm(inputs, norm.weight, norm.bias, norm.eps)
        elif self.pre:
            normed = norm(inputs)
        summed = add_dropped(onward, part(normed), self.drop.dropped)
        output: Tensor = summed if self.pre else norm(summed)
        return output


def final_norm(order: str, kind: str, d_model: int) -> nn.Module:
    """What ends a stack of layers: a norm where the layers begin with theirs, nothing where they end with it."""
    return norm_layer(kind, d_model) if order == "pre" else nn.Identity()


def end_stack(norm: nn.Module, stream: Float[Tensor, "B P M"]) -> Float[Tensor, "B P M"]:
    """The stack's last norm (`final_norm`); fused, where kernels serve, with the cast to the products' dtype."""
    if isinstance(norm, nn.LayerNorm) and kernels.wanted(stream) and stream.dtype == torch.float32:
        from dragoman.kernels.norm import branch_norm

        return branch_norm(stream, norm.weight, norm.bias, norm.eps)[1]
    output: Tensor = norm(stream)
    return output
