"""A chunk of logits becomes the loss' gradient by them, in one of two ways: by a kernel, or in torch's own operations.

In both, smoothing's even share is left out; the caller takes it off once. Letters for axes: N rows, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dragoman import kernels

Facts = tuple[Tensor, Tensor]
"""Where log(sum(exp)) of each row and the right token's logit are written to, N each."""


def turn(logits: list[Tensor], targets: Tensor, smoothing: float, pull: float, facts: Sequence[Facts]) -> float:
    """Writes the gradients over `logits`: of one pass, or of two passes over the same tokens.

    Returns:
        The sum of KL(p|q) + KL(q|p) over the tokens of two passes; 0 of one.
    """
    if kernels.wanted(logits[0]):
        return _by_kernel(logits, targets, smoothing, pull, facts)
    apart = 0.0
    towards: Sequence[Tensor | float] = (0.0,)
    if len(logits) == 2:
        towards, apart = _towards_each_other(*logits)
    for at, (total, right) in enumerate(facts):
        turned = _gradient(logits[at], targets, smoothing, total, right)
        logits[at] = (turned + pull / 2 * towards[at]).to(logits[at].dtype)
    return apart


def _by_kernel(
    logits: Sequence[Tensor], targets: Tensor, smoothing: float, pull: float, facts: Sequence[Facts]
) -> float:
    from dragoman.kernels.agreement import agreement
    from dragoman.kernels.arrays import as_array
    from dragoman.kernels.cross_entropy import cross_entropy

    first, *second = (as_array(each) for each in logits)
    (totals, rights), *others = facts
    if not second:
        cross_entropy(first, as_array(targets), smoothing, as_array(totals), as_array(rights))
        return 0.0
    found = torch.empty(5, len(targets))
    agreement(first, second[0], as_array(targets), smoothing, pull, as_array(found))
    for place, row in zip((totals, rights, *others[0]), found, strict=False):
        place.copy_(row)
    return float(found[4].double().sum())


def _gradient(logits: Tensor, targets: Tensor, smoothing: float, totals: Tensor, rights: Tensor) -> Tensor:
    """The cross-entropy's gradient by a chunk's logits, but for smoothing's even share."""
    wide, right, real = totals.dtype, targets.clamp(min=0)[:, None], targets >= 0
    gradient = logits.softmax(-1, dtype=wide)
    largest, at = logits.max(-1, keepdim=True)
    # log(sum(exp)) by way of the largest probability, the one that cannot have vanished.
    totals.copy_((largest.to(wide) - gradient.gather(-1, at).log())[:, 0] * real)
    rights.copy_(logits.gather(-1, right)[:, 0] * real)
    gradient.scatter_add_(-1, right, torch.full_like(largest, smoothing - 1, dtype=wide))
    return gradient * real[:, None]


def _towards_each_other(first: Tensor, second: Tensor) -> tuple[tuple[Tensor, Tensor], float]:
    """The gradients of KL(p|q) + KL(q|p) by both passes' logits, and its sum."""
    wide = torch.promote_types(first.dtype, torch.float32)
    log_p, log_q = first.log_softmax(-1, dtype=wide), second.log_softmax(-1, dtype=wide)
    p, q, apart = log_p.exp(), log_q.exp(), log_p - log_q
    from_p, from_q = (p * apart).sum(-1, keepdim=True), -(q * apart).sum(-1, keepdim=True)
    gradients = p * (apart - from_p) + p - q, q * (-apart - from_q) + q - p
    return gradients, float((from_p + from_q).double().sum())
