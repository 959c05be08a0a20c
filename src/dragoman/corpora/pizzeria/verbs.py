"""Verbs with an object, and the clauses, negations and questions made of them."""

from dataclasses import dataclass, replace

from dragoman.corpora.pizzeria.german import NO, A, Case, Clause, NounPhrase


@dataclass(frozen=True)
class Verb:
    """A verb's forms; German's object stands in `case`, its separable prefix apart."""

    base: str
    third: str
    past: str
    participle: str
    german_third: str
    german_past: str
    german_participle: str
    case: Case = "acc"
    prefix: str = ""


def _verb(row: str, case: Case = "acc") -> Verb:
    """Reads a table's row; the prefix comes last where there is one."""
    *forms, prefix = [*row.split(), ""][:8]
    base, third, past, participle, german_third, german_past, german_participle = forms
    return Verb(base, third, past, participle, german_third, german_past, german_participle, case, prefix)


EAT = _verb("eat eats ate eaten isst aß gegessen")
HANDLING = tuple(
    _verb(row)
    for row in (
        "buy buys bought bought kauft kaufte gekauft",
        "bring brings brought brought bringt brachte gebracht",
        "order orders ordered ordered bestellt bestellte bestellt",
        "see sees saw seen sieht sah gesehen",
        "find finds found found findet fand gefunden",
        "sell sells sold sold verkauft verkaufte verkauft",
        "praise praises praised praised lobt lobte gelobt",
    )
)
"""What is done to foods and things."""
MEETING = (
    *(
        _verb(row)
        for row in (
            "greet greets greeted greeted begrüßt begrüßte begrüßt",
            "call calls called called ruft rief angerufen an",
            "invite invites invited invited lädt lud eingeladen ein",
        )
    ),
    *(
        _verb(row, "dat")
        for row in (
            "help helps helped helped hilft half geholfen",
            "thank thanks thanked thanked dankt dankte gedankt",
            "follow follows followed followed folgt folgte gefolgt",
            "answer answers answered answered antwortet antwortete geantwortet",
        )
    ),
)
"""What people do to people."""
STATES = (
    _verb("love loves loved loved liebt liebte geliebt"),
    _verb("know knows knew known kennt kannte gekannt"),
    _verb("trust trusts trusted trusted vertraut vertraute vertraut", "dat"),
)
"""What lasts, so that no time is named."""


def _labelled_prefix(verb: Verb) -> str:
    """Gives the prefix as markup."""
    return f"{verb.prefix}/v" if verb.prefix else ""


def present(subject: NounPhrase, verb: Verb, thing: NounPhrase) -> Clause:
    """Says it in the present; labels a and b."""
    return Clause(
        f"{subject.english('a')} {verb.third}/v {thing.english('b')}",
        subject.german("a", "nom"),
        f"{verb.german_third}/v",
        thing.german("b", verb.case),
        _labelled_prefix(verb),
    )


def past(subject: NounPhrase, verb: Verb, thing: NounPhrase) -> Clause:
    """Says it in the past; the verb agrees with the subject in number."""
    ending = ("n" if verb.german_past.endswith("e") else "en") if subject.plural else ""
    return Clause(
        f"{subject.english('a')} {verb.past}/v {thing.english('b')}",
        subject.german("a", "nom"),
        f"{verb.german_past}{ending}/v",
        thing.german("b", verb.case),
        _labelled_prefix(verb),
    )


def negated(subject: NounPhrase, verb: Verb, thing: NounPhrase) -> Clause:
    """Denies it in the present: not a becomes kein, any other not stands after the object as nicht."""
    clause = present(subject, verb, thing)
    indefinite = thing.determiner == A
    mark = "bD" if indefinite else "n"
    english = f"{subject.english('a')} does/v not/{mark} {verb.base}/v {thing.english('b')}"
    nothing = replace(thing, determiner=NO).german("b", verb.case)
    return replace(clause, english=english, middle=nothing if indefinite else f"{clause.middle} nicht/n")


def question(subject: NounPhrase, verb: Verb, thing: NounPhrase, word: tuple[str, str] = ("", "")) -> tuple[str, str]:
    """Asks it in the present, with a question word where one is given; gives both markups."""
    english, german = (f"{part}/w" if part else "" for part in word)
    return (
        f"{english} does/v {subject.english('a')} {verb.base}/v {thing.english('b')} ?/end",
        f"{present(subject, verb, thing).inverted(german)} ?/end",
    )


def perfect_question(subject: NounPhrase | None, verb: Verb, thing: NounPhrase) -> tuple[str, str]:
    """Asks whether somebody has done it, or who has; gives both markups."""
    rest = f"{thing.german('b', verb.case)} {verb.german_participle}/v ?/end"
    if subject is None:
        return f"who/w has/h {verb.participle}/v {thing.english('b')} ?/end", f"wer/w hat/h {rest}"
    return (
        f"has/h {subject.english('a')} {verb.participle}/v {thing.english('b')} ?/end",
        f"hat/h {subject.german('a', 'nom')} {rest}",
    )


def where(thing: NounPhrase) -> tuple[str, str]:
    """Asks where something is; gives both markups."""
    english, german = ("are", "sind") if thing.plural else ("is", "ist")
    return (
        f"where/w {english}/v {thing.english('a')} ?/end",
        f"wo/w {german}/v {thing.german('a', 'nom')} ?/end",
    )
