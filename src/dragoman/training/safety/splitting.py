"""Batches in pieces, where a whole one does not fit into memory: the same update, made a few sentences at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from dragoman.batches.padded import PairBatch, SourceBatch
from dragoman.config import TrainingSettings
from dragoman.errors import DragomanError, lacks_memory
from dragoman.models.contract import TrainableModel
from dragoman.training.safety.saving import Halted
from dragoman.training.step import Update, gradient


@contextmanager
def enough_memory(what: str, smaller: str) -> Iterator[None]:
    """Says in one line that memory gave out.

    Args:
        smaller: the settings that a new run would have to lower.

    Raises:
        Halted: it did; the weights are as they were.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        raise Halted(
            f"not enough memory to {what}: free memory and add --resume, or train a new run with a smaller {smaller}"
        ) from error


@contextmanager
def undivided(update: int, saved: int) -> Iterator[None]:
    """Says in one line that memory gave out while weights were being moved; they are of no use then.

    Args:
        saved: the newest update that is saved.

    Raises:
        DragomanError: it did.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        raise DragomanError(
            f"memory gave out in the middle of update {update}, so its weights are not saved: free memory, "
            f"then add --resume, which goes on from update {saved}"
        ) from error


class Pieces:
    """Cuts batches into pieces of at most `most` target positions; learns what fits."""

    def __init__(self, most: int, warn: Callable[[str], None]):
        """`most` is 0 where everything fits."""
        self.most, self._warn = most, warn

    def gradient(self, model: TrainableModel[Any], batches: Sequence[PairBatch], settings: TrainingSettings) -> Update:
        """The gradient of all batches; where memory gives out, once more in smaller pieces.

        Raises:
            Halted: a single pair of sentences does not fit.
        """
        drawn = torch.get_rng_state()
        while True:
            try:
                return gradient(model, [piece for batch in batches for piece in self.of(batch)], settings)
            except (MemoryError, RuntimeError) as error:
                if not lacks_memory(error):
                    raise
            # Outside `except`: the error holds on to all that the failed pass had made.
            model.zero_grad(set_to_none=True)
            torch.set_rng_state(drawn)
            self._halve(batches)

    def of(self, batch: PairBatch) -> list[PairBatch]:
        """The batch in pieces; a pair that is larger than a piece is a piece alone."""
        sentences, width = batch.target_in.shape
        if not self.most or sentences * width <= self.most:
            return [batch]
        rows = max(1, self.most // width)
        return [rows_of(batch, first, first + rows) for first in range(0, sentences, rows)]

    def _halve(self, batches: Sequence[PairBatch]) -> None:
        pieces = sorted((piece for batch in batches for piece in self.of(batch)), key=positions)
        several = [piece for piece in pieces if len(piece.target_in) > 1]
        if not several:
            longest = pieces[-1]
            raise Halted(
                f"not enough memory for one pair of {longest.source.ids.shape[1]} source and "
                f"{longest.target_in.shape[1]} target tokens: free memory and add --resume, or train a new run "
                f"with a smaller batches.longest or model.d_model"
            )
        sentences, width = several[-1].target_in.shape
        self.most = width * -(-sentences // 2)
        self._warn(
            f"memory gave out; batches are computed in pieces of at most {self.most:,} target positions from here on"
        )


def positions(batch: PairBatch) -> int:
    """Target positions, padding included."""
    return batch.target_in.numel()


def rows_of(batch: PairBatch, first: int, end: int) -> PairBatch:
    """Some of a batch's pairs, without the padding that only the others needed."""
    source, target = batch.source.lengths[first:end], batch.target_lengths[first:end]
    longest, widest = int(source.max()), int(target.max())
    return PairBatch(
        SourceBatch(batch.source.ids[first:end, :longest], source),
        batch.target_in[first:end, :widest],
        batch.target_out[first:end, :widest],
        target,
    )
