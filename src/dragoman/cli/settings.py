"""dragoman settings"""

from typing import Annotated

import typer


def settings(
    words: Annotated[list[str] | None, typer.Argument(help="Only settings whose name holds one of these.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List every setting for --set and --config: its name, kind, default and meaning."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from dragoman.cli.display import print_json
    from dragoman.config.loading import settings_help
    from dragoman.errors import UsageError, nearest

    rows = [row for row in settings_help() if not words or any(word in row[0] for word in words)]
    if not rows and words:
        known = [row[0] for row in settings_help()]
        raise UsageError(f"no setting's name holds {' or '.join(words)}{nearest(words[0], known)}")
    if json:
        for key, kind, default, meaning in rows:
            print_json({"setting": key, "kind": kind, "default": default, "meaning": meaning})
        return
    table = Table("setting", "kind", "default", "meaning")
    for key, kind, default, meaning in rows:
        cells = (key, kind, repr(default) if default == "" else str(default), meaning)
        table.add_row(*(Text(cell) for cell in cells))
    Console(highlight=False).print(table)
