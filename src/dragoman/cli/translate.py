"""dragoman translate"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dragoman.translation import Translation


def translate(  # noqa: PLR0913, PLR0917 -- the command's options
    run: Annotated[Path, typer.Argument(help="A trained run.")],
    file: Annotated[str, typer.Argument(help="A text file (plain or .gz), or - for standard input.")] = "-",
    out: Annotated[Path | None, typer.Option(help="File for the translations; else they are printed.")] = None,
    beam: Annotated[int | None, typer.Option(help="Hypotheses kept at each step; 1 is greedy.")] = None,
    n_best: Annotated[int, typer.Option(help="Translations a line, best first.")] = 1,
    length_penalty: Annotated[float | None, typer.Option(help="0 is none; more favours longer ones.")] = None,
    checkpoint: Annotated[str, typer.Option(help="best, last, or a step.")] = "best",
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with scores.")] = False,
) -> None:
    """Translate text, line by line, in the order given.

    With --n-best N each line has up to N lines of output: number, score and translation, parted by tabs.
    """
    from dragoman.cli.display import console
    from dragoman.cli.opening import open_translator, reading, writing
    from dragoman.translation import translate_stream

    warn = console()
    number = 0
    with reading(file) as lines:
        translator = open_translator(run, checkpoint)
        with writing(out, lines) as stream:

            def write(translation: "Translation") -> None:
                nonlocal number
                number += 1
                for warning in translation.warnings:
                    warn.print(f"line {number}: {warning}", markup=False)
                stream.write(_shown(translation, number, n_best, json))
                stream.flush()

            translate_stream(translator, lines, write, beam=beam, n_best=n_best, length_penalty=length_penalty)


def _shown(translation: "Translation", number: int, n_best: int, json: bool) -> str:
    if json:
        from dragoman.cli.visible import json_line

        return json_line(translation.to_json()) + "\n"
    if n_best == 1:
        return translation.text + "\n"
    rows = [(translation.score, translation.text), *((a.score, a.text) for a in translation.alternatives)]
    return "".join(f"{number}\t{score:.4f}\t{text}\n" for score, text in rows)
