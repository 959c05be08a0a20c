"""Dropout, feed-forward and residual."""

import pytest
import torch
from torch.nn import functional

from dragoman.layers.dropout import Dropout, keep_mask
from dragoman.layers.feed_forward import feed_forward
from dragoman.layers.residual import Residual, norm_layer


def test_dropout_keeps_the_mean_and_rests_in_evaluation() -> None:
    torch.manual_seed(0)
    drop = Dropout(0.3)
    values = torch.ones(1000, 1000)
    dropped = drop.train()(values)
    share = float((dropped == 0).float().mean())
    assert share == pytest.approx(77 / 256, abs=0.002)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.003)
    assert drop.eval()(values) is values
    assert Dropout(0.0).train()(values) is values


def test_dropout_is_drawn_from_torchs_seed_for_any_size() -> None:
    torch.manual_seed(5)
    first = keep_mask(torch.ones(3, 7), 0.5)
    torch.manual_seed(5)
    assert torch.equal(first, keep_mask(torch.ones(3, 7), 0.5))
    assert set(first.unique().tolist()) <= {0.0, 2.0}
    assert not torch.equal(first, keep_mask(torch.ones(3, 7), 0.5))


def test_feed_forward_formulas() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4)
    relu, gelu = feed_forward(4, 8, "relu", 0.0), feed_forward(4, 8, "gelu", 0.0)
    assert torch.allclose(relu(x), relu.outer((x @ relu.inner.weight.T + relu.inner.bias).clamp(min=0)))
    assert torch.allclose(gelu(x), gelu.outer(functional.gelu(gelu.inner(x))))
    gated = feed_forward(4, 8, "swiglu", 0.0)
    gate = gated.get_submodule("gate")(x)
    assert torch.allclose(gated(x), gated.outer(gate * torch.sigmoid(gate) * gated.inner(x)))


def test_residual_orders() -> None:
    torch.manual_seed(0)
    x, norm = torch.randn(2, 3, 4), norm_layer("layer", 4)

    def part(y: torch.Tensor) -> torch.Tensor:
        return 3 * y

    assert torch.allclose(Residual(norm, 0.0, "pre")(x, part), x + 3 * norm(x))
    assert torch.allclose(Residual(norm, 0.0, "post")(x, part), norm(4 * x))


def test_rms_norm_divides_by_the_root_mean_square() -> None:
    x = torch.tensor([[[3.0, 4.0]]])
    assert torch.allclose(norm_layer("rms", 2)(x), x / 12.5**0.5, atol=1e-6)
