"""Sentences and their translations, line by line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ParallelText:
    """Sentence i of `target` translates sentence i of `source`."""

    source: list[str]
    target: list[str]
    name: str
    """What messages and reports call it."""

    def __len__(self) -> int:
        return len(self.source)

    def reversed(self) -> "ParallelText":
        """The same pairs in the other direction."""
        return ParallelText(self.target, self.source, self.name)

    def without_empty(self) -> "ParallelText":
        """The pairs that have words on both sides."""
        return self.where([bool(s.strip() and t.strip()) for s, t in zip(self.source, self.target, strict=True)])

    def where(self, kept: list[bool]) -> "ParallelText":
        """The pairs whose place in `kept` is True."""
        source = [line for line, keep in zip(self.source, kept, strict=True) if keep]
        target = [line for line, keep in zip(self.target, kept, strict=True) if keep]
        return ParallelText(source, target, self.name)
