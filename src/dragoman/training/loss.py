"""Label-smoothed cross-entropy, together with the projection before it, in chunks of rows.

Logits for a whole batch are its largest tensor by far. Here a chunk's logits are made, turned into their own
gradient and folded into the sums, and are never held all at once. What smoothing takes off every logit alike is
reckoned once for the whole batch: the mean logit of a row is the row times the weight's mean row.

Letters for axes: N target tokens, M d_model, V vocabulary.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dragoman import kernels

ROWS = 1024
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
        targets: where negative, nothing is to be predicted, and the row counts for nothing.
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
        totals, rights = rows.new_empty(len(rows), dtype=wide), rows.new_empty(len(rows), dtype=wide)
        turn = _fused_gradient if kernels.wanted(rows) else _gradient
        for begin in range(0, len(rows), ROWS):
            part = slice(begin, begin + ROWS)
            logits = rows[part] @ matrix.T
            gradient = turn(logits, targets[part], smoothing, totals[part], rights[part])
            if hidden_gradient is None or weight_gradient is None:
                continue
            torch.mm(gradient, matrix, out=hidden_gradient[part])
            weight_gradient += gradient.T @ rows[part]
        # Smoothing's even share is the same for every row and every token, so it is taken off once, at the end.
        real = (targets >= 0).to(wide)
        centre, sum_of_rows = matrix.to(wide).mean(0), real @ rows.to(wide)
        if hidden_gradient is not None and weight_gradient is not None:
            found = torch.addr(hidden_gradient.to(wide), real, centre, alpha=-smoothing)
            weight_gradient -= smoothing / len(matrix) * sum_of_rows
            context.save_for_backward(found.to(hidden.dtype), weight_gradient.to(weight.dtype))
        total, plain = totals.cpu().double().sum(), (totals - rights).cpu().double().sum()
        spread = total - (sum_of_rows @ centre).cpu().double()
        plain_loss = plain.to(hidden.device, wide)
        context.mark_non_differentiable(plain_loss)
        return ((1 - smoothing) * plain + smoothing * spread).to(hidden.device, wide), plain_loss

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        hidden_gradient, weight_gradient = context.saved_tensors
        return hidden_gradient * gradients[0], weight_gradient * gradients[0], None, None, None


def _gradient(logits: Tensor, targets: Tensor, smoothing: float, totals: Tensor, rights: Tensor) -> Tensor:
    """The loss' gradient by a chunk's logits, but for smoothing's even share.

    Writes log(sum(exp)) of each row to `totals` and the right token's logit to `rights`.
    """
    wide, right, real = totals.dtype, targets.clamp(min=0)[:, None], targets >= 0
    gradient = logits.softmax(-1, dtype=wide)
    largest, at = logits.max(-1, keepdim=True)
    # log(sum(exp)) by way of the largest probability, the one that cannot have vanished.
    totals.copy_((largest.to(wide) - gradient.gather(-1, at).log())[:, 0] * real)
    rights.copy_(logits.gather(-1, right)[:, 0] * real)
    gradient.scatter_add_(-1, right, torch.full_like(largest, smoothing - 1, dtype=wide))
    return (gradient * real[:, None]).to(logits.dtype)


def _fused_gradient(logits: Tensor, targets: Tensor, smoothing: float, totals: Tensor, rights: Tensor) -> Tensor:
    """The same in one pass over each row, in the logits' own memory."""
    from dragoman.kernels.arrays import as_array
    from dragoman.kernels.cross_entropy import cross_entropy

    cross_entropy(as_array(logits), as_array(targets), smoothing, as_array(totals), as_array(rights))
    return logits
