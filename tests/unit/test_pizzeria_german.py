"""German of the pizzeria grammar: declension tables, genders against a dictionary, markup."""

import gc
import warnings
from typing import Any, get_args

import pytest

from dragoman.corpora.pizzeria.german import (
    THE,
    A,
    Adjective,
    Case,
    Clause,
    Declension,
    Determiner,
    Form,
    Gender,
    Noun,
    NounPhrase,
    adjective,
    article,
    decline,
)
from dragoman.corpora.pizzeria.lexicon import FOODS, ROLES, THINGS
from dragoman.corpora.pizzeria.markup import line, links, parse, scoped, words
from dragoman.corpora.pizzeria.predicates import AMBIGUOUS, CLEAR

NOUNS = [*FOODS, *(thing.noun for thing in THINGS), *(role.noun for role in ROLES)]
GENDERS: tuple[Gender, ...] = get_args(Gender)


def table(rows: dict[Case, str]) -> dict[tuple[Case, Form], str]:
    """Spreads rows of four forms (m, f, n, plural)."""
    forms: tuple[Form, ...] = get_args(Form)
    return {(case, form): word for case, row in rows.items() for form, word in zip(forms, row.split(), strict=True)}


ARTICLES: dict[str, dict[Case, str]] = {
    "der": {
        "nom": "der die das die",
        "acc": "den die das die",
        "dat": "dem der dem den",
        "gen": "des der des der",
    },
    "kein": {
        "nom": "kein keine kein keine",
        "acc": "keinen keine kein keine",
        "dat": "keinem keiner keinem keinen",
        "gen": "keines keiner keines keiner",
    },
    "unser": {
        "nom": "unser unsere unser unsere",
        "acc": "unseren unsere unser unsere",
        "dat": "unserem unserer unserem unseren",
        "gen": "unseres unserer unseres unserer",
    },
}
ADJECTIVES: dict[Declension, dict[Case, str]] = {
    "weak": {
        "nom": "kleine kleine kleine kleinen",
        "acc": "kleinen kleine kleine kleinen",
        "dat": "kleinen kleinen kleinen kleinen",
        "gen": "kleinen kleinen kleinen kleinen",
    },
    "mixed": {
        "nom": "kleiner kleine kleines kleinen",
        "acc": "kleinen kleine kleines kleinen",
        "dat": "kleinen kleinen kleinen kleinen",
        "gen": "kleinen kleinen kleinen kleinen",
    },
    "strong": {
        "nom": "kleiner kleine kleines kleine",
        "acc": "kleinen kleine kleines kleine",
        "dat": "kleinem kleiner kleinem kleinen",
        "gen": "kleinen kleiner kleinen kleiner",
    },
}


@pytest.mark.parametrize("stem", ARTICLES)
def test_articles_follow_the_whole_table(stem: str) -> None:
    for (case, form), expected in table(ARTICLES[stem]).items():
        assert article(stem, form, case) == expected


@pytest.mark.parametrize("kind", ADJECTIVES)
def test_adjectives_follow_the_whole_table(kind: Declension) -> None:
    for (case, form), expected in table(ADJECTIVES[kind]).items():
        assert adjective("klein", kind, form, case) == expected


def test_weak_nouns_have_one_form_outside_the_nominative() -> None:
    weak = {role.noun.german: role.noun for role in ROLES if role.noun.weak}
    assert set(weak) == {"Prinz", "Held", "Neffe", "Junge"}
    cases: tuple[Case, ...] = ("nom", "acc", "dat", "gen")
    assert [decline(weak["Prinz"], case) for case in cases] == ["Prinz", "Prinzen", "Prinzen", "Prinzen"]
    assert [decline(weak["Junge"], case) for case in cases] == ["Junge", "Jungen", "Jungen", "Jungen"]


@pytest.fixture(scope="module")
def dictionary() -> Any:
    """german-nouns, which leaves its file to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        from german_nouns.lookup import Nouns

        nouns = Nouns()
        gc.collect()
    return nouns


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.german)
def test_genders_and_forms_are_the_dictionarys(noun: Noun, dictionary: Any) -> None:
    entries = dictionary[noun.german]
    genders = {value[0] for entry in entries for key, value in entry.items() if key.startswith("genus") and value}
    assert noun.gender in genders
    forms: dict[str, set[str]] = {}
    for entry in entries:
        for name, form in entry.get("flexion", {}).items():
            forms.setdefault(name.rstrip("1234* ").strip(), set()).add(form)
    names: dict[Case, str] = {"nom": "nominativ", "acc": "akkusativ", "dat": "dativ", "gen": "genitiv"}
    for case, name in names.items():
        assert decline(noun, case) in forms[f"{name} singular"], case
        assert decline(noun, case, plural=True) in forms[f"{name} plural"], case


def test_every_class_has_enough_nouns_and_predicates() -> None:
    for gender in GENDERS:
        assert sum(noun.gender == gender for noun in FOODS) >= 8
        assert sum(thing.noun.gender == gender for thing in THINGS) >= 8
        assert sum(thing.noun.gender == gender and thing.electric for thing in THINGS) == 6
    assert min(len(CLEAR["food"]), len(CLEAR["thing"])) >= 12
    assert len(AMBIGUOUS) >= 3
    keys = [predicate.key for predicate in (*CLEAR["food"], *CLEAR["thing"], *AMBIGUOUS)]
    assert len(keys) == len(set(keys))
    for side in ("english", "german"):
        assert len({getattr(noun, side) for noun in NOUNS}) == len(NOUNS)


def test_roles_come_in_pairs_of_both_sexes() -> None:
    pairs = {role.pair: [other for other in ROLES if other.pair == role.pair] for role in ROLES}
    assert len(pairs) >= 10
    for pair in pairs.values():
        assert [role.sex for role in pair] == ["male", "female"]
        assert pair[0].circle == pair[1].circle


def test_noun_phrases_agree() -> None:
    oven = Noun("oven", "Ofen", "m", "Öfen", "ovens")
    black, old = Adjective("black", "schwarz"), Adjective("old", "alt")
    three = Determiner("three", "", "drei")
    phrases: list[tuple[NounPhrase, Case, str, str]] = [
        (NounPhrase(oven, THE, black), "acc", "the black oven", "den schwarzen Ofen"),
        (NounPhrase(oven, A), "dat", "an oven", "einem Ofen"),
        (NounPhrase(oven, A, old), "nom", "an old oven", "ein alter Ofen"),
        (NounPhrase(oven, three, old), "nom", "three old ovens", "drei alte Öfen"),
        (
            NounPhrase(oven, Determiner("the two", "der", "zwei"), old),
            "dat",
            "the two old ovens",
            "den zwei alten Öfen",
        ),
    ]
    for phrase, case, english, german in phrases:
        assert " ".join(word.split("/")[0] for word in phrase.english("a").split()) == english
        assert " ".join(word.split("/")[0] for word in phrase.german("a", case).split()) == german


def test_verbs_take_their_places() -> None:
    clause = Clause("it/it looked/1 good/2", "sie/it", "sah/1", "gut/2", "aus/3")
    orders = [clause.verb_second(), clause.inverted("gestern/z"), clause.verb_final()]
    assert [line(parse(order)) for order in orders] == [
        "Sie sah gut aus",
        "Gestern sah sie gut aus",
        "Sie gut aussah",
    ]
    assert parse(clause.verb_final())[-1].labels == {"1", "3"}


def test_markup_contracts_and_links_both_words() -> None:
    source = parse("in/p the/d oven/o it/it was/1 switched/2 off/2 ./end")
    target = parse("in/p dem/d Ofen/o wurde/1 er/it ausgeschaltet/2 ./end", contract=True)
    assert line(target) == "Im Ofen wurde er ausgeschaltet."
    assert links(source, target) == (
        (0, 0), (1, 0), (2, 1), (3, 3), (4, 2), (5, 4), (6, 4), (7, 5),
    )  # fmt: skip


def test_scoped_labels_stay_apart() -> None:
    assert scoped("on/1+2 Monday/3 ,", "f0.") == "on/f0.1+f0.2 Monday/f0.3 ,"


def test_words_cut_at_spaces_and_punctuation() -> None:
    assert words("At eight o'clock, it hummed.") == ["At", "eight", "o'clock", ",", "it", "hummed", "."]
    assert words("Isst er?") == ["Isst", "er", "?"]
