"""Draws where a translator looks while it writes: rows are the words it writes, columns the words it reads.

    python docs/pictures/draw_attention.py runs/demo "The pizza came out of the oven and it tasted good." out.png

The numbers are the run's own: the last decoder layer's attention over the source, averaged over its heads, at the step
that writes each token; pieces of a word are added up (columns) and averaged (rows).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from dragoman.batches.padded import source_batch
from dragoman.config import SearchSettings
from dragoman.search import search
from dragoman.translation.loading import load

matplotlib.use("agg")
from matplotlib import pyplot

Matrix = NDArray[np.float64]


def words_of(pieces: Sequence[str]) -> list[list[int]]:
    """The places of each word's pieces; a piece that starts with the space mark starts a word, so does punctuation."""
    words: list[list[int]] = []
    for place, piece in enumerate(pieces):
        if not words or piece.startswith("▁") or not piece[0].isalnum():
            words.append([])
        words[-1].append(place)
    return words


def read(run: Path, text: str) -> tuple[list[str], list[str], Matrix]:
    """Translates; gives source words, target words and the attention between them (targets x sources)."""
    translator = load(run)
    ids = translator.tokenizers.source.encode([text])
    found = search(translator.model, source_batch(ids), SearchSettings(beam=1), attention=True)[0][0]
    source = [*translator.tokenizers.source.pieces(ids[0]), "end"]
    target = [*translator.tokenizers.target.pieces(found.tokens), "end"][: len(found.attention or [])]
    weights = np.array(found.attention)
    rows, columns = words_of(target), words_of(source)
    summed = np.stack([weights[:, column].sum(1) for column in columns], axis=1)
    averaged = np.stack([summed[row].mean(0) for row in rows])
    return spelt(source, columns), spelt(target, rows), averaged


def spelt(pieces: Sequence[str], words: list[list[int]]) -> list[str]:
    """Each word as it is written."""
    return ["".join(pieces[place] for place in word).replace("▁", "") for word in words]


def draw(run: Path, text: str, out: Path) -> None:
    """Writes the picture."""
    source, target, weights = read(run, text)
    figure, axes = pyplot.subplots(figsize=(7.2, 5.6), layout="constrained")
    image = axes.imshow(weights, cmap="magma_r", vmin=0, vmax=1)
    axes.set_xticks(range(len(source)), source, rotation=55, ha="right")
    axes.set_yticks(range(len(target)), target)
    axes.set(xlabel="reads", ylabel="writes", title=text)
    figure.colorbar(image, label="attention weight", shrink=0.8)
    figure.savefig(out, dpi=140)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
