"""Dropout whose random numbers are bytes: on a processor, drawing them is what dropout costs."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Sets a share of values to zero while training and scales the rest up (Srivastava et al. 2014).

    The share is rounded to a multiple of 1/256, and the scale fits the rounded share, so that the mean stays.
    """

    def __init__(self, share: float):
        super().__init__()
        self.share = round(share * 256) / 256

    @property
    def dropped(self) -> int:
        """How many of 256 values are set to zero now."""
        return round(self.share * 256) if self.training else 0

    def forward(self, values: Tensor) -> Tensor:
        """The values as they are in evaluation; thinned out and scaled while training."""
        if not self.training or self.share == 0:
            return values
        return values * keep_mask(values, self.share)

    def extra_repr(self) -> str:
        """The share, for printing the model."""
        return f"share={self.share:.4g}"


def keep_mask(values: Tensor, share: float) -> Tensor:
    """1 / (1 - share) where a value is kept, 0 where not, in the values' shape and dtype.

    One 64-bit draw gives eight bytes, each of which decides for one value.
    """
    words = torch.empty((values.numel() + 7) // 8, dtype=torch.int64, device=values.device)
    words.random_(-(2**63), None)
    draws = words.view(torch.uint8)[: values.numel()].view(values.shape)
    return (draws >= round(share * 256)).to(values.dtype).mul_(1 / (1 - share))
