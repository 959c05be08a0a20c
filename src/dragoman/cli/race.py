"""dragoman race"""

from pathlib import Path
from typing import Annotated, Any

import typer

from dragoman.errors import UsageError


def race(  # noqa: PLR0913, PLR0917 -- the command's options
    out: Annotated[Path, typer.Argument(help="The race's folder, which is made.")],
    corpus: Annotated[str | None, typer.Option(help="A corpus by name; see `dragoman corpus list`.")] = None,
    source: Annotated[str | None, typer.Option(help="Or source sentences, one a line.")] = None,
    target: Annotated[str | None, typer.Option(help="Their translations, line by line.")] = None,
    tsv: Annotated[str | None, typer.Option(help="One file instead: source TAB target.")] = None,
    valid_source: Annotated[str | None, typer.Option(help="Source sentences to validate on.")] = None,
    valid_target: Annotated[str | None, typer.Option(help="Their translations.")] = None,
    valid_tsv: Annotated[str | None, typer.Option(help="Both in one file.")] = None,
    test_source: Annotated[Path | None, typer.Option(help="Source sentences of the test.")] = None,
    test_target: Annotated[Path | None, typer.Option(help="Their translations.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Training time of the whole race, shared equally; 70 where nothing is said.")
    ] = None,
    updates: Annotated[int | None, typer.Option(help="Or updates of each training.")] = None,
    target_tokens: Annotated[int | None, typer.Option(help="Or target tokens of each training.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Trainings of each contestant; three where time allows.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="The Transformer's shape; race (demo for the pizzeria) without it.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value, for every contestant.")] = None,
    only: Annotated[str | None, typer.Option(help="Contestants by name, such as lstm,transformer.")] = None,
    lengths: Annotated[str | None, typer.Option(help="Sentence lengths to time, such as 8,64,512.")] = None,
    trial: Annotated[bool, typer.Option("--trial", help="Measure everything in small, to try a race out.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a race that was stopped.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Only write the report of a race anew.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
) -> None:
    """Race RNN, GRU, LSTM and Transformer: one corpus, one budget, one report."""
    from dragoman.cli.race_display import RaceDisplay, RaceJson
    from dragoman.race.asking import Given
    from dragoman.race.racing import race as run
    from dragoman.race.racing import write_report

    data: dict[str, Any] = {
        "data.corpus": corpus, "data.source": source, "data.target": target, "data.tsv": tsv,
        "data.valid_source": valid_source, "data.valid_target": valid_target, "data.valid_tsv": valid_tsv,
    }  # fmt: skip
    if bool(test_source) != bool(test_target):
        raise UsageError("the test needs both sides; give --test-source and --test-target")
    given = Given(
        data={name: value for name, value in data.items() if value},
        test=(test_source, test_target) if test_source and test_target else None,
        budget={"minutes": minutes, "updates": updates, "tokens": target_tokens},
        seeds=seeds,
        preset=preset,
        sets=set_ or [],
        only=only,
        lengths=lengths,
        trial=trial,
    )
    reporter = RaceJson() if json else RaceDisplay()
    try:
        if report:
            write_report(out, reporter)
        else:
            run(out, given, reporter, resume)
    finally:
        reporter.close()
