"""Shortcuts that must not work, and how often translations resolve *it*."""

import pytest

from dragoman.config.settings import PizzeriaSettings
from dragoman.corpora.pizzeria import PizzeriaPair, generate, pronoun_accuracy, shortcut_scores
from dragoman.corpora.pizzeria.german import NounPhrase
from dragoman.corpora.pizzeria.lexicon import FOODS, THINGS
from dragoman.corpora.pizzeria.pairs import plain_pair
from dragoman.corpora.pizzeria.predicates import CLEAR, ReferentClass
from dragoman.corpora.pizzeria.pronouns import PronounPlan, build
from dragoman.corpora.pizzeria.scenes import SCENES
from dragoman.errors import DragomanError

FOOD = {noun.english: noun for noun in FOODS}
THING = {thing.noun.english: thing for thing in THINGS}


def pizza_and_oven(means: ReferentClass, predicate: str) -> PizzeriaPair:
    pizza, oven = NounPhrase(FOOD["pizza"]), NounPhrase(THING["oven"].noun)
    said = next(known for known in CLEAR[means] if known.key == predicate)
    return build(PronounPlan(SCENES[0], pizza, oven, "in", said, int(means == "thing"), means))


PIZZA = pizza_and_oven("food", "tasted good")
OVEN = pizza_and_oven("thing", "was switched off")
PLAIN = plain_pair("no/1", "nein/1", "none")


@pytest.fixture(scope="module")
def reported() -> list[PizzeriaPair]:
    return generate("test", PizzeriaSettings(test_pairs=1000))


def test_shortcuts_do_not_work(reported: list[PizzeriaPair]) -> None:
    scores = shortcut_scores(generate("train", PizzeriaSettings(train_pairs=6000)), reported)
    assert set(scores) == {"always-first-noun", "always-nearest-noun", "best-guess-by-predicate"}
    assert scores["always-first-noun"] <= 0.55
    assert scores["always-nearest-noun"] <= 0.55
    assert scores["best-guess-by-predicate"] <= 0.40


def test_shortcut_scores_count() -> None:
    assert shortcut_scores([PIZZA], [PIZZA, OVEN]) == {
        "always-first-noun": 0.5,
        "always-nearest-noun": 0.5,
        "best-guess-by-predicate": 0.5,
    }


def test_pronoun_accuracy_reads_the_last_pronoun(reported: list[PizzeriaPair]) -> None:
    pairs = [PIZZA, OVEN, PLAIN]
    assert pronoun_accuracy(pairs, [pair.target for pair in pairs]) == 1
    wrong = ["Die Pizza kam aus dem Ofen und er schmeckte gut.", "Es kam und ER wurde ausgeschaltet.", "sie"]
    assert pronoun_accuracy(pairs, wrong) == 0.5
    assert pronoun_accuracy(pairs, ["", "Der Ofen ist aus.", ""]) == 0
    assert pronoun_accuracy(reported, [pair.target for pair in reported]) == 1


def test_faults_end_with_the_mend() -> None:
    with pytest.raises(DragomanError, match=r"^1 hypotheses for 2 pairs; give one hypothesis for each pair$"):
        pronoun_accuracy([PIZZA, OVEN], ["x"])
    none = r"^none of these pairs holds a pronoun to resolve; give more pairs of the pizzeria corpus$"
    with pytest.raises(DragomanError, match=none):
        pronoun_accuracy([PLAIN], ["nein"])
    with pytest.raises(DragomanError, match=none):
        shortcut_scores([PIZZA], [PLAIN])
