"""Datasets of the Hugging Face hub, or of a local folder, through the optional `datasets` library."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dragoman.corpora.names import CorpusName
from dragoman.corpora.parallel import Pairs, ParallelText
from dragoman.corpora.reading import PAIRS_AT_ONCE, gathered
from dragoman.errors import DragomanError, UsageError, nearest

SPLIT_NAMES = {"train": ("train",), "valid": ("validation", "valid", "val", "dev"), "test": ("test",)}
"""Our name of a split, and the hub's usual ones."""


def open_hub(name: CorpusName) -> dict[str, Any]:
    """Opens a dataset; gives those of the splits train, valid and test that it has, still on the disk.

    Raises:
        DragomanError: the library or the dataset is missing, or none of its splits is known.
    """
    try:
        import datasets
    except ImportError as error:
        raise DragomanError(f"{name} needs the datasets library; install it with: pip install datasets") from error
    try:
        if (Path(name.dataset) / "dataset_dict.json").is_file():
            found = datasets.load_from_disk(name.dataset)
        else:
            found = datasets.load_dataset(name.dataset, _configuration(name, datasets))
    except DragomanError:
        raise
    except Exception as error:  # the library's errors are of many families
        why = " ".join(str(error).split()) or type(error).__name__
        raise DragomanError(f"cannot open {name} ({why}); check its name and the network") from error
    splits = {ours: found[its] for ours, names in SPLIT_NAMES.items() for its in names if its in found}
    if not splits:
        raise DragomanError(f"{name} has the splits {', '.join(found)}; give a dataset with a split named train")
    return splits


def read_hub(name: CorpusName, split: Any) -> ParallelText:
    """Reads one split: a column `translation` with both languages in it, or a column for each language.

    Raises:
        UsageError: the languages are not in the dataset, or it has several and none were named.
    """
    return gathered(stream_hub(name, split), str(name))


def stream_hub(name: CorpusName, split: Any) -> Iterator[Pairs]:
    """One split, some thousand rows at a time; raises what `read_hub` raises."""
    columns = list(split.column_names)
    nested = "translation" in columns
    languages = _languages(split) if nested else columns
    sides = _chosen(name, languages)
    for first in range(0, len(split), PAIRS_AT_ONCE):
        part = split[first : first + PAIRS_AT_ONCE]
        source, target = ([row[s] for row in part["translation"]] if nested else part[s] for s in sides)
        yield list(map(_line, source)), list(map(_line, target))


def _configuration(name: CorpusName, datasets: Any) -> str | None:
    """Many datasets keep one configuration for each language pair, named in either order."""
    known = datasets.get_dataset_config_names(name.dataset)
    several = len(known) > 1 and "default" not in known
    if not name.source:
        if several:
            raise UsageError(f"{name} has the configurations {', '.join(known)}; name one, as in {name}:{known[0]}")
        return None
    wanted = [f"{name.source}-{name.target}", f"{name.target}-{name.source}"]
    for configuration in wanted:
        if configuration in known:
            return str(configuration)
    if several:
        raise UsageError(f"{name} has no configuration '{wanted[0]}'{nearest(wanted[0], known)}")
    return None


def _languages(split: Any) -> list[str]:
    feature = split.features["translation"]
    return list(getattr(feature, "languages", feature))


def _chosen(name: CorpusName, languages: list[str]) -> tuple[str, str]:
    if not name.source:
        if len(languages) != 2:
            raise UsageError(f"{name} has the columns {', '.join(languages)}; name two, as in {name}:en-de")
        return languages[0], languages[1]
    for language in (name.source, name.target):
        if language not in languages:
            raise UsageError(f"{name} has no language '{language}'{nearest(language, languages)}")
    return name.source, name.target


def _line(text: str | None) -> str:
    """A sentence is one line; a missing one is an empty line, which cleaning leaves out."""
    return (text or "").replace("\r\n", " ").replace("\n", " ")
