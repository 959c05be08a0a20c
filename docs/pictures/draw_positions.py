"""Draws the sine and cosine vectors of the first positions, and their dot products by distance.

python docs/pictures/draw_positions.py docs/pictures/positions.png
"""

import sys
from pathlib import Path

from dragoman.inspection.printing import QUIET, box, page
from dragoman.layers.positions import sinusoids

WIDTH, POSITIONS, FARTHEST = 128, 64, 60


def draw(out: Path) -> None:
    """Writes the picture."""
    vectors = sinusoids(4 * POSITIONS, WIDTH).numpy()
    middle = 2 * POSITIONS
    distances = range(-FARTHEST, FARTHEST + 1)
    products = [float(vectors[middle] @ vectors[middle + distance]) for distance in distances]
    with page([], out) as sheet:
        figure = sheet.figure(9.4, 4.0)
        table = box(figure, 0.6, 0.5, 4.0, 2.9)
        table.imshow(vectors[:POSITIONS], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="none")
        table.set_xlabel("coordinate: sine, cosine, sine, cosine, ... ever slower", color=QUIET)
        table.set_ylabel("position in the sentence", color=QUIET)
        table.set_title("What is added to each word's vector", loc="left")
        curve = box(figure, 5.3, 0.5, 3.8, 2.9)
        curve.plot(distances, products, color="#57388f")
        curve.set_xlabel("distance between two positions", color=QUIET)
        curve.set_title("Dot product of their vectors", loc="left")
        curve.grid(alpha=0.3)
        curve.spines[["top", "right"]].set_visible(False)
        sheet.save(figure)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
