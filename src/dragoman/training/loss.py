"""Label-smoothed cross-entropy, together with the projection before it, in chunks of rows.

Logits for a whole batch are its largest tensor by far. Here a chunk's logits are made, turned into their own
gradient and folded into the sums, and are never held all at once. What smoothing takes off every logit alike is
reckoned once for the whole batch: the mean logit of a row is the row times the weight's mean row.

Letters for axes: N target tokens, M d_model, V vocabulary.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dragoman.training.logits import turn

ROWS = 1024
"""Rows of logits made at a time."""


def projected_loss(
    hidden: Float[Tensor, "N M"],
    weight: Float[Tensor, "V M"],
    targets: Int[Tensor, "N"],
    smoothing: float,
    dtype: torch.dtype = torch.float32,
    agreement: float = 0.0,
) -> tuple[Float[Tensor, ""], float]:
    """The summed loss of predicting `targets` by softmax(hidden weight^T) (Szegedy et al. 2016, section 7).

    The target distribution is 1 - smoothing on the right token plus smoothing / V on every token. With `agreement` (the
    alpha of R-Drop, Liang et al. 2021, equation 4) the real rows are two passes over the same tokens, one after the
    other, and alpha / 2 * (KL(p|q) + KL(q|p)) of each token is added.

    Args:
        targets: where negative, nothing is to be predicted, and the row counts for nothing.
        dtype: of the matrix products; sums and the softmax are float32 at least.

    Returns:
        The loss in nats, which gradients flow from; the same without smoothing and agreement, a plain number.
    """
    loss, plain = _ProjectedLoss.apply(hidden, weight, targets, smoothing, dtype, agreement)
    return loss, float(plain)


class _ProjectedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        smoothing: float,
        dtype: torch.dtype,
        agreement: float,
    ) -> tuple[Tensor, Tensor]:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        product = wide if dtype == torch.float32 else dtype
        rows, matrix = hidden.detach().to(product), weight.detach().to(product)
        needs_gradient = any(context.needs_input_grad)
        hidden_gradient = torch.zeros_like(rows) if needs_gradient else None
        weight_gradient = torch.zeros_like(weight, dtype=wide) if needs_gradient else None
        totals, rights = rows.new_zeros(len(rows), dtype=wide), rows.new_zeros(len(rows), dtype=wide)
        apart = 0.0
        for parts in _chunks(targets, twice=agreement > 0):
            logits = [rows[part] @ matrix.T for part in parts]
            facts = [(totals[part], rights[part]) for part in parts]
            apart += turn(logits, targets[parts[0]], smoothing, agreement, facts)
            if hidden_gradient is None or weight_gradient is None:
                continue
            for gradient, part in zip(logits, parts, strict=True):
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
        loss = (1 - smoothing) * plain + smoothing * spread + agreement / 2 * apart
        return loss.to(hidden.device, wide), plain_loss

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        hidden_gradient, weight_gradient = context.saved_tensors
        return hidden_gradient * gradients[0], weight_gradient * gradients[0], None, None, None, None


def _chunks(targets: Tensor, twice: bool) -> Iterator[tuple[slice, ...]]:
    """Rows that are computed together: each chunk alone, or beside the same tokens' rows of the second pass."""
    if not twice:
        for begin in range(0, len(targets), ROWS):
            yield (slice(begin, begin + ROWS),)
        return
    each = int((targets >= 0).sum()) // 2
    for begin in range(0, each, ROWS // 2):
        end = min(begin + ROWS // 2, each)
        yield slice(begin, end), slice(each + begin, each + end)
