"""Label-smoothed cross-entropy, together with the projection before it, in chunks of rows.

Logits for a whole batch are its largest tensor by far. Here a chunk's logits are made, turned into their own
gradient and folded into the sums, so that they stay in the processor's cache and are never held all at once.

Letters for axes: N target tokens, M d_model, V vocabulary.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROWS = 256
"""Rows of logits made at a time."""


def projected_loss(
    hidden: Float[Tensor, "N M"],
    weight: Float[Tensor, "V M"],
    targets: Int[Tensor, "N"],
    smoothing: float,
    dtype: torch.dtype = torch.float32,
) -> tuple[Float[Tensor, ""], float]:
    """The summed loss of predicting `targets` by softmax(hidden weight^T) (Szegedy et al. 2016, section 7).

    The target distribution is 1 - smoothing on the right token plus smoothing / V on every token.

    Args:
        dtype: of the matrix products; sums and the softmax are float32 at least.

    Returns:
        The loss in nats, which gradients flow from; the same without smoothing, a plain number.
    """
    loss, plain = _ProjectedLoss.apply(hidden, weight, targets, smoothing, dtype)
    return loss, float(plain)


class _ProjectedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        product = wide if dtype == torch.float32 else dtype
        rows, matrix = hidden.detach().to(product), weight.detach().to(product)
        needs_gradient = any(context.needs_input_grad)
        hidden_gradient = torch.empty_like(rows) if needs_gradient else None
        weight_gradient = torch.zeros_like(weight, dtype=wide) if needs_gradient else None
        sums = torch.zeros(2, dtype=torch.float64)
        for begin in range(0, len(rows), ROWS):
            part = slice(begin, begin + ROWS)
            logits = (rows[part] @ matrix.T).to(wide)
            right = targets[part, None]
            total = logits.logsumexp(-1, keepdim=True)
            plain = (total - logits.gather(-1, right)).sum()
            spread = (total[:, 0] - logits.mean(-1)).sum()
            sums += torch.stack([(1 - smoothing) * plain + smoothing * spread, plain]).double().cpu()
            if hidden_gradient is None or weight_gradient is None:
                continue
            gradient = (logits - total).exp_().sub_(smoothing / logits.shape[-1])
            gradient.scatter_add_(-1, right, torch.full_like(total, smoothing - 1))
            gradient = gradient.to(product)
            torch.mm(gradient, matrix, out=hidden_gradient[part])
            weight_gradient += gradient.T @ rows[part]
        if hidden_gradient is not None and weight_gradient is not None:
            context.save_for_backward(hidden_gradient.to(hidden.dtype), weight_gradient.to(weight.dtype))
        loss, plain_loss = sums.to(hidden.device, wide)
        context.mark_non_differentiable(plain_loss)
        return loss, plain_loss

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        hidden_gradient, weight_gradient = context.saved_tensors
        return hidden_gradient * gradients[0], weight_gradient * gradients[0], None, None, None
