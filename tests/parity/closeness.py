"""How near two arrays are, as the proofs state it."""

from torch import Tensor


def relative_error(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the expected array's largest value (at least 1)."""
    assert found.shape == expected.shape
    return float((found - expected).detach().abs().max() / expected.detach().abs().max().clamp(min=1))
