"""Word links from attention: hand numbers, the definition in float64, a slow twin."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import silver_alignment
from dragoman.config import PizzeriaSettings, TextSettings
from dragoman.corpora.pizzeria import PizzeriaPair, generate, words
from dragoman.errors import DragomanError
from dragoman.inspection.alignment import (
    Choice,
    align,
    alignment_error_rate,
    norms,
    projections,
    read_choice,
    strengths,
    write_choice,
)
from dragoman.inspection.alignment_measure import Agreement, agreement, measure_alignment, turned
from dragoman.inspection.measures import mean, ratio
from dragoman.inspection.words import spelt, words_of
from dragoman.text import Tokenizers
from dragoman.tracing import AttentionTrace, Trace
from dragoman.translation import Translator
from tests.unit.conftest import RUN


@pytest.fixture(scope="module")
def pairs() -> list[PizzeriaPair]:
    return generate("valid", PizzeriaSettings(train_pairs=3000, valid_pairs=100))[:20]


def attention(weights: list[Any], width: int = 1) -> AttentionTrace:
    """One that has these weights (heads x queries x keys); the rest is empty."""
    given = np.array(weights, dtype=np.float32)
    heads, queries, keys = given.shape
    many = np.zeros((heads, queries, width), dtype=np.float32)
    few = np.zeros((queries, heads * width), dtype=np.float32)
    value = np.ones((heads, keys, width), dtype=np.float32)
    return AttentionTrace(many, value, value, given, given, given, many, few, few)


def trace_of(source: list[str], target: list[str], weights: list[Any]) -> Trace:
    logits = np.zeros((len(target), 3), dtype=np.float32)
    names = {"decoder.0.cross": attention(weights)}
    return Trace(source, target, ["<s>", *target[:-1]], names, {}, {}, {}, {}, logits, [])


def test_alignment_error_rate_by_hand() -> None:
    sure, possible = [{(0, 0), (1, 1)}], [{(0, 0), (1, 1), (1, 2)}]
    # A has three links: one sure, one possible, one wrong: 1 - (1 + 2) / (3 + 2).
    assert alignment_error_rate([[(0, 0), (1, 2), (2, 2)]], sure, possible) == pytest.approx(0.4)
    assert alignment_error_rate([[(0, 0), (1, 2), (2, 2)]], sure) == pytest.approx(0.6)
    assert alignment_error_rate(sure, sure, possible) == 0
    assert alignment_error_rate([[(5, 5)]], sure) == 1
    # Over two sentences the counts are added, not the rates: 1 - (1 + 1 + 0) / (1 + 1 + 1 + 1).
    assert alignment_error_rate([[(0, 0)], [(0, 1)]], [[(0, 0)], [(0, 0)]]) == pytest.approx(0.5)
    with pytest.raises(DragomanError, match="no links to compare"):
        alignment_error_rate([[]], [[]])


def test_pieces_are_summed_averaged_and_the_end_mark_takes_no_link() -> None:
    source = ["▁The", "▁do", "g", "</s>"]
    target = ["▁Der", "▁Hu", "nd", "</s>"]
    rows = [
        [0.4, 0.1, 0.1, 0.4],  # Der: The, though the end mark has as much
        [0.4, 0.3, 0.3, 0.0],  # Hu: dog has 0.6 in two pieces
        [0.6, 0.1, 0.1, 0.2],  # nd: alone it would be The; the mean of both is 0.5 to 0.4
        [0.0, 0.9, 0.0, 0.1],
    ]
    trace = trace_of(source, target, [rows])
    assert align(trace, Choice(0, 0)) == [(0, 0), (0, 1)]
    rows[2] = [0.3, 0.3, 0.3, 0.1]
    assert align(trace_of(source, target, [rows]), Choice(0, 0)) == [(0, 0), (1, 1)]
    # The step that reads is one later: Der's is the second row; Hund's are the last two.
    assert align(trace_of(source, target, [rows]), Choice(0, 0, "reading")) == [(1, 0), (1, 1)]


def test_heads_together_are_their_mean() -> None:
    source, target = ["▁A", "▁B", "</s>"], ["▁a", "</s>"]
    heads = [[[0.9, 0.1, 0.0], [0, 0, 1]], [[0.3, 0.7, 0.0], [0, 0, 1]], [[0.2, 0.8, 0.0], [0, 0, 1]]]
    trace = trace_of(source, target, heads)
    assert [align(trace, Choice(0, head)) for head in range(3)] == [[(0, 0)], [(1, 0)], [(1, 0)]]
    # 1.4 to 1.6.
    assert align(trace, Choice(0)) == [(1, 0)]
    with pytest.raises(DragomanError, match=r"no decoder.3.cross; choose another layer"):
        align(trace, Choice(3))


def test_norms_are_the_definition(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    """|| alpha_ij^h (x_j W_V^h + b^h) W_O^h ||, and of the heads' sum, in float64."""
    trace = golden.explain(pairs[0].source, pairs[0].target)
    found = trace.attentions["decoder.0.cross"]
    part = golden.model.reporting()["decoder.0.cross"]  # type: ignore[attr-defined]
    out = part.output.weight.detach().double().numpy()
    heads, queries, keys = found.weights.shape
    width = found.value.shape[-1]
    vectors = np.zeros((heads, queries, keys, len(out)))
    for head in range(heads):
        for query in range(queries):
            for key in range(keys):
                alone = np.zeros(heads * width)
                alone[head * width : (head + 1) * width] = found.value[head, key]
                vectors[head, query, key] = float(found.weights[head, query, key]) * (out @ alone)
    computed = norms(found, projections(golden.model)["decoder.0.cross"])  # type: ignore[arg-type]
    assert np.allclose(computed[:-1], np.linalg.norm(vectors, axis=-1), atol=1e-5)
    assert np.allclose(computed[-1], np.linalg.norm(vectors.sum(0), axis=-1), atol=1e-5)
    # What all keys bring adds up to the attention's output less its bias.
    assert np.allclose(vectors.sum((0, 2)), found.output - part.output.bias.detach().numpy(), atol=1e-4)


def test_norms_need_the_projections(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    trace = golden.explain(pairs[0].source, pairs[0].target)
    choice = Choice(0, weighting="norm")
    with pytest.raises(DragomanError, match="norm weighting needs the output projections"):
        align(trace, choice)
    assert align(trace, choice, projections(golden.model))  # type: ignore[arg-type]


def test_the_agreement_is_that_of_links_drawn_one_by_one(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    found = agreement(golden, pairs)
    traces = golden.explain_batch([pair.source for pair in pairs], [pair.target for pair in pairs])
    weights = projections(golden.model)  # type: ignore[arg-type]
    rates = found.aer()
    for h, head in enumerate((0, 1, None)):
        for c, convention in enumerate(("predicting", "reading")):
            for w, weighting in enumerate(("plain", "norm")):
                choice = Choice(0, head, convention, weighting)  # type: ignore[arg-type]
                links = [align(trace, choice, weights) for trace in traces]
                assert rates[0, h, c, w] == pytest.approx(alignment_error_rate(links, [p.alignment for p in pairs]))
                assert found.estimate(choice).value == pytest.approx(rates[0, h, c, w])
    best = found.best()
    assert best.aer_valid == pytest.approx(rates.min())
    assert found.estimate(best).value == pytest.approx(rates.min())
    ends = [trace.attentions["decoder.0.cross"].weights[:, :-1, -1].mean(1) for trace in traces]
    assert np.allclose(found.end[:, 0, :2], ends, atol=1e-6)


def test_the_floor_links_each_word_with_a_gold_word(pairs: list[PizzeriaPair], golden: Translator) -> None:
    links = [list({target: (source, target) for source, target in pair.alignment}.values()) for pair in pairs]
    for row, pair in zip(links, pairs, strict=True):
        missing = set(range(len(words(pair.target)))) - {target for _, target in row}
        row += [(99, target) for target in missing]
    floor = alignment_error_rate(links, [pair.alignment for pair in pairs])
    assert agreement(golden, pairs).floor() == pytest.approx(floor)
    assert 0 < floor < 0.2


def test_a_perfect_attention_has_the_floor(pairs: list[PizzeriaPair]) -> None:
    right = np.array([[[[[5]]]], [[[[3]]]]])
    perfect = Agreement(right, np.array([5, 3]), np.array([5, 4]), np.array([5, 3]), np.zeros((2, 1, 1)), [0])
    assert perfect.aer().item() == pytest.approx(perfect.floor()) == pytest.approx(1 - 16 / 17)


def test_turned_pairs_have_the_turned_links(pairs: list[PizzeriaPair]) -> None:
    for pair in pairs:
        back = turned(pair)
        assert (back.source, back.target, back.pronoun) == (pair.target, pair.source, None)
        assert {(s, t) for t, s in back.alignment} == set(pair.alignment)
        assert turned(back) == replace(pair, pronoun=None)


def test_words_are_those_that_gold_links_count(golden: Translator) -> None:
    test = generate("test", PizzeriaSettings(train_pairs=3000, valid_pairs=100))[:300]
    for pair in test:
        for tokenizer, line in ((golden.tokenizers.source, pair.source), (golden.tokenizers.target, pair.target)):
            ids = tokenizer.encode([line])[0]
            cuts = [tokenizer.decode([[ids[place] for place in word]])[0] for word in words_of(tokenizer.pieces(ids))]
            assert cuts == words(line)


@pytest.mark.parametrize(("kind", "size"), [("bpe", 400), ("unigram", 400), ("character", 400), ("word", 400)])
def test_words_are_the_same_for_every_tokenizer(pairs: list[PizzeriaPair], kind: Any, size: int) -> None:
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    learnt = Tokenizers.learn(sources * 5, targets * 5, TextSettings(kind=kind, vocabulary_size=size), seed=1)
    for tokenizer, lines in ((learnt.source, sources), (learnt.target, targets)):
        for line, ids in zip(lines, tokenizer.encode(lines), strict=True):
            pieces = tokenizer.pieces(ids)
            assert spelt(pieces, words_of(pieces)) == words(line)


def test_the_measure_reports_what_it_chose(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    measured = measure_alignment(golden, pairs[:10], pairs[10:])
    assert measured.choice == agreement(golden, pairs[:10]).best()
    expected = agreement(golden, pairs[10:]).estimate(measured.choice)
    assert measured.test == expected
    assert expected.low <= expected.value <= expected.high
    assert measured.sentences == (10, 10)


def test_intervals() -> None:
    draw = np.random.default_rng(3)
    values = draw.random(400) < 0.3
    found = mean(values)
    assert found.value == pytest.approx(values.mean())
    # The normal approximation's interval.
    half = 1.96 * values.std() / 20
    assert found.low == pytest.approx(found.value - half, abs=0.008)
    assert found.high == pytest.approx(found.value + half, abs=0.008)
    assert ratio([1, 3], [2, 6]).value == pytest.approx(0.5)
    assert (mean([1, 1]).low, mean([1, 1]).high) == (1, 1)
    assert found.percent() == f"{found.value:.1%} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def test_the_choice_comes_back(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(RUN, run)
    assert read_choice(run) == Choice(layer=0, head=None, convention="predicting", weighting="plain", aer_valid=None)
    for choice in (Choice(0, 1, "reading", "norm", 0.25), Choice(0, None, "predicting", "plain", 0.5)):
        write_choice(run, choice)
        assert read_choice(run) == choice
    assert json.loads((run / "alignment.json").read_text()) == {
        "layer": 0, "head": None, "convention": "predicting", "weighting": "plain", "aer_valid": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("content", ["{", "[]", '{"layer": 7}', '{"layer": 0, "head": 9}', '{"lair": 0}', "3"])
def test_a_damaged_choice_is_told(tmp_path: Path, content: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(RUN, run)
    (run / "alignment.json").write_text(content)
    with pytest.raises(DragomanError, match=r"alignment\.json is damaged; make it anew with"):
        read_choice(run)


def test_a_choice_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"cannot write .*make the folder writable"):
        write_choice(tmp_path / "none", Choice(0))


def test_plain_strengths_end_with_the_mean() -> None:
    found = strengths(attention([[[0.2, 0.8]], [[0.6, 0.4]]]), "plain")
    assert np.allclose(found, [[[0.2, 0.8]], [[0.6, 0.4]], [[0.4, 0.6]]])


def test_the_silver_aligner_is_em_as_it_is_written() -> None:
    """The table after each round, against dictionaries and loops."""
    source = [["the", "house"], ["the", "book"], ["a", "book"]]
    target = [["das", "haus"], ["das", "buch"], ["ein", "buch"]]
    left = [[silver_alignment.NULL, *line] for line in source]
    table = {(s, t): 1.0 for a, b in zip(left, target, strict=True) for s in a for t in b}
    prior = silver_alignment.diagonal(2, 2)
    for _ in range(silver_alignment.ROUNDS):
        counts = dict.fromkeys(table, 0.0)
        for a, b in zip(left, target, strict=True):
            for j, t in enumerate(b):
                whole = sum(table[s, t] * prior[j, i] for i, s in enumerate(a))
                for i, s in enumerate(a):
                    counts[s, t] += table[s, t] * prior[j, i] / whole
        table = {(s, t): c / sum(n for (x, _), n in counts.items() if x == s) for (s, t), c in counts.items()}
    cells = silver_alignment.cells_of(source, target)
    assert sorted(silver_alignment.learn(cells, 6)) == pytest.approx(sorted(table.values()))
    assert np.allclose(prior.sum(1), 1)
    assert silver_alignment.viterbi(source, target) == [{(0, 0), (1, 1)}] * 3
    assert (
        silver_alignment.silver(source, target, 1) == [silver_alignment.Silver({(0, 0), (1, 1)}, {(0, 0), (1, 1)})] * 2
    )


def test_grow_diag_adds_neighbours_of_what_both_found() -> None:
    one, other = {(0, 0), (1, 1), (4, 4)}, {(0, 0), (2, 1), (3, 0)}
    # (1, 1) is a neighbour of (0, 0), then (2, 1) of (1, 1), then (3, 0) of (2, 1); (4, 4) touches nothing.
    assert silver_alignment.grow_diag(one, other) == {(0, 0), (1, 1), (2, 1), (3, 0)}
    # (0, 1) would join two words that have links already.
    assert silver_alignment.grow_diag({(0, 0), (1, 1), (0, 1)}, {(0, 0), (1, 1)}) == {(0, 0), (1, 1)}
