"""The check of a parallel corpus: survey, scan, judge, report; memory does not grow with the text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dragoman.corpora.checking.cleaning import clean, cleaned_files
from dragoman.corpora.checking.columns import ColumnFiles
from dragoman.corpora.checking.hashing import digest, later_ones, repeated
from dragoman.corpora.checking.kinds import KINDS, bit, either, removing
from dragoman.corpora.checking.lengths import learn_ratios, sample_lengths
from dragoman.corpora.checking.lines import read_line
from dragoman.corpora.checking.pairs import Pairs, read_test_lines
from dragoman.corpora.checking.report import Example, Finding, Report, quotes, uneven
from dragoman.corpora.checking.scanning import LeakDigests, Plan, scan_all
from dragoman.corpora.checking.shifts import REACH, Stretch, find_shifts, learn_background
from dragoman.corpora.checking.survey import Advance, survey
from dragoman.errors import DragomanError

EXAMPLES = 3
"""So many examples of each kind."""
_WHOLE = ("ratio", "shifted", "duplicate", "near-duplicate", "other-target")
"""Kinds that only the whole corpus shows; their flags take one byte a pair."""
_BLOCK = 1 << 18
_SHOWN = 1_000
"""Characters of an example that are kept."""


def _quiet(stage: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Wishes:
    """What a check is asked for."""

    languages: tuple[str, str] = ("", "")
    """Codes such as en and de; empty ones are guessed."""
    against: Sequence[Path] = ()
    """Test files of either language, whose lines must not be in the corpus."""
    keep: frozenset[str] = frozenset()
    """Kinds for which no pair is removed."""
    clean: Path | None = None
    """The beginning of the cleaned files' names."""
    workers: int = 0
    """Processes; 0 is one for each processor."""
    advance: Advance = field(default=_quiet)
    """Progress."""


def check(pairs: Pairs, wishes: Wishes | None = None) -> Report:
    """Looks for everything that could be wrong with a parallel corpus, and writes the clean one where asked to.

    Raises:
        DragomanError: a file cannot be read or written, or a worker ended early.
    """
    wishes = wishes or Wishes()
    files = cleaned_files(wishes.clean, pairs) if wishes.clean else []
    tests = _digests(wishes.against)
    known = survey(pairs, wishes.languages, wishes.advance)
    strangers = (Counter[str](), Counter[str]())
    plan = Plan(known.sides, tests, sum(either(kind) for kind in wishes.keep))
    with ColumnFiles() as columns:
        for scanned in scan_all(pairs, plan, known.pairs, wishes.workers):
            columns.append(scanned.columns)
            for total, found in zip(strangers, scanned.languages, strict=True):
                total.update(found)
            wishes.advance("checking", columns.pairs, known.pairs)
        if columns.pairs != known.pairs:
            raise DragomanError(f"{pairs.name} changed while it was read; try again when nothing writes to it")
        judged = _Judged(columns, pairs.counts, removing(wishes.keep))
        findings, kept = judged.findings(pairs)
        if files:
            wishes.advance("writing", 0, 0)
            clean(pairs, files, judged.flags, removing(wishes.keep))
    notes = [note for note in (uneven(pairs.counts, judged.stretches), quotes(known.quoted)) if note]
    languages = (known.sides[0].language, known.sides[1].language)
    return Report(pairs.name, pairs.counts, kept, languages, strangers, findings, judged.stretches, notes)


def _digests(files: Sequence[Path]) -> LeakDigests:
    exact, near = set(), set()
    for path in files:
        for raw in read_test_lines(path):
            for part in raw.split(b"\t"):
                line = read_line(part, escaped=True, scripts=frozenset())
                if line.words:
                    exact.add(digest(line.text))
                    near.add(digest(" ".join(line.words)))
    return LeakDigests(frozenset(exact), frozenset(near))


class _Judged:
    """The faults of all pairs, those that only the whole corpus shows among them."""

    def __init__(self, columns: ColumnFiles, counts: tuple[int, int], mask: int) -> None:
        self._columns = columns
        self._mask = mask
        self._whole = np.zeros(columns.pairs, dtype=np.uint8)
        self.stretches: list[Stretch] = []
        if columns.pairs:
            self._judge_lengths(counts)
            self._judge_repeats()

    def _judge_lengths(self, counts: tuple[int, int]) -> None:
        lengths = sample_lengths(self._columns, range(-REACH, REACH + 1))
        ratios = learn_ratios(lengths)
        for places in self._columns.blocks(_BLOCK):
            self._mark("ratio", places, ratios.odd(self._columns.read("lengths", places)))
        for stretch in find_shifts(self._columns, learn_background(ratios, lengths), counts):
            self.stretches.append(stretch)
            self._mark("shifted", slice(stretch.first, stretch.last + 1), True)

    def _judge_repeats(self) -> None:
        clean = self._clean()
        later = later_ones(self._columns, "exact", clean)
        self._mark("duplicate", slice(None), later)
        near = later_ones(self._columns, "near", clean & ~later)
        self._mark("near-duplicate", slice(None), near & ~later)
        del near
        places, hashes = repeated(self._columns, "source")
        wanted = clean[places] & ~later[places]
        places, hashes = places[wanted], hashes[wanted]
        _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        self._whole[places[counts[inverse] > 1]] |= np.uint8(1 << _WHOLE.index("other-target"))

    def _mark(self, name: str, places: slice, found: NDArray[np.bool_] | bool) -> None:
        self._whole[places] |= (np.asarray(found) * (1 << _WHOLE.index(name))).astype(np.uint8)

    def _clean(self) -> NDArray[np.bool_]:
        clean = np.empty(self._columns.pairs, dtype=np.bool_)
        for places in self._columns.blocks(_BLOCK):
            clean[places] = (self.flags(places) & np.uint64(self._mask)) == 0
        return clean

    def flags(self, places: slice) -> NDArray[np.uint64]:
        """The faults of the pairs between two places. (pairs,)"""
        flags: NDArray[np.uint64] = self._columns.read("flags", places)
        whole = self._whole[places]
        for place, name in enumerate(_WHOLE):
            flags |= ((whole >> place) & 1).astype(np.uint64) << np.uint64(bit(name).bit_length() - 1)
        return flags

    def findings(self, pairs: Pairs) -> tuple[list[Finding], int]:
        """Counts each kind, with examples; and how many pairs are without a fault that removes."""
        counts: Counter[str] = Counter()
        lines: dict[str, list[int]] = {kind.name: [] for kind in KINDS}
        kept = 0
        for places in self._columns.blocks(_BLOCK):
            flags = self.flags(places)
            kept += int(((flags & np.uint64(self._mask)) == 0).sum())
            for kind in KINDS:
                found = np.flatnonzero(flags & np.uint64(either(kind.name)))
                counts[kind.name] += len(found)
                lines[kind.name] += (found[: EXAMPLES - len(lines[kind.name])] + places.start).tolist()
        texts = _texts(pairs, {place for places in lines.values() for place in places})
        return [
            Finding(
                kind, counts[kind.name], counts[kind.name] / self._columns.pairs, [texts[p] for p in lines[kind.name]]
            )
            for kind in KINDS
            if counts[kind.name]
        ], kept


def _texts(pairs: Pairs, wanted: set[int]) -> dict[int, Example]:
    """Reads the beginnings of some pairs' lines."""
    found: dict[int, Example] = {}
    for chunk in pairs.chunks() if wanted else ():
        for place in sorted(place for place in wanted if 0 <= place - chunk.first < len(chunk.source)):
            texts = [side[place - chunk.first].decode("utf-8", "replace") for side in (chunk.source, chunk.target)]
            found[place] = Example(place + 1, *(text[:_SHOWN] for text in texts))
        if len(found) == len(wanted):
            break
    return found
