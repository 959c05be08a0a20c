"""Who looks at what *it* means: baselines by hand, a slow twin."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import food_share
from dragoman.corpora.pizzeria import PizzeriaPair, Pronoun, generate, words
from dragoman.corpora.pizzeria.lexicon import FOODS, THINGS
from dragoman.errors import DragomanError
from dragoman.inspection.interventions import (
    measure_cuts,
    pronoun_probability,
)
from dragoman.inspection.pronouns import Looks, attention_of, look, measure_pronouns, nearer_hits, offset_hits
from dragoman.inspection.words import words_of
from dragoman.translation import Translator
from tests.unit.conftest import RUN, model_of


def test_where_it_looks_is_read_off_the_trace(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    found = look(golden, pairs)
    for row, pair in enumerate(pairs):
        trace = golden.explain(pair.source, pair.target)
        assert pair.pronoun is not None
        groups = [*words_of(trace.source_tokens[:-1]), [len(trace.source_tokens) - 1]]
        weights = trace.attentions["encoder.0.self"].weights
        weights = np.concatenate([weights, weights.mean(0)[None]])
        for reader, query in (("it", pair.pronoun.source_index), ("end mark", -1)):
            for head in range(3):
                seen = [np.mean([sum(weights[head, q, k] for k in group) for q in groups[query]]) for group in groups]
                looked = found[reader]  # type: ignore[index]
                meant, other = pair.pronoun.antecedent_source_index, pair.pronoun.other_source_index
                assert looked.among_words[row, 0, head] == (int(np.argmax(seen)) == meant)
                assert looked.among_nouns[row, 0, head] == (seen[meant] > seen[other])
                assert looked.words[row] == len(groups)
                assert looked.food[row] == (pair.pronoun.referent_class == "food")
        rows = attention_of("it", pair.pronoun, trace)
        assert np.allclose(rows.sum(-1), 1, atol=1e-5)


def looks(antecedent: list[int], other: list[int]) -> Looks:
    count = len(antecedent)
    nowhere = np.zeros((count, 1, 1), dtype=bool)
    distance = -np.array(antecedent) - 1
    return Looks(
        nowhere, nowhere, np.full(count, 10), np.array(antecedent), np.array(other), distance, nowhere[:, 0, 0]
    )


def test_baselines_by_offset_by_hand() -> None:
    given = looks([-3, -3, -7, -4], [-6, -5, -3, -2])
    exact = offset_hits(given)
    # The places -1, -2, -3, -4 ... before *it*.
    assert exact[:, :8].sum(0).tolist() == [0, 0, 2, 1, 0, 0, 1, 0]
    assert int(exact.mean(0).argmax()) == 2
    nearer = nearer_hits(given)
    # At -3: 0 to 3, 0 to 2 and 4 to 0 words away; the fourth is a tie, which the later noun takes, here the other.
    assert nearer[:, 2].tolist() == [True, True, False, False]
    # At -4: 1 to 2, a tie that the later noun takes, 3 to 1, 0 to 2.
    assert nearer[:, 3].tolist() == [True, True, False, True]


def test_the_head_is_chosen_on_validation_and_reported_on_test(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    valid, test = pairs[:6], pairs[6:]
    measured = measure_pronouns(golden, valid, test)
    assert [one.reader for one in measured] == ["it", "end mark"]
    for one in measured:
        chosen_on, reported_on = look(golden, valid)[one.reader], look(golden, test)[one.reader]
        for name, found in (("among_words", one.among_words), ("among_nouns", one.among_nouns)):
            table = getattr(chosen_on, name).mean(0)
            head = 2 if found.head is None else found.head
            assert found.valid == table[found.layer, head] == table.max()
            assert found.test.value == pytest.approx(getattr(reported_on, name)[:, found.layer, head].mean())
            assert sum(sentences for _, sentences, _ in found.by_distance) == 6
            share = sum(sentences * here for _, sentences, here in found.by_distance) / 6
            assert share == pytest.approx(found.test.value)
            share = sum(sentences * here for _, sentences, here in found.by_class) / 6
            assert share == pytest.approx(found.test.value)
        assert one.among_words.chance == pytest.approx(np.mean(1 / reported_on.words))
        assert one.sentences == (6, 6)


def test_sentences_without_it_are_refused(golden: Translator, pairs: list[PizzeriaPair]) -> None:
    without = [replace(pairs[0], pronoun=None)]
    for measure in (look, measure_cuts):
        with pytest.raises(DragomanError, match="none of these pairs holds a pronoun to resolve"):
            measure(golden, without)


def test_an_encoder_without_self_attention_is_refused(
    golden: Translator, pairs: list[PizzeriaPair], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {name: part for name, part in model_of(golden).reporting().items() if name != "encoder.0.self"}
    monkeypatch.setattr(type(golden.model), "reporting", lambda self: named)
    pronoun = pairs[0].pronoun
    assert isinstance(pronoun, Pronoun)
    trace = golden.explain(pairs[0].source, pairs[0].target)
    with pytest.raises(DragomanError, match="encoder has no self-attention; give a run whose encoder has"):
        attention_of("it", pronoun, trace)
    with pytest.raises(DragomanError, match="encoder has no self-attention; give a run whose encoder has"):
        pronoun_probability(golden, pairs)


def test_the_open_sentences_know_their_food_and_thing() -> None:
    foods = {noun.english.split()[-1]: noun.gender for noun in FOODS}
    things = {thing.noun.english.split()[-1]: thing.noun.gender for thing in THINGS}
    open_pairs = [pair for pair in generate("test", food_share.OPEN) if pair.pronoun]
    assert all(pair.pronoun.ambiguous for pair in open_pairs if pair.pronoun)
    for pair in open_pairs:
        assert pair.pronoun is not None
        line = words(pair.source)
        food, thing = food_share.nouns_of(pair.pronoun)
        assert food_share.genders_of(pair) == (foods[line[food].lower()], things[line[thing].lower()])
        assert pair.pronoun.gender in food_share.genders_of(pair)


def test_a_run_is_measured_on_the_open_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(food_share, "generate", lambda split, settings: generate(split, settings)[:30])
    row = food_share.measure(RUN, 0.5)
    assert 0 < row.food.value < 1
    assert row.food.value + row.thing.value <= 1
    assert 0 < row.attention.value < 1
    assert f"| 0.5 | {row.food.percent()} |" in food_share.table([row])
