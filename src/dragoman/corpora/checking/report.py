"""What a check found, for people and programs."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from dragoman.corpora.checking.kinds import Kind
from dragoman.corpora.checking.shifts import FAR_REACH, Stretch


@dataclass(frozen=True)
class Example:
    """A faulty pair."""

    line: int
    """Its number, from 1."""
    source: str
    target: str


@dataclass(frozen=True)
class Finding:
    """One kind of fault."""

    kind: Kind
    count: int
    """Pairs that have it."""
    share: float
    """Of all pairs, 0 to 1."""
    examples: list[Example]


@dataclass(frozen=True)
class Report:
    """The result of a check."""

    name: str
    counts: tuple[int, int]
    """Lines of the source and of the target."""
    kept: int
    """Pairs that cleaning keeps."""
    languages: tuple[str, str]
    """The sides' languages as given or guessed; empty where they are not known."""
    strangers: tuple[Counter[str], Counter[str]]
    """Lines in other languages, by language, on either side."""
    findings: list[Finding]
    """Kinds that were found, in the table's order."""
    stretches: list[Stretch]
    notes: list[str]
    """What else there is to say."""

    @property
    def pairs(self) -> int:
        """Lines that have a partner."""
        return min(self.counts)

    def to_json(self) -> list[dict[str, Any]]:
        """Objects with `event`: a fault each, a stretch each, and the verdict."""
        faults = [
            {
                "event": "fault",
                "kind": found.kind.name,
                "count": found.count,
                "share": found.share,
                "removes": found.kind.removes,
                "meaning": found.kind.what,
                "mend": found.kind.mend,
                "examples": [asdict(example) for example in found.examples],
            }
            for found in self.findings
        ]
        stretches = [
            {"event": "stretch", "first": part.first + 1, "last": part.last + 1, "shift": part.shift}
            for part in self.stretches
        ]
        verdict = {
            "event": "verdict",
            "corpus": self.name,
            "source_lines": self.counts[0],
            "target_lines": self.counts[1],
            "pairs": self.pairs,
            "kept": self.kept,
            "source_language": self.languages[0],
            "target_language": self.languages[1],
            "wrong_languages": [dict(side.most_common()) for side in self.strangers],
            "notes": self.notes,
        }
        return [*faults, *stretches, verdict]


def uneven(counts: tuple[int, int], stretches: list[Stretch]) -> str:
    """Says how unequal line counts came about, as far as it shows; empty where they are equal."""
    difference = counts[1] - counts[0]
    if not difference:
        return ""
    said = f"the source has {counts[0]:,} lines, the target {counts[1]:,}"
    last = stretches[-1] if stretches else None
    if last and last.shift == difference and last.last >= min(counts) - 1 - abs(difference):
        lost = (
            "missing in the target or added to the source"
            if difference < 0
            else "missing in the source or added to the target"
        )
        many = f"{abs(difference)} lines are" if abs(difference) > 1 else "a line is"
        return f"{said}: {many} {lost} near line {last.first + 1:,}, from which the sides are shifted to the end"
    if stretches:
        shifted = "where the sides went apart was not found"
    elif abs(difference) > FAR_REACH:
        shifted = "a shift by so many was not looked for: are these the right two files?"
    else:
        shifted = "the lines before do not look shifted"
    return f"{said}; the last {abs(difference):,} have no partner, and {shifted}"


def quotes(everywhere: bool) -> str:
    """Says what quotation marks around nearly every line are; empty where there are none."""
    if not everywhere:
        return ""
    return (
        "nearly every line stands in quotation marks, as a spreadsheet writes cells: they would be learnt as text; "
        "write the file without them"
    )
