"""Gradients by distance: whether they vanish, explode or stay, in numbers and in a word."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, inf, isfinite
from typing import Any, Literal

from dragoman.race.report.wording import shown

HUNDREDFOLD = 2.0
"""Powers of ten by which a gradient has to fall or grow to count as vanishing or exploding."""
TENFOLD = 1.0
"""Powers of ten by which one contestant's gradient has to stay nearer to its size than another's."""
AXES = ("decoder", "encoder", "end-to-end")
MOMENTS = ("start", "trained")

Word = Literal["vanishing", "exploding", "flat"]


@dataclass(frozen=True)
class Curve:
    """The gradient's norm by distance, as logarithms to base 10; None where it was nothing or no number."""

    contestant: str
    axis: str
    start: str
    """How the recurrent matrix began: orthogonal, plain, or default."""
    moment: str
    """At the start, or trained."""
    clip: bool | None
    """Whether the training clipped gradients; None where that makes no difference."""
    as_raced: bool
    """Whether it began as the contestant does in the race."""
    distances: tuple[int, ...]
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    @property
    def change(self) -> float:
        """Powers of ten from the shortest distance to the longest; infinite where the norm left all numbers."""
        first = next((value for value in self.values if value is not None), None)
        last = next((value for value in reversed(self.values) if value is not None), None)
        if first is None or last is None:
            return -inf
        return last - first if self.values[-1] is not None else copysign(inf, last - first)

    @property
    def word(self) -> Word:
        """What the change is called."""
        if abs(self.change) < HUNDREDFOLD:
            return "flat"
        return "exploding" if self.change > 0 else "vanishing"

    @property
    def steps(self) -> int:
        """Positions between the shortest distance and the longest."""
        return self.distances[-1] - self.distances[0]

    @property
    def steps_a_power(self) -> float | None:
        """Positions in which it falls or grows tenfold; None where it does not change."""
        return self.steps / abs(self.change) if self.change and isfinite(self.change) else None

    @property
    def main(self) -> bool:
        """Whether it is of the contestant as it races, rather than of a trial with another start or without limit."""
        return self.as_raced and self.clip is not False

    def relative(self, values: Sequence[float | None]) -> tuple[float | None, ...]:
        """Values as powers of ten of the norm at the shortest distance."""
        first = next((value for value in self.values if value is not None), 0.0)
        return tuple(None if value is None else value - first for value in values)

    @property
    def when(self) -> str:
        """Before or after training, and how that was done."""
        if self.moment == "start":
            return "before training"
        return {None: "trained", True: "trained with clipping", False: "trained without clipping"}[self.clip]

    @property
    def began(self) -> list[str]:
        """How the recurrent matrix began; nothing where that is as always."""
        return [] if self.start == "default" else [f"{self.start} start"]

    def told(self) -> str:
        """Which curve it is, in words: RNN, plain start, trained without clipping."""
        return ", ".join([shown(self.contestant), *self.began, self.when])


def curves(gradients: dict[str, Any] | Any) -> list[Curve]:
    """All curves of the measure."""
    return [
        Curve(
            contestant=one["contestant"],
            axis=one["axis"],
            start=one["start"],
            moment=one["moment"],
            clip=one["clip"],
            as_raced=one["as_raced"],
            distances=tuple(one["distances"]),
            values=tuple(one["log10_norm"]),
            low=tuple(one["low"]),
            high=tuple(one["high"]),
        )
        for one in gradients.get("curves", [])
        if one["distances"]
    ]


def main_curve(found: Sequence[Curve], contestant: str, axis: str) -> Curve | None:
    """The curve of a contestant as it races, after training where it was measured then."""
    mine = [one for one in found if one.contestant == contestant and one.axis == axis and one.main]
    return max(mine, key=lambda one: one.moment == "trained", default=None)
