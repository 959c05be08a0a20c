"""What is said when a training ends: what it reached, and the next step."""

from collections.abc import Sequence

from dragoman.config import Settings
from dragoman.training.watching.coach import Advice
from dragoman.training.watching.history import Stretch
from dragoman.training.watching.words import duration

CALM = ("on track", "warming up", "slower than forecast")
"""Verdicts after which nothing about the training has to be changed."""
RISING = 0.5
"""BLEU gained over the last quarter of the updates from which a longer training is worth it."""


def closing(seen: Sequence[Stretch], advice: Sequence[Advice], settings: Settings, finished: bool, clock: float) -> str:
    """One line: the best BLEU, the verdict, the next step; it ends with what the command is for that comes after it.

    Args:
        advice: the coach's after the last validation.
        clock: seconds that the training took by the clock.
    """
    if not finished:
        return "go on with"
    if not seen:
        return "try it"
    best = max(one.bleu for one in seen)
    reached = f"{best:.1f} validation BLEU after {duration(clock)}"
    verdict = next(
        (one for one in advice if one.verdict not in ("on track", "warming up", "slower than forecast")), None
    )
    if verdict is not None:
        said = f"{verdict.verdict}: {verdict.mend or verdict.message}"
    elif gain := still_rising(seen):
        said = f"still rising ({gain:+.1f} over the last quarter): {longer(settings)}"
    elif still_falling(seen):
        said = f"the loss is still falling: {longer(settings)}"
    else:
        said = "it has levelled off: a larger model or more data is the way on"
    return f"{reached}; {said}; try it"


def still_rising(seen: Sequence[Stretch]) -> float:
    """BLEU gained over the last quarter of the updates, where it is worth naming; else 0."""
    before = _before(seen)
    gain = seen[-1].bleu - max((one.bleu for one in before), default=seen[-1].bleu)
    return gain if gain >= RISING else 0.0


def still_falling(seen: Sequence[Stretch]) -> bool:
    """Whether the validation loss fell by a twentieth over the last quarter, or too little was seen to say."""
    before = _before(seen)
    return not before or seen[-1].valid < 0.95 * min(one.valid for one in before)


def _before(seen: Sequence[Stretch]) -> list[Stretch]:
    return [one for one in seen if one.step <= 0.75 * seen[-1].step]


def longer(settings: Settings) -> str:
    """How to ask for twice the training, by the bound that it had."""
    training = settings.training
    if training.minutes:
        return f"give it --minutes {2 * training.minutes:g}"
    if training.epochs:
        return f"give it --set training.epochs={2 * training.epochs}"
    return f"give it --set training.steps={2 * training.steps}"
