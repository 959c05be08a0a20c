"""Golden sentences of the pizzeria grammar, in full, for every plan; the gold that a pronoun carries."""

from dataclasses import replace

import pytest

from dragoman.corpora.pizzeria import (
    Pronoun,
    words,
)
from dragoman.corpora.pizzeria.german import NO, THE, A, Determiner, NounPhrase
from dragoman.corpora.pizzeria.lexicon import (
    BIG,
    COUNTED,
    FOOD_ADJECTIVES,
    FOODS,
    NUMBERS,
    ROLE_ADJECTIVES,
    ROLES,
    SMALL,
    THINGS,
)
from dragoman.corpora.pizzeria.pairs import plain_pair
from dragoman.corpora.pizzeria.people import acting, contexts, follow, is_relative_of
from dragoman.corpora.pizzeria.predicates import AMBIGUOUS, CLEAR
from dragoman.corpora.pizzeria.pronouns import PronounPlan, build
from dragoman.corpora.pizzeria.scenes import AGENTS, FILLERS, LATER, SCENES
from dragoman.corpora.pizzeria.sentences import PAST_TIMES, statement, thought, when, whereabouts
from dragoman.corpora.pizzeria.verbs import (
    EAT,
    HANDLING,
    MEETING,
    negated,
    past,
    perfect_question,
    present,
    question,
    where,
)

FOOD = {noun.english: noun for noun in FOODS}
THING = {thing.noun.english: thing for thing in THINGS}
ROLE = {role.noun.english: role for role in ROLES}
SCENE = {scene.key: scene for scene in SCENES}
PREDICATE = {predicate.key: predicate for predicate in (*CLEAR["food"], *CLEAR["thing"], *AMBIGUOUS)}
VERB = {verb.base: verb for verb in (EAT, *HANDLING, *MEETING)}
EVENING, WAITER, MORNING = FILLERS[2][0], FILLERS[-1][0], LATER[1]


def food(name: str, determiner: Determiner = THE) -> NounPhrase:
    return NounPhrase(FOOD[name], determiner)


def thing(name: str, determiner: Determiner = THE) -> NounPhrase:
    return NounPhrase(THING[name].noun, determiner)


def person(name: str) -> NounPhrase:
    return NounPhrase(ROLE[name].noun)


PIZZA_FIRST = PronounPlan(
    SCENE["came"],
    food("pizza"),
    thing("oven"),
    "in",
    PREDICATE["tasted good"],
    position=0,
    referent_class="food",
)
OVEN_FIRST = PronounPlan(
    SCENE["stood beside"], thing("oven"), food("soup"), "in", PREDICATE["was delicious"], 1, "food"
)
TWIN = replace(PIZZA_FIRST, predicate=PREDICATE["was switched off"], position=1, referent_class="thing")
GOLDEN_PRONOUNS = [
    (
        PIZZA_FIRST,
        "The pizza came out of the oven and it tasted good.",
        "Die Pizza kam aus dem Ofen und sie schmeckte gut.",
    ),
    (
        TWIN,
        "The pizza came out of the oven and it was switched off.",
        "Die Pizza kam aus dem Ofen und er wurde ausgeschaltet.",
    ),
    (
        replace(OVEN_FIRST, connective="but", later=MORNING),
        "The oven stood beside the soup, but the next morning it was delicious.",
        "Der Ofen stand neben der Suppe, aber am nächsten Morgen war sie köstlich.",
    ),
    (
        replace(TWIN, connective="sentence", fillers=(EVENING,)),
        "The pizza came out of the oven after a long evening. It was switched off.",
        "Die Pizza kam nach einem langen Abend aus dem Ofen. Er wurde ausgeschaltet.",
    ),
    (
        replace(TWIN, connective="although", predicate=PREDICATE["looked good"]),
        "The pizza came out of the oven, although it looked good.",
        "Die Pizza kam aus dem Ofen, obwohl er gut aussah.",
    ),
    (
        PronounPlan(
            SCENE["noticed"], food("loaf", A), thing("pan"), "in", PREDICATE["was repaired"], 1, "thing",
            connective="because", agent=AGENTS[1], fillers=(WAITER,),
        ),
        "We noticed a loaf beside the pan with the old waiter because it was repaired.",
        "Wir bemerkten mit dem alten Kellner ein Brot neben der Pfanne, weil sie repariert wurde.",
    ),
    (
        PronounPlan(
            SCENE["cooled down"], food("chicken"), thing("microwave"), "in", PREDICATE["was juicy"], 0,
            "food", connective="when",
        ),
        "When the chicken cooled down beside the microwave, it was juicy.",
        "Als das Hähnchen neben der Mikrowelle abkühlte, war es saftig.",
    ),
    (
        PronounPlan(
            SCENE["took"], food("cake"), thing("tray", A), "on", PREDICATE["was dusty"], 1, "thing",
            connective="that", agent=AGENTS[0],
        ),
        "Everyone knew that I took the cake from a tray and that it was dusty.",
        "Alle wussten, dass ich den Kuchen von einem Tablett nahm und dass es staubig war.",
    ),
    (
        PronounPlan(
            SCENE["at it was"], thing("compartment"), food("fish", A), "in",
            PREDICATE["contained too much pepper"], 1, "food",
        ),
        "In the compartment was a fish and it contained too much pepper.",
        "Im Fach war ein Fisch und er enthielt zu viel Pfeffer.",
    ),
    (
        PronounPlan(
            SCENE["carried"], food("steak"), thing("counter"), "on", PREDICATE["was eaten up at once"], 0,
            "food", agent=AGENTS[4],
        ),
        "The cooks carried the steak to the counter and it was eaten up at once.",
        "Die Köche trugen das Steak zur Theke und es wurde sofort aufgegessen.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "source", "target"), GOLDEN_PRONOUNS)
def test_golden_pronoun_sentences(plan: PronounPlan, source: str, target: str) -> None:
    pair = build(plan)
    assert (pair.source, pair.target) == (source, target)
    assert pair.pronoun
    assert words(target)[pair.pronoun.target_index].lower() in ("er", "sie", "es")


KING, QUEEN, GIRL = ROLE["king"], ROLE["queen"], ROLE["girl"]
PROUD_SON = NounPhrase(ROLE["son"].noun, THE, ROLE_ADJECTIVES[1])
PIZZAS = NounPhrase(FOOD["pizza"], NUMBERS[0], SMALL)
KNOWS = ("knows/q that/k", "weiß/q , dass/k")
MONDAY = PAST_TIMES[1]
GOLDEN_PLAIN = [
    (
        statement(acting(person("queen"), "female", contexts(QUEEN).actions[0]), MONDAY, front=True),
        "On Monday the queen wore her golden crown.",
        "Am Montag trug die Königin ihre goldene Krone.",
    ),
    (
        statement(
            acting(person("king"), "male", contexts(KING).actions[1]),
            tail=(follow(contexts(KING).tails[0][0], "male"), follow(contexts(KING).tails[0][1], "male")),
        ),
        "The king sat on his throne because he was tired.",
        "Der König saß auf seinem Thron, weil er müde war.",
    ),
    (
        statement(acting(person("waitress"), "female", contexts(ROLE["waitress"]).actions[0]), MONDAY),
        "The waitress took the order on Monday.",
        "Die Kellnerin nahm am Montag die Bestellung auf.",
    ),
    (
        statement(past(person("waiter"), VERB["greet"], person("prince"))),
        "The waiter greeted the prince.",
        "Der Kellner begrüßte den Prinzen.",
    ),
    (
        statement(present(person("princess"), VERB["help"], person("boy"))),
        "The princess helps the boy.",
        "Die Prinzessin hilft dem Jungen.",
    ),
    (
        statement(is_relative_of(ROLE["duke"].noun, PROUD_SON, person("king"))),
        "The duke was the proud son of the king.",
        "Der Herzog war der stolze Sohn des Königs.",
    ),
    (
        statement(past(person("waitress"), VERB["bring"], PIZZAS)),
        "The waitress brought two small pizzas.",
        "Die Kellnerin brachte zwei kleine Pizzen.",
    ),
    (
        statement(past(NounPhrase(ROLE["prince"].noun, COUNTED[0]), EAT, NounPhrase(FOOD["fish"], A, BIG))),
        "The two princes ate a big fish.",
        "Die zwei Prinzen aßen einen großen Fisch.",
    ),
    (
        whereabouts(PIZZAS, thing("basket"), "in"),
        "Two small pizzas were in the basket.",
        "Zwei kleine Pizzen waren im Korb.",
    ),
    (
        whereabouts(NounPhrase(FOOD["soup"], NO, FOOD_ADJECTIVES[2]), thing("table"), "on"),
        "There was no Italian soup on the table.",
        "Auf dem Tisch war keine italienische Suppe.",
    ),
    (
        statement(negated(person("king"), EAT, food("omelette", A))),
        "The king does not eat an omelette.",
        "Der König isst kein Omelett.",
    ),
    (
        statement(negated(person("aunt"), VERB["call"], person("nephew"))),
        "The aunt does not call the nephew.",
        "Die Tante ruft den Neffen nicht an.",
    ),
    (
        question(person("king"), EAT, food("pizza"), ("why", "warum")),
        "Why does the king eat the pizza?",
        "Warum isst der König die Pizza?",
    ),
    (
        perfect_question(person("waiter"), VERB["bring"], food("cake")),
        "Has the waiter brought the cake?",
        "Hat der Kellner den Kuchen gebracht?",
    ),
    (perfect_question(None, EAT, food("pie")), "Who has eaten the pie?", "Wer hat die Pastete gegessen?"),
    (where(NounPhrase(THING["oven"].noun, THE, BIG)), "Where is the big oven?", "Wo ist der große Ofen?"),
    (
        thought(person("girl"), KNOWS, negated(person("woman"), EAT, food("cheese"))),
        "The girl knows that the woman does not eat the cheese.",
        "Das Mädchen weiß, dass die Frau den Käse nicht isst.",
    ),
    (
        when(
            past(person("hero"), VERB["order"], food("soup")),
            acting(person("father"), "male", contexts(ROLE["father"]).actions[0]),
        ),
        "When the hero ordered the soup, the father told the children a story.",
        "Als der Held die Suppe bestellte, erzählte der Vater den Kindern eine Geschichte.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("markups", "source", "target"), GOLDEN_PLAIN)
def test_golden_plain_sentences(markups: tuple[str, str], source: str, target: str) -> None:
    pair = plain_pair(*markups, "golden")
    assert (pair.source, pair.target, pair.pronoun) == (source, target, None)


def test_a_pronoun_carries_its_gold() -> None:
    pair = build(TWIN)
    assert pair.pronoun == Pronoun(
        source_index=8, target_index=7, antecedent_source_index=6, antecedent_target_index=5,
        other_source_index=1, other_target_index=1, gender="m", referent_class="thing",
        predicate="was switched off", antecedent="oven", position=1, distance=1, ambiguous=False,
    )  # fmt: skip
    assert pair.alignment == (
        (0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 6), (8, 7), (9, 8),
        (10, 9), (11, 9), (12, 10),
    )  # fmt: skip


def test_a_girl_is_never_he_she_or_his() -> None:
    assert contexts(GIRL).tails == ()
    assert not any("{" in field for action in contexts(GIRL).actions for field in action)
