"""The report as a list of blocks, before it becomes HTML or Markdown: both say the same because both read this.

Every text is plain: what a page or Markdown takes for markup is escaped by whoever writes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Judgement = Literal["holds", "holds partly", "does not hold here", "not measured"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Points:
    """Short lines, one below the other."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Terms:
    """Words and what is to be said of each."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """A command, letter by letter."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    """What has to be known to read it."""


@dataclass(frozen=True)
class Line:
    """One line of a chart, or one row of an interval chart; None where there is no figure."""

    contestant: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    label: str = ""
    """What is written beside it, where that is not the contestant's name."""
    named: bool = True
    """Whether anything is written beside it."""
    dashed: bool = False
    """Whether it is drawn with dashes."""
    mark: str = ""
    """What stands at its points, in matplotlib's letters, where that is not the family's mark."""


@dataclass(frozen=True)
class Chart:
    """A picture: its numbers and what they mean."""

    name: str
    """Of its file, without the ending."""
    title: str
    across: str
    """What is counted from left to right, with the unit."""
    up: str
    """What is counted from bottom to top, with the unit."""
    lines: Sequence[Line]
    alt: str
    """What is to be seen, for those who cannot see it."""
    scales: tuple[Literal["linear", "log"], Literal["linear", "log", "tens", "percent"]] = ("linear", "linear")
    """Of both axes; tens: the numbers are logarithms to base 10, percent: they are shares."""
    marks: Sequence[tuple[float, str]] = ()
    """Level lines with their names."""
    edge: tuple[float, str] | None = None
    """An upright line: what lies right of it, and its name."""
    span: tuple[float, float] | None = None
    """From bottom to top, where that is shared with another picture."""
    intervals: bool = False
    """Whether the lines are points with their intervals, in a row for each label, instead of curves."""


@dataclass(frozen=True)
class Charts:
    """Pictures that belong together."""

    charts: Sequence[Chart]


Block = Text | Points | Terms | Code | Table | Charts


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    anchor: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Figure:
    """A number large enough to be read from the last row, and what it means."""

    number: str
    meaning: str


@dataclass(frozen=True)
class Verdict:
    """What became of a claim."""

    number: int
    claim: str
    judgement: Judgement
    reason: str
    """What was found, in numbers."""
    rule: str
    """What decides, in one sentence."""
    figures: Sequence[Figure]
    details: str
    """The anchor of the section with everything about it."""
    cautions: Sequence[str] = field(default_factory=tuple)
    """What the verdict rests on, where that is less than it should be."""


@dataclass(frozen=True)
class Document:
    """The whole report."""

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    """What raced, on what, for how long: words and values."""
    summary: str
    verdicts: Sequence[Verdict]
    cautions: Sequence[str]
    """What is missing or rests on little."""
    sections: Sequence[Section]

    def charts(self) -> list[Chart]:
        """All pictures, in their order."""
        blocks = [block for section in self.sections for block in section.blocks]
        return [chart for block in blocks if isinstance(block, Charts) for chart in block.charts]
