"""dragoman inspect RUN --measure"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from dragoman.corpora.pizzeria import PizzeriaPair
    from dragoman.inspection.alignment_measure import AlignmentMeasure
    from dragoman.inspection.interventions import CutMeasure, TwinMeasure
    from dragoman.inspection.measures import Estimate
    from dragoman.inspection.pronouns import PronounMeasure
    from dragoman.translation import Translator

TEST_SENTENCES = 1000
TWINS = 500


def show_measures(run: Path, checkpoint: str, json: bool) -> None:
    """Measures what attention tells about *it* and about word links, and stores the best choice for links.

    Raises:
        DragomanError: the run's corpus carries no gold links, or the run cannot be used or written to.
    """
    from dragoman.cli.display import console
    from dragoman.cli.opening import open_translator
    from dragoman.corpora.pizzeria import generate
    from dragoman.inspection.alignment import write_choice
    from dragoman.inspection.alignment_measure import measure_alignment, turned
    from dragoman.inspection.pronouns import reads_by_attention

    translator = open_translator(run, checkpoint)
    towards_german = _is_pizzeria(translator.settings.data.corpus, run)
    settings = translator.settings.pizzeria
    valid, test = generate("valid", settings), generate("test", settings)[:TEST_SENTENCES]
    told = console()
    told.print(f"choices on {len(valid):,} validation sentences, results on {len(test):,} test sentences")
    if towards_german and not reads_by_attention(translator):
        told.print("this run's encoder has no self-attention that could look at what *it* means: word links alone")
    elif towards_german:
        _measure_it(translator, valid, test, json)
    else:
        told.print("pizzeria:de-en: German names what it means, so word links alone can be measured")
        valid, test = [turned(pair) for pair in valid], [turned(pair) for pair in test]
    alignment = measure_alignment(translator, valid, test)
    write_choice(run, alignment.choice)
    _out([("alignment", alignment)], json, lambda screen: _show_alignment(screen, alignment))
    told.print(f"the best choice is stored in {run / 'alignment.json'}", markup=False)


def _measure_it(
    translator: "Translator", valid: "Sequence[PizzeriaPair]", test: "Sequence[PizzeriaPair]", json: bool
) -> None:
    """What *it* means: by correlation and by cause; where the predicate suits both nouns, nobody knows."""
    from dragoman.inspection.intervention_twins import twins
    from dragoman.inspection.interventions import measure_cuts, measure_twins
    from dragoman.inspection.pronouns import measure_pronouns

    valid, test = ([pair for pair in pairs if not (pair.pronoun and pair.pronoun.ambiguous)] for pairs in (valid, test))
    found = measure_pronouns(translator, valid, test)
    _out([("attention", one) for one in found], json, lambda screen: _show_pronouns(screen, found))
    cuts = measure_cuts(translator, test)
    _out([("cut", one) for one in cuts], json, lambda screen: _show_cuts(screen, cuts))
    swapped = measure_twins(translator, twins("test", translator.settings.pizzeria, TWINS))
    _out([("twins", swapped)], json, lambda screen: _show_twins(screen, swapped))


def _is_pizzeria(corpus: str, run: Path) -> bool:
    """Whether the run translates the pizzeria into German (True) or into English (False).

    Raises:
        DragomanError: it was trained on something else.
    """
    from dragoman.corpora.names import parse_name
    from dragoman.errors import DragomanError

    name = parse_name(corpus) if corpus else None
    if name is None or name.kind != "pizzeria":
        raise DragomanError(
            f"{run} was trained on {corpus or 'files'}, which has no gold word links and does not say what *it* means, "
            f"so neither can be measured; give a run of pizzeria:en-de, or look at single sentences "
            f'with `dragoman inspect {run} "TEXT"`'
        )
    return name.target == "de"


def _out(measured: list[tuple[str, Any]], json: bool, show: Any) -> None:
    """One JSON object a line, or tables."""
    from rich.console import Console

    from dragoman.cli.display import print_json

    if json:
        for kind, found in measured:
            print_json({"measure": kind, **_plain(asdict(found))})
    else:
        show(Console(highlight=False))


def _plain(value: Any) -> Any:
    """Arrays as lists, for JSON."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _show(screen: "Console", title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """One table; numbers stand to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    screen.print(title, style="bold", markup=False)
    screen.print(table)


def _place(layer: int, head: int | None) -> str:
    return f"{layer}, {'mean' if head is None else head}"


def _show_pronouns(screen: "Console", measured: "list[PronounMeasure]") -> None:
    rows, far = [], []
    for one in measured:
        for name, found in (("words", one.among_words), ("nouns", one.among_nouns)):
            offset = f"{found.offset_test.value:.1%} ({found.offset})"
            place = _place(found.layer, found.head)
            rows.append(
                [f"{one.reader}, {name}", place, found.test.percent(), f"{found.chance:.1%}", offset],
            )
            parts = (*found.by_distance, *found.by_class)
            far.append([f"{one.reader}, {name}", *(f"{share:.1%}" for _, _, share in parts)])
    title = "Whose strongest attention is the noun that it means? (test split)"
    _show(screen, title, ["query, among", "layer, head", "share [95 %]", "chance", "best offset"], rows)
    first = measured[0].among_words
    labels = [f"{label}\n({sentences})" for label, sentences, _ in (*first.by_distance, *first.by_class)]
    title = "The same by words between noun and it, and by what it means (sentences)"
    _show(screen, title, ["query, among", *labels], far)
    for one in measured:
        table = one.among_words.table
        columns = ["layer", *(f"head {head}" for head in range(table.shape[1] - 1)), "mean"]
        shares = [[str(layer), *(f"{share:.1%}" for share in row)] for layer, row in enumerate(table)]
        _show(screen, f"{one.reader}, among all words: every layer and head (validation split)", columns, shares)


def _show_cuts(screen: "Console", measured: "list[CutMeasure]") -> None:
    columns = ["who no longer sees", "the antecedent", "the other noun", "difference"]
    rows = [[one.reader, *map(_points, (one.antecedent, one.other, one.difference))] for one in measured]
    whole = measured[0].whole.value
    _show(screen, f"Cut edges: by how many points the right pronoun falls from {whole:.1%}", columns, rows)


def _points(fall: "Estimate") -> str:
    """A fall of probability in hundredths; what rounds to nothing has no sign."""
    value, low, high = (round(100 * part, 1) + 0.0 for part in (fall.value, fall.low, fall.high))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def _show_twins(screen: "Console", measured: "TwinMeasure") -> None:
    rows = [
        ("right before the swap", measured.right[0].percent()),
        ("right after it", measured.right[1].percent()),
        ("turned from one noun's to the other's", measured.turned.percent()),
        ("stayed with the first noun's", measured.stayed.percent()),
    ]
    title = f"Swapped predicates: {measured.sentences:,} twin sentences (test split)"
    _show(screen, title, ["most probable of er, sie, es", "share [95 %]"], rows)


def _show_alignment(screen: "Console", measured: "AlignmentMeasure") -> None:
    layers, heads = measured.end.shape
    rows = [
        [
            _place(measured.layers[layer], None if head == heads - 1 else head),
            *(f"{rate:.3f}" for rate in measured.valid[layer, head].ravel()),
            f"{measured.end[layer, head]:.1%}",
        ]
        for layer in range(layers)
        for head in range(heads)
    ]
    columns = ["layer, head", "predicts", "by norm", "reads", "by norm", "on end mark"]
    _show(screen, "Alignment error rate by the step that predicts or reads a word (validation)", columns, rows)
    choice, test = measured.choice, measured.test
    screen.print(
        f"chosen: layer {choice.layer}, {'all heads' if choice.head is None else f'head {choice.head}'}, "
        f"the {choice.convention} step, {choice.weighting} weights\n"
        f"alignment error rate on the test split: {test.value:.3f} [{test.low:.3f}, {test.high:.3f}]\n"
        f"(one link for each word could reach {measured.floor:.3f}; layers and heads count from 0)"
    )
