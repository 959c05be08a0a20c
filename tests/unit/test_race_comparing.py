"""The report's judgements by hand: tallies, chains of distances, corrected chances, words and numbers."""

from math import inf

import pytest

from dragoman.race.report.comparing import Outcome, Reading, Tally, apart, grows, siblings, slower
from dragoman.race.report.curves import Curve, curves, main_curve
from dragoman.race.report.remembering import reach
from dragoman.race.report.scores import against_transformer, every_pair, holm
from dragoman.race.report.wording import fixed, interval, left, listed, percent, probability, ratio, several, signed


def tally(*results: int) -> Tally:
    return Tally([Outcome("RNN", 8 * 2**at, result) for at, result in enumerate(results)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("results", "judgement", "at_most"),
    [
        ((1, 1), "holds", "holds partly"),
        ((1, 0), "holds partly", "holds partly"),
        ((1, -1), "holds partly", "holds partly"),
        ((0, -1), "does not hold here", "does not hold here"),
        ((), "not measured", "not measured"),
    ],
)
def test_all_some_or_none(results: tuple[int, ...], judgement: str, at_most: str) -> None:
    assert tally(*results).judgement == judgement
    assert tally(*results).at_most_partly == at_most


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ((1, 1, 1), "slower in all 3 comparisons"),
        ((1, 1), "slower in both comparisons"),
        ((-1,), "faster in the only comparison"),
        ((-1, 0, 1, 1), "slower in 2 of 4 comparisons (RNN from 32 tokens on), level in 1 (RNN at 16 tokens), faster "
         "in 1 (RNN at 8 tokens)"),
        ((1, 1, 0), "slower in 2 of 3 comparisons (RNN up to 16 tokens), level in 1 (RNN at 32 tokens)"),
        ((1, 0, 1), "slower in 2 of 3 comparisons (RNN at 8 and 32 tokens), level in 1 (RNN at 16 tokens)"),
    ],
)  # fmt: skip
def test_comparisons_in_words(results: tuple[int, ...], told: str) -> None:
    assert tally(*results).told(("slower", "level", "faster")) == told


def test_those_with_the_same_places_are_told_together() -> None:
    outcomes = [Outcome(who, at, 1 if at == 8 else 0) for who in ("RNN", "GRU") for at in (8, 16)]
    told = Tally([*outcomes, Outcome("LSTM", 8, 1)]).told(("slower", "level", "faster"))
    assert told == (
        "slower in 3 of 5 comparisons (RNN and GRU at 8 tokens; LSTM at every length), "
        "level in 2 (RNN and GRU at 16 tokens)"
    )
    words = Tally([Outcome("copying", "without", 1), Outcome("copying", "with", 1)])
    assert (
        words.told(("ahead", "level", "behind"), name_all=True)
        == "ahead in both comparisons (copying without and with)"
    )


def test_clearly_means_that_the_spans_do_not_touch() -> None:
    assert apart(Reading(5, 4, 6), Reading(2, 1, 3)) == 1
    assert apart(Reading(2, 1, 3), Reading(5, 4, 6)) == -1
    assert apart(Reading(2, 1, 4), Reading(5, 4, 6)) == 0


def test_slower_at_the_lengths_that_both_ran() -> None:
    entry = {"length": 8, "tokens_per_second": 100.0, "spread": [90.0, 110.0]}
    fast = entry | {"tokens_per_second": 200.0, "spread": [190.0, 210.0]}
    contestants = {"rnn": [entry, entry | {"length": 16}], "transformer": [fast]}
    assert slower(contestants, [("rnn", "transformer")]).outcomes == [Outcome("RNN", 8, 1)]
    assert slower(contestants, [("transformer", "rnn")]).outcomes == [Outcome("Transformer", 8, -1)]
    assert slower(contestants, [("rnn", "gru")]).outcomes == []


def test_chains_pairs_and_reach() -> None:
    assert grows([3, 3, 4])
    assert not grows([4, 5, 4])
    names = ["rnn", "lstm", "lstm-attention", "transformer"]
    assert siblings(names, "lstm", "rnn") == [("lstm", "rnn")]
    assert siblings([*names, "rnn-attention"], "lstm", "rnn")[1] == ("lstm-attention", "rnn-attention")
    assert reach([5, 10, 20], [0.9, 0.5, 0.4]) == 10
    assert reach([5, 10, 20], [0.9, 0.4, 0.9]) == 5
    assert reach([5, 10, 20], [0.4, 0.9, 0.9]) == 0


def test_holm_by_hand() -> None:
    """The smallest of three times three, the next times two, and none below one that came before."""
    found = holm({"a": 0.03, "b": 0.01, "c": 0.02})
    assert found == pytest.approx({"a": 0.04, "b": 0.03, "c": 0.04})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def curve(*values: float | None, start: str = "default", moment: str = "start", clip: bool | None = None) -> Curve:
    norms = tuple(values)
    places = tuple(range(1, len(norms) + 1))
    return Curve("rnn", "decoder", start, moment, clip, start != "plain", places, norms, norms, norms)


@pytest.mark.parametrize(
    ("values", "change", "word"),
    [
        ((-1.0, -2.0, -3.0), -2.0, "vanishing"),
        ((-1.0, 0.0, 1.0), 2.0, "exploding"),
        ((-1.0, -5.0, -2.9), -1.9, "flat"),
        ((-1.0, -2.0, None), -inf, "vanishing"),
        ((-1.0, 4.0, None), inf, "exploding"),
        ((None, None), -inf, "vanishing"),
    ],
)
def test_what_becomes_of_a_gradient(values: tuple[float | None, ...], change: float, word: str) -> None:
    found = curve(*values)
    assert found.change == pytest.approx(change)
    assert found.word == word


def test_positions_in_which_a_gradient_falls_tenfold() -> None:
    assert curve(0.0, -1.0, -2.0, -4.0).steps_a_power == pytest.approx(0.75)
    assert curve(1.0, 1.0).steps_a_power is None
    assert curve(1.0, None).steps_a_power is None
    assert curve(-1.0, -3.0, None).relative((-1.0, -3.0, None)) == (0.0, -2.0, None)


def test_the_curve_of_a_contestant_as_it_races() -> None:
    trained = curve(0.0, -1.0, start="orthogonal", moment="trained", clip=True)
    found = [
        curve(0.0, -2.0, start="orthogonal"),
        curve(0.0, -3.0, start="plain", moment="trained", clip=True),
        curve(0.0, -4.0, start="orthogonal", moment="trained", clip=False),
        trained,
    ]
    assert main_curve(found, "rnn", "decoder") == trained
    assert main_curve(found[:1], "rnn", "decoder") == found[0]
    assert main_curve(found, "rnn", "encoder") is None
    assert trained.told() == "RNN, orthogonal start, trained with clipping"
    assert curves({}) == []


def test_words_for_numbers() -> None:
    assert [left(change) for change in (-12.4, -1.5, -0.3, 0.0, 0.5, 1.5, 7.6)] == [
        "1/10¹²", "1/32", "50 %", "100 %", "316 %", "32 ×", "10⁸ ×",
    ]  # fmt: skip
    assert [left(change) for change in (inf, -inf)] == ["beyond all numbers", "nothing"]
    assert [fixed(-0.04, 1), fixed(-1234.56, 1), fixed(None, 1)] == ["0.0", "−1,234.6", "–"]
    assert [signed(0.04, 1), signed(-0.04, 1), signed(-2.0, 1)] == ["+0.0", "+0.0", "−2.0"]
    assert [percent(0.125, 1), percent(None), interval(1.0, 2.0, 1), interval(None, 2.0, 1)] == [
        "12.5 %", "–", "[1.0, 2.0]", "",
    ]  # fmt: skip
    assert [ratio(1, 4), ratio(30, 2), ratio(1, 0)] == ["0.25 ×", "15 ×", "–"]
    assert [probability(value) for value in (0.0005, 0.0312, None)] == ["< 0.001", "0.031", "–"]
    assert [listed(["a"]), listed(["a", "b", "c"]), several(1, "seed"), several(2, "seed")] == [
        "a", "a, b and c", "1 seed", "2 seeds",
    ]  # fmt: skip


def test_claim_five_has_a_family_of_tests_of_its_own() -> None:
    """Three pairs by hand: Holm takes the smallest p three times in the family of all, twice in the Transformer's."""

    def test(difference: float, p: float) -> dict[str, float]:
        return {"difference": difference, "low": difference - 1, "high": difference + 3, "p": p}

    paired = [
        {"contestant": "lstm", "other": "rnn", "bleu": test(2, 0.04), "chrf": test(3, 0.01)},
        {"contestant": "transformer", "other": "rnn", "bleu": test(5, 0.02), "chrf": test(6, 0.02)},
        {"contestant": "transformer", "other": "lstm", "bleu": test(3, 0.03), "chrf": test(4, 0.9)},
    ]
    pairs = every_pair({"paired": paired})
    assert [(one.name, one.other) for one in pairs] == [
        ("lstm", "rnn"), ("transformer", "rnn"), ("transformer", "lstm"),
    ]  # fmt: skip
    assert [one.bleu.corrected for one in pairs] == pytest.approx([0.06, 0.06, 0.06])
    assert [one.chrf.corrected for one in pairs] == pytest.approx([0.03, 0.04, 0.9])
    against = against_transformer({"paired": paired})
    assert list(against) == ["rnn", "lstm"]
    assert list(against["rnn"]) == pytest.approx([-5, -8, -4, 0.02, 0.04])
    assert list(against["lstm"]) == pytest.approx([-3, -6, -2, 0.03, 0.04])
    assert all(one.significant for one in against.values())
    assert not any(one.bleu.significant for one in pairs)
    turned = {"contestant": "rnn", "other": "transformer", "bleu": test(-5, 0.02), "chrf": test(1, 1)}
    assert against_transformer({"paired": [turned]})["rnn"][:3] == (-5, -6, -2)
    assert against_transformer({}) == {}
