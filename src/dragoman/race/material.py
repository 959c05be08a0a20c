"""The text that is raced on: named splits as they are, or files divided once, so that every training has the same."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dragoman.config import DataSettings, PizzeriaSettings, Settings
from dragoman.corpora import ParallelText, load_named, read_pair
from dragoman.corpora.fingerprints import Fingerprint, fingerprint
from dragoman.corpora.named import open_named
from dragoman.corpora.names import parse_name
from dragoman.corpora.opening import data_files, hold_out, open_corpus
from dragoman.corpora.reading import read_tsv
from dragoman.errors import UsageError
from dragoman.runs.writing import replacing
from dragoman.training.watching.card_file import languages

SEED = 1
"""Of what is held out; the trainings' own seeds change nothing about the text."""
PIZZERIA = "pizzeria:en-de"


@dataclass(frozen=True)
class Material:
    """One course's text."""

    data: DataSettings
    """What each training reads."""
    test: tuple[Path, Path] | None = None
    """The test files; None where the corpus has a test split of its own."""

    def test_text(self, pizzeria: PizzeriaSettings) -> ParallelText:
        """The test set, on which nothing was chosen."""
        if self.test:
            return read_pair(*self.test)
        return load_named(self.data.corpus, "test", pizzeria)

    def valid_text(self, pizzeria: PizzeriaSettings) -> ParallelText:
        """The validation set."""
        data = self.data
        if data.valid_source:
            return read_pair(Path(data.valid_source), Path(data.valid_target))
        return read_tsv(Path(data.valid_tsv)) if data.valid_tsv else load_named(data.corpus, "valid", pizzeria)


def divided(folder: Path, settings: Settings, test: tuple[Path, Path] | None) -> Material:
    """The text of these settings; what lacks validation or test pairs of its own is divided and written to `folder`.

    Raises:
        UsageError, DragomanError: as `open_corpus`.
    """
    data = settings.data
    if data.corpus and not test and _has_all_splits(data.corpus, settings.pizzeria):
        return Material(data)
    corpus = open_corpus(data, settings.pizzeria, SEED)
    train = corpus.train.in_memory()
    if test is None:
        if not data.valid_lines:
            raise UsageError("data.valid_lines is 0 and there is no test text; give --test-source and --test-target")
        train, held = hold_out(train, data.valid_lines, SEED)
        test = _write(folder, "test", replace(held, name="test"), settings)
    source, target = _write(folder, "train", train, settings)
    valid_source, valid_target = _write(folder, "valid", corpus.valid, settings)
    data = DataSettings(
        source=str(source), target=str(target), valid_source=str(valid_source), valid_target=str(valid_target)
    )
    return Material(data, test)


def title(data: DataSettings) -> str:
    """What reports call the corpus that was given."""
    if data.corpus:
        return str(parse_name(data.corpus))
    return " + ".join(Path(name).name for name in ([data.tsv] if data.tsv else [data.source, data.target]))


def fingerprints(data: DataSettings, test: tuple[Path, Path] | None) -> list[dict[str, Any]]:
    """The files that were given, and what they hold."""
    return [asdict(fingerprint(path)) for path in [*data_files(data), *(test or ())]]


def changed(files: list[dict[str, Any]]) -> list[str]:
    """Those of the files that are others now."""
    return [file["path"] for file in files if Fingerprint(**file).changed]


def language_pair(settings: Settings) -> list[str]:
    """Codes of source and target; empty where they are not known."""
    return list(languages(settings) or ("", ""))


def _has_all_splits(name: str, pizzeria: PizzeriaSettings) -> bool:
    parsed = parse_name(name)
    known = set(open_named(parsed, pizzeria).readers)
    return {"train", "valid"} <= known and ("test" in known or parsed.kind.startswith("multi30k"))


def _write(folder: Path, split: str, text: ParallelText, settings: Settings) -> tuple[Path, Path]:
    """Two files, named by their languages where these are known."""
    folder.mkdir(parents=True, exist_ok=True)
    codes = languages(settings) or ("source", "target")
    paths = [folder.resolve() / f"{split}.{code}" for code in codes]
    for path, lines in zip(paths, (text.source, text.target), strict=True):
        with replacing(path) as aside:
            aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    return paths[0], paths[1]
