"""The training run's way to its text: from files or from a named corpus, cleaned and split."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dragoman.config import DataSettings, PizzeriaSettings
from dragoman.corpora.fetch import files_of, find_file
from dragoman.corpora.multi30k import SPLIT_FILES
from dragoman.corpora.named import open_named
from dragoman.corpora.names import parse_name
from dragoman.corpora.parallel import Pairs, ParallelText
from dragoman.corpora.reading import file_name, gathered, pair_name, read_pair, read_tsv, stream_pair, stream_tsv
from dragoman.errors import DragomanError, UsageError

TEXT_FILES = ("source", "target", "tsv", "valid_source", "valid_target", "valid_tsv")
"""The settings that name files."""
_LARGEST_SHARE = 20
"""A hold-out is at most one pair in this many (but at least one pair)."""
Keep = Callable[[Iterator[Pairs], str], ParallelText]
"""Takes the training text in, part by part, under a name."""


@dataclass(frozen=True)
class Corpus:
    """Everything a training run reads; never a test set."""

    name: str
    train: ParallelText
    valid: ParallelText
    dropped: int
    """Pairs with an empty side that were left out of train and valid."""


def open_corpus(data: DataSettings, pizzeria: PizzeriaSettings, seed: int, keep: Keep = gathered) -> Corpus:
    """Reads the text that the settings name; without validation text some pairs are held out of training.

    Args:
        keep: where the training text goes; into lists where it is not said.

    Raises:
        UsageError: the settings contradict each other, or name an unknown corpus; all faults at once.
        DragomanError: the text cannot be read, has no words, or is too small.
    """
    if faults := _faults(data):
        raise UsageError("; ".join(faults))
    train, valid = _read_named(data.corpus, pizzeria, keep) if data.corpus else (_read_train(data, keep), None)
    if data.valid_source or data.valid_tsv:
        valid = _read_valid(data)
    name = str(parse_name(data.corpus)) if data.corpus else train.name
    kept = _with_words(train, "the corpus")
    dropped = len(train) - len(kept)
    if valid is None:
        kept, kept_valid = hold_out(kept, data.valid_lines, seed)
    else:
        kept_valid = _with_words(valid, "the validation text")
        dropped += len(valid) - len(kept_valid)
    return Corpus(name, kept, kept_valid.in_memory(), dropped)


def data_files(data: DataSettings) -> list[Path]:
    """The files that the text of these settings comes from, as far as they are here."""
    given = [getattr(data, name) for name in TEXT_FILES]
    named = files_of(parse_name(data.corpus)) if data.corpus else []
    read = [file for file in named if file.split in ("train", "valid") and file.split in SPLIT_FILES]
    return [path for file in read if (path := find_file(file))] + [Path(name) for name in given if name]


def from_the_root(data: DataSettings, before: DataSettings | None = None) -> DataSettings:
    """The same files by their paths from the root of the disk, so that they are found from every folder.

    Args:
        before: a path that is written as it is here stays as it is.
    """
    given = {name: getattr(data, name) for name in TEXT_FILES if getattr(data, name)}
    kept = {name for name in given if before and given[name] == getattr(before, name)}
    return replace(data, **{name: os.path.abspath(given[name]) for name in given.keys() - kept})


def hold_out(text: ParallelText, wanted: int, seed: int) -> tuple[ParallelText, ParallelText]:
    """Takes pairs for validation, one from each of equally long stretches; gives train and valid.

    Pairs with a held-out source sentence leave the training text too: validation is on unseen sentences.

    Raises:
        UsageError: none are wanted.
        DragomanError: too few different sentences to hold any out.
    """
    if not wanted:
        raise UsageError("data.valid_lines is 0 and there is no validation text; set data.valid_lines to 1 or more")
    total = len(text)
    if total < 2:
        raise DragomanError(
            f"{text.name} has only {total} pair to train on; give at least 2 pairs, or validation files"
        )
    count = max(1, min(wanted, total // _LARGEST_SHARE))
    draw = random.Random(seed)
    held = {draw.randrange(total * part // count, total * (part + 1) // count) for part in range(count)}
    unseen = {text.source[index] for index in held}
    train = text.where(np.fromiter((source not in unseen for source in text.source), np.bool_, total))
    if not len(train):
        raise DragomanError(
            f"{text.name} has no pair to train on besides repetitions of those held out for validation; "
            "give more pairs, or validation files"
        )
    chosen = np.zeros(total, np.bool_)
    chosen[list(held)] = True
    return train, text.where(chosen)


def _faults(data: DataSettings) -> list[str]:
    faults = []
    ways = [way for way in ("corpus", "tsv") if getattr(data, way)]
    ways += ["source and target"] if data.source or data.target else []
    if not ways:
        faults.append("nothing to train on; give a corpus, source and target, or tsv")
    if len(ways) > 1:
        faults.append(f"more than one training text ({', '.join(ways)}); give one of them")
    if data.valid_tsv and (data.valid_source or data.valid_target):
        faults.append("more than one validation text (valid_tsv, valid_source and valid_target); give one of them")
    for before in ("", "valid_"):
        sides = {side: getattr(data, side) for side in (f"{before}source", f"{before}target")}
        if len([side for side in sides if sides[side]]) == 1:
            given, missing = sorted(sides, key=lambda side: not sides[side])
            faults.append(f"{given} without {missing}; give both")
    return faults


def _read_named(name: str, pizzeria: PizzeriaSettings, keep: Keep) -> tuple[ParallelText, ParallelText | None]:
    splits = open_named(parse_name(name), pizzeria)
    if "train" not in splits.readers:
        raise DragomanError(f"{splits.name} has no split named train; give another corpus to train on")
    kept = keep(splits.stream("train"), splits.title("train"))
    return kept, splits.read("valid") if "valid" in splits.readers else None


def _read_train(data: DataSettings, keep: Keep) -> ParallelText:
    if data.tsv:
        return keep(stream_tsv(Path(data.tsv)), file_name(Path(data.tsv)))
    source, target = Path(data.source), Path(data.target)
    return keep(stream_pair(source, target), pair_name(source, target))


def _read_valid(data: DataSettings) -> ParallelText:
    if data.valid_tsv:
        return read_tsv(Path(data.valid_tsv))
    return read_pair(Path(data.valid_source), Path(data.valid_target))


def _with_words(text: ParallelText, what: str) -> ParallelText:
    if not len(text):
        raise DragomanError(f"{what} is empty ({text.name}); give at least 2 pairs of sentences")
    kept = text.without_empty()
    if not len(kept):
        raise DragomanError(
            f"{what} has no pair with words on both sides ({text.name}); give at least 2 pairs of sentences"
        )
    return kept
