"""The fused loss against its slow twin, torch's own cross-entropy: values and gradients."""

import pytest
import torch
from torch.nn import functional

from dragoman.training.loss import ROWS, projected_loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("rows", [1, ROWS, 2 * ROWS + 17])
def test_equals_torch(smoothing: float, rows: int) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(rows, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(31, 8, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(31, (rows,))
    loss, plain = projected_loss(hidden, weight, targets, smoothing)
    (loss / 7).backward()
    logits = hidden @ weight.T
    expected = functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    twin = torch.autograd.grad(expected / 7, (hidden, weight))
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)
    assert plain == pytest.approx(float(functional.cross_entropy(logits.detach(), targets, reduction="sum")), rel=1e-12)
    for ours, theirs in zip((hidden.grad, weight.grad), twin, strict=True):
        assert ours is not None
        assert torch.allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("each", [1, 5, ROWS + 3])
def test_agreement_equals_torch(each: int) -> None:
    torch.manual_seed(1)
    hidden = torch.randn(2 * each + 4, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(31, 8, dtype=torch.float64, requires_grad=True)
    once = torch.randint(31, (each,))
    targets = torch.cat([once, once, torch.full((4,), -1)])
    loss, plain = projected_loss(hidden, weight, targets, 0.1, agreement=3.0)
    (loss / 7).backward()
    first, second = (hidden @ weight.T)[: 2 * each].view(2, each, 31)
    both = [functional.cross_entropy(one, once, reduction="sum", label_smoothing=0.1) for one in (first, second)]
    p, q = first.log_softmax(-1), second.log_softmax(-1)
    divergence = functional.kl_div(p, q, reduction="sum", log_target=True)
    divergence = divergence + functional.kl_div(q, p, reduction="sum", log_target=True)
    expected = both[0] + both[1] + 1.5 * divergence
    twin = torch.autograd.grad(expected / 7, (hidden, weight))
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-12)
    nats = sum(float(functional.cross_entropy(one.detach(), once, reduction="sum")) for one in (first, second))
    assert plain == pytest.approx(nats, rel=1e-12)
    for ours, theirs in zip((hidden.grad, weight.grad), twin, strict=True):
        assert ours is not None
        assert torch.allclose(ours, theirs, atol=1e-12)


def test_float32_stays_near_float64() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(300, 16), torch.randn(500, 16)
    targets = torch.randint(500, (300,))
    single, _ = projected_loss(hidden, weight, targets, 0.1)
    double, _ = projected_loss(hidden.double(), weight.double(), targets, 0.1)
    assert float(single) == pytest.approx(float(double), rel=1e-6)


def test_bfloat16_products_stay_near() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(64, 16, requires_grad=True)
    weight = torch.randn(50, 16, requires_grad=True)
    targets = torch.randint(50, (64,))
    loss, _ = projected_loss(hidden, weight, targets, 0.1, torch.bfloat16)
    loss.backward()
    exact, _ = projected_loss(hidden, weight, targets, 0.1)
    assert float(loss.detach()) == pytest.approx(float(exact.detach()), rel=0.01)
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_no_target_costs_nothing() -> None:
    loss, plain = projected_loss(torch.zeros(0, 4), torch.zeros(5, 4), torch.zeros(0, dtype=torch.long), 0.1)
    assert float(loss) == plain == 0.0
