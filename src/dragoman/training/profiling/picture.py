"""A profile as a table to read and a picture to print."""

from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError
from dragoman.training.profiling.groups import PRODUCTS
from dragoman.training.profiling.profiler import Profile

_INK, _QUIET = "#1b1b2b", "#6d6d7a"
_PRODUCT, _ALONE, _OTHER = "#57388f", "#c3b6e0", "#d08a2e"
_BUSY = 0.15
"""Passes over the same updates that differ by more are not to be trusted."""
_ROW, _WIDTH, _LEFT = 0.3, 5.4, 2.5
"""Inches: of a bar's row, of the longest bar with its words, of the names."""


def table(profile: Profile) -> str:
    """Markdown: a row for each kind of work, and below them the sums."""
    lines = ["| What | share | ms a step | alone, ms | calls a step |", "|---|---:|---:|---:|---:|"]
    for group in profile.groups:
        alone = f"{1000 * group.alone:.1f}" if group.alone is not None else ""
        calls = f"{group.calls:,.0f}" if group.calls else ""
        lines.append(f"| {group.name} | {group.share:.1%} | {1000 * group.seconds:.1f} | {alone} | {calls} |")
    lines.append(f"| a step | 100.0% | {1000 * profile.step_seconds:.1f} |  |  |")
    return "\n".join([*lines, "", *(f"- {line}" for line in sums(profile)), ""])


def sums(profile: Profile) -> list[str]:
    """What the whole step comes to, in words."""
    busy = " (something else is running: measure again)" if profile.spread > _BUSY else ""
    slower = profile.profiled_seconds / profile.step_seconds - 1
    return [
        f"{profile.corpus}, {profile.dtype}, {profile.kernels} kernels, threads: {profile.threads}; "
        f"{profile.updates} updates, {profile.target_tokens:,.0f} target tokens each, "
        f"{profile.tokens_per_second:,.0f} a second",
        f"three passes over them differ by {profile.spread:.1%}{busy}; under the profiler they are {abs(slower):.1%} "
        f"{'slower' if slower >= 0 else 'faster'}",
        f"inevitable arithmetic: {profile.inevitable_share:.1%} of the step "
        f"({1000 * profile.inevitable_seconds:.1f} ms: its matrix products, each timed alone)",
        f"{profile.gigaflop:,.1f} GFLOP a step, {profile.gigaflops:,.0f} GFLOP/s; "
        f"a large product reaches {profile.peak_gigaflops:,.0f} GFLOP/s here",
        f"memory: {profile.memory / 2**30:.2f} GiB at the peak",
    ]


def draw(profile: Profile, path: Path) -> None:
    """Draws a bar for each kind of work; a product's time alone is the dark part of its bar.

    Raises:
        DragomanError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    rows = len(profile.groups)
    height = 1.7 + _ROW * rows
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "text.parse_math": False, "text.color": _INK}):
        figure = Figure(figsize=(_LEFT + _WIDTH + 0.2, height), facecolor="white")
        across = _LEFT + _WIDTH + 0.2
        axes = figure.add_axes((_LEFT / across, 0.95 / height, _WIDTH / across, _ROW * rows / height))
        _bars(axes, profile)
        _words(figure, profile, height)
        try:
            figure.savefig(path, dpi=200, bbox_inches="tight", pad_inches=0.15)
        except OSError as error:
            raise DragomanError(f"cannot write {path} ({error.strerror}); give another place") from error


def _bars(axes: Any, profile: Profile) -> None:
    longest = max(group.seconds for group in profile.groups)
    for row, group in enumerate(profile.groups):
        product = group.name in PRODUCTS
        axes.barh(row, 1000 * group.seconds, color=_ALONE if product else _OTHER, height=0.66)
        if group.alone is not None:
            axes.barh(row, 1000 * min(group.alone, group.seconds), color=_PRODUCT, height=0.66)
        told = f" {group.share:.1%}, {1000 * group.seconds:.1f} ms"
        axes.text(1000 * group.seconds, row, told, va="center", fontsize=8, color=_INK)
    axes.set(xlim=(0, 1300 * longest), ylim=(len(profile.groups) - 0.4, -0.6), xticks=[])
    axes.set_yticks(range(len(profile.groups)), [group.name for group in profile.groups], fontsize=8.5, color=_INK)
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_QUIET)


def _words(figure: Any, profile: Profile, height: float) -> None:
    title = f"Where a training step's {1000 * profile.step_seconds:.0f} ms go"
    figure.text(0.02, 1 - 0.25 / height, title, fontsize=12, fontweight="bold", va="center")
    key = "violet: matrix products, the dark part as long as they take alone; yellow: all else"
    figure.text(0.02, 1 - 0.5 / height, key, fontsize=8, color=_QUIET, va="center")
    for number, line in enumerate(sums(profile)):
        figure.text(0.02, (0.78 - 0.17 * number) / height, line, fontsize=7.5, color=_QUIET, va="center")
