"""The main job, start to finish: train on the pizzeria, test on combinations never seen, tell what was learnt."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dragoman.config.loading import build_settings
from dragoman.corpora.pizzeria import PizzeriaPair, generate
from dragoman.errors import DragomanError
from dragoman.evaluation.pronouns import PronounScores, score_pronouns
from dragoman.training.reporting import Reporter
from dragoman.training.start import start

SHOWN = (
    "The pizza came out of the oven and it tasted good.",
    "The pizza came out of the oven and it was switched off.",
)
"""The sentence that everybody explains attention with, and its twin; three test sentences follow them."""
MEASURED = 1000
"""Test sentences on which is counted how often *it* looks at what it means."""
PICTURE = "where-it-looks.png"
GOOD = 0.9
"""Exact match below which the demo was too short for the machine, and says how to go on."""


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
    bleu: float
    pronouns: PronounScores
    shown: list[Shown]
    picture: Path
    """Where *it* looks in the first two."""
    looks: list[str]
    """How often that look is right, in words."""

    def to_json(self) -> dict[str, Any]:
        """The figures by their names."""
        return {
            "exact_match": self.exact_match,
            **self.pronouns.to_json(),
            "bleu": self.bleu,
            "seconds": self.seconds,
            "run": str(self.run),
            "sentences": self.sentences,
            "translations": [vars(shown) for shown in self.shown],
            "picture": str(self.picture),
            "looks": self.looks,
        }

    def text(self) -> str:
        """The report as people read it."""
        lines = [
            f"Tested on {self.sentences:,} sentences; what *it* means and what is said of it never met in training.",
            "",
            f"  exact match        {self.exact_match:7.1%}",
            f"  BLEU               {self.bleu:6.1f}",
            f"  right er/sie/es    {self.pronouns.accuracy:7.1%}   ({self.pronouns.sentences:,} sentences with *it*)",
            *(f"    {name:28}{score:5.1%}" for name, score in self.pronouns.shortcuts.items()),
            "",
        ]
        for shown in self.shown:
            lines += [f"  {shown.source}", f"    {shown.text}"]
            if shown.reference and shown.reference != shown.text:
                lines += [f"    (expected: {shown.reference})"]
        lines += ["", f"Where *it* looks in the first two: {self.picture}", *(f"  {look}" for look in self.looks)]
        lines += [
            "",
            f"Done in {self.seconds:.0f} s; the translator is in {self.run}. What to type next:",
            f'  dragoman inspect {self.run} "{SHOWN[0]}" --word it',
            f'  echo "The soup stood on the stove and it was switched off." | dragoman translate {self.run}',
            f"  dragoman evaluate {self.run} --corpus pizzeria --split test",
            "  dragoman train runs/mine --source my.en --target my.de --minutes 20",
        ]
        if self.exact_match < GOOD:
            lines += [
                "",
                "Three minutes were too short on this machine, or something else ran on it. To go on:",
                f"  dragoman train {self.run} --resume --minutes 10",
            ]
        return "\n".join(lines)


def run_demo(out: Path, reporter: Reporter) -> DemoReport:
    """Trains into the folder `out` and tests once on the held-out combinations.

    Raises:
        DragomanError: the folder is taken, or the run cannot be saved.
    """
    begin = time.monotonic()
    settings = build_settings("demo")
    ending = start(out, settings, reporter)
    if not ending.finished:
        raise DragomanError(f"the demo was {ending.message.replace('--resume', f'`dragoman train {out} --resume`')}")
    return report(out, begin)


def report(run: Path, begin: float) -> DemoReport:
    """Translates the test sentences once and scores them; `begin` is when the demo began (monotonic clock)."""
    from dragoman.evaluation import evaluate
    from dragoman.inspection.pronoun_picture import caption, draw_looks, look_of
    from dragoman.inspection.pronouns import measure_pronouns
    from dragoman.translation.loading import load

    translator = load(run)
    test = generate("test", translator.settings.pizzeria)
    hypotheses = [found.text for found in translator.translate([pair.source for pair in test])]
    scores = evaluate(hypotheses, [pair.target for pair in test])
    twins = translator.translate(SHOWN)
    shown = [Shown(source, found.text, "") for source, found in zip(SHOWN, twins, strict=True)]
    measured = measure_pronouns(translator, generate("valid", translator.settings.pizzeria), test[:MEASURED])
    traces = translator.explain_batch([twin.source for twin in shown], [twin.text for twin in shown])
    looks = [look_of(trace, twin.text, measured) for trace, twin in zip(traces, shown, strict=True)]
    draw_looks(looks, measured, run / PICTURE)
    return DemoReport(
        run=run,
        seconds=time.monotonic() - begin,
        sentences=len(test),
        exact_match=scores.exact_match,
        bleu=scores.bleu.score,
        pronouns=score_pronouns("test", translator.settings.pizzeria, hypotheses),
        shown=shown + _some(test, hypotheses),
        picture=run / PICTURE,
        looks=caption(measured),
    )


def _some(test: Sequence[PizzeriaPair], hypotheses: Sequence[str]) -> list[Shown]:
    """Three test sentences with *it*, evenly spread."""
    chosen = [Shown(p.source, text, p.target) for p, text in zip(test, hypotheses, strict=True) if p.pronoun]
    return chosen[:: max(1, len(chosen) // 3)][:3]
