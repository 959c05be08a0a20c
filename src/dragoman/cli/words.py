"""dragoman words"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dragoman.inspection.neighbours import Neighbour
    from dragoman.text.vectors import WordVectors
    from dragoman.translation import Translator

ACTIONS = {"near": 1, "analogy": 3, "map": None, "measure": 0}
"""What can be done, and the words that it takes."""


def words(  # noqa: PLR0913, PLR0917 -- the command's options
    vectors: Annotated[str, typer.Argument(help="A trained run, a file of word vectors, or glove.")],
    action: Annotated[str, typer.Argument(help="near, analogy, map or measure.")],
    chosen: Annotated[
        list[str] | None, typer.Argument(metavar="[WORDS]...", help="near: one; analogy: A B C for A - B + C.")
    ] = None,
    count: Annotated[int, typer.Option(help="near, analogy: words to show.")] = 10,
    side: Annotated[str | None, typer.Option(help="Whose words of a run: source (the default) or target.")] = None,
    text: Annotated[Path | None, typer.Option(help="A text whose words a run's table is made of.")] = None,
    out: Annotated[Path | None, typer.Option(help="map: the picture, .png or .svg; without it, letters.")] = None,
    method: Annotated[str, typer.Option(help="map: pca or tsne.")] = "pca",
    checkpoint: Annotated[str, typer.Option(help="Of a run: best, last, or a step.")] = "best",
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show that similar words lie close: neighbours, analogies, a map, and how well a run's words are ordered.

    near WORD: the words of largest cosine. analogy king man woman: the words nearest to king - man + woman.
    map: words on a plane. measure: for a run trained on pizzeria, neighbours by class and gender, role pairs.
    """
    from dragoman.inspection import neighbours

    given = chosen or []
    _check(action, given, out)
    translator = _translator(vectors, checkpoint)
    if action == "measure":
        return _measure(translator, side or "source", json)
    table = _table(translator, vectors, (side, given, text))
    if action == "map":
        return _map(table, given, method, out, json)
    if action == "near":
        return _show(neighbours.near(table, given[0], count), json)
    a, b, c = given
    return _show(neighbours.analogy(table, (a, b, c), count), json)


def _check(action: str, words: list[str], out: Path | None) -> None:
    from dragoman.errors import UsageError, nearest
    from dragoman.inspection.maps import check_picture

    if action not in ACTIONS:
        raise UsageError(f"'{action}' is none of {', '.join(ACTIONS)}{nearest(action, ACTIONS)}")
    wanted = ACTIONS[action]
    if wanted is not None and len(words) != wanted:
        forms = {"near": "near WORD", "analogy": "analogy A B C (A - B + C)", "measure": "measure"}
        raise UsageError(f"{action} takes {wanted} word(s), not {len(words)}; write: {forms[action]}")
    if out is not None:
        if action != "map":
            raise UsageError(f"--out is for map's picture; leave it away for {action}")
        check_picture(out)


def _translator(vectors: str, checkpoint: str) -> "Translator | None":
    """The run's translator; None where the vectors are a file or glove."""
    from dragoman.cli.opening import open_translator
    from dragoman.errors import DragomanError, nearest
    from dragoman.text.vector_files import GLOVE

    path = Path(vectors)
    if not path.exists() and vectors != GLOVE:
        meant = nearest(vectors, [GLOVE])
        mend = meant if "mean" in meant else "; give a run's folder, a file of word vectors, or glove"
        raise DragomanError(f"no run and no file at {vectors}{mend}")
    return open_translator(path, checkpoint) if path.is_dir() else None


def _table(
    translator: "Translator | None", vectors: str, asked: tuple[str | None, list[str], Path | None]
) -> "WordVectors":
    from dragoman.cli.display import console
    from dragoman.errors import UsageError
    from dragoman.inspection.vectors import pieces_of, run_vectors
    from dragoman.text.vector_files import open_vectors

    side, words, text = asked
    if translator is None:
        if text is not None or side is not None:
            raise UsageError(
                "--side and --text choose the words of a run; a file of vectors has its own: leave them away"
            )
        return open_vectors(vectors)
    side = side or "source"
    known = run_vectors(translator, side, (), text)
    for word in words:
        pieces = pieces_of(translator, side, word)
        new = "not among the run's words; " if known.find(word) is None else ""
        if new or len(pieces) > 1:
            console().print(f"{word}: {new}the mean of its pieces' vectors ({' '.join(pieces)})", markup=False)
    return run_vectors(translator, side, words, text)


def _measure(translator: "Translator | None", side: str, json: bool) -> None:
    from dragoman.cli.display import print_json
    from dragoman.errors import UsageError
    from dragoman.inspection.word_measures import as_lines, measure_words

    if translator is None:
        raise UsageError("measure looks at a run's own words; give a run's folder")
    measured = measure_words(translator, side)
    if json:
        return print_json(measured)
    return print("\n".join(as_lines(measured)))


def _map(table: "WordVectors", words: list[str], method: str, out: Path | None, json: bool) -> None:
    from dataclasses import asdict

    from dragoman.cli.display import console, print_json
    from dragoman.inspection.maps import draw_words, map_text, word_map

    points = word_map(table, words, method)
    if out is not None:
        told = draw_words(points, out, f"Words of {table.name}")
        console().print(f"{len(points)} words: {out}{told}", markup=False)
    if json:
        for point in points:
            print_json(asdict(point))
    elif out is None:
        print(map_text(points))


def _show(found: "list[Neighbour]", json: bool) -> None:
    from dragoman.cli.display import print_json

    for neighbour in found:
        if json:
            fields: dict[str, Any] = neighbour._asdict()
            print_json(fields)
        else:
            print(f"{neighbour.cosine:.3f}  {neighbour.word}")
