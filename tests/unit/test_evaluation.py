"""BLEU, chrF, their intervals and the paired test, against sacrebleu's own."""

import json
import random
import time
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.significance import PairedTest

from dragoman.config import EvaluationSettings
from dragoman.errors import DragomanError
from dragoman.evaluation import compare, evaluate, look_unspaced

WORDS = ["Der", "die", "das", "Hund,", "Katze!", "läuft", "schnell", "über", "eine", "Straße", "und", "sieht"]
WORDS += ["(grün)", "12,5", "Pizza-Ofen", "."]
QUICK = EvaluationSettings(resamples=50)


def sentences(count: int, seed: int, longest: int = 25) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, longest))) for _ in range(count)]


def spoiled(lines: list[str], share: float, seed: int) -> list[str]:
    """Each word is replaced with the probability `share`."""
    draw = random.Random(seed)
    return [" ".join(draw.choice(WORDS) if draw.random() < share else w for w in line.split()) for line in lines]


REFERENCES = sentences(200, seed=1)
GOOD = spoiled(REFERENCES, 0.2, seed=2)
BAD = spoiled(REFERENCES, 0.6, seed=3)


@pytest.mark.parametrize("tokenize", ["13a", "intl", "zh", "char", "none"])
@pytest.mark.parametrize("lowercase", [False, True])
def test_the_scores_are_sacrebleus(tokenize: Literal["13a", "intl", "zh", "char", "none"], lowercase: bool) -> None:
    chosen = replace(QUICK, tokenize=tokenize, lowercase=lowercase)
    hypotheses = [line.lower() for line in GOOD]
    result = evaluate(hypotheses, REFERENCES, settings=chosen)
    bleu = sacrebleu.corpus_bleu(hypotheses, [REFERENCES], tokenize=tokenize, lowercase=lowercase, force=True)
    chrf = CHRF(lowercase=lowercase).corpus_score(hypotheses, [REFERENCES])
    assert result.bleu.score == bleu.score
    assert result.chrf.score == chrf.score
    if not lowercase:
        assert result.chrf.score == sacrebleu.corpus_chrf(hypotheses, [REFERENCES]).score
    assert 0 < bleu.score < 100


@pytest.mark.parametrize(
    ("line", "unspaced"),
    [
        ("一个男人在街上骑自行车。", True),
        ("一个 男人 在 街上 骑 自行车 。", False),
        ("彼は駅まで歩きました。", True),
        ("ผู้ชายคนหนึ่งกำลังขี่จักรยาน", True),
        ("Ein Mann fährt Donaudampfschifffahrtsgesellschaft.", False),
        ("The word 水 means water.", False),
        ("한 남자가 자전거를 타고 있다.", False),
        ("12 : 30", False),
    ],
)
def test_text_without_spaces_is_known(line: str, unspaced: bool) -> None:
    assert look_unspaced([line] * 20) is unspaced


def test_chinese_needs_a_tokenizer_of_its_own() -> None:
    references = ["一个男人在街上骑自行车。", "两只狗在雪地里玩耍。"]
    nearly = [reference.replace("街上", "路上").replace("玩耍", "奔跑") for reference in references]
    scores = {
        kind: evaluate(nearly, references, settings=EvaluationSettings(tokenize=kind, resamples=10)).bleu.score
        for kind in ("13a", "intl", "zh", "char")
    }
    assert max(scores["13a"], scores["intl"]) < 20
    assert min(scores["zh"], scores["char"]) > 60


def test_the_signature_says_how() -> None:
    result = evaluate(GOOD, REFERENCES, settings=QUICK)
    for part in (
        "nrefs:1",
        "bs:50",
        "seed:12345",
        "case:mixed",
        "tok:13a",
        f"version:{sacrebleu.__version__}",
    ):
        assert part in result.bleu.signature.split("|")
    assert "nc:6" in result.chrf.signature.split("|")
    other = evaluate(GOOD, REFERENCES, settings=replace(QUICK, tokenize="none", lowercase=True))
    assert {"tok:none", "case:lc"} <= set(other.bleu.signature.split("|"))
    assert "case:lc" in other.chrf.signature.split("|")


def test_the_interval_is_the_percentile_bootstrap() -> None:
    """A plain loop over the same draws with sacrebleu's corpus score of the chosen sentences agrees."""
    result = evaluate(GOOD[:40], REFERENCES[:40], settings=replace(QUICK, resamples=20))
    drawn = np.random.default_rng(12345).choice(40, size=(20, 40), replace=True)
    for score, metric in ((result.bleu, BLEU()), (result.chrf, CHRF())):
        scores = [metric.corpus_score([GOOD[i] for i in rows], [[REFERENCES[i] for i in rows]]).score for rows in drawn]
        assert (score.low, score.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])), abs=1e-9)
        assert score.low < score.score < score.high


def test_the_interval_agrees_with_sacrebleus() -> None:
    result = evaluate(GOOD, REFERENCES)
    own = BLEU()
    official = own.corpus_score(GOOD, [REFERENCES], n_bootstrap=1000)
    assert (result.bleu.high - result.bleu.low) / 2 == pytest.approx(official._ci, abs=0.1)
    again = evaluate(GOOD, REFERENCES)
    assert again == result


def test_large_sets_are_resampled_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate(GOOD, REFERENCES, settings=QUICK)
    monkeypatch.setattr("dragoman.evaluation.scoring._DRAWN_AT_ONCE", 3 * len(REFERENCES))
    assert evaluate(GOOD, REFERENCES, settings=QUICK) == whole


def test_a_thousand_resamples_of_a_thousand_sentences_are_quick() -> None:
    references = sentences(1000, seed=4, longest=12)
    hypotheses = spoiled(references, 0.3, seed=5)
    start = time.process_time()
    result = evaluate(hypotheses, references)
    assert time.process_time() - start < 3
    assert result.bleu.high - result.bleu.low < 4


def test_a_perfect_translation_scores_100_everywhere() -> None:
    long = [f"{line} ist hier ganz genau so" for line in REFERENCES]
    result = evaluate(long, long, sources=REFERENCES, settings=QUICK)
    assert result.bleu.score == pytest.approx(100)
    assert result.bleu.low == pytest.approx(100)
    assert (result.chrf.low, result.exact_match) == (100, 1)


def test_exact_match_counts_whole_sentences() -> None:
    hypotheses, references = ["Ja .", "Nein .", " ja . ", "Gut so"], ["Ja .", "Doch .", "ja .", "gut so"]
    assert evaluate(hypotheses, references, settings=QUICK).exact_match == 0.5
    assert evaluate(hypotheses, references, settings=replace(QUICK, lowercase=True)).exact_match == 0.75


def test_empty_hypotheses_are_scored() -> None:
    assert evaluate(["", ""], ["Ein Hund", ""], settings=QUICK).bleu.score == 0
    mixed = ["", *GOOD[1:]]
    assert evaluate(mixed, REFERENCES, settings=QUICK).bleu.score == BLEU().corpus_score(mixed, [REFERENCES]).score


def test_buckets_hold_the_sentences_of_their_length() -> None:
    counts = [0, 1, 5, 6, 10, 11, 15, 16, 20, 21, 30, 31, 50, 51, 99]
    sources = [" ".join(["w"] * count) for count in counts]
    n = len(counts)
    result = evaluate(GOOD[:n], REFERENCES[:n], sources, QUICK)
    assert [(bucket.label, bucket.sentences) for bucket in result.by_length] == [
        ("0", 1), ("1-5", 2), ("6-10", 2), ("11-15", 2), ("16-20", 2), ("21-30", 2), ("31-50", 2), ("51+", 2),
    ]  # fmt: skip
    third = result.by_length[2]
    assert third.bleu == BLEU().corpus_score(GOOD[3:5], [REFERENCES[3:5]]).score
    assert third.chrf == CHRF().corpus_score(GOOD[3:5], [REFERENCES[3:5]]).score


def test_only_lengths_that_occur_have_a_bucket() -> None:
    result = evaluate(GOOD[:2], REFERENCES[:2], ["a b", "c"], QUICK)
    assert [bucket.label for bucket in result.by_length] == ["1-5"]
    assert evaluate(GOOD[:2], REFERENCES[:2], settings=QUICK).by_length == []


def test_json_has_the_names_that_scripts_rely_on() -> None:
    result = json.loads(json.dumps(evaluate(GOOD, REFERENCES, REFERENCES, QUICK).to_json()))
    assert set(result) == {"bleu", "chrf", "exact_match", "sentences", "by_length"}
    assert set(result["bleu"]) == set(result["chrf"]) == {"score", "low", "high", "signature"}
    assert set(result["by_length"][0]) == {"label", "sentences", "bleu", "chrf"}
    assert sum(bucket["sentences"] for bucket in result["by_length"]) == result["sentences"] == 200


@pytest.mark.parametrize("share", [0.2, 0.22, 0.6])
def test_the_paired_test_is_sacrebleus(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)
    system = spoiled(REFERENCES, share, seed=6)
    ours = compare(system, GOOD, REFERENCES)
    test = PairedTest([("base", GOOD), ("system", system)], {"b": BLEU(), "c": CHRF()}, [REFERENCES], "bs", 1000)
    _, theirs = test()
    for own, official in ((ours.bleu, theirs["BLEU"]), (ours.chrf, theirs["chrF2"])):
        assert own.difference == pytest.approx(official[1].score - official[0].score, abs=1e-9)
        assert own.p_value == pytest.approx(official[1].p_value, abs=0.002)
        assert own.low < own.difference < own.high


def test_identical_systems_do_not_differ() -> None:
    result = compare(GOOD, GOOD, REFERENCES, QUICK)
    for difference in (result.bleu, result.chrf):
        assert (difference.difference, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)


def test_a_clearly_better_system_is_significant_and_the_sign_says_which() -> None:
    better, worse = compare(GOOD, BAD, REFERENCES), compare(BAD, GOOD, REFERENCES)
    assert better.bleu.p_value < 0.01
    assert better.chrf.p_value < 0.01
    assert better.bleu.low > 10
    assert worse.bleu.difference == -better.bleu.difference
    assert worse.bleu.high == pytest.approx(-better.bleu.low)
    assert set(better.to_json()["chrf"]) == {"difference", "low", "high", "p_value"}


def test_equally_spoiled_systems_are_not_told_apart() -> None:
    result = compare(spoiled(REFERENCES, 0.3, seed=7), spoiled(REFERENCES, 0.3, seed=8), REFERENCES)
    assert result.bleu.p_value > 0.05
    assert result.bleu.low < 0 < result.bleu.high


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=6))
def test_any_text_gets_a_score_between_0_and_100(pairs: list[tuple[str, str]]) -> None:
    hypotheses, references = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    result = evaluate(hypotheses, references, references, replace(QUICK, resamples=5))
    for score in (result.bleu, result.chrf):
        assert 0 <= score.low <= score.high <= 100 + 1e-9
    assert sum(bucket.sentences for bucket in result.by_length) == len(pairs)


def test_unequal_counts_are_both_said() -> None:
    with pytest.raises(DragomanError, match="2 hypotheses but 3 references; give exactly one for each reference"):
        evaluate(["a", "b"], ["a", "b", "c"])
    with pytest.raises(DragomanError, match="1 sources but 2 references"):
        evaluate(["a", "b"], ["a", "b"], ["a"])
    with pytest.raises(DragomanError, match="1 baseline hypotheses but 2 references"):
        compare(["a", "b"], ["a"], ["a", "b"])


def test_no_sentences_are_refused() -> None:
    with pytest.raises(DragomanError, match="no sentences to evaluate; give at least one reference"):
        evaluate([], [])
