"""How far a training is, and when it ends."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from time import monotonic
from typing import Any

from dragoman.config import TrainingSettings
from dragoman.training.safety.health import Health


@dataclass
class Progress:
    """What has happened so far; saved with every checkpoint."""

    step: int = 0
    """Updates made."""
    epoch: int = 0
    """Passes finished."""
    window: int = 0
    """Windows done of the present pass."""
    windows: int = 1
    """Windows of each pass; a small corpus is one."""
    batch: int = 0
    """Batches done of the present window."""
    seconds: float = 0.0
    """Time spent on updates: validation and saving left out."""
    clock: float = 0.0
    """Time by the clock since the command began, earlier starts of the same training included."""
    source_tokens: int = 0
    """Real source tokens read."""
    target_tokens: int = 0
    """Real target tokens predicted."""
    best: float | None = None
    """The best validation result: BLEU, or minus the loss."""
    best_step: int = 0
    """Where it was reached."""
    best_scores: dict[str, float] = field(default_factory=dict)
    """What was measured there."""
    worse: int = 0
    """Validations since then."""
    validated: int = 0
    """The update after which the last validation was."""
    validations: int | None = None
    """Of `training.validations`, those whose time has come; None in checkpoints that do not know."""
    refuge: int = 0
    """The checkpoint to go back to: of the last validation at which all was well, or of the beginning."""
    mean: int = 0
    """The update at whose checkpoint the mean of several was taken; 0 where none was."""
    piece: int = 0
    """Target positions of a batch that are computed at once; 0 means: all of them."""
    health: Health = field(default_factory=Health)
    """Whether the training is well."""

    def line(self) -> dict[str, Any]:
        """What every line of metrics.jsonl begins with."""
        names = ("step", "epoch", "seconds", "source_tokens", "target_tokens")
        return {name: getattr(self, name) for name in names}

    def passes(self, batches: float) -> float:
        """Passes made, with the share of the present one; `batches` is the present window's number of batches."""
        return self.epoch + (self.window + self.batch / batches) / self.windows

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Progress":
        """The fields that `to_json` gave."""
        health = Health(**_known(Health, values.get("health", {})))
        return Progress(**{**_known(Progress, values), "health": health})


def _known(kind: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint of another version of dragoman had besides is left out."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def ended_by(settings: TrainingSettings, progress: Progress) -> str:
    """Which bound a training that is finished came to, of those that it has."""
    came = {
        "steps": (progress.step, settings.steps),
        "epochs": (progress.passes(float("inf")), settings.epochs),
        "minutes": (progress.clock / 60, settings.minutes),
        "update_minutes": (progress.seconds / 60, settings.update_minutes),
        "target_tokens": (progress.target_tokens, settings.target_tokens),
    }
    return max(came, key=lambda name: came[name][0] / came[name][1] if came[name][1] else 0.0)


class Budget:
    """The end of a training: updates, passes, tokens or minutes, whichever comes first, or patience."""

    def __init__(self, settings: TrainingSettings, began: float, clock: Callable[[], float] = monotonic):
        """`began` is the clock's reading when the command began; an earlier start's time counts as if just before."""
        self._settings, self._began, self._now = settings, began, clock
        self.validation_seconds = 0.02 * settings.minutes * 60
        """How long the closing validation will take; a guess until one has been timed."""

    def elapsed(self) -> float:
        """Seconds by the clock."""
        return self._now() - self._began

    def share(self, progress: Progress, batches: int) -> float:
        """The share of the training that is over, 0 to 1; `batches` is the present window's number of batches."""
        settings, shares = self._settings, [0.0]
        if settings.steps:
            shares.append(progress.step / settings.steps)
        if settings.epochs:
            shares.append(progress.passes(batches) / settings.epochs)
        if settings.minutes:
            shares.append(self.elapsed() / max(1e-9, settings.minutes * 60 - self.validation_seconds))
        if settings.update_minutes:
            shares.append(progress.seconds / (60 * settings.update_minutes))
        if settings.target_tokens:
            shares.append(progress.target_tokens / settings.target_tokens)
        return min(1.0, max(shares))

    def impatient(self, progress: Progress) -> bool:
        """Whether so many validations brought nothing better that no more are to be waited for."""
        return 0 < self._settings.patience <= progress.worse

    def over(self, progress: Progress, batches: int) -> bool:
        """Whether no further update is to be made."""
        return self.impatient(progress) or self.share(progress, batches) >= 1.0
