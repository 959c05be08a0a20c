"""The main job, start to finish: train on the pizzeria, test on combinations never seen, tell what was learnt."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dragoman.config.loading import build_settings
from dragoman.corpora.pizzeria import PizzeriaPair, generate, pronoun_accuracy, shortcut_scores
from dragoman.training.reporting import Reporter
from dragoman.training.start import start

SHOWN = (
    "The pizza came out of the oven and it tasted good.",
    "The pizza came out of the oven and it was switched off.",
)
"""The sentence that everybody explains attention with, and its twin; three test sentences follow them."""


@dataclass(frozen=True)
class Shown:
    """A translation in the report; the reference where there is one."""

    source: str
    text: str
    reference: str


@dataclass(frozen=True)
class DemoReport:
    """What the demo's translator can do."""

    run: Path
    seconds: float
    """From the first line to the last, by the clock."""
    sentences: int
    exact_match: float
    pronoun_accuracy: float
    pronouns: int
    bleu: float
    shortcuts: dict[str, float]
    shown: list[Shown]

    def to_json(self) -> dict[str, Any]:
        """The figures by their names."""
        return {
            "exact_match": self.exact_match,
            "pronoun_accuracy": self.pronoun_accuracy,
            "bleu": self.bleu,
            "seconds": self.seconds,
            "run": str(self.run),
            "sentences": self.sentences,
            "pronouns": self.pronouns,
            "shortcuts": self.shortcuts,
            "translations": [vars(shown) for shown in self.shown],
        }

    def text(self) -> str:
        """The report as people read it."""
        lines = [
            f"Tested on {self.sentences:,} sentences; what *it* means and what is said of it never met in training.",
            "",
            f"  exact match        {self.exact_match:7.1%}",
            f"  BLEU               {self.bleu:6.1f}",
            f"  right er/sie/es    {self.pronoun_accuracy:7.1%}   ({self.pronouns:,} sentences with *it*)",
            *(f"    {name:28}{score:5.1%}" for name, score in self.shortcuts.items()),
            "",
        ]
        for shown in self.shown:
            lines += [f"  {shown.source}", f"    {shown.text}"]
            if shown.reference and shown.reference != shown.text:
                lines += [f"    (expected: {shown.reference})"]
        lines += [
            "",
            f"Done in {self.seconds:.0f} s; the translator is in {self.run}. What to type next:",
            f'  echo "The soup stood on the stove and it was cold." | dragoman translate {self.run}',
            f"  dragoman evaluate {self.run} --corpus pizzeria --split test",
            "  dragoman train runs/mine --source my.en --target my.de --minutes 20",
        ]
        return "\n".join(lines)


def run_demo(out: Path, reporter: Reporter) -> DemoReport:
    """Trains into the folder `out` and tests once on the held-out combinations.

    Raises:
        DragomanError: the folder is taken, or the run cannot be saved.
    """
    begin = time.monotonic()
    settings = build_settings("demo")
    start(out, settings, reporter)
    train, test = generate("train", settings.pizzeria), generate("test", settings.pizzeria)
    return report(out, train, test, begin)


def report(run: Path, train: Sequence[PizzeriaPair], test: Sequence[PizzeriaPair], begin: float) -> DemoReport:
    """Translates the test sentences and scores them."""
    from dragoman.evaluation import evaluate
    from dragoman.translation.loading import load

    translator = load(run)
    references = [pair.target for pair in test]
    hypotheses = [found.text for found in translator.translate([pair.source for pair in test])]
    scores = evaluate(hypotheses, references)
    pronouns = [(pair, text) for pair, text in zip(test, hypotheses, strict=True) if pair.pronoun]
    known = {pair.source: pair.target for pair in (*train, *test)}
    shown = [
        Shown(source, found.text, known.get(source, ""))
        for source, found in zip(SHOWN, translator.translate(SHOWN), strict=True)
    ]
    shown += [Shown(pair.source, text, pair.target) for pair, text in pronouns[:: max(1, len(pronouns) // 3)][:3]]
    return DemoReport(
        run=run,
        seconds=time.monotonic() - begin,
        sentences=len(test),
        exact_match=scores.exact_match,
        pronoun_accuracy=pronoun_accuracy([pair for pair, _ in pronouns], [text for _, text in pronouns]),
        pronouns=len(pronouns),
        bleu=scores.bleu.score,
        shortcuts=shortcut_scores(train, test),
        shown=shown,
    )
