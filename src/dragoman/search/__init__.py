"""From a model's scores to token ids, through the contract only."""

import torch

from dragoman.batches.padded import SourceBatch
from dragoman.config.settings import SearchSettings
from dragoman.errors import DragomanError, UsageError
from dragoman.models.contract import State, TranslationModel
from dragoman.search.beam import beam_search
from dragoman.search.greedy import greedy_search
from dragoman.search.hypothesis import Hypothesis, length_penalty

__all__ = ["Hypothesis", "beam_search", "greedy_search", "length_penalty", "search"]


def search(
    model: TranslationModel[State],
    source: SourceBatch,
    settings: SearchSettings,
    n_best: int = 1,
    attention: bool = False,
) -> list[list[Hypothesis]]:
    """Finds each sentence's `n_best` translations, best first, without recording gradients.

    Raises:
        UsageError: more hypotheses are asked for than the beam holds, or none.
        DragomanError: attention is asked of a model that has none; a score is not a number.
    """
    if n_best < 1:
        raise UsageError(f"n-best is {n_best}; ask for at least 1")
    if n_best > settings.beam:
        raise UsageError(
            f"a beam of {settings.beam} cannot give the {n_best} best; raise the beam to at least {n_best}"
        )
    if attention and not model.has_attention:
        raise DragomanError("this model has no attention over the source; search without it or use another model")
    if len(source.lengths) == 0:
        return []
    with torch.inference_mode():
        if settings.beam == 1:
            return [[found] for found in greedy_search(model, source, settings, attention)]
        return beam_search(model, source, settings, n_best, attention)
