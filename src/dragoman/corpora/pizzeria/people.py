"""What people do: the contexts in which roles of one circle and of one sex meet the same words.

A context is ``English | German verb | the rest of the German clause | separable prefix``, in markup;
``{his}``, ``{sein[case form]}`` and, in a tail, ``{he}`` and ``{er}`` follow the person.
"""

from dataclasses import dataclass

from dragoman.corpora.pizzeria.german import Clause, Noun, NounPhrase, article
from dragoman.corpora.pizzeria.lexicon import ROLES, Circle, Role, Sex

_CIRCLES: dict[Circle, str] = {
    "royal": """
        wore/1 {his}/2 golden/3 crown/4 | trug/1 | {sein[acc f]}/2 goldene/3 Krone/4
        sat/1 on/2 {his}/3 throne/4 | saß/1 | auf/2 {sein[dat m]}/3 Thron/4
        received/1 a/2 guest/3 in/4 the/5 palace/6 | empfing/1 | in/4 dem/5 Palast/6 einen/2 Gast/3
        signed/1 a/2 new/3 law/4 | unterschrieb/1 | ein/2 neues/3 Gesetz/4
        greeted/1 the/2 people/3 from/4 the/5 balcony/6 | grüßte/1 | von/4 dem/5 Balkon/6 das/2 Volk/3
        gave/1 a/2 speech/3 in/4 the/5 castle/6 | hielt/1 | in/4 dem/5 Schloss/6 eine/2 Rede/3""",
    "restaurant": """
        took/1 the/2 order/3 | nahm/1 | die/2 Bestellung/3 | auf/1
        brought/1 the/2 guests/3 the/4 bill/5 | brachte/1 | den/2 Gästen/3 die/4 Rechnung/5
        cleared/1 the/2 tables/3 | räumte/1 | die/2 Tische/3 | ab/1
        got/1 a/2 big/3 tip/4 | bekam/1 | ein/2 großes/3 Trinkgeld/4
        opened/1 the/2 restaurant/3 | öffnete/1 | das/2 Restaurant/3""",
    "stage": """
        played/1 the/2 main/3 role/3 | spielte/1 | die/2 Hauptrolle/3
        learned/1 {his}/2 text/3 by/4 heart/4 | lernte/1 | {sein[acc m]}/2 Text/3 auswendig/4
        stood/1 on/2 the/3 stage/4 | stand/1 | auf/2 der/3 Bühne/4
        got/1 loud/2 applause/3 | bekam/1 | lauten/2 Applaus/3
        won/1 a/2 prize/3 for/4 the/5 film/6 | gewann/1 | für/4 den/5 Film/6 einen/2 Preis/3""",
    "family": """
        told/1 the/2 children/3 a/4 story/5 | erzählte/1 | den/2 Kindern/3 eine/4 Geschichte/5
        visited/1 {his}/2 family/3 | besuchte/1 | {sein[acc f]}/2 Familie/3
        celebrated/1 {his}/2 birthday/3 at/4 home/5 | feierte/1 | {sein[acc m]}/2 Geburtstag/3 zu/4 Hause/5
        called/1 {his}/2 parents/3 | rief/1 | {sein[acc p]}/2 Eltern/3 | an/1
        stayed/1 with/2 {his}/3 relatives/4 | blieb/1 | bei/2 {sein[dat p]}/3 Verwandten/4""",
    "people": "",
}
_SEXES: dict[Sex, str] = {
    "male": """
        wore/1 a/2 black/3 suit/4 | trug/1 | einen/2 schwarzen/3 Anzug/4
        wore/1 a/2 silk/3 tie/4 | trug/1 | eine/2 Krawatte/4 aus/3 Seide/3""",
    "female": """
        wore/1 a/2 red/3 dress/4 | trug/1 | ein/2 rotes/3 Kleid/4
        wore/1 a/2 long/3 skirt/4 | trug/1 | einen/2 langen/3 Rock/4""",
}
_ALL = """
    read/1 the/2 newspaper/3 | las/1 | die/2 Zeitung/3
    laughed/1 loudly/2 | lachte/1 | laut/2
    drank/1 a/2 cup/3 of/3 tea/4 | trank/1 | eine/2 Tasse/3 Tee/4
    went/1 to/2 the/3 market/4 | ging/1 | zu/2 dem/3 Markt/4
    sat/1 in/2 the/3 garden/4 | saß/1 | in/2 dem/3 Garten/4
    came/1 home/2 late/3 | kam/1 | spät/3 nach/2 Hause/2"""
_TAILS = """
    because/t {he}/t1 was/t2 tired/t3 | , weil/t {er}/t1 müde/t3 war/t2
    ,/T although/t {he}/t1 was/t2 ill/t3 | ,/T obwohl/t {er}/t1 krank/t3 war/t2
    before/t {he}/t1 went/t2 to/t3 bed/t4 | , bevor/t {er}/t1 zu/t3 Bett/t4 ging/t2
    because/t {he}/t1 had/t2 worked/t3 too/t4 long/t5 | , weil/t {er}/t1 zu/t4 lange/t5 gearbeitet/t3 hatte/t2
    and/t {he}/t1 was/t2 very/t3 happy/t4 | und/t {er}/t1 war/t2 sehr/t3 glücklich/t4
    although/t {he}/t1 did/t3 not/t2 have/t3 any/t2 time/t4 | , obwohl/t {er}/t1 keine/t2 Zeit/t4 hatte/t3"""


def _rows(table: str) -> tuple[tuple[str, ...], ...]:
    """Cuts a table into its rows' fields."""
    return tuple(tuple(field.strip() for field in row.split("|")) for row in table.strip().splitlines() if row)


@dataclass(frozen=True)
class Contexts:
    """What a role can do, and what can follow; a girl, neuter in German, gets no he or his."""

    actions: tuple[tuple[str, ...], ...]
    tails: tuple[tuple[str, ...], ...]


def contexts(role: Role) -> Contexts:
    """Gives the contexts of a role: its circle's, its sex's and everybody's."""
    neuter = role.noun.gender == "n"
    actions = _rows(_CIRCLES[role.circle]) + _rows(_SEXES[role.sex]) + _rows(_ALL)
    if neuter:
        actions = tuple(action for action in actions if "{his}" not in action[0])
    return Contexts(actions, () if neuter else _rows(_TAILS))


def acting(person: NounPhrase, sex: Sex, action: tuple[str, ...]) -> Clause:
    """Says an action of a person, whose label is a."""
    english, verb, middle, prefix = [*action, ""][:4]
    return Clause(
        f"{person.english('a')} {follow(english, sex)}",
        person.german("a", "nom"),
        verb,
        follow(middle, sex),
        prefix,
    )


def follow(markup: str, sex: Sex) -> str:
    """Fills he, his and German's er, sein by the person's sex."""
    he, his, er, stem = ("he", "his", "er", "sein") if sex == "male" else ("she", "her", "sie", "ihr")
    forms = {f"{case} {form}": article(stem, form, case) for case in ("acc", "dat") for form in ("m", "f", "n", "p")}
    return markup.format(he=he, his=his, er=er, sein=forms)


RELATIVES = tuple(role for role in ROLES if role.circle == "family")
OTHERS = tuple(role for role in ROLES if role.circle != "family")


def is_relative_of(person: Noun, relative: NounPhrase, whose: NounPhrase) -> Clause:
    """Says that a person (label a) is somebody's (c) relative (b): the genitive."""
    return Clause(
        f"{NounPhrase(person).english('a')} was/v {relative.english('b')} of/cD {whose.english('c')}",
        NounPhrase(person).german("a", "nom"),
        "war/v",
        f"{relative.german('b', 'nom')} {whose.german('c', 'gen')}",
    )
