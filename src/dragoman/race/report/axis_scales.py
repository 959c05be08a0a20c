"""Where an axis has its lines and what is written there; how labels in a column keep clear of each other."""

from collections.abc import Sequence
from math import ceil, floor, inf, log10

from dragoman.race.report.wording import power

LEAST, MOST = 3, 7
"""Lines across a plot."""
_Steps = tuple[tuple[float, ...], ...]
_TENS: _Steps = ((1,),)
_STEPS: _Steps = ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), tuple(number / 10 for number in range(10, 100)))
"""Which numbers of a decade have lines, from few to many."""


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers (1, 2, 5, 10, ...) between two positive ones; of many decades the powers of ten alone.

    Where the two are so near that hardly any would lie between them, there are some less round ones.
    """
    decades, places = range(floor(log10(low)), ceil(log10(high)) + 1), list[float]()
    for steps in _STEPS if log10(high / low) <= 2 else _TENS:
        places = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(places) >= LEAST:
            break
    return places[:: max(1, ceil(len(places) / MOST))]


def ten_ticks(low: float, high: float) -> list[float]:
    """Whole powers of ten between two logarithms, evenly chosen."""
    step = max(1, ceil((high - low) / MOST))
    return [float(exponent) for exponent in range(ceil(low / step) * step, floor(high) + 1, step)]


def told(value: float) -> str:
    """A number at an axis."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def told_apart(places: Sequence[float], gap: float = 0.06) -> list[str]:
    """Numbers at a logarithmic axis; none where they would stand nearer than a share of the axis to the one behind."""
    across, shown_at, texts = log10(places[-1] / places[0]) or 1.0, inf, []
    for place in reversed(places):
        at = log10(place / places[0]) / across
        near = shown_at - at < gap * len(told(place)) / 2
        texts.append("" if near else told(place))
        shown_at = shown_at if near else at
    return texts[::-1]


def told_power(exponent: float) -> str:
    """A power of ten at an axis; 1 by its name."""
    return "1" if exponent == 0 else power(exponent)


def spread(wanted: Sequence[float], gap: float, top: float) -> list[float]:
    """Moves labels apart that stand nearer than a gap, as little as may be, between 0 and `top`; the order stays."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    groups: list[tuple[float, list[int]]] = []
    for at in order:
        groups.append((wanted[at], [at]))
        while len(groups) > 1 and _end(groups[-2], gap) + gap > _begin(groups[-1], gap):
            (one, lower), (other, upper) = groups[-2:]
            middle = (one * len(lower) + other * len(upper)) / (len(lower) + len(upper))
            groups[-2:] = [(middle, lower + upper)]
    places = [0.0] * len(wanted)
    for group in groups:
        for number, at in enumerate(group[1]):
            places[at] = _begin(group, gap) + number * gap
    return _within(places, order, gap, top)


def _begin(group: tuple[float, list[int]], gap: float) -> float:
    return group[0] - gap * (len(group[1]) - 1) / 2


def _end(group: tuple[float, list[int]], gap: float) -> float:
    return group[0] + gap * (len(group[1]) - 1) / 2


def _within(places: list[float], order: Sequence[int], gap: float, top: float) -> list[float]:
    """Pushes what stands out at the bottom up, and what stands out at the top down."""
    floor_, ceiling = 0.0, top
    for at in order:
        places[at] = max(places[at], floor_)
        floor_ = places[at] + gap
    for at in reversed(order):
        places[at] = min(places[at], ceiling)
        ceiling = places[at] - gap
    return places
