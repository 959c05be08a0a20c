"""The sentences without a pronoun to resolve: people, numbers, negation, questions, subordinate clauses."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from dragoman.corpora.pizzeria.german import NO, THE, A, Clause, Determiner, NounPhrase
from dragoman.corpora.pizzeria.lexicon import (
    COUNTED,
    DETERMINERS,
    FOOD_ADJECTIVES,
    FOODS,
    NUMBERS,
    ROLE_ADJECTIVES,
    ROLES,
    THING_ADJECTIVES,
    THINGS,
    Role,
)
from dragoman.corpora.pizzeria.pairs import PizzeriaPair, plain_pair
from dragoman.corpora.pizzeria.people import OTHERS, RELATIVES, acting, contexts, follow, is_relative_of
from dragoman.corpora.pizzeria.verbs import (
    EAT,
    HANDLING,
    MEETING,
    STATES,
    Verb,
    negated,
    past,
    perfect_question,
    present,
    question,
    where,
)

_KNOWN = tuple(determiner for determiner in DETERMINERS if determiner != A)
_AT = {"in": "in", "on": "auf"}
PAST_TIMES = (
    ("yesterday/z", "gestern/z"),
    ("on/z+z1 Monday/z2", "an/z dem/z1 Montag/z2"),
    ("on/z+z1 Friday/z2", "an/z dem/z1 Freitag/z2"),
    ("last/z night/z1", "letzte/z Nacht/z1"),
    ("in/z the/z1 evening/z2", "an/z dem/z1 Abend/z2"),
    ("after/z the/z1 party/z2", "nach/z der/z1 Feier/z2"),
)
PRESENT_TIMES = (
    ("today/z", "heute/z"),
    ("now/z", "jetzt/z"),
    ("every/z day/z1", "jeden/z Tag/z1"),
    ("in/z the/z1 evening/z2", "an/z dem/z1 Abend/z2"),
    ("on/z+z1 Sunday/z2", "an/z dem/z1 Sonntag/z2"),
)
_THOUGHTS = (
    ("knows/q that/k", "weiß/q , dass/k"),
    ("says/q that/k", "sagt/q , dass/k"),
    ("hopes/q that/k", "hofft/q , dass/k"),
    ("believes/q that/k", "glaubt/q , dass/k"),
    ("asks/q whether/k", "fragt/q , ob/k"),
    ("laughs/q because/k", "lacht/q , weil/k"),
    ("cries/q because/k", "weint/q , weil/k"),
)


def statement(
    clause: Clause, time: tuple[str, str] | None = None, front: bool = False, tail: tuple[str, str] = ("", "")
) -> tuple[str, str]:
    """Writes a main clause, its time first (`front`) or later, and what follows; gives both markups."""
    english, german = clause.english, clause.verb_second()
    if time and front:
        english, german = f"{time[0]} {english}", clause.inverted(time[1])
    elif time:
        english, german = (
            f"{english} {time[0]}",
            replace(clause, middle=f"{time[1]} {clause.middle}").verb_second(),
        )
    return f"{english} {tail[0]} ./end", f"{german} {tail[1]} ./end"


def thought(who: NounPhrase, thinks: tuple[str, str], clause: Clause) -> tuple[str, str]:
    """Writes what somebody (label c) thinks, with the verb at the end; gives both markups."""
    return (
        f"{who.english('c')} {thinks[0]} {clause.english} ./end",
        f"{who.german('c', 'nom')} {thinks[1]} {clause.verb_final()} ./end",
    )


def when(first: Clause, then: Clause) -> tuple[str, str]:
    """Writes what happened when something else did; gives both markups."""
    return (
        f"when/k {first.english} ,/K {then.english} ./end",
        then.inverted(f"als/k {first.verb_final()} ,/K") + " ./end",
    )


def whereabouts(what: NounPhrase, inside: NounPhrase, at: str) -> tuple[str, str]:
    """Says that no food, or how much of it, was in or on a thing; gives both markups."""
    place = f"{_AT[at]}/p {inside.german('b', 'dat')}"
    if what.determiner == NO:
        return (
            f"there/v was/v {what.english('a')} {at}/p {inside.english('b')} ./end",
            f"{place} war/v {what.german('a', 'nom')} ./end",
        )
    return (
        f"{what.english('a')} were/v {at}/p {inside.english('b')} ./end",
        f"{what.german('a', 'nom')} waren/v {place} ./end",
    )


def _person(role: Role, random: Random, determiner: Determiner = THE) -> NounPhrase:
    """Names a role, at times with an adjective."""
    return NounPhrase(role.noun, determiner, random.choice((None, None, None, *ROLE_ADJECTIVES)))


def _two_people(random: Random) -> tuple[NounPhrase, NounPhrase]:
    """Names two different roles."""
    first, second = random.sample(ROLES, 2)
    return _person(first, random), _person(second, random)


def _ware(random: Random, determiners: tuple[Determiner, ...], food: bool) -> NounPhrase:
    """Names a food, or a thing."""
    noun = random.choice(FOODS) if food else random.choice(THINGS).noun
    adjectives = FOOD_ADJECTIVES if food else THING_ADJECTIVES
    return NounPhrase(noun, random.choice(determiners), random.choice((None, *adjectives)))


def _deed(random: Random, determiners: tuple[Determiner, ...] = DETERMINERS) -> tuple[Verb, NounPhrase]:
    """Draws a verb and what it is done to."""
    verb = random.choice((EAT, EAT, *HANDLING))
    return verb, _ware(random, determiners, food=verb is EAT or random.random() < 0.6)


def _role(random: Random) -> tuple[str, str]:
    role = random.choice(ROLES)
    known = contexts(role)
    clause = acting(_person(role, random), role.sex, random.choice(known.actions))
    tail = random.choice(known.tails) if known.tails and random.random() < 0.6 else ("", "")
    time = random.choice((None, *PAST_TIMES))
    said = (follow(tail[0], role.sex), follow(tail[1], role.sex))
    return statement(clause, time, random.random() < 0.7, said)


def _meeting(random: Random) -> tuple[str, str]:
    first, second = _two_people(random)
    tense, times = random.choice(((past, PAST_TIMES), (present, PRESENT_TIMES)))
    if random.random() < 0.25:
        return statement(tense(first, random.choice(STATES), second))
    return statement(tense(first, random.choice(MEETING), second), random.choice((None, *times)), random.random() < 0.5)


def _relative(random: Random) -> tuple[str, str]:
    person, whose = random.sample([role for role in OTHERS if role.noun.gender != "n"], 2)
    relative = random.choice([role for role in RELATIVES if role.sex == person.sex])
    clause = is_relative_of(person.noun, _person(relative, random), _person(whose, random))
    return statement(clause)


def _number(random: Random) -> tuple[str, str]:
    if random.random() < 0.3:
        thing = random.choice([thing for thing in THINGS if thing.place != "beside" and not thing.electric])
        return whereabouts(_ware(random, NUMBERS, food=True), NounPhrase(thing.noun), thing.place)
    who = _person(random.choice(ROLES), random, random.choice((THE, THE, *COUNTED[:3], *NUMBERS[:3])))
    food = _ware(random, DETERMINERS if who.plural else (*NUMBERS, *COUNTED), food=True)
    return statement(
        past(who, random.choice((EAT, *HANDLING)), food),
        random.choice((None, *PAST_TIMES)),
        random.random() < 0.5,
    )


def _negation(random: Random) -> tuple[str, str]:
    kind = random.random()
    if kind < 0.2:
        thing = random.choice([thing for thing in THINGS if thing.place != "beside" and not thing.electric])
        return whereabouts(_ware(random, (NO,), food=True), NounPhrase(thing.noun), thing.place)
    first, second = _two_people(random)
    if kind < 0.5:
        return statement(negated(first, random.choice((*MEETING, *STATES)), second))
    return statement(negated(first, *_deed(random, (THE, A))))


def _question(random: Random) -> tuple[str, str]:
    kind = random.random()
    if kind < 0.1:
        food = random.random() < 0.5
        return where(_ware(random, (*COUNTED, *_KNOWN) if food else _KNOWN, food))
    who = _person(random.choice(ROLES), random)
    if kind < 0.4:
        return perfect_question(None if kind < 0.2 else who, *_deed(random))
    return question(who, *_deed(random), random.choice((("", ""), ("why", "warum"), ("when", "wann"))))


def _subordinate(random: Random) -> tuple[str, str]:
    first, second = _two_people(random)
    if random.random() < 0.3:
        role = random.choice([role for role in ROLES if role.noun != second.noun])
        actions = [action for action in contexts(role).actions if "{his}" not in action[0]]
        event = past(second, *_deed(random))
        return when(event, acting(NounPhrase(role.noun), role.sex, random.choice(actions)))
    tense = random.choice((present, negated))
    return thought(first, random.choice(_THOUGHTS), tense(second, *_deed(random)))


PLANS: dict[str, Callable[[Random], tuple[str, str]]] = {
    "role": _role,
    "meeting": _meeting,
    "relative": _relative,
    "number": _number,
    "negation": _negation,
    "question": _question,
    "subordinate": _subordinate,
}


def draw_plain(kind: str, random: Random) -> PizzeriaPair:
    """Draws a sentence of one of the plans without a pronoun to resolve."""
    return plain_pair(*PLANS[kind](random), kind)
