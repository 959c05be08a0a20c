"""dragoman train"""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dragoman.config import Settings
from dragoman.config.loading import build_settings, override
from dragoman.errors import UsageError

NOT_INHERITED = ("model.dropout", "model.attention_dropout", "text.sampling")
"""What --from leaves to the new training: it changes no weight's shape."""


def train(  # noqa: PLR0913, PLR0917 -- the command's options
    run: Annotated[Path, typer.Argument(help="The run's folder, which is made.")],
    source: Annotated[str | None, typer.Option(help="Source sentences, one a line (plain or .gz).")] = None,
    target: Annotated[str | None, typer.Option(help="Their translations, line by line.")] = None,
    tsv: Annotated[str | None, typer.Option(help="One file instead: source TAB target.")] = None,
    valid_source: Annotated[str | None, typer.Option(help="Source sentences to validate on.")] = None,
    valid_target: Annotated[str | None, typer.Option(help="Their translations.")] = None,
    valid_tsv: Annotated[str | None, typer.Option(help="Both in one file.")] = None,
    corpus: Annotated[str | None, typer.Option(help="A corpus by name; see `dragoman corpus list`.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="tiny, small (the default), patient, base, big (the paper's), rnn, gru, lstm; also demo and race."
        ),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes by the clock until the best model is ready.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings as YAML, over the preset's.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, over everything; see `dragoman settings`.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    checkpoint: Annotated[int | None, typer.Option(help="With --resume or --from: the step to go on from.")] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Start from the vocabulary and weights of this run.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the model, the forecast and the batches; train nothing.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Measure where a step's time goes; keep no weights. RUN may be a run.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
) -> None:
    """Train a translator from two text files or a named corpus."""
    options: dict[str, Any] = {
        "data.source": source, "data.target": target, "data.tsv": tsv, "data.corpus": corpus,
        "data.valid_source": valid_source, "data.valid_target": valid_target, "data.valid_tsv": valid_tsv,
        "training.minutes": minutes,
    }  # fmt: skip
    if resume and (dry_run or from_):
        raise UsageError("--resume goes on with a run as it is; leave --dry-run and --from away")
    if profile and (resume or dry_run):
        raise UsageError("--profile measures and trains nothing; leave --resume and --dry-run away")
    if resume and preset:
        raise UsageError("--resume goes on with the run's own settings; leave --preset away")
    inherited = [name for name in set_ or [] if from_ and name.startswith(("model.", "text."))]
    inherited = [name for name in inherited if name.split("=")[0] not in NOT_INHERITED]
    if inherited:
        raise UsageError(f"--from takes shape and vocabulary from the run; leave {', '.join(inherited)} away")
    if checkpoint is not None and not (resume or from_):
        raise UsageError("--checkpoint says where --resume or --from begins; add --resume or --from")
    which: Literal["best"] | int = "best" if checkpoint is None else checkpoint
    if profile:
        from dragoman.cli.profile import profile as measure

        choose = partial(_profiled, preset=preset, config=config, options=options, sets=set_ or [])
        return measure(run, choose, from_, which, json)
    from dragoman.cli.display import Display, JsonLines, drop_unwritten
    from dragoman.training import start as training

    if dry_run:
        from dragoman.cli.dry_run import dry_run as show

        return show(build_settings(preset or "small", config, options, set_ or []), from_, json, which)
    reporter = JsonLines() if json else Display()
    try:
        if resume:
            changes = partial(_changed, config=config, options=options, sets=set_ or [])
            training.resume(run, changes, reporter, checkpoint)
        else:
            settings = build_settings(preset or "small", config, options, set_ or [])
            training.start(run, settings, reporter, from_, which=which)
    finally:
        reporter.close()
    # The training has come to its end, whether anybody took what it said or not.
    for stream in (sys.stdout, sys.stderr):
        drop_unwritten(stream)


def _changed(settings: Settings, config: Path | None, options: dict[str, Any], sets: list[str]) -> Settings:
    return override(settings, config, options, sets)


def _profiled(
    of_run: Settings | None, preset: str | None, config: Path | None, options: dict[str, Any], sets: list[str]
) -> Settings:
    """What --profile trains with: the settings of a new run, or those of a run that exists with the changes to them."""
    if of_run is None:
        return build_settings(preset or "small", config, options, sets)
    if preset:
        raise UsageError("--profile of a run takes the run's own settings; leave --preset away")
    return override(of_run, config, options, sets)
