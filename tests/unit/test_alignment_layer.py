"""The recurrent decoder's attention: scores by hand, padding unseen, states that join."""

from math import tanh

import pytest
import torch

from dragoman.layers.alignment import AdditiveScore, Alignment, AttentionalVector, DotScore, additive_scores
from dragoman.layers.attention import attention
from dragoman.tracing import recording


def test_additive_score_by_hand() -> None:
    query = torch.tensor([[[[1.0, 0.0], [0.5, -1.0]]]])
    key = torch.tensor([[[[0.0, 2.0], [1.0, 1.0], [-1.0, 0.5]]]])
    found = additive_scores(query, key, torch.tensor([2.0, -3.0]))[0, 0]
    for at, q in enumerate([(1.0, 0.0), (0.5, -1.0)]):
        for to, k in enumerate([(0.0, 2.0), (1.0, 1.0), (-1.0, 0.5)]):
            assert float(found[at, to]) == pytest.approx(2 * tanh(q[0] + k[0]) - 3 * tanh(q[1] + k[1]), rel=1e-5)


def test_dot_is_plain_attention_on_states() -> None:
    torch.manual_seed(1)
    part = Alignment(DotScore(), 6).double()
    states, memory = (torch.randn(2, length, 6, dtype=torch.float64) for length in (3, 5))
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    _, attended = part(states, part.look_at(memory, mask))
    expected = attention(states[:, None], memory[:, None], memory[:, None], mask[:, None, None], scale=1.0)
    for found, wanted in zip(attended, expected, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("kind", ["additive", "dot"])
def test_padding_is_not_seen_and_rows_are_apart(kind: str) -> None:
    torch.manual_seed(1)
    part = Alignment(AdditiveScore(6) if kind == "additive" else DotScore(), 6).double()
    states, memory = torch.randn(2, 3, 6, dtype=torch.float64), torch.randn(2, 5, 6, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    output, attended = part(states, part.look_at(memory, mask))
    assert not attended.weights[1, :, :, 2:].any()
    assert torch.allclose(attended.weights.sum(-1), torch.ones(2, 1, 3, dtype=torch.float64))
    alone, _ = part(states[1:], part.look_at(memory[1:, :2], mask[1:, :2]))
    assert torch.allclose(output[1:], alone, rtol=0, atol=1e-14)


def test_what_is_seen_can_be_selected_and_joined() -> None:
    torch.manual_seed(1)
    part = Alignment(AdditiveScore(4), 4).double()
    short = part.look_at(torch.randn(1, 2, 4, dtype=torch.float64), torch.ones(1, 2, dtype=torch.bool))
    long = part.look_at(torch.randn(2, 5, 4, dtype=torch.float64), torch.ones(2, 5, dtype=torch.bool))
    states = torch.randn(3, 1, 4, dtype=torch.float64)
    for joined, apart in ((short.join(long), (short, long)), (long.join(short), (long, short))):
        together = part(states, joined)[0]
        first = len(apart[0].mask)
        alone = torch.cat([part(states[:first], apart[0])[0], part(states[first:], apart[1])[0]])
        assert torch.allclose(together, alone, rtol=0, atol=1e-14)
    picked = long.select(torch.tensor([1, 0, 1]))
    assert torch.equal(picked.keys, long.keys[[1, 0, 1]])
    assert torch.equal(picked.values, long.values[[1, 0, 1]])


def test_the_attentional_vector_by_its_equation() -> None:
    torch.manual_seed(1)
    part, vector = Alignment(AdditiveScore(4), 4).double(), AttentionalVector(4).double()
    states, memory = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 5, 4, dtype=torch.float64)
    looked, attended = part(states, part.look_at(memory, torch.ones(2, 5, dtype=torch.bool)))
    both = torch.cat([attended.context[:, 0], states], -1)
    matrix = torch.cat([part.output.weight, vector.state.weight], 1)
    assert torch.allclose(vector(states, looked), (both @ matrix.T + part.output.bias).tanh(), atol=1e-14)


def test_it_reports_what_a_trace_wants() -> None:
    part, vector = Alignment(AdditiveScore(4), 4), AttentionalVector(4)
    states, seen = torch.randn(1, 3, 4), part.look_at(torch.randn(1, 5, 4), torch.ones(1, 5, dtype=torch.bool))
    with recording() as recorder:
        vector(states, part(states, seen)[0])
    (told,) = recorder.of(part)
    assert list(told) == ["query", "key", "value", "scores", "scaled", "weights", "context", "joined", "output"]
    assert told["weights"].shape == (1, 1, 3, 5)
    assert torch.equal(told["scores"], told["scaled"])
    assert list(recorder.of(vector)[0]) == ["state", "looked", "output"]
