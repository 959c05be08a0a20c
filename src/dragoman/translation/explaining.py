"""From an ordinary forward pass with a recorder around it to one trace a sentence.

Shapes: B sentences; the others as in `dragoman.tracing.trace`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dragoman.batches.padded import pair_batch
from dragoman.errors import DragomanError
from dragoman.models.contract import TraceableModel
from dragoman.text import Tokenizers
from dragoman.text.special import BOS, EOS, LEADING_PIECES
from dragoman.tracing import AttentionTrace, Candidate, Recorder, Trace, recording

BEGIN, END = LEADING_PIECES[BOS], LEADING_PIECES[EOS]
"""How a trace shows the marks before and behind a sentence."""
CANDIDATES = 10
"""Tokens told at each target position."""


def trace_pairs(
    model: object,
    tokenizers: Tokenizers,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    device: torch.device | str = "cpu",
) -> list[Trace]:
    """Traces each pair of ids (without marks): all target positions at once, each having seen those before it.

    Raises:
        DragomanError: the model's parts don't report.
    """
    if not isinstance(model, TraceableModel):
        raise DragomanError("this model's parts do not report what they compute; give a run of a model whose do")
    batch = pair_batch(sources, targets, device)
    with torch.inference_mode(), recording() as recorder:
        logits = model.project(model.hidden(batch)).float()
    lengths = list(zip(batch.source.lengths.tolist(), batch.target_lengths.tolist(), strict=True))
    return [
        _Cut(model, recorder, row, *sizes).trace(tokenizers, source, target, logits)
        for row, (sizes, source, target) in enumerate(zip(lengths, sources, targets, strict=True))
    ]


class _Cut:
    """One sentence's share of a recorded batch, padding cut off."""

    def __init__(self, model: TraceableModel[Any], recorder: Recorder, row: int, source: int, target: int):
        self.row, self.source, self.target = row, source, target
        self.reports = {name: recorder.of(part)[-1] for name, part in model.reporting().items() if recorder.of(part)}

    def trace(self, tokenizers: Tokenizers, source: Sequence[int], target: Sequence[int], logits: Tensor) -> Trace:
        written = tokenizers.target.pieces(target)
        own = logits[self.row, : self.target]
        sides = ("source", "target")
        return Trace(
            source_tokens=[*tokenizers.source.pieces(source), END],
            target_tokens=[*written, END],
            read_tokens=[BEGIN, *written],
            attentions={name: self._attention(name) for name in self.reports if name.endswith((".self", ".cross"))},
            embeddings={side: self._rows(side, self.reports[side]["embeddings"]) for side in sides},
            positions={side: self._rows(side, self.reports[side]["positions"]) for side in sides},
            inputs={side: self._rows(side, self.reports[side]["inputs"]) for side in sides},
            parts={
                name: {key: self._rows(name, value) for key, value in values.items()}
                for name, values in self.reports.items()
                if name not in sides and not name.endswith((".self", ".cross"))
            },
            logits=own.cpu().numpy(),
            candidates=_candidates(tokenizers, own),
        )

    def _attention(self, name: str) -> AttentionTrace:
        keys = self.source if name.startswith("encoder") or name.endswith("cross") else self.target
        queries = self.source if name.startswith("encoder") else self.target
        long = {"query": queries, "key": keys, "value": keys, "context": queries, "joined": queries, "output": queries}
        values = {}
        for key, value in self.reports[name].items():
            own = value[self.row]
            cut = own[..., : long[key], :] if key in long else own[..., :queries, :keys]
            values[key] = _array(cut)
        return AttentionTrace(**values)

    def _rows(self, name: str, value: Tensor) -> Any:
        return _array(value[self.row, : self.source if name.startswith(("encoder", "source")) else self.target])


def _array(value: Tensor) -> Any:
    return value.float().cpu().numpy().astype(np.float32)


def _candidates(tokenizers: Tokenizers, logits: Tensor) -> list[list[Candidate]]:
    best = logits.softmax(-1).topk(min(CANDIDATES, logits.shape[-1]), dim=-1)
    return [
        [
            Candidate(token, probability)
            for token, probability in zip(tokenizers.target.pieces(ids), probabilities, strict=True)
        ]
        for ids, probabilities in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
