"""The picture of where *it* looks: a few sentences, and under them how often that attention is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any, get_args

import numpy as np
from jaxtyping import Float

from dragoman.errors import UsageError
from dragoman.inspection.alignment import joined_heads
from dragoman.inspection.printing import INK, QUIET, box, page
from dragoman.inspection.pronouns import PronounMeasure, Reader
from dragoman.inspection.words import between_words, spelt, words_of
from dragoman.tracing import Trace

_COLOURS: dict[Reader, str] = {"it": "#57388f", "end mark": "#d08a2e"}
_LABELS: dict[Reader, str] = {"it": "where “it” looks", "end mark": "where the end mark looks"}
_WIDTH, _PANEL, _STRIDE = 8.0, 1.2, 1.95
"""Inches: of the bars of a sentence, their height, and from one sentence to the next."""
_LETTERS = 110
"""Of a translation that are written above its bars."""


@dataclass(frozen=True)
class Look:
    """One sentence, its translation, and the attention of *it* and of the end mark to each of its words."""

    words: list[str]
    translation: str
    weights: dict[Reader, Float[np.ndarray, "W"]]


def look_of(trace: Trace, translation: str, measured: Sequence[PronounMeasure]) -> Look:
    """Takes from a trace the attention that was chosen for each reader (`measure_pronouns`), *it* being the last one.

    Raises:
        UsageError: the sentence has no *it*.
    """
    tokens = trace.source_tokens
    places = [*words_of(tokens[:-1]), [len(tokens) - 1]]
    words = spelt(tokens, places)
    if "it" not in words:
        raise UsageError("there is no 'it' in this sentence; give one that has it as a word of its own")
    query: dict[Reader, list[int]] = {"it": places[len(words) - 1 - words[::-1].index("it")], "end mark": places[-1]}
    weights = {}
    for measure in measured:
        found = measure.among_words
        heads = joined_heads(trace.attentions[f"encoder.{found.layer}.self"].weights)
        chosen = heads[-1 if found.head is None else found.head]
        weights[measure.reader] = between_words(chosen, [query[measure.reader]], places)[0]
    return Look(words, translation, weights)


def caption(measured: Sequence[PronounMeasure]) -> list[str]:
    """How often each reader's attention is right on the test set, in words."""
    lines = []
    for measure in measured:
        found = measure.among_words
        which = "heads averaged" if found.head is None else f"head {found.head}"
        lines.append(
            f"{measure.reader} (encoder layer {found.layer}, {which}): most at the noun that it means in "
            f"{found.test.percent()} of {measure.sentences[1]:,} test sentences; by chance {found.chance:.0%}"
        )
    return lines


def draw_looks(looks: Sequence[Look], measured: Sequence[PronounMeasure], out: Path) -> str:
    """Draws the sentences above each other; gives what is to be told about the file.

    Raises:
        DragomanError: the file cannot be written.
    """
    texts = [word for look in looks for word in [*look.words, look.translation]]
    with page(texts, out) as sheet:
        height = 0.55 + len(looks) * _STRIDE
        figure = sheet.figure(_WIDTH + 0.8, height + 0.2 * len(measured) + 0.3)
        for row, look in enumerate(looks):
            axes = box(figure, 0.5, 0.6 + row * _STRIDE, _WIDTH, _PANEL)
            _bars(axes, look, sheet.texts(look.words))
            axes.set_title(f"→ {shorten(look.translation, _LETTERS, placeholder=' …')}", loc="left", fontsize=9, pad=6)
            if row == 0:
                axes.legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(1, 1.4), ncols=2)
        full = figure.get_size_inches()[1]
        for number, line in enumerate([*caption(measured), "Layer and head were chosen on validation sentences."]):
            figure.text(0.5 / (_WIDTH + 0.8), 1 - (height + 0.2 * number) / full, line, fontsize=7.5, color=QUIET)
        return sheet.save(figure)


def _bars(axes: Any, look: Look, words: Sequence[str]) -> None:
    readers = [reader for reader in get_args(Reader) if reader in look.weights]
    width = 0.8 / len(readers)
    for number, reader in enumerate(readers):
        places = np.arange(len(words)) + width * (number - (len(readers) - 1) / 2)
        axes.bar(places, look.weights[reader], width, color=_COLOURS[reader], label=_LABELS[reader])
    axes.set_xticks(range(len(words)), words, fontsize=9, color=INK)
    axes.set(ylim=(0, 1), yticks=[0, 0.5, 1])
    axes.tick_params(labelsize=7, axis="y")
    axes.spines[["top", "right"]].set_visible(False)
