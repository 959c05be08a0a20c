"""Averaged weights: the mean of many updates translates better than the last update (Polyak and Juditsky 1992).

The training itself goes on with its own weights; the averages are what is validated, saved as the model and used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

EVERY = 4
"""Updates between two steps of the moving average: one pass over the weights, a hundredth of an update's time."""


class Averages:
    """A second set of a model's weights."""

    def __init__(self, model: nn.Module, span: int):
        """`span` is the most updates that the moving average looks back over; 0: it stays as it is put."""
        self._weights = list(model.parameters())
        self._span = span
        self.begin()

    def begin(self) -> None:
        """Starts from the weights that the model has now."""
        self.values = [weight.detach().clone() for weight in self._weights]

    def note(self, step: int, share: float) -> None:
        """After update `step`: moves the averages towards the weights.

        Args:
            share: of the span. It looks back over fewer updates while the training is young, too.
        """
        if not self._span or step % EVERY:
            return
        updates = max(1.0, min(share * self._span, (10 + step) / 9))
        decay = 1 - 1 / updates
        weights = [weight.detach() for weight in self._weights]
        torch._foreach_lerp_(self.values, weights, 1 - decay**EVERY)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The model has the averages inside the `with` block, and its own weights again afterwards."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for at, weight in enumerate(self._weights):
            weight.data, self.values[at] = self.values[at], weight.data


def mean_of(models: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several checkpoints' weights, name by name (Vaswani et al. 2017, section 6.1)."""
    return {
        name: torch.stack([model[name].double() for model in models]).mean(0).to(tensor.dtype)
        for name, tensor in models[0].items()
    }
