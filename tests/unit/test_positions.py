"""Sines and cosines against the paper's formula; learned vectors and their limit."""

from math import cos, sin

import pytest
import torch
from torch import nn

from dragoman.errors import DragomanError
from dragoman.layers.embedding import Embedding
from dragoman.layers.positions import LearnedPositions, NoPositions, SinusoidalPositions, sinusoids


def test_the_papers_formula() -> None:
    table = sinusoids(50, 6)
    for place, column, expected in [
        (0, 0, 0.0),
        (0, 1, 1.0),
        (1, 0, sin(1)),
        (1, 1, cos(1)),
        (7, 2, sin(7 / 10000 ** (2 / 6))),
        (7, 3, cos(7 / 10000 ** (2 / 6))),
        (49, 4, sin(49 / 10000 ** (4 / 6))),
        (49, 5, cos(49 / 10000 ** (4 / 6))),
    ]:
        assert table[place, column].item() == pytest.approx(expected)


def test_any_length_and_nothing_in_the_checkpoint() -> None:
    positions = SinusoidalPositions(4)
    far = positions(torch.tensor([[12_345]]))
    assert far[0, 0, 0].item() == pytest.approx(sin(12_345), abs=1e-6)
    assert list(positions.parameters()) == []
    assert positions.state_dict() == {}


def test_they_are_added_to_the_scaled_vectors() -> None:
    table, places = nn.Embedding(9, 4), torch.tensor([[3, 4]])
    embedding = Embedding(table, SinusoidalPositions(4), 0.0)
    expected = 2 * table.weight[[7, 8]] + sinusoids(5, 4)[3:].float()
    assert torch.equal(embedding(torch.tensor([[7, 8]]), places)[0], expected)
    assert torch.equal(
        Embedding(table, NoPositions(4), 0.0)(torch.tensor([[7]]), places[:, :1])[0], 2 * table.weight[[7]]
    )


def test_learned_positions_end() -> None:
    positions = LearnedPositions(4, longest=8)
    assert positions(torch.tensor([[7]])).shape == (1, 1, 4)
    with pytest.raises(DragomanError, match=r"position 9 is beyond the 8 that model.positions=learned"):
        positions(torch.tensor([[8]]))
