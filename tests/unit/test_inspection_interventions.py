"""What decides the pronoun: cut edges and twin sentences."""

import pytest
import torch

from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.corpora.pizzeria import PizzeriaPair, generate, words
from dragoman.corpora.pizzeria.lexicon import FOODS, THINGS
from dragoman.corpora.pizzeria.predicates import CLEAR
from dragoman.inspection.intervention_twins import twins
from dragoman.inspection.interventions import (
    GENDERS,
    READERS,
    cuts,
    edges,
    measure_cuts,
    measure_twins,
    pronoun_choices,
    pronoun_probability,
    with_pronoun,
)
from dragoman.inspection.words import words_of
from dragoman.tracing import recording
from dragoman.translation import Translator
from tests.unit.conftest import SETTINGS, model_of


def batch_of(translator: Translator, pairs: list[PizzeriaPair]) -> PairBatch:
    tokenizers = translator.tokenizers
    sources = tokenizers.source.encode([pair.source for pair in pairs])
    return pair_batch(sources, tokenizers.target.encode([pair.target for pair in pairs]))


def test_every_edge_visible_changes_nothing(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    batch, model = batch_of(golden, pairs), model_of(golden)
    size = batch.source.ids.shape[1]
    with torch.inference_mode():
        all_visible = torch.ones(len(pairs), size, size, dtype=torch.bool)
        assert torch.equal(model.hidden(batch), model.hidden(batch, all_visible))
        assert torch.equal(model.encode(batch.source).vectors, model.encode(batch.source, all_visible).vectors)


def test_a_cut_edge_has_no_weight_and_rows_sum_to_one(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    batch, model = batch_of(golden, pairs), model_of(golden)
    pieces = [
        golden.tokenizers.source.pieces(row) for row in golden.tokenizers.source.encode([p.source for p in pairs])
    ]
    visible = edges(pairs, pieces, cuts(READERS["it"])[0])
    with torch.inference_mode():
        with recording() as whole:
            model.hidden(batch)
        with recording() as cut:
            model.hidden(batch, visible)
    part = model.reporting()["encoder.0.self"]
    before, after = whole.of(part)[0]["weights"], cut.of(part)[0]["weights"]
    assert torch.allclose(after.sum(-1), torch.ones(()), atol=1e-6)
    for row, (pair, tokens) in enumerate(zip(pairs, pieces, strict=True)):
        assert pair.pronoun is not None
        groups = words_of(tokens)
        queries, keys = groups[pair.pronoun.source_index], groups[pair.pronoun.antecedent_source_index]
        assert (~visible[row]).sum() == len(queries) * len(keys)
        for query in range(visible.shape[1]):
            for key in keys if query in queries else []:
                assert (after[row, :, query, key] == 0).all()
                assert (before[row, :, query, key] > 0).all()
            if query not in queries:
                assert torch.allclose(after[row, :, query], before[row, :, query], atol=1e-6)
        # What is left keeps its proportions: the weights without the keys, brought to a sum of one.
        query = queries[0]
        left = before[row, :, query].clone()
        left[:, keys] = 0
        assert torch.allclose(after[row, :, query], left / left.sum(-1, keepdim=True), atol=1e-5)


def test_the_readers_are_it_its_predicate_and_the_end_mark(pairs: list[PizzeriaPair]) -> None:
    for pair in pairs:
        assert pair.pronoun is not None
        line = words(pair.source)
        end = len(line)
        named = {name: list(reader(pair.pronoun, end)) for name, reader in READERS.items()}
        assert [line[word].lower() for word in named["it"]] == ["it"]
        assert [line[word] for word in named["the predicate"]] == words(pair.pronoun.predicate)
        assert named["the end mark"] == [end]
        assert named["every word"] == [*range(end), end]
        meant, other = (cut(pair.pronoun, end)[1] for cut in cuts(READERS["it"]))
        assert line[meant] == pair.pronoun.antecedent.split()[-1]
        assert other == pair.pronoun.other_source_index


def test_nobody_but_the_noun_sees_it(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    pieces = golden.tokenizers.source.pieces(golden.tokenizers.source.encode([pairs[0].source])[0])
    visible = edges(pairs[:1], [pieces], cuts(READERS["every word"])[0])[0]
    assert pairs[0].pronoun is not None
    noun = words_of(pieces)[pairs[0].pronoun.antecedent_source_index]
    others = [place for place in range(len(pieces) + 1) if place not in noun]
    assert not visible[others][:, noun].any()
    assert visible[noun].all()
    assert visible[:, others].all()
    assert visible.shape == (len(pieces) + 1,) * 2


def test_the_pronouns_probability_is_that_of_the_trace(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    found = pronoun_probability(golden, pairs)
    traces = golden.explain_batch([pair.source for pair in pairs], [pair.target for pair in pairs])
    for value, pair, trace in zip(found, pairs, traces, strict=True):
        assert pair.pronoun is not None
        expected = 1.0
        for place in words_of(trace.target_tokens[:-1])[pair.pronoun.target_index]:
            token = golden.tokenizers.target.encode([pair.target])[0][place]
            expected *= float(trace.probabilities[place, token])
        assert value == pytest.approx(expected, rel=1e-4)


def test_the_three_pronouns(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    choices = pronoun_choices(golden, pairs)
    own = pronoun_probability(golden, pairs)
    assert choices.shape == (len(pairs), 3)
    assert (choices.sum(-1) <= 1 + 1e-6).all()
    for pair, row, value in zip(pairs, choices, own, strict=True):
        assert pair.pronoun is not None
        assert row[GENDERS.index(pair.pronoun.gender)] == pytest.approx(value, rel=1e-5)


def test_another_pronoun_is_put_in_its_place(pairs: list[PizzeriaPair]) -> None:
    for pair in generate("test", SETTINGS):
        if not pair.pronoun:
            continue
        assert with_pronoun(pair, pair.pronoun.gender) == pair
        line, place = words(pair.target), pair.pronoun.target_index
        for gender, word in zip(GENDERS, ("er", "sie", "es"), strict=True):
            changed = words(with_pronoun(pair, gender).target)
            assert changed == [
                *line[:place],
                word.capitalize() if line[place][0].isupper() else word,
                *line[place + 1 :],
            ]


def test_cuts_are_told_as_falls(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    measured = measure_cuts(golden, pairs)
    assert [one.reader for one in measured] == list(READERS)
    whole = pronoun_probability(golden, pairs)
    for one in measured:
        meant, other = (whole - pronoun_probability(golden, pairs, cut) for cut in cuts(READERS[one.reader]))
        assert one.whole.value == pytest.approx(whole.mean())
        assert one.antecedent.value == pytest.approx(meant.mean(), abs=1e-6)
        assert one.other.value == pytest.approx(other.mean(), abs=1e-6)
        assert one.difference.value == pytest.approx((meant - other).mean(), abs=1e-6)
    assert abs(measured[-1].antecedent.value) > 1e-4


def test_twins_differ_in_the_predicate_alone_and_are_held_out() -> None:
    drawn = twins("test", SETTINGS, 120)
    assert len(drawn) == 120
    assert drawn == twins("test", SETTINGS, 120)
    trained = {(p.pronoun.antecedent, p.pronoun.predicate) for p in generate("train", SETTINGS) if p.pronoun}
    kinds = {predicate.key: name for name, known in CLEAR.items() for predicate in known}
    genders = {noun.english: noun.gender for noun in (*FOODS, *(thing.noun for thing in THINGS))}
    cells = set()
    for pair in drawn:
        first, second = (twin.pronoun for twin in pair)
        assert first is not None
        assert second is not None
        assert {first.referent_class, second.referent_class} == {"food", "thing"}
        assert (first.antecedent_source_index, first.other_source_index) == (
            second.other_source_index,
            second.antecedent_source_index,
        )
        end = first.source_index + 1
        assert words(pair[0].source)[:end] == words(pair[1].source)[:end]
        for twin in (first, second):
            assert kinds[twin.predicate] == twin.referent_class
            assert genders[twin.antecedent] == twin.gender
            assert (twin.antecedent, twin.predicate) not in trained
        cells.add((first.gender, second.gender, first.position, first.referent_class))
    assert len(cells) == 24


def test_what_turned_is_counted_by_the_most_probable(golden: Translator) -> None:
    drawn = twins("valid", SETTINGS, 30)
    measured = measure_twins(golden, drawn)
    turned = stayed = 0
    for pair in drawn:
        best = [GENDERS[int(pronoun_choices(golden, [twin])[0].argmax())] for twin in pair]
        meant = [twin.pronoun.gender for twin in pair if twin.pronoun]
        turned += best == meant
        stayed += best == [meant[0], meant[0]]
    assert measured.turned.value == pytest.approx(turned / 30)
    assert measured.stayed.value == pytest.approx(stayed / 30)
    assert measured.sentences == 30
    assert measured.turned.value <= min(right.value for right in measured.right)
