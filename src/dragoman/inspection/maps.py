"""Word vectors on a plane: principal components or t-SNE, as a picture or as text.

Shapes: W words, D width of a vector.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.errors import DragomanError, UsageError, nearest
from dragoman.inspection.label_places import place_labels
from dragoman.inspection.lexicon import CLASSES, GENDERS, Known, nouns
from dragoman.inspection.printing import page
from dragoman.text.vectors import Matrix, WordVectors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = ("pca", "tsne")
KINDS = (".png", ".svg")
_FEWEST = 3
_SHOWN = 100
"""Words on a map for which nobody named any."""
_COLOURS = {"food": "#c1440e", "thing": "#1f5f99", "person": "#3d7d36", "": "#444444"}
_FAR = 10
"""Points between a dot and its label from which a line joins them."""
_MARKS = {"m": "s", "f": "o", "n": "^", "": "."}


@dataclass(frozen=True)
class MapPoint:
    """One word's place on the plane."""

    word: str
    x: float
    y: float
    kind: str
    """food, thing or person, where the built-in grammar knows the noun; else empty."""
    gender: str
    """m, f or n of its German noun, likewise."""


def word_map(vectors: WordVectors, words: list[str], method: str = "pca", seed: int = 1) -> list[MapPoint]:
    """Puts words on a plane; without words those that `words_to_show` chooses.

    The vectors have length 1 first, so that near on the map means a large cosine.

    Raises:
        UsageError: the method is unknown, or fewer than three words.
        DragomanError: the table lacks a word, or t-SNE's library is not installed.
    """
    if method not in METHODS:
        raise UsageError(f"no method '{method}'{nearest(method, METHODS)}")
    chosen = vectors.chosen(dict.fromkeys(words or words_to_show(vectors)))
    if len(chosen) < _FEWEST:
        raise UsageError(f"{len(chosen)} words make no map; give {_FEWEST} or more")
    plane = principal_components(chosen.unit) if method == "pca" else _tsne(chosen.unit, seed)
    known = _known_nouns()
    blank = Known("", "", "")  # type: ignore[arg-type]
    return [
        MapPoint(word, float(x), float(y), known.get(word, blank).kind, known.get(word, blank).gender)
        for word, (x, y) in zip(chosen.words, plane, strict=True)
    ]


def words_to_show(vectors: WordVectors) -> list[str]:
    """The grammar's nouns where the table has most of them in one language; else its first words of letters.

    Words of one or two Latin letters say little on a map and are left out.
    """
    for language in ("en", "de"):
        listed = [noun.word for noun in nouns(language)]
        here = [word for word in listed if word in vectors.rows]
        if 2 * len(here) > len(listed):
            return here
    return [word for word in vectors.words if word.isalpha() and (len(word) > 2 or not word.isascii())][:_SHOWN]


def principal_components(points: Matrix) -> Matrix:
    """The plane of largest variance (Pearson 1901): W x 2; the farthest word of each axis has a positive place."""
    centred = points - points.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    plane = np.zeros((len(points), 2), dtype=np.float32)
    found = min(2, len(sizes))
    plane[:, :found] = left[:, :found] * sizes[:found]
    farthest = plane[np.abs(plane).argmax(0), [0, 1]]
    flipped: Matrix = plane * np.where(farthest < 0, -1, 1).astype(np.float32)
    return flipped


def _tsne(points: Matrix, seed: int) -> Matrix:
    """The plane that keeps neighbours (van der Maaten and Hinton 2008)."""
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise DragomanError(
            "t-SNE needs scikit-learn; install it: pip install scikit-learn, or take --method pca"
        ) from None
    perplexity = min(30.0, (len(points) - 1) / 3)
    plane: Matrix = TSNE(2, perplexity=perplexity, metric="cosine", random_state=seed).fit_transform(points)
    return plane


def _known_nouns() -> dict[str, Known]:
    return {noun.word: noun for language in ("de", "en") for noun in nouns(language)}


def draw_words(points: list[MapPoint], out: Path, title: str) -> str:
    """Draws the map: colour for the class, mark for the gender, labels moved apart; gives what is to be told about it.

    Raises:
        UsageError: the file's name ends neither in .png nor in .svg.
        DragomanError: the file cannot be written.
    """
    check_picture(out)
    with page([title, *(point.word for point in points)], out) as sheet:
        figure = sheet.figure(9, 7)
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        for kind, gender in dict.fromkeys((point.kind, point.gender) for point in points):
            group = [point for point in points if (point.kind, point.gender) == (kind, gender)]
            places = [point.x for point in group], [point.y for point in group]
            axes.scatter(*places, s=26, c=_COLOURS[kind], marker=_MARKS[gender], linewidths=0)
        axes.margins(0.08)
        axes.set(title=title, xticks=[], yticks=[])
        _legend(axes, points)
        _label(axes, points, sheet.texts([point.word for point in points]))
        return sheet.save(figure)


def check_picture(path: Path) -> None:
    """Refuses a file whose name says that it is no picture, before any work is done."""
    if path.suffix.lower() not in KINDS:
        raise UsageError(f"a map cannot be a '{path.suffix}' file; name it .png or .svg")


def _legend(axes: "Axes", points: list[MapPoint]) -> None:
    from matplotlib.lines import Line2D

    kinds = [kind for kind in CLASSES if any(point.kind == kind for point in points)]
    if not kinds:
        return
    blank: dict[str, Any] = {"linestyle": "", "markersize": 6}
    entries = [Line2D([], [], marker="o", color=_COLOURS[kind], label=kind, **blank) for kind in kinds]
    entries += [
        Line2D([], [], marker=_MARKS[gender], color="#777777", label=f"{name} in German", **blank)
        for gender, name in GENDERS.items()
        if any(point.gender == gender for point in points)
    ]
    axes.figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), frameon=False, fontsize=8)


def _label(axes: "Axes", points: list[MapPoint], words: list[str]) -> None:
    """Writes each word beside its point, where it covers as little as can be."""
    figure: Any = axes.figure
    figure.draw_without_rendering()
    dots = axes.transData.transform([(point.x, point.y) for point in points])
    scale = figure.dpi / 72
    texts = [
        axes.text(0, 0, word, fontsize=7, color=_COLOURS[point.kind]) for word, point in zip(words, points, strict=True)
    ]
    extents = [text.get_window_extent() for text in texts]
    sizes = np.array([(extent.width, extent.height) for extent in extents])
    places = place_labels(dots, sizes, 4 * scale, axes.get_window_extent().extents)
    to_data = axes.transData.inverted().transform
    for text, size, dot, corner in zip(texts, sizes, dots, places, strict=True):
        text.set_position(tuple(to_data(corner)))
        text.set_verticalalignment("bottom")
        near = np.clip(dot, corner, corner + size)
        if np.hypot(*(dot - near)) > _FAR * scale:
            axes.plot(*np.transpose([to_data(dot), to_data(near)]), color=text.get_color(), linewidth=0.4, zorder=0)


def map_text(points: list[MapPoint], columns: int = 100, lines: int = 32) -> str:
    """The map in letters, for a terminal; a word that finds no room within two lines is left out."""
    xs, ys = (np.array([getattr(point, axis) for point in points]) for axis in "xy")
    across = (xs - xs.min()) / (np.ptp(xs) or 1)
    down = (ys.max() - ys) / (np.ptp(ys) or 1)
    page = [[" "] * columns for _ in range(lines)]
    for point, right, below in zip(points, across, down, strict=True):
        room = max(0, columns - len(point.word))
        column = round(right * room)
        for shift in (0, 1, -1, 2, -2):
            line = round(below * (lines - 1)) + shift
            around = slice(max(0, column - 1), column + len(point.word) + 1)
            if 0 <= line < lines and not "".join(page[line][around]).strip():
                page[line][column : column + len(point.word)] = point.word[:columns]
                break
    return "\n".join("".join(line).rstrip() for line in page)
