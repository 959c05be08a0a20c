"""dragoman train --profile: where a step's time goes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markdown import Markdown

from dragoman.config import Settings


def profile(
    run: Path,
    settings: Callable[[Settings | None], Settings],
    source_run: Path | None,
    which: Literal["best"] | int,
    json: bool,
) -> None:
    """Measures, writes the files, prints the table; as JSON without the single products, which the file has."""
    # Read when torch is loaded: its profiler would write lines of its own to stderr.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    from dragoman.cli.display import console, print_json
    from dragoman.training.profiling.picture import table
    from dragoman.training.profiling.planned import FILES, profile_run

    found = profile_run(run, settings, source_run, which, lambda text: console().print(text, markup=False))
    if json:
        return print_json({name: value for name, value in found.to_json().items() if name != "products"})
    out = Console(highlight=False)
    if out.is_terminal:
        out.print(Markdown(table(found)))
    else:
        print(table(found), end="")
    console().print(f"written to {run}: {', '.join(FILES)}", markup=False)
