"""Draws the three splits: balanced, deterministic, without duplicates, with combinations held out."""

import hashlib
from collections.abc import Callable, Container, Iterator
from functools import cache, partial
from random import Random
from typing import Literal, get_args

from dragoman.config.settings import PizzeriaSettings
from dragoman.corpora.pizzeria.german import Gender, Noun
from dragoman.corpora.pizzeria.lexicon import FOODS, THINGS, Thing
from dragoman.corpora.pizzeria.pairs import PizzeriaPair
from dragoman.corpora.pizzeria.predicates import AMBIGUOUS, CLEAR, Predicate, ReferentClass
from dragoman.corpora.pizzeria.pronouns import MOST_FILLERS, Meeting, build, draw
from dragoman.corpora.pizzeria.sentences import draw_plain
from dragoman.errors import DragomanError, UsageError, nearest

Split = Literal["train", "valid", "test"]
_SHARES = {
    "pronoun": 0.65,
    "role": 0.12,
    "meeting": 0.05,
    "relative": 0.03,
    "number": 0.05,
    "negation": 0.03,
    "question": 0.03,
    "subordinate": 0.04,
}
"""Of each kind of sentence in every split."""
_TRIES = 500
"""Draws for one pair before its kind counts as used up."""
_CELLS = 12
"""Positions x genders x the competitor's genders."""
_GENDERS: tuple[Gender, ...] = get_args(Gender)


def generate(split: Split, settings: PizzeriaSettings) -> list[PizzeriaPair]:
    """Draws the pairs of a split; the same settings give the same pairs (and are drawn once a process).

    Raises:
        UsageError: for an unknown split, or more fillers than there are kinds of them.
        DragomanError: where the grammar has too few different sentences.
    """
    return list(_drawn(split, settings))


@cache
def _drawn(split: Split, settings: PizzeriaSettings) -> tuple[PizzeriaPair, ...]:
    if split not in get_args(Split):
        raise UsageError(f"pizzeria has no split '{split}'{nearest(split, get_args(Split))}")
    if settings.fillers > MOST_FILLERS:
        raise UsageError(
            f"pizzeria.fillers is {settings.fillers}, but a sentence holds {MOST_FILLERS} kinds of fillers; "
            f"set it to {MOST_FILLERS} or less"
        )
    wanted = {"train": settings.train_pairs, "valid": settings.valid_pairs, "test": settings.test_pairs}[split]
    random = Random(f"pizzeria {split} {settings.seed}")
    drawn: dict[str, PizzeriaPair] = {}
    for kind, make in _makers(wanted, split, settings, random):
        pair = _fresh(make, drawn, split)
        if pair is None:
            raise DragomanError(
                f"pizzeria found only {len(drawn):,} different {split} sentences before it ran out of "
                f"{kind}s; set pizzeria.{split}_pairs to {len(drawn):,} or less"
            )
        drawn[pair.source] = pair
    pairs = list(drawn.values())
    random.shuffle(pairs)
    return tuple(pairs)


def _makers(
    wanted: int, split: Split, settings: PizzeriaSettings, random: Random
) -> Iterator[tuple[str, Callable[[], PizzeriaPair]]]:
    """Gives what draws each pair, with its kind's name."""
    counts = _portions(wanted, _SHARES)
    for meeting in _meetings(split, counts.pop("pronoun"), settings, random):
        yield "pronoun sentence", partial(_meet, meeting, settings.fillers, random)
    for kind, count in counts.items():
        for _ in range(count):
            yield f"{kind} sentence", partial(draw_plain, kind, random)


def _meet(meeting: Meeting, fillers: int, random: Random) -> PizzeriaPair:
    """Draws a pronoun sentence for two nouns and a predicate."""
    return build(draw(meeting, fillers, random))


def _fresh(make: Callable[[], PizzeriaPair], drawn: Container[str], split: Split) -> PizzeriaPair | None:
    """Draws until the pair is new and belongs to the split; None where that does not happen."""
    for _ in range(_TRIES):
        pair = make()
        if pair.source not in drawn and _belongs(pair, split):
            return pair
    return None


def _belongs(pair: PizzeriaPair, split: Split) -> bool:
    """Whether a source sentence is this split's: by its own hash, so that no split need know the others.

    An unambiguous pronoun sentence is by its antecedent and predicate, which are held out.
    """
    if pair.pronoun and not pair.pronoun.ambiguous:
        return True
    twentieth = hashlib.sha256(pair.source.encode()).digest()[0] % 20
    return split == ("test" if twentieth < 2 else "valid" if twentieth == 2 else "train")


def _portions(total: int, shares: dict[str, float]) -> dict[str, int]:
    """Divides a number by shares, the rest going to the first of them."""
    counts = {name: int(total * share) for name, share in shares.items()}
    counts[next(iter(counts))] += total - sum(counts.values())
    return counts


def _meetings(split: Split, count: int, settings: PizzeriaSettings, random: Random) -> Iterator[Meeting]:
    """Gives who meets and what is said, every predicate with all genders and positions equally often."""
    foods = round(count * settings.food_share)
    classes: tuple[tuple[ReferentClass, int], ...] = (("food", foods), ("thing", count - foods))
    for referent_class, of_class in classes:
        ambiguous = round(of_class * settings.ambiguous_share)
        for predicates, number in ((AMBIGUOUS, ambiguous), (CLEAR[referent_class], of_class - ambiguous)):
            order = random.sample(predicates, len(predicates))
            for index in range(number):
                predicate = order[index // _CELLS % len(order)]
                yield _meeting(predicate, referent_class, index % _CELLS, (split, settings.seed), random)


def _meeting(
    predicate: Predicate, referent_class: ReferentClass, cell: int, which: tuple[Split, int], random: Random
) -> Meeting:
    """Draws the nouns of a cell: position (2), the antecedent's gender (3), the competitor's (2)."""
    gender = cell // 2 % 3
    other = _GENDERS[(gender + 1 + cell // 6) % 3]
    antecedent = random.choice(antecedents(predicate, referent_class, _GENDERS[gender], *which))
    if isinstance(antecedent, Thing):
        food = random.choice([noun for noun in FOODS if noun.gender == other])
        return Meeting(food, antecedent, predicate, referent_class, cell % 2)
    thing = random.choice([thing for thing in THINGS if thing.noun.gender == other])
    return Meeting(antecedent, thing, predicate, referent_class, cell % 2)


@cache
def antecedents(
    predicate: Predicate, referent_class: ReferentClass, gender: Gender, split: Split, seed: int
) -> tuple[Noun | Thing, ...]:
    """Gives the nouns of a gender that a split may join with a predicate.

    Of each gender a fifth is the test split's and one noun the validation split's; other nouns for each
    predicate, so that every noun and every predicate by itself is in training.
    """
    fitting: list[Noun | Thing] = (
        [noun for noun in FOODS if noun.gender == gender]
        if referent_class == "food"
        else [t for t in THINGS if t.noun.gender == gender and (t.electric or predicate.fits != "electric")]
    )
    held = len(fitting) // 5
    known = (*CLEAR[referent_class], *AMBIGUOUS)
    start = (known.index(predicate) * held + _GENDERS.index(gender) + seed) % len(fitting)
    turned = fitting[start:] + fitting[:start]
    bounds = {"test": (0, held), "valid": (held, held + 1), "train": (held + 1, len(turned))}[split]
    return tuple(turned[slice(*bounds)])
