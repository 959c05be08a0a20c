"""Greedy search: the likeliest next token, again and again.

Shapes: B sentences, R rows still searched.
"""

from dataclasses import dataclass, field

import torch

from dragoman.batches.padded import BOS, EOS, SourceBatch
from dragoman.config.settings import SearchSettings
from dragoman.models.contract import State, TranslationModel
from dragoman.search.hypothesis import Hypothesis, best_tokens, length_limits, length_penalty


@dataclass
class _Path:
    """One sentence's chain so far."""

    limit: int
    source_length: int
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    attention: list[list[float]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.tokens[-1] == EOS

    def hypothesis(self, alpha: float, attention: bool) -> Hypothesis:
        total = sum(self.log_probabilities)
        return Hypothesis(
            tokens=self.tokens[:-1] if self.ended else self.tokens,
            log_probability=total,
            score=total / length_penalty(len(self.tokens), alpha),
            token_log_probabilities=self.log_probabilities,
            finished=self.ended,
            attention=self.attention if attention else None,
        )


def greedy_search(
    model: TranslationModel[State], source: SourceBatch, settings: SearchSettings, attention: bool = False
) -> list[Hypothesis]:
    """Follows each sentence's likeliest token until EOS or the length limit; equal ones by lower id.

    A finished sentence's row leaves the batch. `attention` also records the weights over the source.
    """
    limits = length_limits(source, settings)
    paths = [_Path(*pair) for pair in zip(limits, source.lengths.tolist(), strict=True)]
    device = source.ids.device
    active = paths
    state = model.start(model.encode(source))
    tokens = torch.full((len(paths),), BOS, dtype=torch.long, device=device)
    while True:
        step, state = model.step(tokens, state, attention)
        values, best = best_tokens(step.log_probabilities, 1)
        for path, value, token in zip(active, values[:, 0].tolist(), best[:, 0].tolist(), strict=True):
            path.tokens.append(token)
            path.log_probabilities.append(value)
        if step.attention is not None:
            for path, weights in zip(active, step.attention.tolist(), strict=True):
                path.attention.append(weights[: path.source_length])
        rows = [i for i, path in enumerate(active) if not path.ended and len(path.tokens) < path.limit]
        if not rows:
            return [path.hypothesis(settings.length_penalty, attention) for path in paths]
        tokens = best[rows, 0].to(device)
        if len(rows) < len(active):
            active = [active[row] for row in rows]
            state = model.reorder(state, torch.tensor(rows, device=device))
