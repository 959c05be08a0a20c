"""How long a training will take, or how much of it will fit into its minutes: told before the first update.

Nothing that is computed depends on it.
"""

from dataclasses import asdict, dataclass, replace
from math import ceil
from time import monotonic
from typing import Any

from dragoman.config import TrainingSettings
from dragoman.runs import Run
from dragoman.runs.writing import write_json
from dragoman.training.preparing import Prepared
from dragoman.training.progress import Progress
from dragoman.training.safety.memory import LONG, demand
from dragoman.training.watching.probe import Pace, probe
from dragoman.training.watching.words import big, brief, count, duration

FILE = "forecast.json"
REFINED_AFTER = 30
"""Updates after which the training's own pace tells more than the forecast."""


@dataclass(frozen=True)
class Forecast:
    """What is expected of a training from here to its end."""

    from_step: int
    """Updates made before."""
    updates: int | None
    """Still to make; None where nothing ends the training."""
    seconds: float
    """By the clock until it has ended, validations included; those of one epoch where nothing ends it."""
    update_seconds: float
    tokens: float
    """Target tokens an update."""
    epoch_updates: int
    validations: int
    validation_seconds: float
    memory: int = 0
    """Bytes at the peak."""

    @property
    def tokens_per_second(self) -> float:
        """Target tokens a second of updates."""
        return self.tokens / max(1e-9, self.update_seconds)

    def text(self) -> str:
        """One line for people."""
        updates = self.epoch_updates if self.updates is None else self.updates
        span = f"{updates / self.epoch_updates:.1f} epochs, {big(updates * self.tokens)} target tokens"
        begin = "" if self.updates is not None else "an epoch takes "
        return (
            f"{begin}about {duration(self.seconds)}: {count(updates, 'update')} of {brief(self.update_seconds)} "
            f"({span} at {self.tokens_per_second:,.0f} a second), "
            f"{count(self.validations, 'validation')} of {brief(self.validation_seconds)}"
        )

    def to_json(self) -> dict[str, Any]:
        """All fields by name, and the speed."""
        return asdict(self) | {"tokens_per_second": self.tokens_per_second}


@dataclass(frozen=True)
class Pass:
    """One pass over the corpus."""

    batches: int
    target_tokens: int


def foresee(prepared: Prepared, progress: Progress, elapsed: float, held: int = 0) -> Forecast | None:
    """Times a few passes and reckons time and memory from them; takes a second or two. None where memory gives out.

    Args:
        progress: how far the training is already.
        elapsed: seconds of `training.minutes` that are spent.
        held: bytes of the optimizer's moments and of averages that are there already.
    """
    epoch = prepared.epochs.epoch(0)
    whole = Pass(epoch.pass_batches, epoch.pass_tokens[1])
    settings = prepared.settings
    at_once = replace(settings.batches, target_tokens=progress.piece or settings.batches.target_tokens)
    needed = demand(replace(settings, batches=at_once), prepared.model, epoch.longest, held)
    begin = monotonic()
    try:
        pace = probe(prepared, progress.piece)
    except (MemoryError, RuntimeError):
        return None
    found = reckon(settings.training, whole, pace, progress, elapsed + monotonic() - begin)
    return replace(found, memory=needed.after(LONG if found.updates is None else found.updates))


def reckon(settings: TrainingSettings, whole: Pass, pace: Pace, progress: Progress, elapsed: float) -> Forecast:
    """The forecast from a pace, memory left out: the end that comes first counts."""
    epoch_updates = max(1, ceil(whole.batches / settings.accumulate))
    tokens = whole.target_tokens / epoch_updates
    update, validation = pace.update_seconds(tokens), pace.validation_seconds
    every, evenly = settings.validate_every, settings.validations
    ends = [float(settings.steps - progress.step)] if settings.steps else []
    if settings.epochs:
        done = progress.passes(max(1, whole.batches) / progress.windows)
        ends.append((settings.epochs - done) * epoch_updates)
    if settings.minutes:
        room = settings.minutes * 60 - elapsed - 1.15 * max(1, evenly) * validation
        ends.append(room / (update if evenly else update + validation / every))
    if settings.update_minutes:
        ends.append((settings.update_minutes * 60 - progress.seconds) / update)
    if settings.target_tokens:
        ends.append((settings.target_tokens - progress.target_tokens) / tokens)
    updates = max(0, round(min(ends))) if ends else None
    counted = epoch_updates if updates is None else updates
    end = progress.step + counted
    made = progress.step * evenly // max(1, end) if evenly else progress.step // every
    validations = max(1, (evenly or ceil(end / every)) - made)
    seconds = counted * update + validations * validation
    return Forecast(progress.step, updates, seconds, update, tokens, epoch_updates, validations, validation)


def save(run: Run, forecast: Forecast) -> None:
    """Keeps the forecast with the run; one that cannot be written is no reason to stop."""
    try:
        write_json(run.path / FILE, forecast.to_json())
    except OSError:
        return


def time_left(forecast: Forecast | None, step: int, share: float, spent: tuple[float, float]) -> float | None:
    """Seconds until the end: by the forecast at first, then by the pace since the first line seen; None if unknown.

    Args:
        share: of the training that is over.
        spent: seconds since that line, and the share that was over then.
    """
    seconds, before = spent
    done = share - before
    if done > 0 and (forecast is None or step - forecast.from_step >= REFINED_AFTER):
        return seconds * (1 - share) / done
    return max(0.0, forecast.seconds - seconds) if forecast is not None and forecast.updates is not None else None
