"""The pizzeria corpus: golden sentences, gold links, balance, held-out combinations, shortcuts."""

import hashlib
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from dragoman.config.settings import PizzeriaSettings
from dragoman.corpora.pizzeria import (
    PizzeriaPair,
    Pronoun,
    generate,
    pronoun_accuracy,
    shortcut_scores,
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
from dragoman.corpora.pizzeria.splits import Split
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
from dragoman.errors import DragomanError, UsageError

FOOD = {noun.english: noun for noun in FOODS}
THING = {thing.noun.english: thing for thing in THINGS}
ROLE = {role.noun.english: role for role in ROLES}
SCENE = {scene.key: scene for scene in SCENES}
PREDICATE = {predicate.key: predicate for predicate in (*CLEAR["food"], *CLEAR["thing"], *AMBIGUOUS)}
VERB = {verb.base: verb for verb in (EAT, *HANDLING, *MEETING)}
EVENING, WAITER, MORNING = FILLERS[2][0], FILLERS[-1][0], LATER[1]
SETTINGS = PizzeriaSettings(train_pairs=6000)
TOLERANCE = 0.03


@cache
def drawn(split: Split, settings: PizzeriaSettings = SETTINGS) -> list[PizzeriaPair]:
    return generate(split, settings)


def pronouns(pairs: list[PizzeriaPair]) -> list[Pronoun]:
    return [pair.pronoun for pair in pairs if pair.pronoun]


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
            SCENE["cooled down"], food("chicken"), thing("microwave"), "in", PREDICATE["was juicy"], 0, "food", "when"
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
            SCENE["carried"], food("steak"), thing("counter"), "on", PREDICATE["was eaten up at once"], 0, "food",
            agent=AGENTS[4],
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
PIZZAS = NounPhrase(FOOD["pizza"], NUMBERS[0], SMALL)
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
        statement(is_relative_of(ROLE["duke"].noun, NounPhrase(ROLE["son"].noun, THE, ROLE_ADJECTIVES[1]), person("king"))),
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
        thought(person("girl"), ("knows/q that/k", "weiß/q , dass/k"), negated(person("woman"), EAT, food("cheese"))),
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
        (0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 6), (8, 7), (9, 8), (10, 9), (11, 9), (12, 10),
    )  # fmt: skip


def test_a_girl_is_never_he_she_or_his() -> None:
    assert contexts(GIRL).tails == ()
    assert not any("{" in field for action in contexts(GIRL).actions for field in action)


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


def test_ambiguous_combinations_are_held_out_too() -> None:
    settings = replace(SETTINGS, train_pairs=1500, ambiguous_share=1.0)
    train, test = pronouns(drawn("train", settings)), pronouns(drawn("test", settings))
    assert all(gold.ambiguous for gold in (*train, *test))
    assert not {(g.antecedent, g.predicate) for g in train} & {(g.antecedent, g.predicate) for g in test}


def test_no_source_twice() -> None:
    sources = [pair.source for split in ("train", "valid", "test") for pair in drawn(split)]
    assert len(sources) == 6000 + 500 + 2000
    assert len(set(sources)) == len(sources)


def test_deterministic_by_seed() -> None:
    small = replace(SETTINGS, train_pairs=200)
    first = generate("train", small)
    assert generate("train", small) == first
    assert generate("train", replace(small, seed=2)) != first
    text = "\n".join(f"{pair.source}\t{pair.target}\t{pair.alignment}" for pair in first)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "GOLDEN"


@pytest.mark.parametrize("split", ["train", "test"])
def test_genders_and_positions_are_balanced_within_each_class(split: Split) -> None:
    for referent_class in ("food", "thing"):
        golds = [gold for gold in pronouns(drawn(split)) if gold.referent_class == referent_class]
        for gender in "mfn":
            for position in (0, 1):
                cell = sum(gold.gender == gender and gold.position == position for gold in golds)
                assert cell / len(golds) == pytest.approx(1 / 6, abs=TOLERANCE)


def test_shortcuts_do_not_work() -> None:
    scores = shortcut_scores(drawn("train"), drawn("test"))
    assert set(scores) == {"always-first-noun", "always-nearest-noun", "best-guess-by-predicate"}
    assert scores["always-first-noun"] <= 0.55
    assert scores["always-nearest-noun"] <= 0.55
    assert scores["best-guess-by-predicate"] <= 0.40


def test_shortcut_scores_count() -> None:
    food_meant, thing_meant = build(PIZZA_FIRST), build(TWIN)
    assert shortcut_scores([food_meant], [food_meant, thing_meant]) == {
        "always-first-noun": 0.5,
        "always-nearest-noun": 0.5,
        "best-guess-by-predicate": 0.5,
    }


@pytest.mark.parametrize("share", [0.5, 0.7, 1.0])
def test_food_share(share: float) -> None:
    golds = pronouns(drawn("train", replace(SETTINGS, train_pairs=1500, food_share=share)))
    assert sum(gold.referent_class == "food" for gold in golds) / len(golds) == pytest.approx(
        share, abs=0.002
    )


def test_ambiguous_share() -> None:
    golds = pronouns(drawn("train", replace(SETTINGS, train_pairs=1500, ambiguous_share=0.3)))
    assert sum(gold.ambiguous for gold in golds) / len(golds) == pytest.approx(0.3, abs=0.002)
    assert not any(gold.ambiguous for gold in pronouns(drawn("train")))


def test_fillers_stretch_the_distance() -> None:
    longest = [
        max(gold.distance for gold in pronouns(drawn("valid", replace(SETTINGS, fillers=most))))
        for most in (0, 2, 7)
    ]
    assert longest[0] + 4 < longest[1]
    assert longest[1] + 8 < longest[2]


def test_sentences_and_vocabulary_have_the_promised_size() -> None:
    train = drawn("train")
    lengths = [len(words(pair.source)) for pair in train]
    assert min(lengths) >= 5
    assert sum(length <= 23 for length in lengths) / len(lengths) > 0.95
    assert 0.6 <= len(pronouns(train)) / len(train) <= 0.7
    for side in ("source", "target"):
        assert 300 <= len({word for pair in train for word in words(getattr(pair, side))}) <= 600
    assert {pair.kind for pair in train} == {
        "pronoun-and", "pronoun-but", "pronoun-sentence", "pronoun-although", "pronoun-because", "pronoun-when",
        "pronoun-that", "role", "meeting", "relative", "number", "negation", "question", "subordinate",
    }  # fmt: skip


def test_pronoun_accuracy_reads_the_last_pronoun() -> None:
    pairs = [build(PIZZA_FIRST), build(TWIN), plain_pair("no/1", "nein/1", "none")]
    assert pronoun_accuracy(pairs, [pair.target for pair in pairs]) == 1
    wrong = ["Die Pizza kam aus dem Ofen und er schmeckte gut.", "Es kam und ER wurde ausgeschaltet.", "sie"]
    assert pronoun_accuracy(pairs, wrong) == 0.5
    assert pronoun_accuracy(pairs, ["", "Der Ofen ist aus.", ""]) == 0
    assert pronoun_accuracy(drawn("test"), [pair.target for pair in drawn("test")]) == 1


def test_faults_end_with_the_mend() -> None:
    with pytest.raises(UsageError, match=r"pizzeria has no split 'tset'; did you mean 'test'\?$"):
        generate("tset", SETTINGS)  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match=r"^pizzeria.fillers is 30, but .* 7 kinds of fillers; set it to 7 or less$"
    ):
        generate("train", replace(SETTINGS, fillers=30))
    with pytest.raises(DragomanError, match="^1 hypotheses for 2 pairs; give one hypothesis for each pair$"):
        pronoun_accuracy([build(PIZZA_FIRST), build(TWIN)], ["x"])
    plain = [plain_pair("no/1", "nein/1", "none")]
    with pytest.raises(
        DragomanError, match="none of these pairs holds a pronoun to resolve; give more pairs"
    ):
        pronoun_accuracy(plain, ["nein"])
    with pytest.raises(DragomanError, match="give more pairs of the pizzeria corpus$"):
        shortcut_scores(plain, plain)


def test_a_used_up_grammar_says_how_many_pairs_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "dragoman.corpora.pizzeria.splits._belongs", lambda pair, split: pair.pronoun is not None
    )
    with pytest.raises(
        DragomanError,
        match=r"no 14th different train sentence \(a role sentence\); set pizzeria.train_pairs to 13 or less$",
    ):
        generate("train", replace(SETTINGS, train_pairs=20))
