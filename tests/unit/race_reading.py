"""Reads a race's report back: tables and words of the page and of the Markdown, and numbers out of cells."""

import math
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

NUMBER = re.compile(r"[−+]?\d[\d,]*(?:\.\d+)?")
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@dataclass
class Found:
    """A table as it was read back."""

    title: str
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


@dataclass
class Said:
    """A verdict as it was read back."""

    claim: str = ""
    judgement: str = ""
    reason: str = ""
    rule: str = ""
    caution: str = ""
    figures: list[tuple[str, str]] = field(default_factory=list)
    """Number and meaning."""


@dataclass(frozen=True)
class Left:
    """What is left of a gradient whose logarithm to base 10 changed so much."""

    change: float


class Page(HTMLParser):
    """The page's tables, verdicts and pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[Found] = []
        self.verdicts: list[Said] = []
        self.alts: list[str] = []
        self.words: list[str] = []
        """Paragraphs, points, notes and facts."""
        self.scopes: list[str | None] = []
        """Of every table heading."""
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self._into, self._buffer, self._meaning, self._figures = "", "", "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given[name]) for name in ("href", "src", "xlink:href") if name in given]
        names = (given.get("class") or "").split()
        if tag == "svg" and given.get("role") == "img":
            self.alts.append(given.get("aria-label") or "")
        if tag == "tr" and self.tables and self.tables[-1].head:
            self.tables[-1].rows.append([])
        if tag == "th":
            self.scopes.append(given.get("scope"))
        if "claim" in names:
            self.verdicts.append(Said())
        if tag == "dl":
            self._figures = "figures" in names
        place = tag if tag in ("figcaption", "th", "td", "dt", "dd", "li") else ""
        place = (names or ["words"])[0] if tag == "p" else place
        place = "claim" if tag == "h2" and self.verdicts and not self.verdicts[-1].claim else place
        if place:
            self._into, self._buffer = place, ""

    def handle_data(self, data: str) -> None:
        self._buffer += data

    def handle_endtag(self, tag: str) -> None:
        text, into = self._buffer.strip(), self._into
        if tag not in ("figcaption", "th", "td", "dt", "dd", "li", "p", "h2") or not into:
            return
        self._into = ""
        if into == "figcaption":
            self.tables.append(Found(text))
        elif into in ("th", "td"):
            table = self.tables[-1]
            (table.rows[-1] if table.rows else table.head).append(text)
        elif into == "dt":
            self._meaning = text
        elif into == "dd" and self._figures:
            self.verdicts[-1].figures.append((text, self._meaning))
        elif into in ("dd", "li", "words", "note", "lead"):
            self.words.append(text)
        elif into == "badge":
            self.verdicts[-1].judgement = text
        elif into in ("claim", "reason", "rule", "caution") and self.verdicts:
            setattr(self.verdicts[-1], into, text.removesuffix(" Details"))


def markdown_tables(text: str) -> list[Found]:
    """The tables of a Markdown file, each with the bold line above it."""
    found = []
    for title, block in re.findall(r"^\*\*(.*)\*\*\n\n((?:\|.*\n)+)", text, re.M):
        lines = [[plain(cell) for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
        cells = [[cell.strip() for cell in line] for line in lines]
        found.append(Found(plain(title), cells[0], cells[2:]))
    return found


def markdown_verdicts(text: str) -> list[Said]:
    """The five claims of a Markdown file."""
    found = []
    for part in re.split(r"^## \d\. ", text.partition("\n## This race")[0], flags=re.M)[1:]:
        blocks = part.strip().split("\n\n")
        judged = re.fullmatch(r"\*\*(.*?)\.\*\* (.*)", blocks[1])
        assert judged
        said = Said(plain(blocks[0]), judged[1].lower(), plain(judged[2]), plain(blocks[-1].strip("*"))[6:])
        for block in blocks[2:-1]:
            if block.startswith("- "):
                pairs = re.findall(r"^- \*\*(.*?)\*\* (.*)$", block, re.M)
                said.figures = [(plain(number), plain(meaning)) for number, meaning in pairs]
            else:
                said.caution = plain(block)
        found.append(said)
    return found


def plain(text: str) -> str:
    """Markdown without its escapes."""
    return re.sub(r"\\([\\`*_\[\]<>#|])", r"\1", text)


def numbers(text: str) -> list[str]:
    """All numbers in a text."""
    return NUMBER.findall(text)


def agrees(shown: str, value: float) -> bool:
    """Whether a value is shown so, to the last digit shown."""
    bare = shown.replace(",", "").replace("−", "-")
    half: float = 0.5 * 10.0 ** -len(bare.partition(".")[2])
    return abs(float(bare) - value) <= half + 1e-9


def left_agrees(shown: str, change: float) -> bool:
    """The same for what is left of a gradient: 11 %, 1/31, 31 ×, 1/10⁶, 10⁶ ×."""
    if raised := re.fullmatch(r"(1/)?10([⁰¹²³⁴⁵⁶⁷⁸⁹]+)( ×)?", shown):
        power = int(raised[2].translate(RAISED))
        return abs(change - (-power if raised[1] else power)) <= 0.5 and abs(change) >= 5
    if shown.startswith("1/"):
        return change <= -1 and agrees(shown[2:], 10**-change)
    if shown.endswith(" %"):
        return abs(change) < 1 and agrees(shown[:-2], 100 * 10**change)
    return change >= 1 and shown.endswith(" ×") and agrees(shown[:-2], 10**change)


def cell_agrees(shown: str, value: object) -> bool:
    """Whether a cell shows what the logs say: a text letter by letter, numbers to the last digit, – for None."""
    if isinstance(value, str):
        return shown == value
    if isinstance(value, Left):
        return left_agrees(shown, value.change)
    values: list[Any] = value if isinstance(value, list) else [value]
    if values == [None]:
        return shown == "–"
    if shown.startswith("< "):
        return bool(values[0] < float(shown[2:]))
    found = numbers(shown)
    return len(found) == len(values) and all(
        agrees(one, float(number)) and math.isfinite(number) for one, number in zip(found, values, strict=True)
    )
