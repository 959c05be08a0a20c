"""The more often training ties *it* to the food, the more an open *it* means the food: followed run by run.

    python benchmarks/food_share.py --out runs/food_share

Trains with the demo preset and equal updates on corpora in which *it* means the food in 50, 70, 90 and 100 % of the
sentences; in three of ten the predicate suits both nouns ("and it was hot"). All runs are then measured on the same
such sentences, which stand in no training. A run that exists is measured without training it anew.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dragoman.config import PizzeriaSettings
from dragoman.corpora.pizzeria import PizzeriaPair, Pronoun, generate, words
from dragoman.corpora.pizzeria.lexicon import FOODS, THINGS
from dragoman.inspection.interventions import GENDERS, pronoun_choices, pronoun_probability
from dragoman.inspection.measures import Estimate, mean, traced
from dragoman.inspection.pronouns import Reader, attention_of, measure_pronouns
from dragoman.translation import Translator
from dragoman.translation.loading import load

DRAGOMAN = [sys.executable, "-m", "dragoman"]
OPEN = PizzeriaSettings(food_share=0.5, ambiguous_share=1.0, test_pairs=1000)
"""The sentences that every run is measured on; which noun they were drawn for does not show in them."""
_GENDER_OF = {noun.english.split()[-1]: noun.gender for noun in (*FOODS, *(thing.noun for thing in THINGS))}


@dataclass(frozen=True)
class Row:
    """One run on the open sentences."""

    share: float
    food: Estimate
    """Probability of the food's pronoun."""
    thing: Estimate
    chosen: Estimate
    """Share of sentences in which the food's pronoun is the most probable of er, sie, es."""
    attention: Estimate
    """Of the attention that falls on the two nouns, how much falls on the food."""
    where: str
    clear: Estimate
    """Probability of the right pronoun where the predicate decides, in the run's own test sentences."""


def main() -> None:
    """Trains what is missing, measures, tells, draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/food_share"))
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--ambiguous-share", type=float, default=0.3)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 0.7, 0.9, 1.0])
    options = parser.parse_args()
    rows = []
    for share in options.shares:
        run = options.out / f"{share}"
        if not (run / "best.json").exists():
            train(run, options.updates, share, options.ambiguous_share)
        rows.append(measure(run, share))
    print(table(rows))
    draw(rows, options.out / "food_share.png")


def train(run: Path, updates: int, share: float, ambiguous: float) -> None:
    """One training; everything but the share is the same."""
    settings = {
        "pizzeria.food_share": share,
        "pizzeria.ambiguous_share": ambiguous,
        "training.steps": updates,
        "training.minutes": 0,
    }
    sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    command = [*DRAGOMAN, "train", str(run), "--corpus", "pizzeria:en-de", "--preset", "demo", *sets]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def measure(run: Path, share: float) -> Row:
    """What a run does with the open sentences."""
    translator = load(run)
    pairs = [pair for pair in generate("test", OPEN) if pair.pronoun]
    choices = pronoun_choices(translator, pairs)
    genders = [genders_of(pair) for pair in pairs]
    at = np.arange(len(pairs))
    food, thing = (np.array([GENDERS.index(pair[side]) for pair in genders]) for side in (0, 1))
    where, attention = attention_on_food(translator, pairs)
    settings = translator.settings.pizzeria
    clear = [pair for pair in generate("test", settings)[:1000] if pair.pronoun and not pair.pronoun.ambiguous]
    return Row(
        share=share,
        food=mean(choices[at, food]),
        thing=mean(choices[at, thing]),
        chosen=mean(choices.argmax(-1) == food),
        attention=mean(attention),
        where=where,
        clear=mean(pronoun_probability(translator, clear)),
    )


def genders_of(pair: PizzeriaPair) -> tuple[str, str]:
    """The grammatical gender of the food and of the thing."""
    line = words(pair.source)
    food, thing = nouns_of(_pronoun(pair))
    return _GENDER_OF[line[food].lower()], _GENDER_OF[line[thing].lower()]


def nouns_of(pronoun: Pronoun) -> tuple[int, int]:
    """Where the food and the thing stand."""
    both = pronoun.antecedent_source_index, pronoun.other_source_index
    return both if pronoun.referent_class == "food" else both[::-1]


def attention_on_food(translator: Translator, pairs: Sequence[PizzeriaPair]) -> tuple[str, NDArray[np.float64]]:
    """The food's part of the attention on both nouns.

    Query, layer and head are those that find the antecedent most often where the predicate decides (validation).
    """
    valid = [pair for pair in generate("valid", translator.settings.pizzeria) if pair.pronoun]
    clear = [pair for pair in valid if not _pronoun(pair).ambiguous]
    best = max(measure_pronouns(translator, clear, clear), key=lambda one: one.among_nouns.valid)
    reader: Reader = best.reader
    layer, head = best.among_nouns.layer, -1 if best.among_nouns.head is None else best.among_nouns.head
    shares = []
    for pair, trace in traced(translator, pairs):
        seen = attention_of(reader, _pronoun(pair), trace)[layer, head]
        food, thing = (float(seen[place]) for place in nouns_of(_pronoun(pair)))
        shares.append(food / (food + thing))
    return f"{reader}, layer {layer}, {'heads together' if head < 0 else f'head {head}'}", np.array(shares)


def table(rows: Sequence[Row]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{date.today()}; {len([pair for pair in generate('test', OPEN) if pair.pronoun]):,} open test sentences",
        "",
        "| food_share | P(food's pronoun) | P(thing's pronoun) | Food's is the most probable | Attention on the food "
        "| Query, layer, head | P(right), clear sentences |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        figures = (row.food, row.thing, row.chosen, row.attention)
        told = " | ".join(figure.percent() for figure in figures)
        lines.append(f"| {row.share} | {told} | {row.where} | {row.clear.percent()} |")
    return "\n".join(lines)


def draw(rows: Sequence[Row], path: Path) -> None:
    """The share of training against what the runs do."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    shares = [row.share for row in rows]
    axes.plot([0.5, 1], [0.5, 1], color="0.7", linestyle=":", label="share in training")
    for label, found in (
        ("P(food's pronoun)", [row.food for row in rows]),
        ("attention on the food", [row.attention for row in rows]),
    ):
        values = np.array([estimate.value for estimate in found])
        reach = np.array([[e.value - e.low for e in found], [e.high - e.value for e in found]])
        axes.errorbar(shares, values, yerr=np.maximum(reach, 0), marker="o", capsize=3, label=label)
    axes.set(xlabel="share of training sentences in which it means the food", ylabel="open test sentences", ylim=(0, 1))
    axes.legend(loc="lower right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _pronoun(pair: PizzeriaPair) -> Pronoun:
    assert pair.pronoun is not None
    return pair.pronoun


if __name__ == "__main__":
    main()
