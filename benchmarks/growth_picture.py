"""Draws what growth.py wrote: a row for each thing that grows, a panel for each thing that was measured.

python -m benchmarks.growth_picture runs/growth.json docs/pictures/growth.png
"""

import json
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from dragoman.inspection.printing import QUIET, page

COLOUR = "#57388f"
UPDATES = {
    "tokens_per_second": "target tokens/s",
    "gflop_per_second": "GFLOP/s",
    "peak_mib": "peak memory, MiB",
}
CORPUS = {
    "pairs_per_second": "pairs/s",
    "seconds": "seconds to the first batch",
    "bytes_a_pair": "bytes of memory a pair",
}
NAMES = {
    "sentence length": "sentence length (positions, both sides)",
    "batch size": "batch size (target tokens)",
    "d_model": "d_model (d_ff = 4 d_model)",
    "vocabulary": "vocabulary (tokens)",
    "corpus": "corpus (pairs)",
}
"""What is written below a panel; an axis that is not here is called by its own name."""
STEEP = 8
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""
Points = Sequence[dict[str, Any]]


def draw(measured: Path, out: Path) -> None:
    """Writes the picture."""
    points = json.loads(measured.read_text(encoding="utf-8"))["points"]
    rows = [(axis, list(group)) for axis, group in groupby(points, lambda point: point["axis"])]
    out.parent.mkdir(parents=True, exist_ok=True)
    with page([], out) as sheet:
        figure = sheet.figure(10.5, 1.9 * len(rows))
        figure.set_layout_engine("constrained", h_pad=0.08, w_pad=0.08)
        for panels, (axis, group) in zip(figure.subplots(len(rows), 3, squeeze=False), rows, strict=True):
            quantities = CORPUS if axis == "corpus" else UPDATES
            for panel, (key, label) in zip(panels, quantities.items(), strict=True):
                draw_panel(panel, group, key)
                panel.set_xlabel(NAMES.get(axis, axis), color=QUIET, fontsize=8)
                panel.set_ylabel(label, fontsize=8)
        sheet.save(figure)


def draw_panel(panel: Any, points: Points, key: str) -> None:
    """One quantity along one axis; among GFLOP/s also what one large product reaches."""
    names = [point["value"] for point in points]
    values = [point["measured"][key] for point in points]
    growing = len(points) > 2 and not any(isinstance(name, str) for name in names)
    at = names if growing else list(range(len(points)))
    if growing:
        panel.plot(at, values, color=COLOUR, marker="o", markersize=3.5)
    else:
        panel.bar(at, values, color=COLOUR, width=0.5)
        panel.set_xlim(-0.7, len(points) - 0.3)
    if key == "gflop_per_second":
        limit = [point["measured"]["gflop_per_second_of_products"] for point in points]
        draw_limit(panel, at, limit, growing)
        values = [*values, *limit]
    scale_across(panel, at, [short(name) for name in names], growing)
    scale_up(panel, values, growing)
    panel.set_axisbelow(True)
    panel.grid(alpha=0.3, axis="both" if growing else "y")
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=7.5)


def draw_limit(panel: Any, at: Sequence[float], limit: Sequence[float], growing: bool) -> None:
    """What the machine could do, dotted: through all points, or above each bar."""
    style = {"color": QUIET, "linestyle": ":", "label": "one large product"}
    if growing:
        panel.plot(at, limit, **style)
    else:
        panel.hlines(limit, [place - 0.25 for place in at], [place + 0.25 for place in at], **style)
    panel.legend(frameon=False, fontsize=7)


def scale_across(panel: Any, at: Sequence[float], names: Sequence[str], growing: bool) -> None:
    """A mark at every point; steep axes are logarithmic."""
    if growing and steep(at):
        panel.set_xscale("log")
    panel.set_xticks(at, names)
    panel.set_xticks([], minor=True)


def scale_up(panel: Any, values: Sequence[float], may_be_steep: bool) -> None:
    """From zero, or logarithmic with marks at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if may_be_steep and steep(values):
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_ylim(min(values) / 1.4, max(values) * 1.4)
    else:
        panel.set_ylim(0, 1.3 * max(values))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def steep(values: Sequence[float]) -> bool:
    """Whether small values would vanish on a straight axis."""
    return min(values) > 0 and max(values) / min(values) >= STEEP


def short(value: int | str) -> str:
    """A size in few letters: 16k, 1M."""
    if isinstance(value, str) or value % 1000:
        return str(value)
    return f"{value / 1e6:g}M" if value >= 1_000_000 else f"{value / 1e3:g}k"


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
