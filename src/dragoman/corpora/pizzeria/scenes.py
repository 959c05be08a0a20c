"""First clauses of the pronoun sentences, where a food and a thing meet, and phrases that stretch them.

A scene's markup names its nouns ``{first}`` and ``{second}``, in German with their case (``{second_dat}``).
"""

from dataclasses import dataclass
from typing import Literal

from dragoman.corpora.pizzeria.german import Clause, NounPhrase
from dragoman.corpora.pizzeria.lexicon import Place
from dragoman.corpora.pizzeria.markup import scoped


@dataclass(frozen=True)
class Scene:
    """How the two nouns meet; German's verb as ``singular plural`` where a person is the subject."""

    key: str
    first: Literal["food", "thing", "any"]
    """Which noun can be named first."""
    english: str
    verb: str
    middle: str
    prefix: str = ""
    places: tuple[Place, ...] = ("in", "on", "beside")
    """Things that fit: food is in them, on them, or only beside them."""
    agent: bool = False
    """Whether somebody does it, so that the nouns are objects and a reason can follow."""
    fronted: bool = False
    """Whether a place stands before the verb, so that the clause cannot be a subordinate one."""

    def clause(self, first: NounPhrase, second: NounPhrase, place: Place, agent: "Agent | None") -> Clause:
        """Fills in the nouns; `place` is where food is, seen from the thing."""
        names = {
            **_PREPOSITIONS[place],
            "first": first.english("a"),
            "second": second.english("b"),
            **{f"first_{case}": first.german("a", case) for case in ("nom", "acc", "dat")},
            **{f"second_{case}": second.german("b", case) for case in ("nom", "acc", "dat")},
        }
        subject, english, verb = names["first_nom"], self.english, self.verb
        if agent:
            subject, english = agent.german, f"{agent.english} {english}"
            verb = verb.split()[agent.plural]
        elif self.fronted:
            subject = "{at_de} {first_dat}".format(**names)
        return Clause(english.format(**names), subject, verb, self.middle.format(**names), self.prefix)


_PREPOSITIONS: dict[Place, dict[str, str]] = {
    "in": {"at": "in/p", "at_de": "in/p", "off": "out/p of/p", "off_de": "aus/p"},
    "on": {"at": "on/p", "at_de": "auf/p", "off": "from/p", "off_de": "von/p"},
    "beside": {"at": "", "at_de": "", "off": "", "off_de": ""},
}
_HOLDS: tuple[Place, ...] = ("in", "on")

SCENES = (
    Scene("came", "food", "{first} came/v out/p of/p {second}", "kam/v", "aus/p {second_dat}", places=("in",)),
    Scene("was at", "food", "{first} was/v {at} {second}", "war/v", "{at_de} {second_dat}", places=_HOLDS),
    Scene("was beside", "food", "{first} was/v beside/p {second}", "war/v", "neben/p {second_dat}"),
    Scene("was behind", "food", "{first} was/v behind/p {second}", "war/v", "hinter/p {second_dat}"),
    Scene(
        "cooled down",
        "food",
        "{first} cooled/v down/v beside/p {second}",
        "kühlte/v",
        "neben/p {second_dat}",
        "ab/v",
    ),
    Scene(
        "took",
        "food",
        "took/v {first} {off} {second}",
        "nahm/v nahmen/v",
        "{first_acc} {off_de} {second_dat}",
        places=_HOLDS,
        agent=True,
    ),
    Scene(
        "carried",
        "food",
        "carried/v {first} to/p {second}",
        "trug/v trugen/v",
        "{first_acc} zu/p {second_dat}",
        agent=True,
    ),
    Scene("stood beside", "thing", "{first} stood/v beside/p {second}", "stand/v", "neben/p {second_dat}"),
    Scene("stood behind", "thing", "{first} stood/v behind/p {second}", "stand/v", "hinter/p {second_dat}"),
    Scene("contained", "thing", "{first} contained/v {second}", "enthielt/v", "{second_acc}", places=("in",)),
    Scene(
        "at it was",
        "thing",
        "{at} {first} was/v {second}",
        "war/v",
        "{second_nom}",
        places=_HOLDS,
        fronted=True,
    ),
    Scene("hid", "thing", "{first} hid/v {second}", "verdeckte/v", "{second_acc}"),
    Scene(
        "moved",
        "thing",
        "moved/v {first} next/p to/p {second}",
        "rückte/v rückten/v",
        "{first_acc} neben/p {second_acc}",
        agent=True,
    ),
    Scene(
        "noticed",
        "any",
        "noticed/v {first} beside/p {second}",
        "bemerkte/v bemerkten/v",
        "{first_acc} neben/p {second_dat}",
        agent=True,
    ),
    Scene(
        "photographed",
        "any",
        "photographed/v {first} in/p front/p of/p {second}",
        "fotografierte/v fotografierten/v",
        "{first_acc} vor/p {second_dat}",
        agent=True,
    ),
    Scene(
        "saw",
        "any",
        "saw/v {first} and/c then/t {second}",
        "sah/v sahen/v",
        "{first_acc} und/c dann/t {second_acc}",
        agent=True,
    ),
)


@dataclass(frozen=True)
class Agent:
    """Who does it: nobody that a German er, sie or es could mean beside the gold antecedent."""

    english: str
    german: str
    plural: bool


AGENTS = (
    Agent("I/s", "ich/s", False),
    Agent("we/s", "wir/s", True),
    Agent("the/s1 guests/s2", "die/s1 Gäste/s2", True),
    Agent("the/s1 children/s2", "die/s1 Kinder/s2", True),
    Agent("the/s1 cooks/s2", "die/s1 Köche/s2", True),
    Agent("my/s1 parents/s2", "meine/s1 Eltern/s2", True),
)

_FILLERS = """
    on/1+2 Monday/3 | an/1 dem/2 Montag/3
    on/1+2 Friday/3 | an/1 dem/2 Freitag/3
    on/1+2 Sunday/3 | an/1 dem/2 Sonntag/3

    at/1 eight/2 o'clock/3 | um/1 acht/2 Uhr/3
    at/1 noon/1 | mittags/1
    shortly/1 before/2 midnight/3 | kurz/1 vor/2 Mitternacht/3

    after/1 a/2 long/3 evening/4 | nach/1 einem/2 langen/3 Abend/4
    before/1 the/2 party/3 | vor/1 der/2 Feier/3
    during/1 the/2 concert/3 | während/1 des/2 Konzerts/3
    after/1 the/2 wedding/3 | nach/1 der/2 Hochzeit/3

    because/1 of/1 the/2 rain/3 | wegen/1 des/2 Regens/3
    despite/1 the/2 storm/3 | trotz/1 des/2 Sturms/3

    for/1+2 the/2 second/3 time/4 | zu/1 dem/2 zweiten/3 Mal/4
    for/1+2 the/2 last/3 time/4 | zu/1 dem/2 letzten/3 Mal/4

    to/1 our/2 surprise/3 | zu/1 unserer/2 Überraschung/3
    to/1 our/2 great/3 joy/4 | zu/1 unserer/2 großen/3 Freude/4

    in/1 front/1 of/1 all/2 visitors/3 | vor/1 allen/2 Besuchern/3
    in/1 the/2 presence/1 of/1 the/2 mayor/3 | in/1 Anwesenheit/1 des/2 Bürgermeisters/3

    with/1 the/2 old/3 waiter/4 | mit/1 dem/2 alten/3 Kellner/4
    with/1 a/2 good/3 friend/4 | mit/1 einem/2 guten/3 Freund/4
    without/1 a/2 word/3 | ohne/1 ein/2 Wort/3"""
_LATER = """
    that/1 same/2 evening/3 | noch/1 an/1 dem/1 selben/2 Abend/3
    the/1 next/2 morning/3 | an/1 dem/1 nächsten/2 Morgen/3
    a/1 little/1 later/2 | etwas/1 später/2
    in/1 the/1 end/2 | an/1 dem/1 Ende/2
    this/1 time/1 | diesmal/1"""


@dataclass(frozen=True)
class Filler:
    """A phrase without a noun that *it* could mean."""

    english: str
    german: str

    def scoped(self, scope: str) -> "Filler":
        """Keeps its labels apart from other phrases'."""
        return Filler(scoped(self.english, scope), scoped(self.german, scope))


def _fillers(rows: str) -> tuple[tuple[Filler, ...], ...]:
    """Reads a table: a phrase a line, an empty line between kinds, in the order in which German has them."""
    kinds = [[row.split("|") for row in kind.splitlines()] for kind in rows.strip().split("\n\n")]
    return tuple(tuple(Filler(row[0].strip(), row[1].strip()) for row in kind) for kind in kinds)


FILLERS = _fillers(_FILLERS)
"""Kinds of phrases for the first clause: one of a kind at most; the last kind only where somebody acts."""
LATER = tuple(filler for kind in _fillers(_LATER) for filler in kind)
"""Phrases between the connective and *it*."""
