"""Greedy and beam search against brute force and against slow, obvious twins."""

import functools
import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dragoman.batches.padded import BOS, EOS, source_batch
from dragoman.config.settings import SearchSettings
from dragoman.errors import DragomanError, UsageError
from dragoman.search import Hypothesis, beam_search, greedy_search, search
from dragoman.search.hypothesis import best_tokens, length_penalty
from tests.unit.fake_model import FakeModel

Found = tuple[list[int], float, bool]


def limit_of(source: list[int], settings: SearchSettings) -> int:
    return math.ceil(settings.longest_ratio * len(source)) + 20


def chain(model: FakeModel, source: list[int], settings: SearchSettings) -> Found:
    """Greedy search, one token after the other."""
    tokens: list[int] = []
    total = 0.0
    for _ in range(limit_of(source, settings)):
        scores = model.scores((*source, EOS), (BOS, *tokens))
        token = max(range(EOS, model.vocabulary), key=lambda token: scores[token])
        total += scores[token]
        if token == EOS:
            return tokens, total / length_penalty(len(tokens) + 1, settings.length_penalty), True
        tokens.append(token)
    return tokens, total / length_penalty(len(tokens), settings.length_penalty), False


def twin(model: FakeModel, source: list[int], settings: SearchSettings, n_best: int) -> list[Found]:
    """Beam search with lists, one sentence at a time, that never stops before the length limit."""
    if settings.beam == 1:
        return [chain(model, source, settings)]
    ended: list[Found] = []
    live: list[tuple[list[int], float]] = [([], 0.0)]
    for length in range(1, limit_of(source, settings) + 1):
        candidates = []
        for column, (tokens, total) in enumerate(live):
            scores = model.scores((*source, EOS), (BOS, *tokens))
            for token in range(EOS, model.vocabulary):
                if scores[token] > -math.inf:
                    candidates.append((-(total + scores[token]), token, column, tokens))
        best = sorted(candidates)[: 2 * settings.beam]
        penalty = length_penalty(length, settings.length_penalty)
        ended += [(tokens, -negative / penalty, True) for negative, token, _, tokens in best if token == EOS]
        going_on = [([*tokens, token], -negative) for negative, token, _, tokens in best if token != EOS]
        live = going_on[: settings.beam]
    ended.sort(key=lambda found: -found[1])
    cut = [(tokens, total / penalty, False) for tokens, total in live]
    return (ended + cut)[:n_best]


def summary(found: list[Hypothesis]) -> list[Found]:
    return [(hypothesis.tokens, hypothesis.score, hypothesis.finished) for hypothesis in found]


def random_source(seed: int) -> list[int]:
    return [4 + (seed * 7 + place * 3) % 4 for place in range(seed % 4)]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("beam", [1, 2, 3, 4, 5, 6])
def test_beam_search_is_its_slow_twin(beam: int, alpha: float) -> None:
    settings = SearchSettings(beam=beam, length_penalty=alpha)
    for seed in range(4):
        model = FakeModel(vocabulary=7 + seed % 3, seed=seed, eos_bonus=seed % 3 - 1)
        sources = [random_source(seed + k) for k in range(3)]
        found = search(model, source_batch(sources), settings, n_best=beam)
        for source, hypotheses in zip(sources, found, strict=True):
            assert summary(hypotheses) == twin(model, source, settings, beam)


@pytest.mark.parametrize("beam", [2, 3, 5])
@pytest.mark.parametrize("n_best", [1, 2])
def test_ties_go_to_the_lower_token_then_the_earlier_beam(beam: int, n_best: int) -> None:
    settings = SearchSettings(beam=beam, length_penalty=1.0)
    for seed in range(8):
        model = FakeModel(vocabulary=12, seed=seed, rounding=1.0)
        source = random_source(seed)
        [found] = beam_search(model, source_batch([source]), settings, n_best)
        assert summary(found) == twin(model, source, settings, n_best)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_wide_beam_finds_what_brute_force_finds(alpha: float) -> None:
    longest, vocabulary = 4, 7
    settings = SearchSettings(beam=100, length_penalty=alpha)
    for seed in range(5):
        model = FakeModel(vocabulary=vocabulary, seed=seed, forced_end=longest)
        source = (4, 5, EOS)
        everything = []
        for length in range(longest + 1):
            for tokens in itertools.product(range(EOS + 1, vocabulary), repeat=length):
                total = 0.0
                for place, token in enumerate((*tokens, EOS)):
                    total += model.scores(source, (BOS, *tokens[:place]))[token]
                everything.append((list(tokens), total / length_penalty(length + 1, alpha), True))
        everything.sort(key=lambda found: -found[1])
        [found] = search(model, source_batch([[4, 5]]), settings, n_best=100)
        assert summary(found) == everything[:100]


def test_greedy_follows_the_likeliest_token() -> None:
    settings = SearchSettings(beam=1, length_penalty=0.6)
    for seed in range(20):
        model = FakeModel(vocabulary=9, seed=seed, eos_bonus=-1, rounding=seed % 2)
        sources = [random_source(seed + k) for k in range(5)]
        found = greedy_search(model, source_batch(sources), settings)
        assert summary(found) == [chain(model, source, settings) for source in sources]


def test_a_beam_of_one_is_greedy() -> None:
    settings = SearchSettings(beam=1)
    model = FakeModel(eos_bonus=-2)
    batch = source_batch([random_source(seed) for seed in range(8)])
    greedy = [[found] for found in greedy_search(model, batch, settings, attention=True)]
    assert beam_search(model, batch, settings, attention=True) == greedy
    assert search(model, batch, settings, attention=True) == greedy


@functools.cache
def shared_model(seed: int) -> FakeModel:
    """One model for all examples, so that its table is drawn once."""
    return FakeModel(vocabulary=8, seed=seed)


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    sources=st.lists(st.lists(st.integers(4, 9), max_size=6), min_size=1, max_size=9),
    beam=st.integers(1, 4),
    seed=st.integers(0, 3),
)
def test_any_batch_equals_one_by_one(sources: list[list[int]], beam: int, seed: int) -> None:
    settings = SearchSettings(beam=beam)
    model = shared_model(seed)
    together = search(model, source_batch(sources), settings, n_best=beam, attention=True)
    alone = [search(model, source_batch([one]), settings, n_best=beam, attention=True)[0] for one in sources]
    assert together == alone


@pytest.mark.parametrize("beam", [1, 3])
def test_the_length_limit_cuts(beam: int) -> None:
    model = FakeModel(vocabulary=30, eos_bonus=-1000)
    settings = SearchSettings(beam=beam, longest_ratio=1.5, length_penalty=0.6)
    found = search(model, source_batch([[4, 5, 6], []]), settings, n_best=beam)
    for hypotheses, limit in zip(found, [25, 20], strict=True):
        assert len(hypotheses) == beam
        for hypothesis in hypotheses:
            assert not hypothesis.finished
            assert len(hypothesis.tokens) == len(hypothesis.token_log_probabilities) == limit
            assert hypothesis.score == hypothesis.log_probability / ((5 + limit) / 6) ** 0.6


def test_what_ended_ranks_before_what_was_cut() -> None:
    """With EOS this unlikely, few hypotheses end before the limit, some with a worse score."""
    model = FakeModel(vocabulary=5, seed=1, eos_bonus=-6)
    [found] = search(model, source_batch([[4]]), SearchSettings(beam=30, length_penalty=2), n_best=25)
    finished = [hypothesis.finished for hypothesis in found]
    assert finished == sorted(finished, reverse=True)
    assert set(finished) == {True, False}
    assert max(one.score for one in found if not one.finished) > min(one.score for one in found if one.finished)


@pytest.mark.parametrize("beam", [2, 5])
def test_n_best_is_sorted_distinct_and_adds_up(beam: int) -> None:
    for seed in range(10):
        batch = source_batch([[4, 5]])
        [found] = search(FakeModel(seed=seed), batch, SearchSettings(beam=beam, length_penalty=0), n_best=beam)
        assert len({tuple(hypothesis.tokens) for hypothesis in found}) == beam
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
        for hypothesis in found:
            assert hypothesis.finished
            assert hypothesis.score == hypothesis.log_probability  # alpha = 0
            assert hypothesis.log_probability == pytest.approx(sum(hypothesis.token_log_probabilities), abs=1e-12)
            assert len(hypothesis.token_log_probabilities) == len(hypothesis.tokens) + 1
            assert min(hypothesis.tokens, default=4) > EOS


def test_the_one_best_is_the_first_of_the_n_best() -> None:
    batch = source_batch([random_source(seed) for seed in range(8)])
    model, settings = FakeModel(seed=3), SearchSettings(beam=4)
    many = search(model, batch, settings, n_best=4)
    assert search(model, batch, settings) == [found[:1] for found in many]


@pytest.mark.parametrize("beam", [1, 4])
def test_the_best_may_be_empty(beam: int) -> None:
    [[found]] = search(FakeModel(eos_bonus=50), source_batch([[4, 5]]), SearchSettings(beam=beam))
    assert found.tokens == []
    assert found.finished
    assert len(found.token_log_probabilities) == 1


@pytest.mark.parametrize("beam", [1, 3])
def test_finished_rows_leave_the_batch(beam: int) -> None:
    model = FakeModel(vocabulary=9, seed=5)
    sources = [random_source(seed) for seed in range(12)]
    found = search(model, source_batch(sources), SearchSettings(beam=beam))
    assert model.rows_seen[0] == 12
    assert model.rows_seen[-1] < 12 * beam
    assert model.rows_seen[1:] == sorted(model.rows_seen[1:], reverse=True)
    if beam == 1:
        lengths = [len(one.token_log_probabilities) for [one] in found]
        expected = [sum(length > step for length in lengths) for step in range(max(lengths))]
        assert model.rows_seen == expected


def test_a_large_batch_takes_few_steps() -> None:
    model = FakeModel(vocabulary=6, seed=2, forced_end=4)
    sources = [[4 + i % 7, 4 + i // 7 % 7, 4 + i // 49] for i in range(1000)]
    found = search(model, source_batch(sources), SearchSettings(beam=5))
    assert len(found) == 1000
    assert len(model.rows_seen) <= 5
    assert max(model.rows_seen) <= 5000


@pytest.mark.parametrize("beam", [1, 3])
def test_attention_is_of_the_path_taken(beam: int) -> None:
    model = FakeModel(seed=4)
    sources = [[4, 5, 6], [5], []]
    found = search(model, source_batch(sources), SearchSettings(beam=beam), n_best=beam, attention=True)
    for source, hypotheses in zip(sources, found, strict=True):
        for hypothesis in hypotheses:
            assert hypothesis.attention is not None
            assert len(hypothesis.attention) == len(hypothesis.token_log_probabilities)
            for place, weights in enumerate(hypothesis.attention):
                prefix = (BOS, *hypothesis.tokens[:place])
                assert weights == pytest.approx(model.weights((*source, EOS), prefix), abs=1e-6)
    assert search(model, source_batch(sources), SearchSettings(beam=beam))[0][0].attention is None


def test_special_tokens_are_never_chosen_and_the_scores_stay_untouched() -> None:
    scores = torch.tensor([[9.0, 8.0, 7.0, 1.0, 2.0, 2.0, 0.0]])
    values, tokens = best_tokens(scores, 2)
    assert tokens.tolist() == [[4, 5]]
    assert values.tolist() == [[2.0, 2.0]]
    assert scores[0, 0] == 9.0
    assert best_tokens(scores, 10)[1].tolist() == [[4, 5, 3, 6]]


def test_equal_scores_at_the_edge_go_to_the_lower_ids() -> None:
    scores = torch.zeros(3, 5000)
    scores[1, 4000] = 1
    _, tokens = best_tokens(scores, 4)
    assert tokens.tolist() == [[3, 4, 5, 6], [4000, 3, 4, 5], [3, 4, 5, 6]]


def test_an_empty_batch_needs_no_model() -> None:
    model = FakeModel()
    assert search(model, source_batch([]), SearchSettings()) == []
    assert model.encoded == []


def test_nothing_is_recorded_for_gradients() -> None:
    class Learning(FakeModel):
        def encode(self, source: object) -> list[tuple[int, ...]]:
            assert torch.is_inference_mode_enabled()
            return super().encode(source)  # type: ignore[arg-type]

    for beam in (1, 2):
        assert search(Learning(), source_batch([[4]]), SearchSettings(beam=beam))


def test_more_hypotheses_than_the_beam_holds() -> None:
    with pytest.raises(UsageError, match="a beam of 2 cannot give the 3 best; raise the beam to at least 3"):
        search(FakeModel(), source_batch([[4]]), SearchSettings(beam=2), n_best=3)
    with pytest.raises(UsageError, match="n-best is 0; ask for at least 1"):
        search(FakeModel(), source_batch([[4]]), SearchSettings(beam=2), n_best=0)


def test_attention_of_a_model_without() -> None:
    with pytest.raises(DragomanError, match="no attention over the source; search without it or use another"):
        search(FakeModel(has_attention=False), source_batch([[4]]), SearchSettings(), attention=True)


@pytest.mark.parametrize("beam", [1, 3])
def test_scores_that_are_not_numbers(beam: int) -> None:
    with pytest.raises(DragomanError, match="not numbers; translate with an earlier checkpoint or train anew"):
        search(FakeModel(eos_bonus=math.nan), source_batch([[4]]), SearchSettings(beam=beam))
