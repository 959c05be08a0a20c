"""A model's weights by name; one that stands in several places has one name."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dragoman.errors import DragomanError


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """Every trained tensor once, detached, on the CPU."""
    return {name: value.detach().cpu().contiguous() for name, value in model.named_parameters()}


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copies `tensors` into the model.

    Raises:
        DragomanError: names or shapes are not this model's; the first difference is named.
    """
    own = dict(model.named_parameters())
    for name in sorted(own.keys() ^ tensors.keys()):
        where = "missing" if name in own else "not part of this model"
        raise DragomanError(f"the weight '{name}' is {where}: model settings and checkpoint do not belong together")
    with torch.no_grad():
        for name, parameter in own.items():
            given = tensors[name]
            if given.shape != parameter.shape:
                raise DragomanError(
                    f"the weight '{name}' is {list(given.shape)} in the checkpoint and {list(parameter.shape)} "
                    "in the model: model settings and checkpoint do not belong together"
                )
            parameter.copy_(given)
