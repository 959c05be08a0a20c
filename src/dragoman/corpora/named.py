"""Named corpora: what there is, and reading it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, get_args

from dragoman.config import PizzeriaSettings
from dragoman.corpora import multi30k
from dragoman.corpora.fetch import cache_folder, fetch_file, files_of, find_file
from dragoman.corpora.hub import open_hub, read_hub, stream_hub
from dragoman.corpora.multi30k import Multi30kFile
from dragoman.corpora.names import HUB, KINDS, CorpusName, parse_name
from dragoman.corpora.parallel import Pairs, ParallelText
from dragoman.corpora.reading import read_pair
from dragoman.errors import UsageError, nearest

PizzeriaSplit = Literal["train", "valid", "test"]
ALIASES = {"val": "valid", "validation": "valid"}
"""Other names of splits."""
_MULTI30K_ALIASES = {"test": "test2016", "test_2016_flickr": "test2016"}


@dataclass(frozen=True)
class CorpusRow:
    """What the user is told about a named corpus."""

    name: str
    pairs: dict[str, int]
    """Sentence pairs of each split; empty where only the dataset knows."""
    what: str
    where: str
    """The folder it is in, or how to get it."""
    present: bool
    """Whether it can be read without the network."""


@dataclass(frozen=True)
class Splits:
    """A corpus whose splits are read when they are asked for."""

    name: CorpusName
    readers: dict[str, Callable[[], ParallelText]] = field(repr=False)
    streams: dict[str, Callable[[], Iterator[Pairs]]] = field(repr=False, default_factory=dict)
    """Where a split may be too large for lists of lines: the way to have it part by part."""

    def stream(self, split: str) -> Iterator[Pairs]:
        """One split, part by part."""
        if split in self.streams:
            return self.streams[split]()
        text = self.read(split)
        return iter([(list(text.source), list(text.target))])

    def title(self, split: str) -> str:
        """What messages call a split."""
        return str(self.name) if split in self.streams else f"{self.name} {split}"

    def read(self, split: str) -> ParallelText:
        """Reads one split, named as this corpus names it."""
        return self.readers[split]()


def open_named(name: CorpusName, pizzeria: PizzeriaSettings) -> Splits:
    """Gives the splits of a corpus: train, valid and its tests."""
    if name.kind == HUB:
        found = open_hub(name)
        streams: dict[str, Callable[[], Iterator[Pairs]]]
        streams = {split: partial(stream_hub, name, data) for split, data in found.items()}
        return Splits(name, {split: partial(read_hub, name, data) for split, data in found.items()}, streams)
    if name.kind == "pizzeria":
        return Splits(name, {split: partial(_generate, name, split, pizzeria) for split in get_args(PizzeriaSplit)})
    return Splits(name, {split: partial(_read_multi30k, name, split) for split in multi30k.SPLIT_FILES})


def load_named(name: str, split: str, pizzeria: PizzeriaSettings | None = None) -> ParallelText:
    """Reads one split of a named corpus: train, valid or test (Multi30k: also test2016, test_2016_flickr).

    Raises:
        UsageError: no corpus or no split of it has this name.
        DragomanError: the corpus cannot be had.
    """
    splits = open_named(parse_name(name), pizzeria or PizzeriaSettings())
    aliases = ALIASES | (_MULTI30K_ALIASES if splits.name.kind.startswith("multi30k") else {})
    chosen = aliases.get(split, split)
    if chosen not in splits.readers:
        known = [*splits.readers, *(alias for alias, meant in aliases.items() if meant in splits.readers)]
        raise UsageError(f"{splits.name} has no split '{split}'{nearest(split, known)}")
    return splits.read(chosen)


def corpus_list() -> list[CorpusRow]:
    """Every name that can be given, and whether its files are here."""
    names = [parse_name(f"{kind}:{pair}") for kind, pairs in KINDS.items() for pair in pairs]
    hub = CorpusRow(
        "hf:NAME:SOURCE-TARGET",
        {},
        "any dataset of the Hugging Face hub, or a local dataset folder",
        "through the datasets library: pip install datasets",
        False,
    )
    return [*(_row(name) for name in names), hub]


def _row(name: CorpusName) -> CorpusRow:
    if name.kind == "pizzeria":
        defaults = PizzeriaSettings()
        counts = {"train": defaults.train_pairs, "valid": defaults.valid_pairs, "test": defaults.test_pairs}
        what = "generated: what 'it' means decides the German pronoun"
        return CorpusRow(str(name), counts, what, "built in", True)
    form = "lower-cased, Moses-tokenized" if name.kind == "multi30k-tok" else "raw"
    found = [find_file(file) for file in files_of(name)]
    folders = sorted({str(place.parent) for place in found if place})
    present = all(found)
    where = ", ".join(folders) if present else f"not in {cache_folder()} yet: dragoman corpus fetch {name}"
    return CorpusRow(str(name), multi30k.PAIR_COUNTS, f"captions of pictures, {form}", where, present)


def _read_multi30k(name: CorpusName, split: str) -> ParallelText:
    tokenized = name.kind == "multi30k-tok"
    source, target = (fetch_file(Multi30kFile(split, language, tokenized)) for language in (name.source, name.target))
    text = read_pair(source, target)
    return ParallelText(text.source, text.target, f"{name} {split}")


def _generate(name: CorpusName, split: PizzeriaSplit, settings: PizzeriaSettings) -> ParallelText:
    from dragoman.corpora.pizzeria import generate

    pairs = generate(split, settings)
    text = ParallelText([pair.source for pair in pairs], [pair.target for pair in pairs], f"{name} {split}")
    return text if name.source == "en" else text.reversed()
