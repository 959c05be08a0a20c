"""What is said when a training ends: what it reached, and the next step."""

from collections.abc import Sequence

from dragoman.config import Settings
from dragoman.training.watching.coach import LEAST_RISE, POOR, Advice
from dragoman.training.watching.history import Stretch
from dragoman.training.watching.words import duration

CALM = ("on track", "warming up", "slower than forecast")
"""Verdicts after which nothing about the training has to be changed."""
RISING = 0.5
"""BLEU gained over the last quarter of the updates from which a longer training is worth it."""


def closing(
    seen: Sequence[Stretch],
    advice: Sequence[Advice],
    settings: Settings,
    finished: bool,
    clock: float,
    early: bool = False,
    mean: float = 0.0,
) -> str:
    """One line: the best checkpoint's BLEU, the verdict, the next step; at its end what the next command is for.

    Args:
        advice: the coach's after the last validation.
        clock: seconds that the training took by the clock.
        early: whether patience ended it.
        mean: BLEU of the mean of several checkpoints, where that is the best.
    """
    if not finished:
        return "go on with"
    if not seen:
        return "try it"
    by_loss = settings.training.best_by == "loss"
    best = mean or (min(seen, key=lambda one: one.valid) if by_loss else max(seen, key=lambda one: one.bleu)).bleu
    reached = f"{best:.1f} validation BLEU after {duration(clock)}"
    verdict = next((one for one in advice if one.verdict not in CALM), None)
    if verdict is not None:
        said = f"{verdict.verdict}: {verdict.mend or verdict.message}"
    elif too_short(seen, settings):
        said = f"too little was seen to judge: {longer(settings, seen[-1], early)}"
    elif early and settings.training.schedule == "wsd" and _level(seen)[-1] is seen[-1]:
        said = "nothing better came any more, but the learning rate never fell: without training.patience it would have"
    elif early:
        said = f"nothing better came any more: {further(settings)}"
    elif gain := still_rising(seen, settings):
        said = f"still rising ({gain:+.1f} over {_quarter(seen, settings)[2]}): {longer(settings, seen[-1])}"
    elif still_falling(seen, settings):
        said = f"the loss is still falling: {longer(settings, seen[-1])}"
    else:
        said = f"it has levelled off: {further(settings)}"
    return f"{reached}; {said}; try it"


def too_short(seen: Sequence[Stretch], settings: Settings) -> bool:
    """Whether the curves say nothing yet: few validations, hardly past the warm-up, and translations that are noise."""
    early = seen[-1].step < 2 * settings.training.warmup_steps or seen[-1].epoch < 2
    return not _until(seen, 0.75) or (early and max(one.bleu for one in seen) < POOR)


def still_rising(seen: Sequence[Stretch], settings: Settings) -> float:
    """BLEU gained over a quarter of the updates, where it is worth naming; else 0."""
    before, last, _ = _quarter(seen, settings)
    gain = last.bleu - max((one.bleu for one in before), default=last.bleu)
    return gain if gain >= RISING else 0.0


def still_falling(seen: Sequence[Stretch], settings: Settings) -> bool:
    """Whether the validation loss fell by a twentieth over that quarter, and by what can be felt."""
    before, last, _ = _quarter(seen, settings)
    lowest = min((one.valid for one in before), default=last.valid)
    return lowest - last.valid > max(0.05 * lowest, LEAST_RISE)


def _quarter(seen: Sequence[Stretch], settings: Settings) -> tuple[list[Stretch], Stretch, str]:
    """The quarter of the updates that tells whether more of them help: validations before it, at its end, its name.

    It is the last quarter; under `wsd` the last one before the learning rate falls, for by its fall any training gains.
    """
    if settings.training.schedule == "wsd":
        level = _level(seen)
        before = [one for one in level if one.step <= level[-1].step - seen[-1].step / 4]
        if before:
            return before, level[-1], "a quarter, before the rate fell"
    return _until(seen, 0.75), seen[-1], "the last quarter"


def _level(seen: Sequence[Stretch]) -> list[Stretch]:
    """The validations at the full learning rate, those before an earlier end of the training among them."""
    peak = max(one.rate for one in seen)
    return [one for one in seen if one.rate >= 0.99 * peak]


def _until(seen: Sequence[Stretch], share: float) -> list[Stretch]:
    """The validations of the first updates, so large a share of all."""
    return [one for one in seen if one.step <= share * seen[-1].step]


def further(settings: Settings) -> str:
    """What still helps where more of the same does not."""
    # Two passes that are to be drawn together must differ.
    if settings.training.agreement or not settings.model.dropout:
        return "a larger model or more data is the way on"
    return "a new run with --set training.agreement=5 goes further in more time, or a larger model or more data"


def longer(settings: Settings, last: Stretch, early: bool = False) -> str:
    """How to ask for twice the training, by the bound that ended it; `early`: that was patience."""
    training = settings.training
    if early:
        return f"give it --set training.patience={2 * training.patience}"
    if training.steps and last.step >= training.steps:
        return f"give it --set training.steps={2 * last.step}"
    if training.epochs and last.epoch >= training.epochs:
        return f"give it --set training.epochs={2 * last.epoch}"
    if training.target_tokens and last.tokens >= training.target_tokens:
        return f"give it --set training.target_tokens={2 * training.target_tokens}"
    if training.update_minutes and last.seconds >= 60 * training.update_minutes:
        return f"give it --set training.update_minutes={2 * training.update_minutes:g}"
    return f"give it --minutes {max(2 * training.minutes, 1):g}"
