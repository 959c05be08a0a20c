"""The word alignment of one sentence as people read it: spelt words and how much one looked at the other."""

from typing import NamedTuple

from dragoman.inspection.alignment import Choice, Projections, align
from dragoman.inspection.words import between_words, spelt, words_of
from dragoman.tracing import Trace


class WordLink(NamedTuple):
    """A written word and the source word that it is linked with."""

    target: str
    source: str
    weight: float
    """The attention between them (0-1), at the step that the choice looks at."""


def word_links(trace: Trace, choice: Choice, weights: Projections | None = None) -> list[WordLink]:
    """Spells out what `align` links, in the order of the written words; the end marks are no words.

    Raises:
        DragomanError: as `align`.
    """
    source, target = words_of(trace.source_tokens[:-1]), words_of(trace.target_tokens[:-1])
    if not source or not target:
        return []
    found = trace.attentions[choice.attention].weights
    chosen = found.mean(0) if choice.head is None else found[choice.head]
    later = int(choice.convention == "reading")
    looked = between_words(chosen, [[place + later for place in word] for word in target], source)
    names = spelt(trace.source_tokens, source), spelt(trace.target_tokens, target)
    return [WordLink(names[1][to], names[0][of], float(looked[to, of])) for of, to in align(trace, choice, weights)]
