"""Sentences and their translations, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dragoman.corpora.lines import Lines

Pairs = tuple[list[str], list[str]]
"""Some lines of the source, and the same lines of the target."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ParallelText:
    """Sentence i of `target` translates sentence i of `source`."""

    source: Sequence[str]
    """In memory, or mapped from the disk (`Lines`)."""
    target: Sequence[str]
    name: str
    """What messages and reports call it."""

    def __len__(self) -> int:
        return len(self.source)

    def reversed(self) -> "ParallelText":
        """The same pairs in the other direction."""
        return ParallelText(self.target, self.source, self.name)

    def without_empty(self) -> "ParallelText":
        """The pairs that have words on both sides."""
        words = (bool(s.strip() and t.strip()) for s, t in zip(self.source, self.target, strict=True))
        return self.where(np.fromiter(words, np.bool_, len(self)))

    def where(self, kept: Mask | Sequence[bool]) -> "ParallelText":
        """The pairs whose place in `kept` is True."""
        mask = np.asarray(kept, dtype=np.bool_)
        if mask.all():
            return self
        return replace(self, source=_where(self.source, mask), target=_where(self.target, mask))

    def in_memory(self) -> "ParallelText":
        """The same with its lines in lists."""
        return replace(self, source=list(self.source), target=list(self.target))


def _where(lines: Sequence[str], kept: Mask) -> Sequence[str]:
    if isinstance(lines, Lines):
        return lines.where(kept)
    return [line for line, keep in zip(lines, kept.tolist(), strict=True) if keep]
