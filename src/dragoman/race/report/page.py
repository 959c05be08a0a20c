"""The report as one HTML page: no script, nothing from elsewhere; for light, dark, print and screen readers."""

import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from dragoman.race.report.document import (
    Block,
    Charts,
    Code,
    Document,
    Judgement,
    Points,
    Section,
    Table,
    Terms,
    Text,
    Verdict,
)
from dragoman.race.report.pictures import svg

_CLASSES: dict[Judgement, str] = {
    "holds": "holds",
    "holds partly": "partly",
    "does not hold here": "not",
    "not measured": "unknown",
}
_RING = '<circle cx="12" cy="12" r="10" fill="none" stroke="currentColor" stroke-width="2.4"{}/>'
_SIGNS: dict[Judgement, str] = {
    "holds": '<circle cx="12" cy="12" r="11" fill="currentColor"/>'
    '<path d="M6.5 12.5l3.8 3.8 7.2-8" fill="none" stroke="var(--tint)" stroke-width="2.8"/>',
    "holds partly": _RING.format("") + '<path d="M12 2a10 10 0 0 1 0 20z" fill="currentColor"/>',
    "does not hold here": _RING.format("")
    + '<path d="M8 8l8 8M16 8l-8 8" fill="none" stroke="currentColor" stroke-width="2.6"/>',
    "not measured": _RING.format(' stroke-dasharray="3.2 3.1"'),
}


def html(document: Document) -> str:
    """The whole page."""
    template = Template((files("dragoman.race.report") / "page.html").read_text(encoding="utf-8"))
    style = (files("dragoman.race.report") / "page.css").read_text(encoding="utf-8").rstrip()
    details = [_contents(document), _cautions(document), *map(_section, document.sections)]
    return template.substitute(
        title=escape(document.title), style=style, first=_first(document), details="\n".join(details)
    )


def _first(document: Document) -> str:
    claims = "\n".join(map(_claim, document.verdicts))
    return (
        '<article class="first" aria-labelledby="title">\n'
        f'<header>\n<h1 id="title">{escape(document.title)}</h1>\n<p class="summary">{escape(document.summary)}</p>\n'
        f'<p class="lead">{escape(document.lead)}</p>\n</header>\n'
        f'<ol class="claims">\n{claims}\n</ol>\n</article>'
    )


def _claim(verdict: Verdict) -> str:
    figures = "".join(
        f"<div><dt>{escape(figure.meaning)}</dt><dd>{escape(figure.number)}</dd></div>" for figure in verdict.figures
    )
    cautions = f'<p class="caution">{escape(" ".join(verdict.cautions))}</p>\n' if verdict.cautions else ""
    sign = f'<svg viewBox="0 0 24 24" aria-hidden="true">{_SIGNS[verdict.judgement]}</svg>'
    return (
        f'<li class="claim {_CLASSES[verdict.judgement]}" id="claim-{verdict.number}">\n'
        f'<p class="number" aria-hidden="true">{verdict.number}</p>\n'
        f'<div class="said">\n<h2>{escape(verdict.claim)}</h2>\n'
        f'<p class="reason">{escape(verdict.reason)}</p>\n{cautions}'
        f'<p class="rule">{escape(verdict.rule)} <a href="#{verdict.details}">Details</a></p>\n</div>\n'
        f'<dl class="figures">{figures}</dl>\n'
        f'<p class="badge">{sign}<span>{escape(verdict.judgement)}</span></p>\n</li>'
    )


def _contents(document: Document) -> str:
    entries = "".join(f'<li><a href="#{one.anchor}">{escape(one.title)}</a></li>' for one in document.sections)
    return f'<nav aria-label="Contents"><ol>{entries}</ol></nav>'


def _cautions(document: Document) -> str:
    facts = _terms(document.facts)
    if not document.cautions:
        return f'<section id="about"><h2>This race</h2>\n{facts}\n</section>'
    points = _points(document.cautions)
    return (
        f'<section id="about"><h2>This race</h2>\n{facts}\n</section>\n'
        f'<section class="cautions" id="cautions"><h2>What this report rests on</h2>\n{points}\n</section>'
    )


def _section(section: Section) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    return f'<section id="{section.anchor}">\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Text():
            return f"<p>{escape(block.text)}</p>"
        case Points():
            return _points(block.lines)
        case Terms():
            return _terms(block.pairs)
        case Code():
            return f"<pre>{escape(block.text)}</pre>"
        case Table():
            return _table(block)
        case Charts():
            return _charts(block)


def _points(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _terms(pairs: Sequence[tuple[str, str]]) -> str:
    inside = "".join(f"<dt>{escape(word)}</dt><dd>{escape(said)}</dd>" for word, said in pairs)
    return f'<dl class="terms">{inside}</dl>'


def _charts(block: Charts) -> str:
    shown = []
    for chart in block.charts:
        alt = escape(f"{chart.title}. {chart.alt}")
        drawing = svg(chart).replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
        shown.append(f"<figure>{drawing}</figure>")
    return f'<div class="charts">\n{"".join(shown)}</div>'


def _table(table: Table) -> str:
    numeric = [all(_is_figure(row[column]) for row in table.rows) for column in range(len(table.head))]
    head = "".join(
        f'<th scope="col"{_class(cell, is_number, 60)}>{escape(cell)}</th>'
        for cell, is_number in zip(table.head, numeric, strict=True)
    )
    rows = "\n".join(f"<tr>{_row(row, numeric)}</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    name = _anchor(table.title)
    return (
        f'<figure class="table">\n<figcaption id="{name}">{escape(table.title)}</figcaption>\n'
        f'<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">\n<table aria-labelledby="{name}">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>\n{note}</figure>"
    )


def _anchor(title: str) -> str:
    """A title as the name of a place in the page."""
    return re.sub(r"\W+", "-", f"table {title}".lower()).strip("-")


def _row(row: Sequence[str], numeric: Sequence[bool]) -> str:
    cells = [f'<th scope="row"{_class(row[0], False, 28)}>{escape(row[0])}</th>']
    cells += [f"<td{_class(cell, n, 60)}>{escape(cell)}</td>" for cell, n in zip(row[1:], numeric[1:], strict=True)]
    return "".join(cells)


def _class(cell: str, is_number: bool, most: int) -> str:
    """Numbers stand at the right; a text of more letters than `most` may be broken."""
    return ' class="n"' if is_number else ' class="long"' if len(cell) > most else ""


def _is_figure(cell: str) -> bool:
    """Whether a cell holds a number: those are written one below the other."""
    return not cell[:1].isalpha()
