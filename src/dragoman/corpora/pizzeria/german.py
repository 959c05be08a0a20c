"""German declension: articles, possessives, adjectives and nouns by gender, number and case.

A form is a gender (m, f, n) or p, the plural of all three.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

Gender = Literal["m", "f", "n"]
Form = Literal["m", "f", "n", "p"]
Case = Literal["nom", "acc", "dat", "gen"]
Declension = Literal["weak", "mixed", "strong"]

Table = dict[tuple[Case, Form], str]
PRONOUNS: dict[Gender, str] = {"m": "er", "f": "sie", "n": "es"}


def _table(nom: str, acc: str, dat: str, gen: str) -> Table:
    """Reads four rows of endings, each in the order m f n p; ``-`` is no ending."""
    rows = dict(zip(get_args(Case), (nom, acc, dat, gen), strict=True))
    return {
        (case, form): ending.strip("-")
        for case, row in rows.items()
        for form, ending in zip(get_args(Form), row.split(), strict=True)
    }


_DEFINITE = _table("der die das die", "den die das die", "dem der dem den", "des der des der")
_POSSESSIVE = _table("- e - e", "en e - e", "em er em en", "es er es er")
_ADJECTIVE: dict[Declension, Table] = {
    "weak": _table("e e e en", "en e e en", "en en en en", "en en en en"),
    "mixed": _table("er e es en", "en e es en", "en en en en", "en en en en"),
    "strong": _table("er e es e", "en e es e", "em er em en", "en er en er"),
}


@dataclass(frozen=True)
class Noun:
    """A noun in both languages; `weak` nouns end in their plural's form in every case but the nominative."""

    english: str
    german: str
    gender: Gender
    plural: str
    english_plural: str
    weak: bool = False


def article(stem: str, form: Form, case: Case) -> str:
    """Declines ``der`` or one of the words declined like ein: ein, kein, mein, unser, sein, ihr."""
    return _DEFINITE[case, form] if stem == "der" else stem + _POSSESSIVE[case, form]


def declension(stem: str) -> Declension:
    """Says which endings an adjective takes after this article; after none (an empty stem) strong ones."""
    return {"der": "weak", "": "strong"}.get(stem, "mixed")  # type: ignore[return-value]


def adjective(stem: str, kind: Declension, form: Form, case: Case) -> str:
    """Declines an adjective."""
    return stem + _ADJECTIVE[kind][case, form]


def decline(noun: Noun, case: Case, plural: bool = False) -> str:
    """Declines a noun."""
    if plural:
        return noun.plural if case != "dat" or noun.plural[-1] in "ns" else noun.plural + "n"
    if noun.weak and case != "nom":
        return noun.plural
    if case == "gen" and noun.gender != "f":
        short = len(re.findall("[aeiouyäöü]+", noun.german.lower())) == 1 and not noun.plural.endswith("s")
        return noun.german + ("es" if short or noun.german.endswith("ß") else "s")
    return noun.german


@dataclass(frozen=True)
class Determiner:
    """An article, possessive or number; `stem` is German's, empty where nothing is declined."""

    english: str
    stem: str
    number: str = ""


@dataclass(frozen=True)
class Adjective:
    """An adjective in both languages, German's without an ending."""

    english: str
    stem: str


THE, A, NO = Determiner("the", "der"), Determiner("a", "ein"), Determiner("no", "kein")


@dataclass(frozen=True)
class NounPhrase:
    """Determiner, adjective and noun; labels are the given letter and D, Z (number), A, N."""

    noun: Noun
    determiner: Determiner = THE
    adjective: Adjective | None = None

    @property
    def plural(self) -> bool:
        """Whether a number makes it more than one."""
        return bool(self.determiner.number)

    def english(self, label: str) -> str:
        """Gives the English markup."""
        noun = self.noun.english_plural if self.plural else self.noun.english
        describing = [f"{self.adjective.english}/{label}A"] if self.adjective else []
        rest = [*describing, *(f"{part}/{label}N" for part in noun.split())]
        determiner = self.determiner.english
        if determiner == "a" and rest[0][0] in "aeiouAEIOU":
            determiner = "an"
        parts = [f"{part}/{label}{kind}" for part, kind in zip(determiner.split(), self._kinds, strict=True)]
        return " ".join([*parts, *rest])

    def german(self, label: str, case: Case) -> str:
        """Gives the German markup in the given case."""
        stem = self.determiner.stem
        form: Form = "p" if self.plural else self.noun.gender
        parts = [f"{article(stem, form, case)}/{label}D"] if stem else []
        if self.determiner.number:
            parts.append(f"{self.determiner.number}/{label}Z")
        if self.adjective:
            parts.append(f"{adjective(self.adjective.stem, declension(stem), form, case)}/{label}A")
        return " ".join([*parts, f"{decline(self.noun, case, self.plural)}/{label}N"])

    @property
    def _kinds(self) -> str:
        """The label's kind of each word of the English determiner."""
        return ("D" if self.determiner.stem else "") + ("Z" if self.plural else "")


@dataclass(frozen=True)
class Clause:
    """A clause in markup: English as it stands, German in parts, for its verb moves."""

    english: str
    subject: str
    verb: str
    middle: str = ""
    prefix: str = ""

    def verb_second(self) -> str:
        """German main clause that begins with its subject."""
        return f"{self.subject} {self.verb} {self.middle} {self.prefix}"

    def inverted(self, front: str = "") -> str:
        """German main clause after `front` (a phrase, or a whole clause): verb, then subject."""
        return f"{front} {self.verb} {self.subject} {self.middle} {self.prefix}"

    def verb_final(self) -> str:
        """German subordinate clause; a separable prefix joins its verb."""
        prefix, _, label = self.prefix.partition("/")
        return f"{self.subject} {self.middle} {prefix}{self.verb}" + (f"+{label}" if label else "")
