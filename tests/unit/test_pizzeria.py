"""The pizzeria corpus: gold links, balance, held-out combinations."""

import hashlib
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from dragoman.config.settings import PizzeriaSettings
from dragoman.corpora.pizzeria import PizzeriaPair, Pronoun, generate, words
from dragoman.corpora.pizzeria.lexicon import FOODS, THINGS
from dragoman.corpora.pizzeria.splits import Split
from dragoman.errors import DragomanError, UsageError

SETTINGS = PizzeriaSettings(train_pairs=6000, test_pairs=1000)
TOLERANCE = 0.03


@cache
def drawn(split: Split, settings: PizzeriaSettings = SETTINGS) -> list[PizzeriaPair]:
    return generate(split, settings)


def pronouns(pairs: list[PizzeriaPair]) -> list[Pronoun]:
    return [pair.pronoun for pair in pairs if pair.pronoun]


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_gold_links_and_nouns_are_where_they_say(split: Split) -> None:
    nouns = {noun.english.split()[-1]: noun for noun in (*FOODS, *(thing.noun for thing in THINGS))}
    for pair in drawn(split):
        source, target = words(pair.source), words(pair.target)
        assert all(i < len(source) and j < len(target) for i, j in pair.alignment)
        assert {i for i, _ in pair.alignment} == set(range(len(source))), pair.source
        assert all(word == "," for j, word in enumerate(target) if j not in {to for _, to in pair.alignment})
        gold = pair.pronoun
        if gold is None:
            continue
        right = {"m": "er", "f": "sie", "n": "es"}[gold.gender]
        assert (source[gold.source_index].lower(), target[gold.target_index].lower()) == ("it", right)
        assert sum(word.lower() == "it" for word in source) == 1
        noun, other = nouns[source[gold.antecedent_source_index]], nouns[source[gold.other_source_index]]
        assert noun.english == gold.antecedent
        assert noun.german[:2] == target[gold.antecedent_target_index][:2]
        assert other.german[:2] == target[gold.other_target_index][:2]
        assert (noun.gender == gold.gender) != (other.gender == gold.gender)
        assert gold.distance == gold.source_index - gold.antecedent_source_index - 1 >= 1
        assert gold.position == (gold.antecedent_source_index > gold.other_source_index)
        linked = set(pair.alignment)
        assert (gold.source_index, gold.target_index) in linked
        assert (gold.antecedent_source_index, gold.antecedent_target_index) in linked


def test_test_and_validation_combinations_are_not_in_training() -> None:
    combinations = {
        split: {(gold.antecedent, gold.predicate) for gold in pronouns(drawn(split))}
        for split in ("train", "valid", "test")
    }
    assert not combinations["train"] & combinations["test"]
    assert not combinations["train"] & combinations["valid"]
    assert not combinations["valid"] & combinations["test"]
    for part, least in (("antecedent", 20), ("predicate", 80)):
        seen = Counter(getattr(gold, part) for gold in pronouns(drawn("train")))
        assert {getattr(gold, part) for gold in pronouns(drawn("test"))} <= set(seen)
        assert min(seen.values()) >= least


def test_no_source_twice() -> None:
    sources = [pair.source for split in ("train", "valid", "test") for pair in drawn(split)]
    assert len(sources) == 6000 + 500 + 1000
    assert len(set(sources)) == len(sources)


def test_deterministic_by_seed() -> None:
    small = replace(SETTINGS, train_pairs=200)
    first = generate("train", small)
    assert generate("train", small) == first
    assert generate("train", replace(small, seed=2)) != first
    text = "\n".join(f"{pair.source}\t{pair.target}\t{pair.alignment}" for pair in first)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "462188d68982df04"


@pytest.mark.parametrize("split", ["train", "test"])
def test_genders_and_positions_are_balanced_within_each_class(split: Split) -> None:
    for referent_class in ("food", "thing"):
        golds = [gold for gold in pronouns(drawn(split)) if gold.referent_class == referent_class]
        for gender in "mfn":
            for position in (0, 1):
                cell = sum(gold.gender == gender and gold.position == position for gold in golds)
                assert cell / len(golds) == pytest.approx(1 / 6, abs=TOLERANCE)


@pytest.mark.parametrize("share", [0.5, 0.7, 1.0])
def test_food_share(share: float) -> None:
    golds = pronouns(drawn("train", replace(SETTINGS, train_pairs=1500, food_share=share)))
    assert sum(gold.referent_class == "food" for gold in golds) / len(golds) == pytest.approx(share, abs=0.002)


def test_ambiguous_share_with_its_combinations_held_out() -> None:
    settings = replace(SETTINGS, train_pairs=1500, ambiguous_share=0.3)
    train, test = pronouns(drawn("train", settings)), pronouns(drawn("test", settings))
    for golds in (train, test):
        assert sum(gold.ambiguous for gold in golds) / len(golds) == pytest.approx(0.3, abs=0.002)
    assert not {(g.antecedent, g.predicate) for g in train} & {(g.antecedent, g.predicate) for g in test}
    assert not any(gold.ambiguous for gold in pronouns(drawn("train")))


def test_fillers_stretch_the_distance() -> None:
    longest = [
        max(gold.distance for gold in pronouns(drawn("valid", replace(SETTINGS, fillers=most)))) for most in (0, 2, 7)
    ]
    assert longest[0] + 4 < longest[1]
    assert longest[1] + 8 < longest[2]


def test_sentences_and_vocabulary_have_the_promised_size() -> None:
    train = drawn("train")
    lengths = [len(words(pair.source)) for pair in train]
    assert min(lengths) >= 5
    assert sum(length <= 24 for length in lengths) / len(lengths) > 0.95
    assert 0.6 <= len(pronouns(train)) / len(train) <= 0.7
    for side in ("source", "target"):
        assert 300 <= len({word for pair in train for word in words(getattr(pair, side))}) <= 600
    assert {pair.kind for pair in train} == {
        "pronoun-and", "pronoun-but", "pronoun-sentence", "pronoun-although", "pronoun-because",
        "pronoun-when",
        "pronoun-that", "role", "meeting", "relative", "number", "negation", "question", "subordinate",
    }  # fmt: skip


def test_faults_end_with_the_mend() -> None:
    with pytest.raises(UsageError, match=r"pizzeria has no split 'tset'; did you mean 'test'\?$"):
        generate("tset", SETTINGS)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"fillers is 30, but .* 7 kinds of fillers; set it to 7 or less$"):
        generate("train", replace(SETTINGS, fillers=30))


def test_a_used_up_grammar_says_how_many_pairs_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.corpora.pizzeria.splits._belongs", lambda pair, split: pair.pronoun is not None)
    found = r"found only 16 different train sentences before it ran out of role sentences; set .* to 16 or less$"
    with pytest.raises(DragomanError, match=found):
        generate("train", replace(SETTINGS, train_pairs=20))
