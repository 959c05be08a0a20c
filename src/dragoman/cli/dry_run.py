"""dragoman train --dry-run: what would be trained."""

from pathlib import Path
from time import monotonic
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dragoman.cli.display import console, print_json
from dragoman.cli.visible import visible
from dragoman.config import Settings
from dragoman.runs import Run, load_checkpoint
from dragoman.training.facts import doubts, facts, parameters, parts
from dragoman.training.inheriting import inherit
from dragoman.training.preparing import on_this_machine, prepare
from dragoman.training.progress import Progress
from dragoman.training.watching.forecast import foresee

NARROWEST = 110
"""Columns that the table needs, whatever the terminal has."""


def dry_run(settings: Settings, source_run: Path | None, json: bool, which: Literal["best"] | int = "best") -> None:
    """Prints the model part by part, its size, the forecasts of memory and time, and the batches an epoch.

    Args:
        which: the checkpoint of `source_run` whose weights are shown.
    """
    began, weights = monotonic(), None
    if source_run is not None:
        other = Run.open(source_run)
        settings, weights = inherit(settings, other.settings), load_checkpoint(other, which)
    prepared = prepare(on_this_machine(settings), source_run, weights)
    foreseen = foresee(prepared, Progress(), monotonic() - began)
    found, rows = facts(prepared, foreseen), list(parts(prepared.model))
    prepared.epochs.close()
    for doubt in doubts(prepared):
        console().print(f"warning: {doubt}", markup=False)
    if json:
        listed = [{"name": row.name, "shape": list(row.shape), "parameters": row.parameters} for row in rows]
        forecast = foreseen.to_json() if foreseen else None
        print_json({**found, "forecast": forecast, "parameters": parameters(prepared.model), "parts": listed})
        return
    table = Table("part", "shape", "parameters", "first values: mean ± deviation", box=SIMPLE_HEAD, pad_edge=False)
    table.columns[2].justify = "right"
    for row in rows:
        shape = " x ".join(str(size) for size in row.shape)
        table.add_row(row.name, shape, f"{row.parameters:,}", row.initial)
    table.add_section()
    table.add_row("all", "", f"{parameters(prepared.model):,}", "")
    out = Console(highlight=False, width=max(NARROWEST, Console().width))
    out.print(table)
    for name, value in found.items():
        out.print(Text(f"{name:12}{visible(value)}"), soft_wrap=True)
