"""Twin sentences of the pizzeria: all the same but for the predicate, which suits one noun, then the other.

The pizza came out of the oven and it tasted good. The pizza came out of the oven and it was switched off.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, permutations, product
from random import Random

from dragoman.config import PizzeriaSettings
from dragoman.corpora.pizzeria import PizzeriaPair
from dragoman.corpora.pizzeria.german import Gender, Noun
from dragoman.corpora.pizzeria.lexicon import Thing
from dragoman.corpora.pizzeria.predicates import CLEAR
from dragoman.corpora.pizzeria.pronouns import Meeting, build, draw
from dragoman.corpora.pizzeria.splits import Split, antecedents

_GENDERS: tuple[Gender, ...] = ("m", "f", "n")


def twins(split: Split, settings: PizzeriaSettings, count: int) -> list[tuple[PizzeriaPair, PizzeriaPair]]:
    """Draws twins whose antecedents and predicates both belong to the split; the same settings give the same twins.

    The first twin means the food in every other two; genders and order of the nouns are balanced.
    """
    random = Random(f"pizzeria twins {split} {settings.seed}")
    cells = cycle(product(permutations(_GENDERS, 2), (0, 1), (False, True)))
    drawn: dict[str, tuple[PizzeriaPair, PizzeriaPair]] = {}
    for pair in _all(cells, (split, settings), random):
        drawn.setdefault(pair[0].source, pair)
        if len(drawn) >= count:
            break
    return list(drawn.values())


def _all(
    cells: "cycle[tuple[tuple[Gender, Gender], int, bool]]", which: tuple[Split, PizzeriaSettings], random: Random
) -> Iterator[tuple[PizzeriaPair, PizzeriaPair]]:
    """Twins without end; a cell is both genders, the food's position, and whether the thing is meant first."""
    split, settings = which
    for genders, position, thing_first in cells:
        said_of_food, said_of_thing = random.choice(CLEAR["food"]), random.choice(CLEAR["thing"])
        food = random.choice(antecedents(said_of_food, "food", genders[0], split, settings.seed))
        thing = random.choice(antecedents(said_of_thing, "thing", genders[1], split, settings.seed))
        assert isinstance(food, Noun)
        assert isinstance(thing, Thing)
        plan = draw(Meeting(food, thing, said_of_food, "food", position), settings.fillers, random)
        other = replace(plan, predicate=said_of_thing, position=1 - position, referent_class="thing")
        both = build(plan), build(other)
        yield both[::-1] if thing_first else both
