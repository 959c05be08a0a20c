"""Attention as pictures for print: heat maps, and the six steps of one word in one figure (PNG at 200 dpi, or SVG)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dragoman.inspection.printing import INK, QUIET, Page, box, page
from dragoman.inspection.six_steps import HeadSteps, SixSteps, WordMap, kept_keys, scale_told
from dragoman.inspection.words import SIDES, labels

MOST_KEYS = 30
"""Keys in the figure of the six steps; of a longer sentence those of most weight."""
NUMBERED = 24
"""Words up to which a heat map has its numbers written in."""
_ROW = 0.235
"""Inches of a row of the six steps."""
_COLUMNS = {"query": (1.2, 2.5), "score": (3.85, 1.15), "scaled": (5.1, 1.15), "weight": (6.35, 1.3),
            "value": (7.8, 2.5), "weighted": (10.4, 2.5)}  # fmt: skip
"""Left edge and width of each column, in inches."""
_ABOVE, _BELOW, _HIDDEN, _WEIGHT = "#b8392f", "#2f6db0", "#c9c9d2", "#57388f"
_SIGNED = "RdBu_r"


def draw_map(found: WordMap, out: Path) -> str:
    """Draws attention between words; gives what is to be told about the file.

    Raises:
        DragomanError: the file cannot be written.
    """
    rows, columns = found.weights.shape
    cell, size = _cell_and_font(max(rows, columns))
    width, height = cell * columns, cell * rows
    with page([*found.queries, *found.keys], out) as sheet:
        figure = sheet.figure(width + 4, height + 3)
        axes = box(figure, 2, 2, width, height)
        largest = float(found.weights.max())
        image = axes.imshow(found.weights, cmap=_colours(), vmin=0, vmax=largest, aspect="auto", interpolation="none")
        slant = {"rotation": 55 if cell > 0.2 else 90, "ha": "left", "rotation_mode": "anchor"}
        if cell <= 0.2:
            slant["va"] = "center"
        axes.set_xticks(range(columns), sheet.texts(found.keys), fontsize=size, **slant)
        axes.set_yticks(range(rows), sheet.texts(found.queries), fontsize=size)
        axes.xaxis.tick_top()
        axes.tick_params(length=0, pad=3)
        if cell > 0.2:
            _rule(axes, rows, columns)
        if max(rows, columns) <= NUMBERED:
            _write_numbers(axes, found.weights)
        which = "heads averaged" if found.head is None else f"head {found.head}"
        axes.set_xlabel(f"{found.attention}, {which}:\nhow much each row looks at each column", color=QUIET, fontsize=8)
        scale = box(figure, 2 + width + 0.2, 2, 0.13, min(height, 2.2))
        figure.colorbar(image, cax=scale).outline.set_visible(False)
        scale.tick_params(labelsize=7, length=2)
        return sheet.save(figure)


def draw_six_steps(steps: SixSteps, out: Path) -> str:
    """Draws one head's six steps, of several the sharpest head's; gives what is to be told about the file.

    Raises:
        DragomanError: the file cannot be written.
    """
    head = steps.sharpest
    keys = kept_keys(head.weights, MOST_KEYS)
    with page([*steps.keys, steps.place.word], out) as sheet:
        drawing = _Drawing(sheet.figure(13.0, 3.5 + _ROW * len(keys)), sheet, steps, head, keys)
        drawing.draw()
        told = sheet.save(drawing.figure)
    chosen = (
        f": head {head.head}, the sharpest of {len(steps.heads)} (choose by --head)" if len(steps.heads) > 1 else ""
    )
    return chosen + told


def _cell_and_font(words: int) -> tuple[float, float]:
    """Inches of a cell and points of its words."""
    if words <= NUMBERED:
        return 0.36, 9
    return (0.22, 7.5) if words <= 80 else (0.14, 6)


def _colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weights", ["#ffffff", "#d9d3ec", "#9a86c6", "#57388f", "#24103f"])


def _rule(axes: Any, rows: int, columns: int) -> None:
    """Thin lines between the cells."""
    axes.set_xticks(np.arange(-0.5, columns), minor=True)
    axes.set_yticks(np.arange(-0.5, rows), minor=True)
    axes.grid(which="minor", color="#e4e2ec", linewidth=0.4)
    axes.tick_params(which="minor", length=0, top=False, left=False)


def _write_numbers(axes: Any, weights: Any) -> None:
    for (row, column), weight in np.ndenumerate(weights):
        if weight >= 0.05:
            told = f".{round(100 * weight):02}" if weight < 0.995 else "1"
            colour = "white" if weight > 0.45 * weights.max() else INK
            axes.text(column, row, told, ha="center", va="center", color=colour, fontsize=6.5)


@dataclass
class _Drawing:
    """The figure of the six steps: a row for each key, a column for each step."""

    figure: Any
    sheet: Page
    steps: SixSteps
    head: HeadSteps
    keys: list[int]

    def draw(self) -> None:
        self._title()
        top = 1.0
        key_top = top + _ROW + 0.45
        sum_top = key_top + _ROW * len(self.keys) + 0.4
        head, keys = self.head, self.keys
        compared = float(max(np.abs(head.query).max(), np.abs(head.key[keys]).max()))
        summed = float(max(np.abs(head.weighted_values).max(), np.abs(head.sum).max()))
        word = self.sheet.text(self.steps.place.word)
        query = self._strips("query", top, "1  query:  q = x Wq + b", head.query[None], compared)
        query.set_yticks([0], [word], fontweight="bold")
        key = self._strips("query", key_top, f"1  keys:  k = {self.steps.looked_at} Wk + b", head.key[keys], compared)
        names = labels(self.steps.keys)
        key.set_yticks(range(len(keys)), self.sheet.texts([names[key] for key in keys]))
        self._strips(
            "value",
            key_top,
            f"1  values:  v = {self.steps.looked_at} Wv + b",
            head.value[keys],
            float(np.abs(head.value[keys]).max()),
        )
        self._strips("weighted", key_top, "5  weight times value", head.weighted_values[keys], summed)
        self._strips("weighted", sum_top, "6  their sum", head.sum[None], summed)
        self._bars(key_top)
        self._joined(sum_top + _ROW + 0.45)

    def _strips(self, column: str, top: float, title: str, vectors: Any, largest: float) -> Any:
        """Vectors as rows of coloured squares."""
        left, width = _COLUMNS[column]
        axes = box(self.figure, left, top, width, _ROW * len(vectors))
        _paint(axes, vectors, largest)
        axes.set_title(title, loc="left", fontsize=9, pad=5)
        return axes

    def _bars(self, top: float) -> None:
        """Steps 2, 3 and 4; score and scaled share an axis, so that the scaling is seen."""
        scores = self.head.scores[self.keys]
        shared = float(min(0, scores.min())), float(max(0, scores.max()))
        self._column("score", top, "2  score:  q · k", (scores, ".1f"), shared)
        self._column(
            "scaled", top, f"3  scaled:  {scale_told(self.head)}", (self.head.scaled[self.keys], ".2f"), shared
        )
        weights = self.head.weights[self.keys]
        self._column("weight", top, "4  weight:  softmax", (weights, ".2f"), (0.0, float(weights.max())))

    def _column(self, column: str, top: float, title: str, shown: tuple[Any, str], span: tuple[float, float]) -> None:
        """One number for each key, as a bar and in writing."""
        values, form = shown
        hidden = self.steps.hidden[self.keys]
        left, width = _COLUMNS[column]
        axes = box(self.figure, left, top, width, _ROW * len(values))
        above = _WEIGHT if column == "weight" else _ABOVE
        colours = [
            _HIDDEN if mask else _BELOW if value < 0 else above for value, mask in zip(values, hidden, strict=True)
        ]
        axes.barh(range(len(values)), values, color=colours, height=0.62)
        room = (span[1] - span[0]) or 1.0
        right = span[1] + 0.62 * room
        axes.set(xlim=(span[0] - 0.06 * room, right), ylim=(len(values) - 0.5, -0.5), xticks=[], yticks=[])
        for row, (value, mask) in enumerate(zip(values, hidden, strict=True)):
            told = "hidden" if mask and column == "weight" else f"{value:{form}}".replace("-", "\u2212")
            axes.text(right, row, told, ha="right", va="center_baseline", fontsize=7.5, color=QUIET if mask else INK)
        axes.axvline(0, color=QUIET, linewidth=0.6)
        axes.spines[:].set_visible(False)
        axes.set_title(title, loc="left", fontsize=9, pad=5)

    def _joined(self, top: float) -> None:
        """All heads' sums side by side, this head's framed, and the output projection."""
        from matplotlib.patches import Rectangle

        width = len(self.head.query)
        left, end = _COLUMNS["query"][0], sum(_COLUMNS["weight"])
        joined = box(self.figure, left, top, end - left, _ROW)
        _paint(joined, self.steps.joined[None], float(np.abs(self.steps.joined).max()))
        joined.set_title(
            f"then  the sums of all {self.steps.all_heads} heads side by side", loc="left", fontsize=9, pad=5
        )
        start = self.head.head * width - 0.5
        joined.add_patch(Rectangle((start, -0.5), width, 1, fill=False, edgecolor=INK, linewidth=1.4, clip_on=False))
        left, end = _COLUMNS["value"][0], sum(_COLUMNS["weighted"])
        output = box(self.figure, left, top, end - left, _ROW)
        _paint(output, self.steps.output[None], float(np.abs(self.steps.output).max()))
        output.set_title("and the output projection:  joined Wo + b", loc="left", fontsize=9, pad=5)

    def _title(self) -> None:
        steps, place, down = self.steps, self.steps.place, self.figure.get_size_inches()[1]
        left = 0.2 / self.figure.get_size_inches()[0]
        word = self.sheet.text(place.word)
        self.figure.text(left, 1 - 0.25 / down, f"Where “{word}” looks", fontsize=13, fontweight="bold", va="center")
        line = f"{steps.attention}, head {self.head.head}; word {place.number} of {SIDES[place.side]}"
        if len(place.positions) > 1:
            line += f", its piece {self.sheet.text(labels([steps.token])[0])}"
        line += "; blue is below zero, red above"
        rest = len(steps.keys) - len(self.keys)
        if rest:
            lost = 1 - self.head.weights[self.keys].sum()
            line += f"; {rest} pieces of least weight ({lost:.3f} together) are not drawn"
        self.figure.text(left, 1 - 0.52 / down, line, fontsize=8, color=QUIET, va="center")


def _paint(axes: Any, vectors: Any, largest: float) -> None:
    axes.imshow(vectors, cmap=_SIGNED, vmin=-largest, vmax=largest, aspect="auto", interpolation="none")
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    for row in range(1, len(vectors)):
        axes.axhline(row - 0.5, color="white", linewidth=1.2)
    axes.spines[:].set_visible(False)
