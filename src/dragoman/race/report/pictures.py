"""Draws the report's charts: as PNG for Markdown and print, as SVG whose colours the page sets.

Who is who can be told without colour: a family has its mark, dashes tell two of a family apart.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from dragoman.inspection.printing import box
from dragoman.race.report.axis_scales import log_ticks, spread, ten_ticks, told, told_apart, told_power
from dragoman.race.report.document import Chart, Line
from dragoman.race.report.wording import family, percent, shown

DPI = 150
COLOURS = {
    "ink": "#1b1b2b",
    "quiet": "#5f5f6e",
    "grid": "#e3e3ea",
    "rnn": "#c75300",
    "gru": "#00936b",
    "lstm": "#2a5fc4",
}
"""Colours on paper; on the page each is a variable of its name. The Transformer has the ink's."""
MARKS = {"rnn": "o", "gru": "s", "lstm": "^", "transformer": "D"}
_DASHES = (0, (3.2, 1.6))
_WIDTH, _LEFT, _TOP, _BOTTOM, _PLOT = 5.2, 0.72, 0.42, 0.58, 2.75
"""Inches: of the picture, of its margins, and the plot's height."""
_NAMES, _VALUES, _ROW = 1.75, 0.75, 0.3
"""Inches of an interval chart: its names, its values, and a row's height."""
_MARKED = 7
"""Marks on a curve, about."""
_LETTER = 0.075
"""Inches of a letter of a label, about."""
_GAP = 0.165
"""Inches between two labels, at least."""


def png(chart: Chart, file: Path) -> None:
    """Writes a chart as PNG: the same numbers give the same bytes.

    Raises:
        OSError: the file cannot be written.
    """
    with _style():
        _figure(chart).savefig(file, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})


def svg(chart: Chart) -> str:
    """The chart as an SVG element for a page that has the variables `--ink`, `--rnn` ...; the same each time."""
    written = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with _style():
        _figure(chart).savefig(written, format="svg", facecolor="none", metadata=nothing)
    return _for_page(written.getvalue(), chart.name)


def _for_page(drawn: str, name: str) -> str:
    """Leaves the drawing alone: no prolog, no fixed size, no font; colours by name, and ids that no other has."""
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.S)
    drawn = re.sub(r' (?:width|height)="[\d.]+pt"', "", drawn, count=2)
    drawn = re.sub(r"font-family: 'DejaVu Sans'; ", "", drawn)
    for variable, colour in COLOURS.items():
        drawn = drawn.replace(colour, f"var(--{variable})")
    drawn = re.sub(r'\bid="', f'id="{name}-', drawn)
    drawn = re.sub(r'xlink:href="#', f'href="#{name}-', drawn)
    return re.sub(r"url\(#", f"url(#{name}-", drawn)


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib

    settings = {
        "font.family": ["DejaVu Sans"],
        "font.size": 9,
        "text.parse_math": False,
        "text.color": COLOURS["ink"],
        "axes.labelcolor": COLOURS["quiet"],
        "axes.edgecolor": COLOURS["quiet"],
        "axes.linewidth": 0.6,
        "xtick.color": COLOURS["quiet"],
        "ytick.color": COLOURS["quiet"],
        "svg.fonttype": "none",
        "svg.hashsalt": "dragoman",
    }
    with matplotlib.rc_context(settings):
        yield


def _figure(chart: Chart) -> Any:
    from matplotlib.figure import Figure

    left, right = (_NAMES, _VALUES) if chart.intervals else (_LEFT, _beside(chart))
    plot = _ROW * (len(_rows(chart)) + 0.5) if chart.intervals else _PLOT
    figure = Figure(figsize=(_WIDTH, _TOP + plot + _BOTTOM))
    axes = box(figure, left, _TOP, _WIDTH - left - right, plot)
    axes.set_facecolor("none")
    figure.text(
        0.1 / _WIDTH, 1 - 0.2 / figure.get_size_inches()[1], chart.title, fontsize=10.5, fontweight="bold", va="center"
    )
    axes.set_xlabel(chart.across, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0, labelsize=8.5, pad=4)
    axes.set_axisbelow(True)
    (_draw_rows if chart.intervals else _draw_curves)(axes, chart)
    return figure


def _beside(chart: Chart) -> float:
    """Inches that the names at the right ends of the curves take."""
    return 0.3 + _LETTER * max(len(_label(line)) for line in chart.lines)


def _rows(chart: Chart) -> dict[str, list[Line]]:
    """The lines of each row of an interval chart."""
    rows: dict[str, list[Line]] = {}
    for line in chart.lines:
        rows.setdefault(_label(line), []).append(line)
    return rows


def _draw_rows(axes: Any, chart: Chart) -> None:
    """Points with their intervals, one below the other, and the mean of a row at its end."""
    rows = _rows(chart)
    for row, lines in enumerate(rows.values()):
        for number, line in enumerate(lines):
            place = row + 0.22 * (number - (len(lines) - 1) / 2)
            colour = _colour(line)
            axes.plot([line.low[0], line.high[0]], [place, place], color=colour, linewidth=1.6)
            size = 6.5 if len(lines) == 1 else 4.5
            axes.plot(line.x, [place], MARKS[family(line.contestant)], color=colour, markersize=size)
        score = f"{fmean(line.x[0] for line in lines):.1f}"
        axes.annotate(score, (1.03, row), xycoords=("axes fraction", "data"), va="center_baseline", fontsize=9)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=9, color=COLOURS["ink"])
    axes.set_ylim(len(rows) - 0.25, -0.75)
    axes.grid(axis="x", color=COLOURS["grid"], linewidth=0.7)
    axes.spines["left"].set_visible(False)


def _draw_curves(axes: Any, chart: Chart) -> None:
    axes.set_ylabel(chart.up, fontsize=9)
    for line in chart.lines:
        _draw_curve(axes, line)
    for value, name in chart.marks:
        axes.axhline(value, color=COLOURS["quiet"], linewidth=0.9, linestyle=(0, (1, 2)))
        axes.annotate(name, (0.01, value), xycoords=("axes fraction", "data"), xytext=(0, 2),
                      textcoords="offset points", fontsize=7.5, color=COLOURS["quiet"])  # fmt: skip
    if chart.edge:
        axes.axvline(chart.edge[0], color=COLOURS["quiet"], linewidth=0.9, linestyle=(0, (1, 2)))
        axes.annotate(chart.edge[1], (chart.edge[0], 1.01), xycoords=("data", "axes fraction"), xytext=(3, 0),
                      textcoords="offset points", fontsize=7.5, color=COLOURS["quiet"])  # fmt: skip
    _scale(axes, chart)
    axes.grid(axis="y", color=COLOURS["grid"], linewidth=0.7)
    _write_labels(axes, chart)


def _draw_curve(axes: Any, line: Line) -> None:
    points = [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None]
    colour = _colour(line)
    if line.low:
        spans = [(x, low, high) for x, low, high in zip(line.x, line.low, line.high, strict=True) if low is not None]
        axes.fill_between(*zip(*spans, strict=True), color=colour, alpha=0.1, linewidth=0)
    thick = 2.4 if line.contestant == "transformer" else 1.6
    axes.plot(
        *zip(*points, strict=True),
        color=colour,
        linewidth=thick,
        linestyle=_DASHES if line.dashed else "solid",
        marker=line.mark or MARKS[family(line.contestant)],
        markersize=6.0 if line.mark else 4.6,
        markevery=max(1, len(points) // _MARKED),
    )


def _scale(axes: Any, chart: Chart) -> None:
    """Both axes' scales, lines and numbers."""
    across, up = chart.scales
    if across == "log":
        axes.set_xscale("log", base=2)
        places = sorted({x for line in chart.lines for x in line.x})
        axes.set_xticks(places, told_apart(places))
        axes.minorticks_off()
    if chart.span:
        axes.set_ylim(*chart.span)
    if up == "percent":
        axes.set_ylim(-0.02, 1.04)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], [percent(share) for share in (0, 0.25, 0.5, 0.75, 1)])
    elif up == "tens":
        low, high = axes.get_ylim()
        places = ten_ticks(low, high)
        axes.set_yticks(places, [told_power(place) for place in places])
    elif up == "log":
        axes.set_yscale("log")
        places = log_ticks(*axes.get_ylim())
        axes.set_yticks(places, [told(place) for place in places])
        axes.minorticks_off()
    else:
        axes.yaxis.set_major_formatter(lambda value, _: told(value))


def _write_labels(axes: Any, chart: Chart) -> None:
    """Names at the right ends of the curves, joined to them by thin lines."""
    # Asking for the limits makes matplotlib decide them, which the places of the labels follow from.
    axes.get_xlim(), axes.get_ylim()
    ends = [(line, *_end(line)) for line in chart.lines if line.named]
    inside = axes.transData + axes.transAxes.inverted()
    heights = [float(inside.transform((x, y))[1]) for _, x, y in ends]
    for (line, x, y), height in zip(ends, spread(heights, _GAP / _PLOT, 1.0), strict=True):
        axes.annotate(
            _label(line),
            (x, y),
            xytext=(1.06, height),
            textcoords="axes fraction",
            va="center_baseline",
            fontsize=8.5,
            color=_colour(line),
            arrowprops={"arrowstyle": "-", "color": _colour(line), "linewidth": 0.5, "alpha": 0.6,
                        "shrinkA": 1, "shrinkB": 3},
        )  # fmt: skip


def _end(line: Line) -> tuple[float, float]:
    """The last point that there is."""
    return next((x, y) for x, y in zip(reversed(line.x), reversed(line.y), strict=True) if y is not None)


def _label(line: Line) -> str:
    return line.label or shown(line.contestant)


def _colour(line: Line) -> str:
    return COLOURS.get(family(line.contestant), COLOURS["ink"])
