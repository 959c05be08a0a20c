"""The Translator against the search it is built on, line by line."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dragoman.batches.padded import BOS, EOS, source_batch
from dragoman.config.settings import SearchSettings, Settings
from dragoman.errors import DragomanError, UsageError
from dragoman.search import search
from dragoman.translation import Alternative, Translator
from dragoman.translation.cutting import cut
from dragoman.translation.grouping import by_length
from dragoman.translation.results import Scored
from tests.unit.fake_model import FakeModel, letters

LINES = ["abc", "", "f", "a b c d e f", "   ", "de.", "abc", "fed cba"]


def translator(model: FakeModel | None = None, **search_settings: float) -> Translator:
    tokenizers = letters()
    model = model or FakeModel(vocabulary=tokenizers.target.size, eos_bonus=1)
    settings = replace(SearchSettings(), **search_settings)  # type: ignore[arg-type]
    return Translator(model, tokenizers, Settings(search=settings))


@pytest.mark.parametrize("batch_tokens", [1, 12, 4000])
def test_every_line_is_what_search_finds_alone_in_the_order_given(batch_tokens: int) -> None:
    ours = translator(batch_tokens=batch_tokens, beam=3)
    found = ours.translate(LINES, n_best=3)
    assert [translation.source for translation in found] == LINES
    for line, translation in zip(LINES, found, strict=True):
        if not line.strip():
            continue
        batch = source_batch(ours.tokenizers.source.encode([line]))
        [[best, *others]] = search(ours.model, batch, ours.settings.search, n_best=3)
        target = ours.tokenizers.target
        assert translation.text == target.decode([best.tokens])[0]
        assert translation.tokens == target.pieces(best.tokens)
        assert translation.score == best.score
        assert translation.token_scores == best.token_log_probabilities
        assert len(translation.token_scores) == len(translation.tokens) + 1
        mean = sum(translation.token_scores) / len(translation.token_scores)
        assert translation.confidence == pytest.approx(math.exp(mean))
        assert translation.alternatives == [
            Alternative(target.decode([other.tokens])[0], other.score) for other in others
        ]
        assert translation.warnings == []


def test_blank_lines_never_reach_the_model() -> None:
    ours = translator()
    empty, blank = ours.translate(["", " \t "], n_best=2)
    assert isinstance(ours.model, FakeModel)
    assert ours.model.encoded == []
    assert empty.to_json() == {
        "source": "",
        "text": "",
        "score": 0.0,
        "tokens": [],
        "token_scores": [],
        "confidence": 1.0,
        "alternatives": [],
        "warnings": [],
    }
    assert blank.source == " \t "
    assert blank.text == ""
    assert ours.translate([]) == []


def test_batches_keep_the_budget_and_are_sorted_by_length() -> None:
    model = FakeModel(vocabulary=letters().target.size, eos_bonus=2)
    translator(model, batch_tokens=20).translate(["a" * n for n in (3, 9, 1, 4, 4, 30, 2)])
    assert model.encoded[0] == (1, 31)  # too long for the budget, so alone
    assert all(rows * longest <= 20 for rows, longest in model.encoded[1:])
    assert sum(rows for rows, _ in model.encoded) == 7
    widths = [longest for _, longest in model.encoded]
    assert widths == sorted(widths, reverse=True)
    assert len(model.encoded) < 7


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200))
def test_groups_hold_every_place_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = by_length(lengths, budget)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[place] for place in group) <= budget


def test_beam_and_length_penalty_stand_in_for_the_settings() -> None:
    ours = translator(beam=4, length_penalty=1.0)
    greedy = ours.translate(LINES, beam=1)
    assert greedy == translator(beam=1).translate(LINES)
    assert greedy != ours.translate(LINES)
    plain = ours.translate(LINES, length_penalty=0)
    assert plain[0].score == pytest.approx(sum(plain[0].token_scores))
    assert ours.settings.search.beam == 4


def test_a_long_line_is_translated_in_parts() -> None:
    ours = translator(longest_source=10, beam=2)
    line = "abc. def! fed cba"
    [whole, short] = ours.translate([line, "abc"], n_best=2)
    parts = ours.translate(["abc. def!", "fed cba"], n_best=2)
    assert whole.source == line
    assert whole.text == " ".join(part.text for part in parts if part.text)
    assert whole.tokens == parts[0].tokens + parts[1].tokens
    assert whole.token_scores == parts[0].token_scores + parts[1].token_scores
    assert whole.score == pytest.approx((parts[0].score + parts[1].score) / 2)
    [other] = whole.alternatives
    assert other.text == " ".join(part.alternatives[0].text for part in parts if part.alternatives[0].text)
    assert other.score == pytest.approx(sum(part.alternatives[0].score for part in parts) / 2)
    assert whole.warnings == ["cut into 2 parts: the line has more than 10 tokens"]
    assert short.warnings == []


def test_what_the_length_limit_cut_says_so() -> None:
    model = FakeModel(vocabulary=letters().target.size, eos_bonus=-1000)
    [found] = translator(model, longest_ratio=1, beam=1).translate(["abc"])
    assert len(found.tokens) == len(found.token_scores) == 23
    assert found.warnings == ["stopped at the length limit: the translation may be incomplete"]


def sizes(texts: object) -> list[int]:
    """Counts characters as tokens."""
    assert isinstance(texts, list)
    return [len(text) for text in texts]


@pytest.mark.parametrize(
    ("line", "limit", "parts"),
    [
        ("One two. Three four! Five?", 12, ["One two.", "Three four!", "Five?"]),
        ("One. Two. Three. Four.", 10, ["One. Two.", "Three.", "Four."]),
        ('He said "Go." She went.', 14, ['He said "Go."', "She went."]),
        ("3.5 is a number. So is 4.", 17, ["3.5 is a number.", "So is 4."]),
        ("一二三。四五六。七八。", 6, ["一二三。", "四五六。", "七八。"]),
        ("one two three four", 9, ["one two", "three", "four"]),
        ("abcdefgh", 3, ["ab", "cd", "ef", "gh"]),
        ("ab. abcdefgh. cd.", 4, ["ab.", "abcd", "ef", "gh.", "cd."]),
        ("  short  ", 5, ["short"]),
    ],
)
def test_where_a_line_is_cut(line: str, limit: int, parts: list[str]) -> None:
    assert cut(line, limit, sizes) == parts


@hypothesis_settings(deadline=None)
@given(st.text("ab .!。", min_size=1, max_size=80), st.integers(1, 12))
def test_parts_fit_and_lose_nothing(line: str, limit: int) -> None:
    parts = cut(line, limit, sizes)
    assert all(len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(line.split())


def test_a_character_of_many_tokens_stays_whole() -> None:
    def bytes_of(texts: object) -> list[int]:
        assert isinstance(texts, list)
        return [len(text.encode()) for text in texts]

    assert cut("日本", 2, bytes_of) == ["日", "本"]


def test_wrong_usage() -> None:
    ours = translator(beam=2)
    for call in (
        lambda: ours.translate("abc"),
        lambda: ours.score("abc", ["a"]),
        lambda: ours.score(["a"], "abc"),
    ):
        with pytest.raises(UsageError, match="one string was given; give a list of lines, such as"):
            call()
    with pytest.raises(UsageError, match=r"the beam is 0; choose 1 \(greedy\) or more"):
        ours.translate(["a"], beam=0)
    for penalty in (-1.0, math.nan):
        with pytest.raises(UsageError, match=r"the length penalty is .*; choose 0 \(none\) or more"):
            ours.translate(["a"], length_penalty=penalty)
    with pytest.raises(UsageError, match="a beam of 2 cannot give the 3 best; raise the beam"):
        ours.translate(["a"], n_best=3)


@pytest.mark.parametrize("batch_tokens", [1, 15, 4000])
def test_scores_are_the_models_log_probabilities(batch_tokens: int) -> None:
    ours = translator(batch_tokens=batch_tokens)
    assert isinstance(ours.model, FakeModel)
    sources = ["abc", "", "f", "abcdef" * 100]
    targets = ["cb", "a", "", "fed" * 50]
    for scored, source, target in zip(ours.score(sources, targets), sources, targets, strict=True):
        source_ids = ours.tokenizers.source.encode([source])[0]
        target_ids = ours.tokenizers.target.encode([target])[0]
        expected = [
            ours.model.scores((*source_ids, EOS), (BOS, *target_ids[:place]))[token]
            for place, token in enumerate([*target_ids, EOS])
        ]
        assert scored.token_scores == pytest.approx(expected, abs=1e-9)
        assert (scored.source, scored.target, scored.tokens) == (source, target, list(target))
        assert scored.log_probability == pytest.approx(sum(expected))
        assert scored.per_token == pytest.approx(sum(expected) / (len(target) + 1))
        assert scored.perplexity == pytest.approx(math.exp(-sum(expected) / (len(target) + 1)))


def test_a_translation_scores_what_search_said() -> None:
    ours = translator(beam=3)
    found = ours.translate(["abc", "de f", "f"])
    scored = ours.score([one.source for one in found], [one.text for one in found])
    for translation, same in zip(found, scored, strict=True):
        assert same.token_scores == pytest.approx(translation.token_scores)
        assert same.tokens == translation.tokens


def test_scored_as_json() -> None:
    scored = Scored("a", "b", ["b"], [-1.0, -3.0])
    assert scored.to_json() == {
        "source": "a",
        "target": "b",
        "tokens": ["b"],
        "token_scores": [-1.0, -3.0],
        "log_probability": -4.0,
        "per_token": -2.0,
        "perplexity": pytest.approx(math.exp(2)),
    }
    assert Scored("a", "b", ["b"], [-1000.0]).perplexity == math.inf


def test_unequal_numbers_of_lines() -> None:
    with pytest.raises(DragomanError, match="2 source lines but 1 target lines; give one target for each"):
        translator().score(["a", "b"], ["a"])
    assert translator().score([], []) == []
