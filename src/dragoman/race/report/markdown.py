"""The report as Markdown, with its pictures as files beside it: the same words and numbers as the page."""

import re
from collections.abc import Sequence

from dragoman.race.report.document import (
    Block,
    Chart,
    Charts,
    Code,
    Document,
    Points,
    Section,
    Table,
    Terms,
    Text,
    Verdict,
)
from dragoman.training.watching.card import plain

PICTURES = "pictures"
"""The folder of the pictures, beside the file."""


def markdown(document: Document) -> str:
    """The whole report."""
    parts = [
        f"# {plain(document.title)}",
        plain(document.lead),
        f"**{plain(document.summary)}**",
        *map(_claim, document.verdicts),
        "## This race",
        _terms(document.facts),
    ]
    if document.cautions:
        parts += ["## What this report rests on", _points(document.cautions)]
    parts += map(_section, document.sections)
    return "\n\n".join(parts) + "\n"


def picture_file(chart: Chart) -> str:
    """Where a chart's picture is, from the report's folder."""
    return f"{PICTURES}/{chart.name}.png"


def _claim(verdict: Verdict) -> str:
    parts = [
        f"## {verdict.number}. {plain(verdict.claim)}",
        f"**{verdict.judgement.capitalize()}.** {plain(verdict.reason)}",
    ]
    if verdict.figures:
        parts.append("\n".join(f"- **{plain(one.number)}** {plain(one.meaning)}" for one in verdict.figures))
    if verdict.cautions:
        parts.append(f"{plain(' '.join(verdict.cautions))}")
    parts.append(f"*Rule: {plain(verdict.rule)}*")
    return "\n\n".join(parts)


def _section(section: Section) -> str:
    return "\n\n".join([f"## {plain(section.title)}", *map(_block, section.blocks)])


def _block(block: Block) -> str:
    match block:
        case Text():
            return plain(block.text)
        case Points():
            return _points(block.lines)
        case Terms():
            return _terms(block.pairs)
        case Code():
            return f"{_fence(block.text)}\n{block.text}\n{_fence(block.text)}"
        case Table():
            return _table(block)
        case Charts():
            return "\n\n".join(f"![{plain(f'{one.title}. {one.alt}')}]({picture_file(one)})" for one in block.charts)


def _points(lines: Sequence[str]) -> str:
    return "\n".join(f"- {plain(line)}" for line in lines)


def _terms(pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- {plain(word)}: {plain(said)}" for word, said in pairs)


def _table(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    shown = [f"| {' | '.join(line if line == '---' else plain(line) for line in row)} |" for row in lines]
    parts = [f"**{plain(table.title)}**", "\n".join(shown)]
    return "\n\n".join([*parts, plain(table.note)] if table.note else parts)


def _fence(text: str) -> str:
    """More backticks than the text has in a row."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
