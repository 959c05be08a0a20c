"""Settings: one documented dataclass per stage, the only home of any default."""

from dragoman.config.settings import (
    BatchSettings,
    DataSettings,
    EvaluationSettings,
    ModelSettings,
    PizzeriaSettings,
    SearchSettings,
    Settings,
    TextSettings,
    TrainingSettings,
)

__all__ = [
    "BatchSettings",
    "DataSettings",
    "EvaluationSettings",
    "ModelSettings",
    "PizzeriaSettings",
    "SearchSettings",
    "Settings",
    "TextSettings",
    "TrainingSettings",
]
