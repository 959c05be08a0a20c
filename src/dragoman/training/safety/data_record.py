"""What a run was trained on (`data.json`), and whether it is still the same when the training goes on."""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from dragoman.config import DataSettings
from dragoman.corpora.fingerprints import Fingerprint, fingerprint
from dragoman.corpora.opening import TEXT_FILES, data_files
from dragoman.corpora.stored import StoredCorpus, Tell
from dragoman.errors import DragomanError
from dragoman.runs.writing import write_json

_NAME = "data.json"


@dataclass(frozen=True)
class DataRecord:
    """The content of `data.json`."""

    corpus: str
    train_pairs: int
    valid_pairs: int
    files: list[Fingerprint]
    text: dict[str, list[int]]
    """The bytes and the CRC-32 of each file of the stored text."""


def read_record(run: Path) -> DataRecord | None:
    """What was noted; None where nothing was, or it cannot be read."""
    try:
        found = json.loads((run / _NAME).read_bytes())
        return DataRecord(**{**found, "files": [Fingerprint(**file) for file in found["files"]]})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def record(run: Path, stored: StoredCorpus) -> None:
    """Notes what the run is trained on, at first and where its files have moved."""
    before = read_record(run)
    if before is None or before.files != stored.files:
        corpus = stored.corpus
        noted = DataRecord(corpus.name, len(corpus.train), len(corpus.valid), stored.files, stored.checksums)
        write_json(run / _NAME, asdict(noted))


def moved(run: Path, before: DataSettings, after: DataSettings) -> set[str]:
    """The settings that name a file in another place than before, the same to the byte as the noted one."""
    noted = read_record(run)
    known = {file.path: file.sha256 for file in noted.files} if noted else {}
    # A process that was killed has noted the new place already, and the settings do not know it yet.
    again = dict(zip(map(os.path.abspath, data_files(after)), noted.files if noted else [], strict=False))
    found = set()
    for name in TEXT_FILES:
        old, new = getattr(before, name), getattr(after, name)
        if not old or new == old or not Path(new).is_file():
            continue
        here = again.get(os.path.abspath(new))
        noted_here = here.sha256 if here and here.path == os.path.abspath(new) else None
        was = known.get(os.path.abspath(old), noted_here)
        if was and fingerprint(Path(new)).sha256 == was:
            found.add(f"data.{name}")
    return found


def check_files(run: Path, data: DataSettings, tell: Tell) -> DataRecord | None:
    """Compares the data files with what was noted; tells of those that are gone.

    Raises:
        DragomanError: a file is not the one that the training began with.
    """
    noted = read_record(run)
    if noted is None and (run / _NAME).exists():
        tell(f"{run / _NAME} is damaged: whether the data is still the same is not known")
    used = {os.path.abspath(path) for path in data_files(data)}
    for file in noted.files if noted else []:
        if not data.corpus and file.path not in used:
            continue
        if file.changed:
            raise DragomanError(f"{file.path} has changed since the training began; {_mend(run)}")
        if file.missing and not file.pipe:
            tell(f"{file.path} is gone; the training goes on from {run / 'store'}")
    return noted


def check_text(run: Path, noted: DataRecord | None, stored: StoredCorpus) -> None:
    """Compares the text itself, wherever it came from; another one does not stay in the store.

    Raises:
        DragomanError: it is not the one that the training began with.
    """
    if noted and noted.text != stored.checksums:
        # Read anew next time, when it may have been put back.
        shutil.rmtree(run / "store" / "text", ignore_errors=True)
        raise DragomanError(f"{stored.corpus.name} gives another text than when the training began; {_mend(run)}")


def _mend(run: Path) -> str:
    return f"put it back as it was, or train a new run on it (--from {run} starts from these weights)"
