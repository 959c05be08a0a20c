"""dragoman corpus check"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.text import Text

    from dragoman.corpora.checking import Example, Finding, Pairs, Report

_WIDEST = 90
"""Characters of an example that are shown of either side."""


def check(  # noqa: PLR0913, PLR0917 -- the command's options
    source: Annotated[Path | None, typer.Argument(help="Source sentences, one a line (plain or .gz).")] = None,
    target: Annotated[Path | None, typer.Argument(help="Their translations, line by line.")] = None,
    tsv: Annotated[Path | None, typer.Option(help="One file instead: source TAB target.")] = None,
    name: Annotated[str | None, typer.Option("--corpus", help="A corpus by name, instead of files.")] = None,
    split: Annotated[str, typer.Option(help="Which part of the named corpus.")] = "train",
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A test file, of either language or TSV, whose lines must not be in the corpus; repeatable."),
    ] = None,
    source_language: Annotated[str, typer.Option(help="Such as en; guessed without it.")] = "",
    target_language: Annotated[str, typer.Option(help="Such as de; guessed without it.")] = "",
    clean: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Write the kept pairs to OUT.en and OUT.de (your files' own endings; OUT.src and OUT.tgt where "
            "they are alike or a corpus was named; OUT.tsv with --tsv), and the rest to OUT.removed.tsv: line, "
            "reasons, source, target.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Keep pairs with this fault, such as copy; repeatable.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 is one for each processor.")] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line: faults, stretches, the verdict.")
    ] = False,
) -> None:
    """See what is wrong with a parallel corpus, and write a clean one.

    Finds broken encodings, empty, long and noisy lines, markup, wrong languages and scripts, copies, odd lengths,
    stretches that are shifted, duplicates, and test sentences in the training text. It is a report: the exit code is
    0 whatever it finds.
    """
    from dragoman.cli.display import print_json
    from dragoman.corpora.checking import Wishes
    from dragoman.corpora.checking import check as look

    pairs = _pairs((source, target), tsv, (name, split))
    kept = _kinds(keep or [])
    languages = (_code(source_language), _code(target_language))
    with _progress() as advance:
        wishes = Wishes(languages, against or (), kept, clean, workers, advance)
        report = look(pairs, wishes)
    if json:
        for line in report.to_json():
            print_json(line)
        return
    _show(report, kept, bool(clean))


def _pairs(files: tuple[Path | None, Path | None], tsv: Path | None, named: tuple[str | None, str]) -> "Pairs":
    from dragoman.corpora import load_named
    from dragoman.corpora.checking import FilePairs, TextPairs, TsvPairs
    from dragoman.errors import UsageError

    source, target = files
    if sum(map(bool, (source, tsv, named[0]))) != 1 or (source is None) != (target is None):
        raise UsageError("give SRC and TGT, or --tsv FILE, or --corpus NAME")
    if tsv:
        return TsvPairs(tsv)
    return FilePairs(source, target) if source and target else TextPairs(load_named(named[0] or "", named[1]))


def _kinds(names: list[str]) -> frozenset[str]:
    from dragoman.corpora.checking import KINDS
    from dragoman.errors import UsageError, nearest

    known = [kind.name for kind in KINDS if kind.removes]
    for name in names:
        if name not in known:
            raise UsageError(f"no fault is named '{name}'{nearest(name, known)}")
    return frozenset(names)


def _code(language: str) -> str:
    """A language's code; one that no tool here knows is a code too."""
    from dragoman.errors import UsageError

    code = language.lower()
    if code and not re.fullmatch("[a-z]{2,3}", code):
        raise UsageError(f"'{language}' is no language's code; give two or three letters, such as en")
    return code


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from dragoman.cli.display import console

    screen = console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda stage, done, total: bar.update(
            task, description=f"{stage} {done:,}" if done else stage, completed=done, total=total or None
        )


def _show(report: "Report", kept: frozenset[str], written: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from dragoman.cli.visible import visible
    from dragoman.training.watching.words import count

    console = Console(highlight=False)
    if not (console.is_terminal or "COLUMNS" in os.environ):
        console.width = 150
    sides = [language or "unknown" for language in report.languages]
    name = visible(report.name)
    console.print(Text(f"{name}: {count(report.pairs, 'pair')}, {sides[0]} to {sides[1]}", style="bold"))
    table = Table("kind", "pairs", "share", "what it means, what to do, examples", show_lines=True)
    for found in report.findings:
        stays = not found.kind.removes or found.kind.name in kept
        style = "dim" if stays else ""
        cells = (found.kind.name + (" (kept)" if stays else ""), f"{found.count:,}", _share(found.share))
        table.add_row(*(Text(cell, style=style) for cell in cells), _about(found))
    if report.findings:
        console.print(table)
    for note in _notes(report):
        console.print(Text(note))
    console.print(
        Text(f"{report.kept:,} of {count(report.pairs, 'pair')} {'are' if written else 'would be'} kept", style="bold")
    )


def _share(share: float) -> str:
    return f"{share:.2%}" if share >= 0.0001 else "< 0.01%"


def _about(found: "Finding") -> "Text":
    from rich.text import Text

    about = Text(f"{found.kind.what}; {found.kind.mend}")
    for example in found.examples:
        about.append(f"\n{example.line:,}: {_shown(example)}", style="dim")
    return about


def _shown(example: "Example") -> str:
    return " | ".join(_visible(side) for side in (example.source, example.target))


def _visible(text: str) -> str:
    """The beginning of a line of the corpus, in which nothing can steer the terminal."""
    cut = text[:_WIDEST] + ("…" if len(text) > _WIDEST else "")
    return "".join(sign if sign.isprintable() else f"<{ord(sign):02x}>" for sign in cut) or "(empty)"


def _notes(report: "Report") -> Iterator[str]:
    """Shifted stretches, the languages that do not belong, and what else there is."""
    for part in report.stretches[:10]:
        by = f"{abs(part.shift)} line{'s' if abs(part.shift) > 1 else ''} {'later' if part.shift > 0 else 'earlier'}"
        yield f"lines {part.first + 1:,}-{part.last + 1:,}: shifted by {part.shift:+d} (the translations stand {by})"
    if len(report.stretches) > 10:
        yield f"... and {len(report.stretches) - 10:,} more shifted stretches (--json lists them)"
    for side, found in zip(("source", "target"), report.strangers, strict=True):
        if found:
            yield f"lines in other languages, {side}: " + ", ".join(f"{n} {c:,}" for n, c in found.most_common(5))
    yield from report.notes
