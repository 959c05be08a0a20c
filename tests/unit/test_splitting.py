"""Batches in pieces give the same gradient, and memory that gives out makes the pieces smaller."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.config import ModelSettings, TrainingSettings
from dragoman.errors import lacks_memory
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.training.safety import splitting
from dragoman.training.safety.saving import Halted
from dragoman.training.safety.splitting import Pieces
from dragoman.training.step import Update, gradient

ROWS = [[5 + (at * row) % 20 for at in range(2 + row % 5)] for row in range(13)]


def model() -> TrainableModel[Any]:
    return build_model(ModelSettings(d_model=16, d_ff=32, heads=2, dropout=0.0), 30, 30, 1).train()


def batch() -> PairBatch:
    return pair_batch(ROWS, ROWS[::-1])


def silent(message: str) -> None:
    """Nobody is told."""


@pytest.mark.parametrize("kernels", ["fused", "plain"])
@pytest.mark.parametrize("most", [1, 7, 20, 41])
def test_pieces_give_the_whole_batchs_gradient(kernels: Any, most: int) -> None:
    settings = TrainingSettings(dtype="float32", kernels=kernels, clip=0)
    whole, parts = model(), model()
    expected = gradient(whole, [batch()], settings)
    pieces = Pieces(most, silent)
    assert len(pieces.of(batch())) > 1
    found = pieces.gradient(parts, [batch()], settings)
    assert (found.source_tokens, found.target_tokens) == (expected.source_tokens, expected.target_tokens)
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    assert found.gradient_norm == pytest.approx(expected.gradient_norm, rel=1e-5)
    for (name, one), other in zip(whole.named_parameters(), parts.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert torch.allclose(one.grad, other.grad, atol=1e-6), name


def test_pieces_hold_every_pair_once_and_no_more_than_fits() -> None:
    parts = Pieces(20, silent).of(batch())
    assert all(part.target_in.numel() <= 20 for part in parts)
    sources = [row[:length].tolist() for part in parts for row, length in pairs(part)]
    assert sources == [row[:length].tolist() for row, length in pairs(batch())]
    assert Pieces(0, silent).of(batch())[0].target_in.numel() == batch().target_in.numel()
    alone = Pieces(3, silent).of(batch())
    assert len(alone) == len(ROWS)
    assert all(part.target_in.shape[1] == int(part.target_lengths.max()) for part in alone)


def pairs(part: PairBatch) -> Any:
    return zip(part.source.ids, part.source.lengths.tolist(), strict=True)


def failing_above(positions: int, error: Exception) -> Any:
    """A gradient for which memory gives out in the middle of the work."""

    def made(model: TrainableModel[Any], batches: Sequence[PairBatch], settings: TrainingSettings) -> Update:
        for part in batches:
            torch.rand(3)
            gradient(model, [part], settings)
            if part.target_in.numel() > positions:
                raise error
        model.zero_grad(set_to_none=True)
        return gradient(model, batches, settings)

    return made


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),
    ],
)
def test_memory_that_gives_out_halves_until_it_fits(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TrainingSettings(dtype="float32", kernels="plain", clip=0)
    whole, parts = model(), model()
    expected = gradient(whole, [batch(), batch()], settings)
    told: list[str] = []
    pieces = Pieces(0, told.append)
    monkeypatch.setattr(splitting, "gradient", failing_above(25, error))
    torch.manual_seed(5)
    found = pieces.gradient(parts, [batch(), batch()], settings)
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    assert 0 < pieces.most <= 25
    assert all("memory gave out" in line for line in told)
    again = len(told)
    pieces.gradient(parts, [batch()], settings)
    assert len(told) == again
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert one.shape == other.shape


def test_a_pair_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "gradient", failing_above(0, MemoryError()))
    with pytest.raises(Halted, match=r"one pair of \d+ source and 7 target tokens: free memory and add --resume"):
        Pieces(0, silent).gradient(model(), [batch()], TrainingSettings(dtype="float32"))


def test_other_errors_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "gradient", failing_above(0, RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        Pieces(0, silent).gradient(model(), [batch()], TrainingSettings(dtype="float32"))
    assert not lacks_memory(ValueError("not enough memory"))
    assert lacks_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
