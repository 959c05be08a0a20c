"""The bare formula against numbers computed by hand, and the heads around it."""

from math import exp, log, sqrt

import pytest
import torch
from torch import Tensor

from dragoman.layers.attention import (
    CosineSimilarity,
    MultiHeadAttention,
    attention,
    causal_mask,
    similarity,
)
from dragoman.layers.positions import RotaryPositions


def rows(*values: list[float]) -> Tensor:
    """One sentence, one head."""
    return torch.tensor(values, dtype=torch.float64)[None, None]


def test_two_words_by_hand() -> None:
    # Scores 4 and 0; divided by sqrt(4): 2 and 0; softmax: e^2 and 1 over e^2 + 1.
    query = rows([2.0, 0.0, 0.0, 0.0])
    key = rows([2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0])
    value = rows([1.0, 0.0, 0.0, 0.0], [0.0, 10.0, 0.0, 0.0])
    found = attention(query, key, value, None, scale=1 / sqrt(4))
    first = exp(2) / (exp(2) + 1)
    assert found.scores.flatten().tolist() == [4.0, 0.0]
    assert found.scaled.flatten().tolist() == [2.0, 0.0]
    assert found.weights.flatten().tolist() == pytest.approx([first, 1 - first])
    assert found.weights.flatten().tolist() == pytest.approx([0.880797, 0.119203], abs=1e-6)
    assert found.context.flatten().tolist() == pytest.approx([first, 10 * (1 - first), 0.0, 0.0])


def test_mask_hides_a_word_altogether() -> None:
    key = rows([1.0, 0.0], [1.0, 0.0], [9.0, 9.0])
    value = rows([1.0, 1.0], [3.0, 5.0], [100.0, 100.0])
    mask = torch.tensor([True, True, False])[None, None, None]
    found = attention(rows([1.0, 0.0]), key, value, mask, scale=1.0)
    assert found.weights.flatten().tolist() == [0.5, 0.5, 0.0]
    assert found.context.flatten().tolist() == [2.0, 3.0]
    assert found.scaled.flatten().tolist() == [1.0, 1.0, 9.0]


def test_causal_mask_shows_the_past_and_the_present() -> None:
    assert causal_mask(3)[0, 0].tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_plain_dot_is_not_divided() -> None:
    found = attention(rows([log(3), 0.0]), rows([1.0, 0.0], [0.0, 1.0]), rows([1.0, 0], [0, 1.0]), None, scale=1.0)
    assert found.weights.flatten().tolist() == pytest.approx([0.75, 0.25])
    assert similarity("dot", 2, 16).scale == 1.0
    assert similarity("scaled-dot", 2, 16).scale == 0.25


def test_cosine_ignores_lengths_and_has_a_temperature_a_head() -> None:
    cosine = CosineSimilarity(heads=2, width=9)
    assert cosine.scale.flatten().tolist() == pytest.approx([3.0, 3.0])
    vectors = torch.tensor([[3.0, 4.0], [0.3, 0.4]])[None, None]
    assert torch.allclose(cosine.prepare(vectors), torch.tensor([0.6, 0.8]))


@pytest.mark.parametrize("kind", ["scaled-dot", "dot", "cosine"])
def test_every_similarity_learns(kind: str) -> None:
    torch.manual_seed(0)
    layer = MultiHeadAttention(2, 8, similarity(kind, 2, 4), drop=0.0)
    layer(torch.randn(2, 3, 8), torch.randn(2, 5, 8), None).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for n, p in layer.named_parameters() if n != "key.bias")


def test_weights_sum_to_one_and_dropout_spares_what_is_reported() -> None:
    torch.manual_seed(0)
    layer = MultiHeadAttention(4, 16, similarity("scaled-dot", 4, 4), drop=0.5).train()
    x = torch.randn(2, 6, 16)
    _, attended = layer.attend(x, layer.keys_values(x), causal_mask(6))
    assert torch.allclose(attended.weights.sum(-1), torch.ones(2, 4, 6))


def test_rotated_products_depend_on_distance_only() -> None:
    torch.manual_seed(0)
    rotate = RotaryPositions(8)
    query, key = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64).unbind()

    def product(query_place: int, key_place: int) -> float:
        at = (torch.tensor([[query_place]]), torch.tensor([[key_place]]))
        return float((rotate(query, at[0]) * rotate(key, at[1])).sum())

    assert product(7, 4) == pytest.approx(product(103, 100))
    assert product(0, 0) == pytest.approx(float((query * key).sum()))
    assert product(7, 4) != pytest.approx(product(7, 5))
