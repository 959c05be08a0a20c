"""Where to write the labels of points so that they cover each other, the points and the frame's edge little.

Shapes: N points, P places tried for a label, 4 sides of a box (left, bottom, right, top), in pixels.
"""

from collections.abc import Sequence
from math import pi

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DIRECTIONS = 16
_RINGS = (1.0, 2.0, 3.5, 6.0, 9.0)
"""How many gaps away from its dot a label may stand."""


def covered(boxes: Array, others: Array) -> Array:
    """Pixels that each of the boxes (P x 4) shares with each of the others (N x 4): P x N."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared: Array = np.clip(high - low, 0, None).prod(-1)
    return shared


def place_labels(dots: Array, sizes: Array, gap: float, frame: Sequence[float]) -> Array:
    """Gives each label's lower left corner (N x 2): the place around its dot, near ones first, that covers least.

    Args:
        dots: the points (N x 2).
        sizes: width and height of each label (N x 2).
        gap: pixels between a dot and its label.
        frame: the four sides of the box in which labels should stay.
    """
    taken = np.concatenate([dots - gap / 2, dots + gap / 2], axis=1)
    within = np.array([frame])
    for dot, size in zip(dots, sizes, strict=True):
        places = _around(dot, size, gap)
        outside = size.prod() - covered(places, within)[:, 0]
        best = int((outside + covered(places, taken).sum(1)).round(6).argmin())
        taken = np.concatenate([taken, places[best : best + 1]])
    return taken[len(dots) :, :2]


def _around(dot: Array, size: Array, gap: float) -> Array:
    """The label's boxes (P x 4) in every direction, ring by ring; the first is to the right."""
    angles = 2 * pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres = np.concatenate([dot + directions * (gap * ring + size / 2) for ring in _RINGS])
    return np.concatenate([centres - size / 2, centres + size / 2], axis=1)
