"""dragoman inspect"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from dragoman.inspection.alignment import Choice
    from dragoman.inspection.six_steps import SixSteps, WordMap
    from dragoman.inspection.word_links import WordLink
    from dragoman.tracing import Trace
    from dragoman.translation import Translator

TRACES, PICTURES = (".json", ".npz"), (".png", ".svg")


class _Told(NamedTuple):
    choice: "Choice"
    links: "list[WordLink]"
    probabilities: list[float]


def inspect(  # noqa: PLR0913, PLR0917 -- the command's options
    run: Annotated[Path, typer.Argument(help="A trained run.")],
    text: Annotated[str | None, typer.Argument(help="A sentence in the source language.")] = None,
    target: Annotated[str | None, typer.Option(help="A translation to be written instead of the model's own.")] = None,
    word: Annotated[str | None, typer.Option(help="Follow it through the six steps; it:2 is the second it.")] = None,
    attention: Annotated[str | None, typer.Option(help="encoder.0.self, decoder.0.self, decoder.0.cross, ...")] = None,
    head: Annotated[int | None, typer.Option(help="One head, from 0; else all, or their mean.")] = None,
    out: Annotated[Path | None, typer.Option(help="trace.json, trace.npz, picture.png or picture.svg.")] = None,
    beam: Annotated[int | None, typer.Option(help="Hypotheses kept; the run's search.beam without it.")] = None,
    checkpoint: Annotated[str, typer.Option(help="best, last, or a step.")] = "best",
    measure: Annotated[bool, typer.Option("--measure", help="What attention is worth, measured; no TEXT.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Watch a translator think: where it looks, and any word on its way through the six steps of attention.

    Without --word: a heat map of the last decoder layer's attention over the source, the word alignment, and what
    else might have been written. With --word: query, key, value, score, scaled, weight, weighted value, sum.
    """
    from dragoman.cli.opening import open_translator
    from dragoman.errors import UsageError
    from dragoman.inspection import six_steps as steps

    if measure:
        return _measure(run, text, checkpoint, json)
    if text is None:
        raise UsageError('no text: give a sentence in quotes, such as dragoman inspect RUN "A dog.", or --measure')
    _check_ending(out)
    translator = open_translator(run, checkpoint)
    trace = translator.explain(text, target, beam)
    if out is not None and out.suffix.lower() in TRACES and not (trace.attentions or attention or word):
        return _save(out, trace, [], None, json)
    name = attention or steps.default_attention(trace, word)
    steps.check_attention(trace, name, head)
    found = [] if word is None else _followed(trace, name, word, head)
    shown = steps.word_map(trace, name, head)
    if out is not None:
        return _save(out, trace, found, shown, json)
    told = _told(run, translator, trace)
    if json:
        return _print_json(trace, found, shown, told)
    _show(trace, found, shown, told)


def _measure(run: Path, text: str | None, checkpoint: str, json: bool) -> None:
    from dragoman.cli.measure import show_measures
    from dragoman.errors import UsageError

    if text is not None:
        raise UsageError("--measure takes no text: leave out one of them")
    show_measures(run, checkpoint, json)


def _check_ending(out: Path | None) -> None:
    from dragoman.errors import UsageError

    if out is not None and out.suffix.lower() not in TRACES + PICTURES:
        known = ", ".join(TRACES + PICTURES)
        raise UsageError(f"--out {out}: '{out.suffix}' files are not made; give one that ends in {known}")


def _followed(trace: "Trace", attention: str, word: str, head: int | None) -> "list[SixSteps]":
    """The six steps of each of the word's pieces."""
    from dragoman.inspection.six_steps import find_word, six_steps

    place = find_word(trace, attention, word)
    return [six_steps(trace, attention, place, position, head) for position in place.positions]


def _save(out: Path, trace: "Trace", found: "list[SixSteps]", shown: "WordMap | None", json: bool) -> None:
    from dragoman.cli.display import console, print_json

    if out.suffix.lower() in TRACES or shown is None:
        trace.save(out)
        told = ""
    else:
        from dragoman.inspection.pictures import draw_map, draw_six_steps

        told = draw_six_steps(found[0], out) if found else draw_map(shown, out)
    if json:
        print_json({"out": str(out)})
    console().print(f"{out}{told}", markup=False)


def _told(run: Path, translator: "Translator", trace: "Trace") -> _Told:
    """What a sentence is shown with besides its attention."""
    from dragoman.inspection.alignment import projections, read_choice
    from dragoman.inspection.six_steps import written_probabilities
    from dragoman.inspection.word_links import word_links

    choice = read_choice(run)
    vocabulary = translator.tokenizers.target.pieces(range(translator.tokenizers.target.size))
    links = word_links(trace, choice, projections(translator.model))  # type: ignore[arg-type] # explain needs it too
    return _Told(choice, links, written_probabilities(trace, vocabulary))


def _print_json(trace: "Trace", found: "list[SixSteps]", shown: "WordMap", told: _Told) -> None:
    from dragoman.cli.display import print_json

    values: dict[str, Any] = {
        "source_tokens": trace.source_tokens,
        "target_tokens": trace.target_tokens,
        "token_probabilities": told.probabilities,
        "candidates": [[candidate._asdict() for candidate in row] for row in trace.candidates],
        "alignment": [link._asdict() for link in told.links],
    }
    if found:
        values["six_steps"] = [steps.to_json() for steps in found]
    else:
        values["map"] = {**vars(shown), "weights": shown.weights.tolist()}
    print_json(values)


def _show(trace: "Trace", found: "list[SixSteps]", shown: "WordMap", told: _Told) -> None:
    from rich.console import Console

    from dragoman.inspection import terminal

    console = Console(highlight=False)
    terminal.show_sentences(console, trace)
    for steps in found:
        terminal.show_word(console, steps)
        terminal.show_six_steps(console, steps)
    if not found:
        terminal.show_map(console, shown)
        terminal.show_alignment(console, told.links, told.choice)
        terminal.show_candidates(console, trace, told.probabilities)
