"""Small translators whose traces are worth looking at, and how near a recorded number must come to its twin."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dragoman.config import ModelSettings, SearchSettings, Settings, TextSettings
from dragoman.models.build import build_model
from dragoman.text import Tokenizers
from dragoman.translation import Translator

LINES = ["The pizza came out of the oven and it tasted good.", "A dog.", "Two small dogs play in the deep snow."]
TARGETS = ["Die Pizza kam aus dem Ofen und sie schmeckte gut.", "Ein Hund.", "Zwei kleine Hunde spielen."]
LIMIT = 1e-5
Wide = NDArray[np.float64]


def translator(**changes: Any) -> Translator:
    """A model with large weights, so that gates and attention are far from even."""
    shape = {"encoder_layers": 2, "decoder_layers": 2, "dropout": 0.3} | changes
    settings = Settings(
        model=ModelSettings(**shape),
        search=SearchSettings(beam=1, longest_ratio=0.3),
    )
    tokenizers = Tokenizers.learn(LINES * 3, TARGETS * 3, TextSettings(vocabulary_size=320), seed=1)
    model = build_model(settings.model, tokenizers.source.size, tokenizers.target.size, seed=2).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.7).add_(0.1 * torch.randn_like(parameter))
    return Translator(model, tokenizers, settings)


def close(found: Any, expected: Wide) -> None:
    """Within the limit, relative to the largest value (at least 1)."""
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= LIMIT * max(1.0, np.abs(expected).max())
