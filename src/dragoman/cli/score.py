"""dragoman score"""

from pathlib import Path
from typing import Annotated

import typer


def score(
    run: Annotated[Path, typer.Argument(help="A trained run.")],
    source: Annotated[Path | None, typer.Option(help="Source sentences, one a line.")] = None,
    target: Annotated[Path | None, typer.Option(help="The translations to score, line by line.")] = None,
    tsv: Annotated[Path | None, typer.Option(help="One file instead: source TAB target.")] = None,
    checkpoint: Annotated[str, typer.Option(help="best, last, or a step.")] = "best",
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with each token's score.")] = False,
) -> None:
    """Print the log-probability (nats) of given translations, line by line."""
    from dragoman.cli.display import console, print_json
    from dragoman.cli.opening import open_translator
    from dragoman.corpora import read_pair, read_tsv
    from dragoman.errors import UsageError

    if (tsv is None) == (source is None or target is None):
        raise UsageError("give --source and --target, or --tsv alone")
    text = read_tsv(tsv) if tsv is not None else read_pair(source, target)  # type: ignore[arg-type]
    translator = open_translator(run, checkpoint)
    scored = translator.score(text.source, text.target)
    for row in scored:
        if json:
            print_json(row.to_json())
        else:
            print(f"{row.log_probability:.4f}")
    tokens = sum(len(row.token_scores) for row in scored)
    total = sum(row.log_probability for row in scored)
    console().print(f"{len(scored)} lines, {total / max(1, tokens):.4f} nats a token (end marks counted)")
