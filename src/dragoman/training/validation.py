"""How good a model is on sentences it does not train on."""

from dataclasses import dataclass, field
from math import nan
from typing import Any

import torch

from dragoman.batches.buckets import cut_batches
from dragoman.batches.padded import pair_batch
from dragoman.config import Settings
from dragoman.corpora import ParallelText
from dragoman.errors import DragomanError
from dragoman.models.contract import TrainableModel
from dragoman.text import Tokenizers
from dragoman.training.step import batch_loss
from dragoman.translation import Translator

SAMPLES = 3


@dataclass(frozen=True)
class Sample:
    """One validation sentence."""

    source: str
    hypothesis: str
    reference: str


@dataclass(frozen=True)
class Validation:
    """What a validation found."""

    loss: float
    """Nats a target token, without label smoothing."""
    bleu: float
    """Greedy search, by sacrebleu with `evaluation.tokenize`, cased."""
    samples: list[Sample]
    hypotheses: list[str] = field(default_factory=list)
    """Of the sentences that BLEU and chrF were taken of."""
    references: list[str] = field(default_factory=list)
    chrf: float = nan
    """Of the same translations, by sacrebleu; no number where it was not taken."""


class Validator:
    """Scores a model on the validation set: loss on all of it, BLEU and chrF on its first sentences."""

    def __init__(self, text: ParallelText, tokenizers: Tokenizers, settings: Settings):
        """Tokenizes the text.

        Raises:
            DragomanError: every pair is too long for its loss to be taken.
        """
        self._text, self._tokenizers, self._settings = text, tokenizers, settings
        sources, targets = tokenizers.source.encode(text.source), tokenizers.target.encode(text.target)
        fits = [
            i for i, pair in enumerate(zip(sources, targets, strict=True))
            if max(map(len, pair)) < settings.batches.longest
        ]  # fmt: skip
        if not fits:
            raise DragomanError(
                f"every validation pair is longer than batches.longest={settings.batches.longest} tokens; raise it, "
                f"or give shorter ones"
            )
        self._sources, self._targets = [sources[i] for i in fits], [targets[i] for i in fits]
        lengths = [len(row) + 1 for row in self._sources], [len(row) + 1 for row in self._targets]
        self._batches = cut_batches(*lengths, settings.batches.target_tokens, seed=0)
        count = min(settings.training.validation_sentences, len(text))
        self._sentences, self._references = text.source[:count], text.target[:count]

    def validate(self, model: TrainableModel[Any]) -> Validation:
        """Validates; the model is left in the mode it came in."""
        import sacrebleu

        training = model.training
        model.eval()
        device = model.output.weight.device
        translator = Translator(model, self._tokenizers, self._settings, device)
        translated = translator.translate(self._sentences, beam=1)
        texts = [translation.text for translation in translated]
        # `force` silences a warning about tokenized text, which `dragoman evaluate` gives in its own words.
        tokenize = self._settings.evaluation.tokenize
        bleu = sacrebleu.corpus_bleu(texts, [self._references], force=True, tokenize=tokenize).score
        chrf = sacrebleu.corpus_chrf(texts, [self._references]).score
        loss = self._loss(model)
        model.train(training)
        shown = range(min(SAMPLES, len(texts)))
        samples = [Sample(self._sentences[i], texts[i], self._references[i]) for i in shown]
        return Validation(loss, bleu, samples, texts, list(self._references), chrf)

    @torch.no_grad()
    def _loss(self, model: TrainableModel[Any]) -> float:
        device = model.output.weight.device.type
        total, tokens = 0.0, 0
        for chosen in self._batches:
            pairs = [self._sources[i] for i in chosen], [self._targets[i] for i in chosen]
            _, plain, count = batch_loss(model, pair_batch(*pairs, device), 0.0, torch.float32)
            total, tokens = total + plain, tokens + count
        return total / tokens
