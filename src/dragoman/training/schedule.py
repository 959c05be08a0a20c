"""The learning rate, step by step."""

from math import cos, pi, sqrt

from dragoman.config import TrainingSettings

DECAY = 0.2
"""The last share of a training in which `wsd` falls."""


def learning_rate(settings: TrainingSettings, step: int, progress: float) -> float:
    """The learning rate of update `step` (from 1).

    Warm-up is a straight line. After it: `inverse-sqrt` falls with 1 / sqrt(step) (Vaswani et al. 2017, equation 3,
    with its peak as a setting), `cosine` follows half a cosine to zero at the end (Loshchilov and Hutter 2017), `wsd`
    (warm-up, stable, decay; Hu et al. 2024) stays and falls in a straight line to zero over the last fifth.

    Args:
        progress: the share of the whole training that is over, 0 to 1: by the clock under `training.minutes`, by the
            time of the updates under `training.update_minutes`.
    """
    warm = min(1.0, step / max(1, settings.warmup_steps))
    if settings.schedule == "inverse-sqrt":
        return settings.learning_rate * min(warm, sqrt(max(1, settings.warmup_steps) / step))
    if settings.schedule == "cosine":
        return settings.learning_rate * warm * (1 + cos(pi * min(1.0, progress))) / 2
    if settings.schedule == "wsd":
        return settings.learning_rate * warm * min(1.0, max(0.0, 1 - progress) / DECAY)
    return settings.learning_rate * warm
