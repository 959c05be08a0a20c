"""The words: foods and kitchen things of three genders, people in pairs, what may stand before a noun."""

import re
from dataclasses import dataclass
from typing import Literal

from dragoman.corpora.pizzeria.german import THE, A, Adjective, Determiner, Gender, Noun

_IRREGULAR = {"fish": "fish", "trout": "trout", "loaf": "loaves", "shelf": "shelves"}
_IRREGULAR |= {"man": "men", "woman": "women", "hero": "heroes"}


def _plural(english: str) -> str:
    """Gives the English plural."""
    if english in _IRREGULAR:
        return _IRREGULAR[english]
    return re.sub("([^aeiou])y$", r"\1ie", english) + ("es" if re.search("(s|x|ch|sh)$", english) else "s")


def _three(row: str) -> tuple[str, str, str]:
    """Cuts a table's row: English, German, German plural."""
    english, german, plural = row.split()[:3]
    return english, german, plural


def _noun(english: str, german: str, plural: str, gender: Gender, weak: bool = False) -> Noun:
    """Builds a noun from a table's row; ``_`` stands for a space in English."""
    english = english.replace("_", " ")
    return Noun(english, german, gender, plural, _plural(english), weak)


_FOODS: dict[Gender, str] = {
    "m": "cake Kuchen Kuchen, cheese Käse Käse, fish Fisch Fische, burger Burger Burger, kebab Döner Döner, "
    "casserole Auflauf Aufläufe, roast Braten Braten, pancake Pfannkuchen Pfannkuchen, stew Eintopf "
    "Eintöpfe, strudel Strudel Strudel",
    "f": "pizza Pizza Pizzen, soup Suppe Suppen, gateau Torte Torten, sausage Wurst Würste, pie Pastete "
    "Pasteten, lasagna Lasagne Lasagnen, pretzel Brezel Brezeln, waffle Waffel Waffeln, quiche Quiche "
    "Quiches, trout Forelle Forellen",
    "n": "loaf Brot Brote, chicken Hähnchen Hähnchen, steak Steak Steaks, omelette Omelett Omeletts, "
    "schnitzel Schnitzel Schnitzel, roll Brötchen Brötchen, croissant Croissant Croissants, cutlet "
    "Kotelett Koteletts, egg Ei Eier, fillet Filet Filets",
}
FOODS = tuple(_noun(*_three(row), gender) for gender, rows in _FOODS.items() for row in rows.split(", "))

Place = Literal["in", "on", "beside"]
_PLACES: dict[str, Place] = {"in": "in", "on": "on", "beside": "beside"}
_THINGS: dict[Gender, str] = {
    "m": "oven Ofen Öfen in 1, grill Grill Grills on 1, fridge Kühlschrank Kühlschränke in 1, stove Herd "
    "Herde on 1, freezer Gefrierschrank Gefrierschränke in 1, toaster Toaster Toaster beside 1, pot "
    "Topf Töpfe in 0, plate Teller Teller on 0, basket Korb Körbe in 0, cupboard Schrank Schränke in 0,"
    " table Tisch Tische on 0, container Behälter Behälter in 0",
    "f": "microwave Mikrowelle Mikrowellen in 1, fryer Fritteuse Fritteusen in 1, hotplate Kochplatte "
    "Kochplatten on 1, showcase Vitrine Vitrinen in 1, machine Maschine Maschinen in 1, lamp Lampe "
    "Lampen beside 1, pan Pfanne Pfannen in 0, bowl Schüssel Schüsseln in 0, box Schachtel Schachteln "
    "in 0, crate Kiste Kisten in 0, counter Theke Theken on 0, platter Platte Platten on 0",
    "n": "device Gerät Geräte in 1, cooktop Kochfeld Kochfelder on 1, conveyor_belt Förderband Förderbänder "
    "on 1, cooler Kühlregal Kühlregale in 1, waffle_iron Waffeleisen Waffeleisen in 1, radio Radio "
    "Radios beside 1, baking_sheet Blech Bleche on 0, shelf Regal Regale on 0, compartment Fach Fächer "
    "in 0, vessel Gefäß Gefäße in 0, tray Tablett Tabletts on 0, rack Gestell Gestelle on 0",
}


@dataclass(frozen=True)
class Thing:
    """A kitchen thing: where food is, seen from it, and whether it runs on electricity."""

    noun: Noun
    place: Place
    electric: bool


def _thing(row: str, gender: Gender) -> Thing:
    """Builds a thing from a table's row."""
    place, electric = row.split()[3:]
    return Thing(_noun(*_three(row), gender), _PLACES[place], electric == "1")


THINGS = tuple(_thing(row, gender) for gender, rows in _THINGS.items() for row in rows.split(", "))

Sex = Literal["male", "female"]
Circle = Literal["royal", "restaurant", "stage", "family", "people"]


@dataclass(frozen=True)
class Role:
    """A person by role; `sex` says he or she, `pair` is the number that both of a pair share."""

    noun: Noun
    sex: Sex
    circle: Circle
    pair: int


_WEAK = {"Prinz", "Held", "Neffe", "Junge"}
_ROLES: dict[Circle, str] = {
    "royal": "king König Könige & queen Königin Königinnen, "
    "prince Prinz Prinzen & princess Prinzessin Prinzessinnen, "
    "emperor Kaiser Kaiser & empress Kaiserin Kaiserinnen, "
    "duke Herzog Herzöge & duchess Herzogin Herzoginnen",
    "restaurant": "waiter Kellner Kellner & waitress Kellnerin Kellnerinnen, "
    "landlord Wirt Wirte & landlady Wirtin Wirtinnen",
    "stage": "actor Schauspieler Schauspieler & actress Schauspielerin Schauspielerinnen, "
    "hero Held Helden & heroine Heldin Heldinnen",
    "family": "father Vater Väter & mother Mutter Mütter, "
    "brother Bruder Brüder & sister Schwester Schwestern, uncle Onkel Onkel & aunt Tante Tanten, "
    "son Sohn Söhne & daughter Tochter Töchter, "
    "nephew Neffe Neffen & niece Nichte Nichten, "
    "grandfather Großvater Großväter & grandmother Großmutter Großmütter",
    "people": "man Mann Männer & woman Frau Frauen, boy Junge Jungen & girl Mädchen Mädchen",
}


def _roles() -> tuple[Role, ...]:
    """Reads the pairs; a girl is she, and grammatically neuter."""
    rows = [(circle, pair) for circle, pairs in _ROLES.items() for pair in pairs.split(", ")]
    roles = []
    for number, (circle, pair) in enumerate(rows):
        male, female = (_three(half) for half in pair.split(" & "))
        roles.append(Role(_noun(*male, "m", weak=male[1] in _WEAK), "male", circle, number))
        gender: Gender = "n" if female[1] == "Mädchen" else "f"
        roles.append(Role(_noun(*female, gender), "female", circle, number))
    return tuple(roles)


ROLES = _roles()

BIG, SMALL = Adjective("big", "groß"), Adjective("small", "klein")
FOOD_ADJECTIVES = (BIG, SMALL, Adjective("Italian", "italienisch"), Adjective("homemade", "hausgemacht"))
THING_ADJECTIVES = (BIG, SMALL, Adjective("black", "schwarz"), Adjective("white", "weiß"))
ROLE_ADJECTIVES = (
    Adjective("friendly", "freundlich"),
    Adjective("proud", "stolz"),
    Adjective("clever", "klug"),
    Adjective("cheerful", "fröhlich"),
)
DETERMINERS = (THE, THE, THE, A, A, Determiner("my", "mein"), Determiner("our", "unser"))
"""Before a food or a thing; the articles are the most frequent."""

_NUMBERS = "two zwei, three drei, four vier, five fünf, six sechs, seven sieben, eight acht, nine neun, ten zehn"
NUMBERS = tuple(Determiner(english, "", german) for english, german in (row.split() for row in _NUMBERS.split(", ")))
COUNTED = tuple(Determiner(f"the {number.english}", "der", number.number) for number in NUMBERS)
"""The same after the definite article: the two."""
