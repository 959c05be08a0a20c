"""The pronoun sentences: a scene with two nouns of different gender, a connective, and what *it* did."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from dragoman.corpora.pizzeria.german import PRONOUNS, Adjective, Clause, Noun, NounPhrase
from dragoman.corpora.pizzeria.lexicon import DETERMINERS, FOOD_ADJECTIVES, THING_ADJECTIVES, Place, Thing
from dragoman.corpora.pizzeria.markup import line, links, place
from dragoman.corpora.pizzeria.pairs import PizzeriaPair, Pronoun, read_both
from dragoman.corpora.pizzeria.predicates import Predicate, ReferentClass
from dragoman.corpora.pizzeria.scenes import AGENTS, FILLERS, LATER, SCENES, Agent, Filler, Scene

Connective = Literal["and", "but", "sentence", "although", "because", "when", "that"]
_LEVEL: tuple[Connective, ...] = ("and", "but", "sentence")
"""Those that join main clauses, so that a phrase can stand before *it*."""


@dataclass(frozen=True)
class PronounPlan:
    """Every choice that makes one pronoun sentence."""

    scene: Scene
    first: NounPhrase
    second: NounPhrase
    place: Place
    """Where food is, seen from the thing."""
    predicate: Predicate
    position: int
    """Which of the two nouns *it* means: 0 or 1."""
    referent_class: ReferentClass
    connective: Connective = "and"
    agent: Agent | None = None
    fillers: tuple[Filler, ...] = ()
    """Phrases in the first clause."""
    later: Filler | None = None
    """A phrase between the connective and *it*."""


def build(plan: PronounPlan) -> PizzeriaPair:
    """Writes the sentence on both sides, with its links and what *it* means."""
    antecedent = (plan.first, plan.second)[plan.position].noun
    english, german = _join(plan, _stretched(plan), plan.predicate.clause())
    source, target = read_both(english, german.replace("PRONOUN", PRONOUNS[antecedent.gender]))
    meant, other = ("aN", "bN") if plan.position == 0 else ("bN", "aN")
    it = place(source, "it")
    pronoun = Pronoun(
        source_index=it,
        target_index=place(target, "it"),
        antecedent_source_index=place(source, meant),
        antecedent_target_index=place(target, meant),
        other_source_index=place(source, other),
        other_target_index=place(target, other),
        gender=antecedent.gender,
        referent_class=plan.referent_class,
        predicate=plan.predicate.key,
        antecedent=antecedent.english,
        position=plan.position,
        distance=it - place(source, meant) - 1,
        ambiguous=plan.predicate.fits == "ambiguous",
    )
    kind = f"pronoun-{plan.connective}"
    return PizzeriaPair(line(source), line(target), links(source, target), pronoun, kind)


def _stretched(plan: PronounPlan) -> Clause:
    """Gives the first clause with its fillers: at its end in English, after the verb in German."""
    clause = plan.scene.clause(plan.first, plan.second, plan.place, plan.agent)
    fillers = [filler.scoped(f"f{index}.") for index, filler in enumerate(plan.fillers)]
    english = " ".join([clause.english, *(filler.english for filler in fillers)])
    middle = " ".join([*(filler.german for filler in fillers), clause.middle])
    return Clause(english, clause.subject, clause.verb, middle, clause.prefix)


def _join(plan: PronounPlan, clause: Clause, said: Clause) -> tuple[str, str]:
    """Joins both clauses by the connective; gives both markups."""
    last, said_english = said.verb_second(), said.english
    if plan.later:
        later = plan.later.scoped("l.")
        last, said_english = said.inverted(later.german), f"{later.english} {said_english}"
    english, german = {
        "and": (f"{clause.english} and/k {said_english}", f"{clause.verb_second()} und/k {last}"),
        "but": (f"{clause.english} ,/K but/k {said_english}", f"{clause.verb_second()} ,/K aber/k {last}"),
        "sentence": (f"{clause.english} ./K {said_english}", f"{clause.verb_second()} ./K {last}"),
        "although": (
            f"{clause.english} ,/K although/k {said_english}",
            f"{clause.verb_second()} ,/K obwohl/k {said.verb_final()}",
        ),
        "because": (
            f"{clause.english} because/k {said_english}",
            f"{clause.verb_second()} , weil/k {said.verb_final()}",
        ),
        "when": (
            f"when/k {clause.english} ,/K {said_english}",
            said.inverted(f"als/k {clause.verb_final()} ,/K"),
        ),
        "that": (
            f"everyone/q knew/r that/k {clause.english} and/m that/n {said_english}",
            f"alle/q wussten/r , dass/k {clause.verb_final()} und/m dass/n {said.verb_final()}",
        ),
    }[plan.connective]
    return f"{english} ./end", f"{german} ./end"


@dataclass(frozen=True)
class Meeting:
    """What is given when the rest of a pronoun sentence is drawn; `position` is the antecedent's."""

    food: Noun
    thing: Thing
    predicate: Predicate
    referent_class: ReferentClass
    position: int


def draw(meeting: Meeting, most_fillers: int, random: Random) -> PronounPlan:
    """Draws scene, connective, determiners, adjectives and fillers for two nouns and a predicate."""
    food_first = (meeting.referent_class == "food") == (meeting.position == 0)
    order = "food" if food_first else "thing"
    fitting = [s for s in SCENES if s.first in (order, "any") and meeting.thing.place in s.places]
    scene = random.choice(fitting)
    food = NounPhrase(meeting.food, random.choice(DETERMINERS), _adjective(FOOD_ADJECTIVES, random))
    thing = NounPhrase(meeting.thing.noun, random.choice(DETERMINERS), _adjective(THING_ADJECTIVES, random))
    connective = _connective(scene, random)
    count = random.randint(0, most_fillers)
    later = random.choice(LATER) if count and connective in _LEVEL and random.random() < 0.3 else None
    return PronounPlan(
        scene=scene,
        first=food if food_first else thing,
        second=thing if food_first else food,
        place=meeting.thing.place,
        predicate=meeting.predicate,
        position=meeting.position,
        referent_class=meeting.referent_class,
        connective=connective,
        agent=random.choice(AGENTS) if scene.agent else None,
        fillers=_fillers(scene, count - (later is not None), random),
        later=later,
    )


def _adjective(adjectives: tuple[Adjective, ...], random: Random) -> Adjective | None:
    """Draws an adjective for every third noun."""
    return random.choice(adjectives) if random.random() < 1 / 3 else None


def _connective(scene: Scene, random: Random) -> Connective:
    """Draws a connective: a reason needs somebody who acts, a subordinate clause the usual order."""
    fitting: list[Connective] = [*_LEVEL, *_LEVEL, "although"]
    if scene.agent:
        fitting.append("because")
    if not scene.fronted:
        fitting.extend(["when", "that"])
    return random.choice(fitting)


def _fillers(scene: Scene, count: int, random: Random) -> tuple[Filler, ...]:
    """Draws phrases of different kinds, in German's order."""
    kinds = range(len(FILLERS) if scene.agent else len(FILLERS) - 1)
    return tuple(random.choice(FILLERS[kind]) for kind in sorted(random.sample(kinds, count)))


MOST_FILLERS = len(FILLERS) - 1
"""Kinds of phrases that suit every scene; a sentence has one of a kind at most."""
