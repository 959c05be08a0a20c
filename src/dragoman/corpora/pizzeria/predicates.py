"""What is said of *it*: predicates that fit food only, kitchen things only, or both (ambiguous).

A row is ``English | German verb | the rest of the German clause | separable prefix``, in markup.
"""

from dataclasses import dataclass
from typing import Literal

from dragoman.corpora.pizzeria.german import Clause

ReferentClass = Literal["food", "thing"]
Kind = Literal["food", "thing", "electric", "ambiguous"]

_ROWS: dict[Kind, str] = {
    "food": """
        tasted/1 good/2 | schmeckte/1 | gut/2
        tasted/1 of/2 butter/3 | schmeckte/1 | nach/2 Butter/3
        smelled/1 of/2 garlic/3 | roch/1 | nach/2 Knoblauch/3
        smelled/1 of/2 onions/3 | roch/1 | nach/2 Zwiebeln/3
        was/1 delicious/2 | war/1 | köstlich/2
        was/1 tasty/2 | war/1 | lecker/2
        was/1 juicy/2 | war/1 | saftig/2
        was/1 burnt/2 | war/1 | verbrannt/2
        was/1 mouldy/2 | war/1 | verschimmelt/2
        was/1 too/2 salty/3 | war/1 | zu/2 salzig/3
        was/1 too/2 spicy/3 | war/1 | zu/2 scharf/3
        was/1 very/2 nutritious/3 | war/1 | sehr/2 nahrhaft/3
        was/1 eaten/2 | wurde/1 | gegessen/2
        was/1 eaten/2 up/2 at/3 once/3 | wurde/1 | sofort/3 aufgegessen/2
        was/1 well/2 seasoned/3 | war/1 | gut/2 gewürzt/3
        contained/1 too/2 much/2 pepper/3 | enthielt/1 | zu/2 viel/2 Pfeffer/3
        needed/1 more/2 salt/3 | brauchte/1 | mehr/2 Salz/3
        melted/1 on/2 the/3 tongue/4 | zerging/1 | auf/2 der/3 Zunge/4""",
    "thing": """
        was/1 cleaned/2 | wurde/1 | gereinigt/2
        was/1 polished/2 | wurde/1 | poliert/2
        was/1 repaired/2 | wurde/1 | repariert/2
        was/1 replaced/2 | wurde/1 | ersetzt/2
        was/1 painted/2 | wurde/1 | lackiert/2
        was/1 dusty/2 | war/1 | staubig/2
        was/1 rusty/2 | war/1 | rostig/2
        was/1 dented/2 | war/1 | verbeult/2
        was/1 thirty/2 years/3 old/4 | war/1 | dreißig/2 Jahre/3 alt/4
        was/1 made/2 of/2 metal/3 | war/1 | aus/2 Metall/3
        had/1 a/2 scratch/3 | hatte/1 | einen/2 Kratzer/3
        wobbled/1 | wackelte/1 |
        shone/1 like/2 new/3 | glänzte/1 | wie/2 neu/3
        came/1 from/2 the/3 flea/4 market/4 | kam/1 | von/2 dem/3 Flohmarkt/4""",
    "electric": """
        was/1 switched/2 off/2 | wurde/1 | ausgeschaltet/2
        was/1 switched/2 on/2 | wurde/1 | eingeschaltet/2
        was/1 plugged/2 in/2 | wurde/1 | angeschlossen/2
        needed/1 a/2 lot/2 of/2 electricity/3 | brauchte/1 | viel/2 Strom/3
        hummed/1 softly/2 | summte/1 | leise/2
        turned/1 off/1 suddenly/2 | ging/1 | plötzlich/2 | aus/1""",
    "ambiguous": """
        was/1 hot/2 | war/1 | heiß/2
        was/1 cold/2 | war/1 | kalt/2
        was/1 heavy/2 | war/1 | schwer/2
        was/1 expensive/2 | war/1 | teuer/2
        was/1 a/2 present/3 | war/1 | ein/2 Geschenk/3
        was/1 sold/2 | wurde/1 | verkauft/2
        was/1 forgotten/2 | wurde/1 | vergessen/2
        looked/1 good/2 | sah/1 | gut/2 | aus/1""",
}


@dataclass(frozen=True)
class Predicate:
    """A predicate in both languages; its key is its English words, `fits` the nouns it can be said of."""

    key: str
    fits: Kind
    english: str
    verb: str
    middle: str
    prefix: str

    def clause(self) -> Clause:
        """Says it of *it*, whose German pronoun the antecedent's gender must give for ``PRONOUN``."""
        return Clause(f"it/it {self.english}", "PRONOUN/it", self.verb, self.middle, self.prefix)


def _predicate(kind: Kind, row: str) -> Predicate:
    """Reads a row."""
    english, verb, middle, prefix = [*(part.strip() for part in row.split("|")), ""][:4]
    return Predicate(" ".join(part.split("/")[0] for part in english.split()), kind, english, verb, middle, prefix)


_ALL = [_predicate(kind, row) for kind, rows in _ROWS.items() for row in rows.strip().splitlines()]
CLEAR: dict[ReferentClass, tuple[Predicate, ...]] = {
    "food": tuple(predicate for predicate in _ALL if predicate.fits == "food"),
    "thing": tuple(predicate for predicate in _ALL if predicate.fits in ("thing", "electric")),
}
AMBIGUOUS = tuple(predicate for predicate in _ALL if predicate.fits == "ambiguous")
