"""dragoman demo"""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="The run's folder, which is made.")] = Path("runs/demo"),
    json: Annotated[bool, typer.Option("--json", help="One JSON object with the result on stdout.")] = False,
) -> None:
    """Train a translator on the built-in corpus and show what it learnt: minutes, offline, from nothing."""
    from dragoman.cli.display import Display, print_json
    from dragoman.demo.pizzeria import run_demo

    display = Display()
    try:
        report = run_demo(out, display)
    finally:
        display.close()
    if json:
        print_json(report.to_json())
    else:
        print(report.text())
