"""Beam search: the few best hypotheses of every sentence, the rows of all sentences in one step.

A sentence is done when `n_best` hypotheses have ended and the best live one, divided by the penalty of the
longest length allowed, is no better than the worst of them. More tokens only lower a log-probability, and
with alpha >= 0 that penalty is the largest, so no descendant can score higher: stopping early loses nothing.

Shapes: B sentences still searched, W hypotheses a sentence, R = B * W rows, C candidates, L tokens so far,
S source positions, V target vocabulary.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from dragoman.batches.padded import BOS, EOS, SourceBatch
from dragoman.config.settings import SearchSettings
from dragoman.models.contract import State, Step, TranslationModel
from dragoman.search.greedy import greedy_search
from dragoman.search.hypothesis import Hypothesis, best_tokens, length_limits, length_penalty


def beam_search(
    model: TranslationModel[State],
    source: SourceBatch,
    settings: SearchSettings,
    n_best: int = 1,
    attention: bool = False,
) -> list[list[Hypothesis]]:
    """Keeps `settings.beam` live hypotheses a sentence; gives up to `n_best` of the ended ones, best first.

    Equal candidates rank by lower token id, then earlier beam; of equal ended ones the earlier end is first.
    What the length limit cut ranks behind all that ended. A beam of one is greedy search: it ends with EOS.
    """
    if settings.beam == 1:
        return [[found] for found in greedy_search(model, source, settings, attention)]
    found = _Found(source, settings, n_best)
    beams = _first(len(source.lengths), source.ids.shape[1] if attention else None)
    device = source.ids.device
    state = model.start(model.encode(source))
    while True:
        step, state = model.step(beams.tokens[:, :, -1].flatten().to(device), state, attention)
        width = beams.scores.shape[1]
        candidates = _extended(beams, step, 2 * settings.beam)
        found.add_ended(candidates)
        live = _live(candidates, settings.beam)
        going_on = ~found.close(live)
        if not going_on.any():
            return found.hypotheses
        beams = live.sentences_where(going_on)
        rows = going_on.nonzero() * width + beams.parents
        state = model.reorder(state, rows.flatten().to(device))


@dataclass(frozen=True)
class _Beams:
    """Hypotheses of the same length: `tokens` begins with BOS, the other histories hold 0 there."""

    sentences: Int[Tensor, "B"]
    """Place of each sentence in the source batch."""
    parents: Int[Tensor, "B W"]
    """Column in the beams before that each hypothesis continues."""
    scores: Float[Tensor, "B W"]
    """Sums of log-probabilities; minus infinity where there is no hypothesis."""
    tokens: Int[Tensor, "B W L"]
    log_probabilities: Float[Tensor, "B W L"]
    attention: Float[Tensor, "B W L S"] | None

    @property
    def ended(self) -> Bool[Tensor, "B W"]:
        return self.tokens[:, :, -1] == EOS

    @property
    def length(self) -> int:
        """Tokens of every hypothesis, EOS counted, BOS not."""
        return self.tokens.shape[2] - 1

    def columns(self, chosen: Int[Tensor, "B N"]) -> "_Beams":
        """Takes of each sentence the columns chosen for it."""
        at = torch.arange(len(chosen))[:, None], chosen
        return _Beams(
            self.sentences,
            self.parents[at],
            self.scores[at],
            self.tokens[at],
            self.log_probabilities[at],
            None if self.attention is None else self.attention[at],
        )

    def sentences_where(self, kept: Bool[Tensor, "B"]) -> "_Beams":
        """Takes the sentences marked."""
        return _Beams(
            self.sentences[kept],
            self.parents[kept],
            self.scores[kept],
            self.tokens[kept],
            self.log_probabilities[kept],
            None if self.attention is None else self.attention[kept],
        )


def _first(sentences: int, attention_width: int | None) -> _Beams:
    one = torch.zeros(sentences, 1, dtype=torch.long)
    nothing = torch.zeros(sentences, 1, 1, dtype=torch.float64)
    return _Beams(
        sentences=torch.arange(sentences),
        parents=one,
        scores=nothing[:, :, 0],
        tokens=one[:, :, None] + BOS,
        log_probabilities=nothing,
        attention=None if attention_width is None else torch.zeros(sentences, 1, 1, attention_width),
    )


def _extended(beams: _Beams, step: Step, count: int) -> _Beams:
    """Gives each sentence's `count` best continuations, best first."""
    sentences, width = beams.scores.shape
    values, tokens = best_tokens(step.log_probabilities, count)
    values, tokens = values.reshape(sentences, -1), tokens.reshape(sentences, -1)
    parents = torch.arange(width).repeat_interleave(values.shape[1] // width).expand(sentences, -1)
    scores = beams.scores.gather(1, parents) + values
    by_token = (tokens * width + parents).argsort(dim=1)
    by_score = scores.gather(1, by_token).argsort(dim=1, descending=True, stable=True)
    best = by_token.gather(1, by_score)[:, :count]
    parents = parents.gather(1, best)
    before = beams.columns(parents)
    return _Beams(
        beams.sentences,
        parents,
        scores.gather(1, best),
        torch.cat([before.tokens, tokens.gather(1, best)[:, :, None]], dim=2),
        torch.cat([before.log_probabilities, values.gather(1, best)[:, :, None]], dim=2),
        _extended_attention(before, step, parents),
    )


def _extended_attention(before: _Beams, step: Step, parents: Int[Tensor, "B C"]) -> Float[Tensor, "B C L S"] | None:
    if before.attention is None or step.attention is None:
        return None
    sentences = len(parents)
    now = step.attention.float().cpu().reshape(sentences, -1, step.attention.shape[1])
    now = now[torch.arange(sentences)[:, None], parents]
    # a model may narrow its memory when the longest sentence has left
    now = pad(now, (0, before.attention.shape[3] - now.shape[2]))
    return torch.cat([before.attention, now[:, :, None]], dim=2)


def _live(candidates: _Beams, beam: int) -> _Beams:
    """Gives each sentence's `beam` best candidates that have not ended."""
    unended_first = candidates.ended.long().argsort(dim=1, stable=True)[:, :beam]
    live = candidates.columns(unended_first)
    return replace(live, scores=live.scores.masked_fill(live.ended, -torch.inf))


class _Found:
    """The best ended hypotheses of every sentence, and when it is done."""

    def __init__(self, source: SourceBatch, settings: SearchSettings, n_best: int) -> None:
        limits = length_limits(source, settings)
        self.alpha = settings.length_penalty
        self.n_best = n_best
        self.source_lengths = source.lengths.tolist()
        self.limits = torch.tensor(limits)
        self.largest_penalty = torch.tensor(
            [length_penalty(limit, self.alpha) for limit in limits], dtype=torch.float64
        )
        self.hypotheses: list[list[Hypothesis]] = [[] for _ in limits]
        # the score to beat: minus infinity until n_best have ended
        self.worst = torch.full((len(limits),), -torch.inf, dtype=torch.float64)

    def add_ended(self, candidates: _Beams) -> None:
        """Takes in the candidates that ended and are among their sentence's `n_best`."""
        scores = candidates.scores / length_penalty(candidates.length, self.alpha)
        better = candidates.ended & (scores > self.worst[candidates.sentences][:, None])
        for row, column in better.nonzero().tolist():
            sentence = int(candidates.sentences[row])
            found = self.hypotheses[sentence]
            found.append(self._hypothesis(candidates, row, column))
            found.sort(key=lambda hypothesis: -hypothesis.score)  # stable: of equal ones the earlier stays first
            del found[self.n_best :]
            if len(found) == self.n_best:
                self.worst[sentence] = found[-1].score

    def close(self, live: _Beams) -> Bool[Tensor, "B"]:
        """Says which sentences are done; those at their length limit are filled up with what was cut."""
        worst = self.worst[live.sentences]
        at_limit = live.length >= self.limits[live.sentences]
        beatable = live.scores.amax(dim=1) / self.largest_penalty[live.sentences] > worst
        for row in (at_limit & (worst == -torch.inf)).nonzero()[:, 0].tolist():
            found = self.hypotheses[int(live.sentences[row])]
            alive = (live.scores[row] > -torch.inf).nonzero()[:, 0].tolist()
            found.extend(self._hypothesis(live, row, column) for column in alive[: self.n_best - len(found)])
        return at_limit | ~beatable

    def _hypothesis(self, beams: _Beams, row: int, column: int) -> Hypothesis:
        tokens = beams.tokens[row, column, 1:].tolist()
        total = beams.scores[row, column].item()
        finished = tokens[-1] == EOS
        attention = None
        if beams.attention is not None:
            length = self.source_lengths[int(beams.sentences[row])]
            attention = beams.attention[row, column, 1:, :length].tolist()
        return Hypothesis(
            tokens=tokens[:-1] if finished else tokens,
            log_probability=total,
            score=total / length_penalty(len(tokens), self.alpha),
            token_log_probabilities=beams.log_probabilities[row, column, 1:].tolist(),
            finished=finished,
            attention=attention,
        )
