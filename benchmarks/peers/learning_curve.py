"""Validation BLEU by minute of a Hugging Face model, on the text and the batches that dragoman's preset small has.

Batches are shuffled anew each epoch; the learning rate warms up and then follows half a cosine to zero by the clock.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks.peers.batches import Batch
from benchmarks.peers.huggingface import marian, stepper_of
from benchmarks.peers.material import batch_of, opened
from dragoman.batches.epochs import Epochs
from dragoman.batches.padded import source_batch
from dragoman.config.loading import build_settings
from dragoman.corpora import Corpus
from dragoman.text import Tokenizer, Tokenizers

# dragoman keeps torch's cache of compiled products small for itself; the peer is to have what its users have.
for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.pop(_cache, None)

POINTS = 8
"""Validations in a training."""
SENTENCES = 1000
"""Validation sentences that are translated."""


@dataclass(frozen=True)
class Plan:
    """How long, how fast, in which arithmetic."""

    seconds: float
    """Of training; validation is not counted."""
    rate: float
    """The highest learning rate."""
    dtype: torch.dtype
    warm_up: int = 400
    """Updates."""

    def learning_rate(self, update: int, seconds: float) -> float:
        """The rate of an update (from 1) after so many seconds of training."""
        warm = min(1.0, update / self.warm_up)
        return self.rate * warm * (1 + cos(pi * min(1.0, seconds / self.seconds))) / 2


def train(curve: Path, plan: Plan, attention: str, preset: str = "small") -> None:
    """Trains, and writes a line of JSON into `curve` at every validation."""
    settings = build_settings(preset)
    corpus, tokenizers, epochs = opened(settings)
    model = marian(attention, settings.model.dropout)
    stepper = stepper_of(model, plan.dtype, settings.training.label_smoothing)
    spent, updates, points, tokens, loss = 0.0, 0, 0, 0, 0.0
    with curve.open("w", encoding="utf-8") as file:
        for batch in shuffled(epochs):
            begin = perf_counter()
            for group in stepper.optimizer.param_groups:
                group["lr"] = plan.learning_rate(updates + 1, spent)
            loss = stepper.update(batch)
            spent, updates, tokens = spent + perf_counter() - begin, updates + 1, tokens + batch.target_tokens
            if spent < (points + 1) * plan.seconds / POINTS:
                continue
            points += 1
            bleu = validation_bleu(model, corpus, tokenizers)
            line = {"seconds": round(spent, 1), "step": updates, "target_tokens": tokens, "loss": loss}
            file.write(json.dumps({**line, "validation_bleu": bleu}) + "\n")
            file.flush()
            print(f"{spent / 60:.1f} minutes: BLEU {bleu:.2f}, loss {loss:.3f}", flush=True)
            if spent >= plan.seconds:
                return


def shuffled(epochs: Epochs) -> Iterator[Batch]:
    """Batch after batch, epoch after epoch, without end."""
    number = 0
    while True:
        epoch = epochs.epoch(number)
        for at in range(len(epoch.batches)):
            yield batch_of(epoch.batch(at))
        number += 1


def validation_bleu(model: Any, corpus: Corpus, tokenizers: Tokenizers) -> float:
    """BLEU (13a, cased) of the model's own greedy translations; the model is left in training mode."""
    import sacrebleu

    count = min(SENTENCES, len(corpus.valid))
    sources = tokenizers.source.encode(corpus.valid.source[:count])
    texts = translate(model, sources, tokenizers.target)
    score: float = sacrebleu.corpus_bleu(texts, [corpus.valid.target[:count]]).score
    return score


@torch.no_grad()
def translate(model: Any, sources: Sequence[list[int]], tokenizer: Tokenizer, rows: int = 64) -> list[str]:
    """Greedy translations by `generate`, in the order of the sources; like lengths are put together."""
    model.eval()
    found = [""] * len(sources)
    order = sorted(range(len(sources)), key=lambda at: len(sources[at]))
    for begin in range(0, len(order), rows):
        chosen = order[begin : begin + rows]
        batch = source_batch([sources[at] for at in chosen])
        written = model.generate(
            input_ids=batch.ids,
            attention_mask=batch.mask.long(),
            num_beams=1,
            do_sample=False,
            max_new_tokens=2 * batch.ids.shape[1] + 20,
        )
        for at, text in zip(chosen, tokenizer.decode(written.tolist()), strict=True):
            found[at] = text
    model.train()
    return found
