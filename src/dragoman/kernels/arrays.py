"""Tensors as the kernels take them: numpy views of the same memory, bfloat16 as its bits."""

from typing import Any

import torch
from torch import Tensor


def as_array(tensor: Tensor) -> Any:
    """A numpy view of a contiguous tensor; bfloat16 shows as uint16."""
    plain = tensor.detach()
    return (plain.view(torch.uint16) if plain.dtype == torch.bfloat16 else plain).numpy()


def product_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype that a linear map's product would have here: autocast's where it is on, else the tensor's own."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else tensor.dtype
