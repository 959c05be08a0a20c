"""Faults put into clean pairs on purpose, so that a check can be measured: each kind by itself, drawn by seed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Pair = tuple[bytes, bytes]
Text = tuple[str, str]
SHIFTED = "shifted"
_CYRILLIC = str.maketrans("abcdefghijklmnopqrstuvwxyzäöüßáéíóúñ", "абцдефгхийклмнопкрстуввхузаоусаеиоун")
_TAGS = ("<b>{}</b>", '<a href="x.html">{}</a>', "{}<br/>", "<p>{}</p>", "{}&nbsp;", "&bdquo;{}&ldquo;", "<li>{}")
_CONTROLS = "\x01\x08\x0c\x1b\x7f\x92\ue000\uf0b7\u2028"


@dataclass(frozen=True)
class Material:
    """What faults are made of."""

    clean: Sequence[Text]
    strangers: Sequence[str]
    """Lines in a third language."""
    tests: Sequence[Text]
    """A test set that must not be in the corpus."""


@dataclass(frozen=True)
class Noisy:
    """A corpus with faults."""

    pairs: list[Pair]
    kinds: list[str]
    """What was done to each pair; empty where nothing was."""


def spoil(material: Material, share: float, seed: int) -> Noisy:
    """Gives each kind its share of the pairs; duplicates and leaks are put in besides."""
    draw = random.Random(seed)
    rows = [(encoded(pair), "") for pair in material.clean]
    each = max(20, round(share * len(rows)))
    free = draw.sample(range(len(rows)), len(rows))
    for kind, change in CHANGES.items():
        done = 0
        while done < each and free:
            place = free.pop()
            pair = change(draw, material.clean[place], material)
            if pair is not None:
                rows[place] = (pair, kind)
                done += 1
    for kind, make in ADDITIONS.items():
        for _ in range(each):
            whole = draw.choice(free)
            rows.append((encoded(make(draw, material.clean[whole], material)), kind))
    head, tail = rows[: len(material.clean)], rows[len(material.clean) :]
    for row in tail:
        head.append(row)
    _shift(draw, head, each)
    return Noisy([row[0] for row in head], [row[1] for row in head])


def encoded(pair: Text) -> Pair:
    """A pair as it stands in a file."""
    return pair[0].encode(), pair[1].encode()


def _shift(draw: random.Random, rows: list[tuple[Pair, str]], wanted: int) -> None:
    """Moves the targets of some stretches on by one to five lines, among the untouched pairs too."""
    while wanted > 0:
        length, by = draw.randint(20, 200), draw.choice([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5])
        first = draw.randrange(len(rows) - length)
        part = rows[first : first + length]
        if any(kind == SHIFTED for _, kind in part):
            continue
        targets = [pair[1] for pair, _ in part]
        targets = targets[by:] + targets[:by]
        rows[first : first + length] = [
            ((pair[0], target), SHIFTED) for (pair, _), target in zip(part, targets, strict=True)
        ]
        wanted -= length


def _one_side(draw: random.Random, pair: Text, change: Callable[[str], str]) -> Text:
    side = draw.randrange(2)
    return (change(pair[0]), pair[1]) if side == 0 else (pair[0], change(pair[1]))


def _not_utf8(draw: random.Random, pair: Text, _: Material) -> Pair | None:
    if pair[1].isascii() or any(ord(sign) > 0xFF for sign in pair[1]):
        return None
    return pair[0].encode(), pair[1].encode("latin-1")


def _mojibake(draw: random.Random, pair: Text, _: Material) -> Pair | None:
    if pair[1].isascii():
        return None
    wrong = "".join(bytes([b]).decode("cp1252", "replace").replace("�", chr(b)) for b in pair[1].encode())
    return pair[0].encode(), wrong.encode()


def _control(draw: random.Random, pair: Text, _: Material) -> Pair:
    def insert(text: str) -> str:
        place = draw.randint(1, max(1, len(text) - 1))
        return text[:place] + draw.choice(_CONTROLS) + text[place:]

    return encoded(_one_side(draw, pair, insert))


def _empty(draw: random.Random, pair: Text, _: Material) -> Pair:
    return encoded(_one_side(draw, pair, lambda _: draw.choice(["", " ", "\u00a0"])))


def _long(draw: random.Random, pair: Text, material: Material) -> Pair:
    others = [pair, *draw.sample(list(material.clean[:500]), 45)]
    return encoded((" ".join(one[0] for one in others), " ".join(one[1] for one in others)))


def _markup(draw: random.Random, pair: Text, _: Material) -> Pair:
    return encoded(_one_side(draw, pair, lambda text: draw.choice(_TAGS).format(text)))


def _symbols(draw: random.Random, pair: Text, _: Material) -> Pair:
    def table(_: str) -> str:
        return " | ".join(f"{draw.randint(0, 9999) / 100:.2f} {draw.choice('%€$-')}" for _ in range(draw.randint(3, 8)))

    return encoded(_one_side(draw, pair, table))


def _repeats(draw: random.Random, pair: Text, _: Material) -> Pair:
    def again(text: str) -> str:
        if draw.random() < 0.5:
            return text + draw.choice("a.!-_*x=") * draw.randint(12, 40)
        return " ".join([text.partition(" ")[0]] * draw.randint(8, 20))

    return encoded(_one_side(draw, pair, again))


def _script(draw: random.Random, pair: Text, _: Material) -> Pair:
    return encoded(_one_side(draw, pair, lambda text: text.lower().translate(_CYRILLIC)))


def _language(draw: random.Random, pair: Text, material: Material) -> Pair:
    if draw.random() < 0.3:
        return encoded((pair[1], pair[0]))
    return encoded(_one_side(draw, pair, lambda _: draw.choice(material.strangers)))


def _copy(draw: random.Random, pair: Text, _: Material) -> Pair | None:
    words = pair[0].split(" ")
    if len(words) < 3:
        return None
    if draw.random() < 0.3 and len(words) >= 8:
        words[draw.randrange(len(words))] = draw.choice(pair[1].split(" "))
    return encoded((pair[0], " ".join(words)))


def _ratio(draw: random.Random, pair: Text, material: Material) -> Pair | None:
    words = pair[1].split(" ")
    if len(words) < 8:
        return None
    if draw.random() < 0.5:
        return encoded((pair[0], " ".join(words[: max(1, len(words) // 4)])))
    more = [draw.choice(material.clean)[1] for _ in range(3)]
    return encoded((pair[0], " ".join([pair[1], *more]))) if len(" ".join(more)) > 2.5 * len(pair[1]) else None


CHANGES: dict[str, Callable[[random.Random, Text, Material], Pair | None]] = {
    "not-utf8": _not_utf8,
    "mojibake": _mojibake,
    "control": _control,
    "empty": _empty,
    "long": _long,
    "markup": _markup,
    "symbols": _symbols,
    "repeats": _repeats,
    "script": _script,
    "language": _language,
    "copy": _copy,
    "ratio": _ratio,
}
"""Each gives the spoilt pair, or None where the pair does not suit."""


def _varied(draw: random.Random, pair: Text) -> Text:
    """The same words in other case, with another sign at the end."""
    change = draw.choice(
        [str.upper, str.lower, lambda text: text.rstrip(".!?") + " !", lambda text: f"{draw.randint(1, 99)}. {text}"]
    )
    return change(pair[0]), change(pair[1])


def _test_pair(draw: random.Random, material: Material) -> Text:
    return draw.choice([pair for pair in material.tests[:400] if min(len(side.split()) for side in pair) >= 5])


ADDITIONS: dict[str, Callable[[random.Random, Text, Material], Text]] = {
    "duplicate": lambda draw, pair, material: pair,
    "near-duplicate": lambda draw, pair, material: _varied(draw, pair),
    "leak": lambda draw, pair, material: _test_pair(draw, material),
    "near-leak": lambda draw, pair, material: _varied(draw, _test_pair(draw, material)),
}
"""Each gives one more pair."""
