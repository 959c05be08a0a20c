"""What a training's curves say, and what to do about it: pure functions over its history.

The thresholds were set on real trainings, good ones and ones that were spoilt on purpose (docs/training.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import Literal

from dragoman.training.watching.history import Stretch

Verdict = Literal[
    "warming up", "on track", "overfitting", "underfitting", "learning rate too high", "learning rate too low",
    "bad data", "bad validation data", "vocabulary too large", "slower than forecast",
]  # fmt: skip

HIGH = 0.45
"""Validation loss over ln(vocabulary) above which a model has hardly looked at the source; good ones end below 0.25."""
POOR = 3.0
"""BLEU below which translations are noise."""
RISE = 0.02
"""Share by which the validation loss has risen above its lowest when it counts as rising."""
LEAST_RISE = 0.01
"""Nats that this has to be at least: a model that makes hardly any mistake has a loss that trembles about nothing."""
FLAT = 0.03
"""Share by which a loss must fall over the last third of the updates to count as falling."""
RATES = (1e-4, 2e-3)
"""The learning rates that are advised: no smaller and no larger one."""
SLOW = 0.6
"""Share of the forecast's speed below which something else runs on the machine."""


@dataclass(frozen=True)
class Situation:
    """What is known besides the curves."""

    pairs: int
    """To train on."""
    vocabulary: int
    """Target tokens that the model can write."""
    d_model: int
    dropout: float
    warmup_steps: int
    learning_rate: float
    patience: int = 0
    schedule: str = "cosine"
    smallest_vocabulary: int = 0
    """Tokens that every vocabulary of this text has: special ones, bytes, characters."""
    speed: float | None = None
    """Target tokens a second that the forecast promised."""


@dataclass(frozen=True)
class Advice:
    """One verdict."""

    verdict: Verdict
    message: str
    """What is seen."""
    mend: str = ""
    """What to do about it; empty where nothing needs to be done."""

    @property
    def text(self) -> str:
        """One line."""
        return f"{self.verdict}: {self.message}" + (f"; {self.mend}" if self.mend else "")


def advise(seen: Sequence[Stretch], share: float, situation: Situation) -> list[Advice]:
    """The verdict after the last validation; a second one where the machine is slower than was forecast.

    Args:
        seen: the stretches so far, oldest first; at least one.
        share: of the training that is over, 0 to 1.
    """
    rules: list[Callable[[Sequence[Stretch], float, Situation], Advice | None]] = [
        _rate_too_low, _lost, _rate_too_high, _overfitting, _bad_validation, _blind, _underfitting, _sparse, _early,
    ]  # fmt: skip
    verdict = next(filter(None, (rule(seen, share, situation) for rule in rules)), None) or _on_track(seen)
    slow = _slow(seen, situation)
    return [verdict, *([slow] if slow else [])]


def _early(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    if seen[-1].step > situation.warmup_steps and len(seen) > 1:
        return None
    return Advice("warming up", f"validation loss {seen[-1].valid:.2f}, BLEU {seen[-1].bleu:.1f}; too early to judge")


def _on_track(seen: Sequence[Stretch]) -> Advice:
    return Advice("on track", f"validation loss {seen[-1].valid:.2f}, BLEU {seen[-1].bleu:.1f}")


def _lost(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    """Both losses are far above that of a model that knows nothing, ln(vocabulary)."""
    last, ignorance = seen[-1], log(situation.vocabulary)
    if last.loss is None or min(last.loss, last.valid) <= 1.25 * ignorance + 1:
        return None
    return Advice(
        "learning rate too high",
        f"the validation loss is {last.valid:,.2f}, that of a model that knows nothing {ignorance:.2f}",
        _smaller_rate(situation),
    )


def _smaller_rate(situation: Situation) -> str:
    rate = min(max(situation.learning_rate / 5, RATES[0]), RATES[1])
    smaller = f"--set training.learning_rate={rate:.2g}, or " if rate < situation.learning_rate else ""
    return f"begin anew with {smaller}a longer training.warmup_steps"


def _rate_too_high(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    """After the warm-up the training loss has not fallen, and gradients are clipped again and again."""
    after = [one for one in seen if one.step > situation.warmup_steps and one.loss is not None]
    if len(after) < 2:
        return None
    first, last = after[0], after[-1]
    clipped = sum(one.clipped for one in after) / len(after)
    stuck = last.loss is not None and first.loss is not None and last.loss > (1 - FLAT) * first.loss
    jumped = last.loss is not None and any(one.loss and last.loss > 1.15 * one.loss for one in after[:-1])
    if not (_high(last, situation) and clipped >= 0.3 and (stuck or jumped)):
        return None
    return Advice(
        "learning rate too high",
        f"the training loss does not fall ({last.loss:.2f}) and {clipped:.0%} of the gradients were clipped",
        _smaller_rate(situation),
    )


def _overfitting(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    """The validation loss has risen in two validations, while the training loss fell; many passes were made."""
    lowest = min(seen, key=lambda one: one.valid)
    after = [one for one in seen if one.step > lowest.step]
    risen = lowest.valid + max(RISE * lowest.valid, LEAST_RISE)
    if len(after) < 2 or after[-1].epoch < 5 or any(one.valid < risen for one in after[-2:]):
        return None
    if lowest.loss is None or after[-1].loss is None or after[-1].loss >= lowest.loss:
        return None
    highest = max(seen, key=lambda one: one.bleu)
    better = highest.step > lowest.step and highest.bleu >= POOR
    grows = ", though BLEU has still grown since" if better else ""
    # `wsd` lowers its rate at the very end, and patience would end it before.
    stop = "" if situation.patience or situation.schedule == "wsd" else ", or stop by training.patience=5"
    return Advice(
        "overfitting",
        f"the validation loss rises since update {lowest.step:,} ({lowest.valid:.2f} to {after[-1].valid:.2f}) while "
        f"the training loss falls{grows}; the best checkpoint is kept",
        f"begin anew with more data or {_more_dropout(situation)}{stop}",
    )


def _more_dropout(situation: Situation) -> str:
    """More than there is; where there is much already, something else."""
    more = next((share for share in (0.3, 0.4) if situation.dropout < share), None)
    return f"--set model.dropout={more}" if more else "a smaller model"


def _bad_validation(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    """After few passes over many pairs the training loss falls below the validation loss, which has stopped high up."""
    last = seen[-1]
    few = situation.pairs < 2000 or last.epoch >= 15
    if few or last.loss is None or not _stopped(seen, situation) or last.loss > last.valid - 0.2:
        return None
    return Advice(
        "bad validation data",
        f"the training loss is down to {last.loss:.2f}, the validation loss stays at {last.valid:.2f}, BLEU "
        f"{last.bleu:.1f}",
        "the validation files may not belong together line by line: see `dragoman corpus check`",
    )


def _blind(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    """Both losses have stopped where a model stands that knows the language but not the source."""
    before = _before(seen)
    if situation.d_model < 64 or not before or not _stopped(seen, situation):
        return None
    if seen[-1].loss is None or before.loss is None or seen[-1].loss < 0.95 * before.loss:
        return None
    return Advice(
        "bad data",
        f"the loss has stopped falling at {seen[-1].valid:.2f} and BLEU is {seen[-1].bleu:.1f}: the translations have "
        "little to do with the sources",
        "look for shifted or shuffled lines with `dragoman corpus check`",
    )


def _underfitting(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    """A small model has stopped at a high loss; or a training is near its end and both losses are still high."""
    last, small = seen[-1], situation.d_model < 64 and _stopped(seen, situation)
    late = share >= 0.9 and len(seen) > 2 and last.step > situation.warmup_steps
    late = late and last.valid > 0.75 * HIGH * log(situation.vocabulary)
    if not small and not (late and last.loss is not None and last.loss >= last.valid):
        return None
    less = " or less dropout" if situation.dropout else ""
    mend = "a larger model (--preset tiny or small)" if small else f"train longer, or a larger model{less}"
    return Advice(
        "underfitting",
        f"training ({last.loss or 0:.2f}) and validation loss ({last.valid:.2f}) are both high, BLEU {last.bleu:.1f}",
        mend,
    )


def _rate_too_low(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    """The rate is small, and the loss has hardly fallen from where it began."""
    last = seen[-1]
    warming = len(seen) < 2 or last.step <= situation.warmup_steps
    if warming or situation.learning_rate > 2e-4 or last.valid < 0.65 * log(situation.vocabulary):
        return None
    rate = min(max(20 * situation.learning_rate, RATES[0]), RATES[1])
    return Advice(
        "learning rate too low",
        f"the validation loss is still {last.valid:.2f} after {last.step:,} updates",
        f"begin anew with --set training.learning_rate={rate:.2g}",
    )


def _sparse(seen: Sequence[Stretch], share: float, situation: Situation) -> Advice | None:
    """Fewer pairs than half the vocabulary: most tokens occur once or twice, and nothing can be learnt of them."""
    if situation.pairs >= 0.5 * situation.vocabulary or len(seen) < 2 or seen[-1].bleu >= 10:
        return None
    size = max(500, situation.pairs // 3 // 100 * 100, 100 * ceil(situation.smallest_vocabulary / 100))
    smaller = f"begin anew with --set text.vocabulary_size={size}, or " if size < situation.vocabulary else ""
    return Advice(
        "vocabulary too large",
        f"{situation.pairs:,} pairs teach little about {situation.vocabulary:,} tokens",
        f"{smaller}find more pairs",
    )


def _slow(seen: Sequence[Stretch], situation: Situation) -> Advice | None:
    speed = seen[-1].speed
    if not situation.speed or not speed or speed >= SLOW * situation.speed:
        return None
    return Advice(
        "slower than forecast",
        f"{speed:,.0f} target tokens a second, {situation.speed:,.0f} were forecast",
        "something else may be running on the machine",
    )


def _high(one: Stretch, situation: Situation) -> bool:
    return one.valid > HIGH * log(situation.vocabulary)


def _stopped(seen: Sequence[Stretch], situation: Situation) -> bool:
    """Whether the loss is high, the translations noise, and nothing has moved for the last third of the updates."""
    last, before = seen[-1], _before(seen)
    if not before or last.step < 2 * situation.warmup_steps or last.epoch < 2:
        return False
    return _high(last, situation) and last.bleu < POOR and last.valid > (1 - FLAT) * before.valid


def _before(seen: Sequence[Stretch]) -> Stretch | None:
    """Where the training was when seven tenths of its updates so far were made."""
    return next((one for one in reversed(seen) if one.step <= 0.7 * seen[-1].step), None)
