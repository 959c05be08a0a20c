"""Text in, text out: what the command line, evaluation and serving share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch

from dragoman.batches.padded import source_batch
from dragoman.config.settings import SearchSettings, Settings
from dragoman.errors import UsageError
from dragoman.models.contract import ScoringModel
from dragoman.search import Hypothesis, search
from dragoman.text import Tokenizers
from dragoman.tracing import Trace
from dragoman.translation.cutting import cut
from dragoman.translation.explaining import trace_pairs
from dragoman.translation.grouping import by_length
from dragoman.translation.results import Alternative, Scored, Translation, confidence
from dragoman.translation.scoring import check_counts, score_pairs


@dataclass(frozen=True)
class _Part:
    """A line or what fits of it."""

    line: int
    ids: list[int]


class Translator:
    """A model with its tokenizers and settings, ready to translate; the model is in evaluation mode."""

    def __init__(
        self,
        model: ScoringModel[Any],
        tokenizers: Tokenizers,
        settings: Settings,
        device: torch.device | str = "cpu",
    ) -> None:
        """Takes a model that lives on `device`."""
        self.model = model
        self.tokenizers = tokenizers
        self.settings = settings
        self.device = torch.device(device)

    def translate(
        self,
        lines: Sequence[str],
        beam: int | None = None,
        n_best: int = 1,
        length_penalty: float | None = None,
    ) -> list[Translation]:
        """Translates each line, in the order given; `beam` and `length_penalty` stand in for the settings'.

        A blank line has an empty translation. A line of more than `search.longest_source` tokens is cut at
        sentence ends, else at spaces, else between characters, translated in parts and joined by spaces.

        Raises:
            UsageError: one string instead of a list; a beam, n-best or length penalty that cannot be.
        """
        _check_list(lines)
        settings = _chosen(self.settings.search, beam, length_penalty)
        parts = self._parts(lines)
        found: list[list[Hypothesis]] = [[] for _ in parts]
        for group in by_length([len(part.ids) + 1 for part in parts], settings.batch_tokens):
            batch = source_batch([parts[place].ids for place in group], self.device)
            for place, hypotheses in zip(group, search(self.model, batch, settings, n_best), strict=True):
                found[place] = hypotheses
        of_line: list[list[list[Hypothesis]]] = [[] for _ in lines]
        for part, hypotheses in zip(parts, found, strict=True):
            of_line[part.line].append(hypotheses)
        return [self._translation(line, here) for line, here in zip(lines, of_line, strict=True)]

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[Scored]:
        """Gives the log-probability of each given translation, line by line; long lines are scored whole.

        Raises:
            UsageError: one string instead of a list.
            DragomanError: unequal numbers of lines.
        """
        _check_list(sources)
        _check_list(targets)
        budget = self.settings.search.batch_tokens
        return score_pairs(self.model, self.tokenizers, (sources, targets), budget, self.device)

    def explain(self, text: str, target: str | None = None, beam: int | None = None) -> Trace:
        """Records what every part computes, each step of each attention, while the model reads and writes.

        Args:
            target: a translation to be written instead of the model's own.
            beam: stands in for the settings' when the model writes its own.

        Raises:
            UsageError: an empty text, or a beam that cannot be.
            DragomanError: the model's parts don't report.
        """
        return self.explain_batch([text], None if target is None else [target], beam)[0]

    def explain_batch(
        self, texts: Sequence[str], targets: Sequence[str] | None = None, beam: int | None = None
    ) -> list[Trace]:
        """Explains several lines at once, each as `explain` does; long lines are explained whole.

        Raises:
            UsageError: one string instead of a list, an empty text, or a beam that cannot be.
            DragomanError: unequal numbers of lines, or the model's parts don't report.
        """
        _check_list(texts)
        for place, text in enumerate(texts):
            if not text.strip():
                raise UsageError(f"text {place + 1} of {len(texts)} is empty: give a sentence to explain")
        sources = self.tokenizers.source.encode(texts)
        if targets is None:
            settings = _chosen(self.settings.search, beam, None)
            found = search(self.model, source_batch(sources, self.device), settings)
            written = [hypotheses[0].tokens for hypotheses in found]
        else:
            _check_list(targets)
            check_counts(texts, targets)
            written = self.tokenizers.target.encode(targets)
        return trace_pairs(self.model, self.tokenizers, sources, written, self.device)

    def _parts(self, lines: Sequence[str]) -> list[_Part]:
        encode = self.tokenizers.source.encode
        limit = self.settings.search.longest_source
        written = [place for place, line in enumerate(lines) if line.strip()]
        parts: list[_Part] = []
        for place, ids in zip(written, encode([lines[place] for place in written]), strict=True):
            if len(ids) <= limit:
                parts.append(_Part(place, ids))
            else:
                pieces = cut(lines[place], limit, lambda texts: [len(ids) for ids in encode(texts)])
                parts.extend(_Part(place, piece) for piece in encode(pieces))
        return parts

    def _translation(self, source: str, parts: list[list[Hypothesis]]) -> Translation:
        """Joins what was found for a line's parts, of which a blank line has none."""
        best = [hypotheses[0] for hypotheses in parts]
        token_scores = [score for part in best for score in part.token_log_probabilities]
        others = range(1, max((len(hypotheses) for hypotheses in parts), default=0))
        return Translation(
            source=source,
            text=self._text(best),
            tokens=[piece for part in best for piece in self.tokenizers.target.pieces(part.tokens)],
            score=_score(best),
            token_scores=token_scores,
            confidence=confidence(token_scores),
            alternatives=[self._alternative(parts, rank) for rank in others],
            warnings=self._warnings(best),
        )

    def _alternative(self, parts: list[list[Hypothesis]], rank: int) -> Alternative:
        """Joins the parts' hypotheses of this rank; a part that has fewer gives its last."""
        chosen = [hypotheses[min(rank, len(hypotheses) - 1)] for hypotheses in parts]
        return Alternative(self._text(chosen), _score(chosen))

    def _text(self, parts: list[Hypothesis]) -> str:
        texts = self.tokenizers.target.decode([part.tokens for part in parts])
        return " ".join(text for text in texts if text)

    def _warnings(self, parts: list[Hypothesis]) -> list[str]:
        warnings = []
        if len(parts) > 1:
            limit = self.settings.search.longest_source
            warnings.append(f"cut into {len(parts)} parts: the line has more than {limit} tokens")
        if not all(part.finished for part in parts):
            warnings.append("stopped at the length limit: the translation may be incomplete")
        return warnings


def _check_list(lines: Sequence[str]) -> None:
    if isinstance(lines, str):
        raise UsageError("one string was given; give a list of lines, such as ['one line']")


def _chosen(settings: SearchSettings, beam: int | None, length_penalty: float | None) -> SearchSettings:
    if beam is not None and beam < 1:
        raise UsageError(f"the beam is {beam}; choose 1 (greedy) or more")
    if length_penalty is not None and not length_penalty >= 0:
        raise UsageError(f"the length penalty is {length_penalty}; choose 0 (none) or more")
    return replace(
        settings,
        beam=settings.beam if beam is None else beam,
        length_penalty=settings.length_penalty if length_penalty is None else length_penalty,
    )


def _score(parts: list[Hypothesis]) -> float:
    return fmean(part.score for part in parts) if parts else 0.0
