"""dragoman evaluate"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.config import PizzeriaSettings, Settings
    from dragoman.corpora import ParallelText
    from dragoman.evaluation import Comparison, Evaluation, PronounScores


def evaluate(  # noqa: PLR0913, PLR0917 -- the command's options
    run: Annotated[Path, typer.Argument(help="A trained run.")],
    source: Annotated[Path | None, typer.Option(help="Source sentences, one a line.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Reference translations, line by line.")] = None,
    corpus: Annotated[str | None, typer.Option(help="A corpus by name; without it and files: the run's.")] = None,
    split: Annotated[str, typer.Option(help="Which part of the corpus.")] = "test",
    baseline: Annotated[Path | None, typer.Option(help="Another run, for a paired test.")] = None,
    tokenize: Annotated[
        str | None, typer.Option(help="BLEU's own tokenizer: 13a, intl, zh, char, or none; the run's without it.")
    ] = None,
    lowercase: Annotated[bool, typer.Option("--lowercase", help="Ignore case, whatever the run says.")] = False,
    beam: Annotated[int | None, typer.Option(help="Hypotheses kept; the run's search.beam without it.")] = None,
    checkpoint: Annotated[str, typer.Option(help="best, last, or a step.")] = "best",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Translate a test set and score it: BLEU and chrF with 95 % intervals, exact match, by length.

    A pronoun corpus (pizzeria) also gets its pronoun accuracy, beside what the shortcuts reach.
    """
    from dragoman.cli.display import console, print_json
    from dragoman.cli.opening import open_translator
    from dragoman.config.loading import override
    from dragoman.evaluation import compare
    from dragoman.evaluation import evaluate as measure

    translator = open_translator(run, checkpoint)
    wanted = {"evaluation.tokenize": tokenize, "evaluation.lowercase": lowercase or None}
    settings = override(translator.settings, None, wanted).evaluation
    other = open_translator(baseline, "best") if baseline else None
    text = _test_set(source, reference, (corpus, split), translator.settings)
    _doubt(text.target, settings.tokenize)
    begin = time.perf_counter()
    hypotheses = [found.text for found in translator.translate(text.source, beam=beam)]
    seconds = time.perf_counter() - begin
    result = measure(hypotheses, text.target, text.source, settings)
    values: dict[str, Any] = {**result.to_json(), "seconds": seconds}
    pronouns = _pronouns(text.name, split, translator.settings.pizzeria, hypotheses)
    if pronouns is not None:
        values |= pronouns.to_json()
    compared = None
    if other is not None:
        theirs = [found.text for found in other.translate(text.source, beam=beam)]
        compared = compare(hypotheses, theirs, text.target, settings)
        values["baseline"] = {"run": str(baseline), **compared.to_json()}
    if json:
        return print_json(values)
    console().print(f"{text.name}: {len(text)} sentences translated in {seconds:.1f} s", markup=False)
    _show(result)
    if pronouns is not None:
        _show_pronouns(pronouns)
    if compared is not None:
        _show_comparison(compared, str(baseline))


def _test_set(
    source: Path | None, reference: Path | None, named: tuple[str | None, str], settings: "Settings"
) -> "ParallelText":
    from dragoman.corpora import load_named, read_pair
    from dragoman.errors import DragomanError, UsageError

    corpus, split = named
    if corpus and (source or reference):
        raise UsageError("give --corpus, or --source and --reference, not both")
    if not (source or reference):
        corpus = corpus or settings.data.corpus
    if corpus:
        return load_named(corpus, split, settings.pizzeria)
    if source is None or reference is None:
        raise UsageError("nothing to evaluate on: give --source and --reference, or --corpus")
    text = read_pair(source, reference)
    if not len(text):
        raise DragomanError(f"{source} has no lines: give at least one sentence")
    return text


def _doubt(references: "Sequence[str]", tokenize: str) -> None:
    """Says where BLEU's tokenizer does not suit the text."""
    from dragoman.cli.display import console
    from dragoman.evaluation import look_tokenized, look_unspaced

    if tokenize != "none" and look_tokenized(references):
        console().print("warning: the references are tokenized already; published figures are by --tokenize none")
    if tokenize not in ("zh", "char") and look_unspaced(references):
        mend = "give --tokenize char, for Chinese zh"
        console().print(f"warning: BLEU needs words, and the references have no spaces; {mend}")


def _pronouns(corpus: str, split: str, settings: "PizzeriaSettings", hypotheses: list[str]) -> "PronounScores | None":
    """Scores er, sie, es where the corpus is the pizzeria into German."""
    from dragoman.corpora.named import ALIASES
    from dragoman.evaluation import score_pronouns

    if not corpus.startswith("pizzeria:en-de"):
        return None
    return score_pronouns(ALIASES.get(split, split), settings, hypotheses)  # type: ignore[arg-type]


def _show(result: "Evaluation") -> None:
    for name, found in (("BLEU", result.bleu), ("chrF", result.chrf)):
        print(f"{name:12}{found.score:6.2f}  [{found.low:.2f}, {found.high:.2f}]  {found.signature}")
    print(f"{'exact match':12}{100 * result.exact_match:6.2f} %")
    print(f"{'by length':12}{'words':>6}{'lines':>8}{'BLEU':>8}{'chrF':>8}")
    for bucket in result.by_length:
        print(f"{'':12}{bucket.label:>6}{bucket.sentences:8}{bucket.bleu:8.2f}{bucket.chrf:8.2f}")


def _show_pronouns(pronouns: "PronounScores") -> None:
    print(f"right er, sie or es: {pronouns.accuracy:.1%} of {pronouns.sentences:,} sentences with *it*")
    for name, score in pronouns.shortcuts.items():
        print(f"{'':12}{name:28}{score:6.1%}")


def _show_comparison(compared: "Comparison", baseline: str) -> None:
    for name, difference in (("BLEU", compared.bleu), ("chrF", compared.chrf)):
        print(
            f"{name} against {baseline}: {difference.difference:+.2f} "
            f"[{difference.low:+.2f}, {difference.high:+.2f}], p = {difference.p_value:.3f}"
        )
