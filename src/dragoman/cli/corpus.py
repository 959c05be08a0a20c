"""dragoman corpus"""

from typing import Annotated

import typer

from dragoman.cli.corpus_check import check

corpus = typer.Typer(
    help="Named corpora: what there is, and getting it; what is wrong with yours.", no_args_is_help=True
)
corpus.command("check")(check)


@corpus.command("list")
def list_(json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """List the corpora that --corpus knows by name."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from dragoman.cli.display import print_json
    from dragoman.corpora import corpus_list

    rows = corpus_list()
    if json:
        for row in rows:
            print_json(asdict(row))
        return
    table = Table("name", "pairs", "what", "where")
    for row in rows:
        pairs = ", ".join(f"{split} {count:,}" for split, count in row.pairs.items())
        table.add_row(*(Text(cell) for cell in (row.name, pairs, row.what, row.where)))
    Console(highlight=False).print(table)


@corpus.command()
def fetch(name: Annotated[str, typer.Argument(help="Such as multi30k:en-de.")]) -> None:
    """Download a named corpus into the user's cache, checked by SHA-256; what is there already is kept."""
    from dragoman.corpora import fetch as get

    paths = get(name)
    for path in paths:
        print(path)
    if not paths:
        print(f"{name} needs no download")
