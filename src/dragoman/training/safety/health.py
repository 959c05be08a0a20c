"""Whether a training is well, from numbers that every update has anyway: its loss and its gradient's norm.

Everything that is decided here follows from the updates alone and is saved with each checkpoint, so a training that
was stopped decides the same when it goes on.
"""

from dataclasses import dataclass, field
from math import isfinite

BAD = 5
"""Unusable updates in a row after which the training goes back."""
LATELY = 40
"""Updates that are looked back on for unusable ones between good ones."""
MOST = 10
"""Unusable ones among them that are borne. With more than a quarter it is not single batches any more."""
HIGH = 50
"""Updates in a row that the running loss may stay far above its lowest before the training goes back."""
WINDOW = 50
"""Updates that the running loss averages over."""
HEALED = 200
"""Good updates after which a learning rate that was halved for a bad update doubles again."""
FLOOR = 0.25
"""The share of the learning rate below which bad updates that stand alone do not push it; each further one in a row may
halve it once more. So a batch that is bad in every pass slows a training down and never stops it."""


def far_above(loss: float, lowest: float) -> bool:
    """Whether a running loss (nats a token) has left its lowest value: by a quarter of it and one nat.

    In trainings that went well it rises by less than 0.1 nat between batches and at a new cosine's beginning; one
    that collapses to the frequencies of the words loses several.
    """
    return loss > 1.25 * lowest + 1


@dataclass
class Health:
    """What has been seen of the loss, and what share of the schedule's learning rate that leaves."""

    share: float = 1.0
    """Share of the schedule's learning rate that updates are made with."""
    good: int = 0
    """Usable updates since the share last changed."""
    bad: int = 0
    """Unusable ones in a row, up to now."""
    skipped: int = 0
    """Unusable ones in all."""
    recent: list[int] = field(default_factory=list)
    """The numbers of the unusable ones among the last LATELY updates."""
    seen: int = 0
    """Usable ones in all."""
    running: float = 0.0
    """The loss, averaged over about the last WINDOW updates."""
    lowest: float = 0.0
    """Its lowest value; at first what a model gives that knows nothing, or the first update's loss if it is higher."""
    high: int = 0
    """Updates in a row with a running loss far above the lowest."""
    returns: int = 0
    """How often the training went back."""

    @property
    def well(self) -> bool:
        """Whether nothing is wrong at the moment."""
        return self.bad == 0 and self.high == 0

    @property
    def ceiling(self) -> float:
        """The share to which the learning rate may recover: half as much for every return."""
        return 0.5**self.returns

    def note(self, loss: float, norm: float, ignorance: float) -> bool:
        """Takes in an update's loss and gradient norm; says whether they can be used.

        Args:
            ignorance: the loss of a model that knows nothing, ln(vocabulary).
        """
        number = self.seen + self.skipped + 1
        self.recent = [one for one in self.recent if one > number - LATELY]
        if not (isfinite(loss) and isfinite(norm)):
            self.bad, self.skipped, self.good = self.bad + 1, self.skipped + 1, 0
            self.recent.append(number)
            floor = self.ceiling * FLOOR * 0.5 ** (self.bad - 1)
            self.share = min(self.share, max(floor, self.share / 2))
            return False
        self.bad, self.seen, self.good = 0, self.seen + 1, self.good + 1
        if self.seen == 1:
            self.lowest = max(loss, ignorance)
        self.running += (loss - self.running) / min(self.seen, WINDOW)
        if self.seen >= WINDOW:
            self.lowest = min(self.lowest, self.running)
        self.high = self.high + 1 if far_above(self.running, self.lowest) else 0
        if self.good >= HEALED and self.share < self.ceiling:
            self.share, self.good = min(self.ceiling, 2 * self.share), 0
        return True

    def trouble(self) -> str:
        """Why the training has to go back, in words; empty where it need not."""
        if self.bad >= BAD:
            return f"{BAD} updates in a row had a loss or gradient that is no finite number"
        if len(self.recent) > MOST:
            return f"{len(self.recent)} of the last {LATELY} updates had a loss or gradient that is no finite number"
        if self.high >= HIGH:
            return f"the loss has been far above its lowest for {HIGH} updates ({self.running:.2f}, {self.lowest:.2f})"
        return ""

    def after_return(self, returns: int) -> None:
        """This health is the one of the checkpoint gone back to; the learning rate is halved for good."""
        self.returns, self.bad, self.high, self.good, self.recent = returns, 0, 0, 0, []
        self.share = min(self.share, self.ceiling)
