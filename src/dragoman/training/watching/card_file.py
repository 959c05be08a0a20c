"""Writes a run's model card, and never over what a person has written into it."""

import hashlib
import json
import os
import re
from pathlib import Path

from dragoman.config import Settings
from dragoman.corpora.names import parse_name
from dragoman.errors import DragomanError
from dragoman.runs.writing import replacing
from dragoman.training.preparing import Prepared
from dragoman.training.watching.card import Side
from dragoman.training.watching.words import CODES

FILE, ASIDE = "model-card.md", "model-card.new.md"
_SEAL = re.compile(r"\n<!-- written by dragoman; text sha256 ([0-9a-f]{64}) -->\n*\Z")


def write_card(folder: Path, text: str) -> Path:
    """Writes the card; beside it where the present one was edited by hand. Gives the file that was written.

    Raises:
        OSError: it cannot be written; what stood there is as it was.
    """
    card = folder / FILE
    path = card if untouched(card) else folder / ASIDE
    with replacing(path) as aside:
        aside.write_text(sealed(text), encoding="utf-8")
    return path


def sealed(text: str) -> str:
    """The text with its own hash at its end, in a comment that no reader sees."""
    body = text.rstrip("\n")
    return f"{body}\n<!-- written by dragoman; text sha256 {_sha256(body.encode())} -->\n"


def untouched(path: Path) -> bool:
    """Whether a card is as dragoman wrote it, or not there."""
    if not path.exists():
        return True
    text = path.read_text(encoding="utf-8", errors="replace")
    seal = _SEAL.search(text)
    return seal is not None and seal[1] == _sha256(text[: seal.start()].encode())


def texts(prepared: Prepared, folder: Path) -> list[Side]:
    """What was trained and validated on; files by their names, with the hashes that the run noted when it read them."""
    data, corpus, hashes = prepared.settings.data, prepared.corpus, noted_hashes(folder / "data.json")
    train = [data.tsv] if data.tsv else [data.source, data.target]
    valid = [data.valid_tsv] if data.valid_tsv else [data.valid_source, data.valid_target]
    own = [name for name in valid if name]
    if data.corpus:
        others = [name for name in hashes if name not in own]
        train = [name for name in others if Path(name).name.startswith("train")]
        valid = own or [name for name in others if name not in train]
    held_out = "" if own else data.corpus or "held out of the training text"
    return [
        _side("training", train, data.corpus, len(prepared.epochs.pairs), hashes),
        _side("validation", [name for name in valid if name], held_out, len(corpus.valid), hashes),
    ]


def noted_hashes(path: Path) -> dict[str, str]:
    """SHA-256 by the path of each file that a run was trained on; empty where the run did not note them."""
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {str(file["path"]): str(file.get("sha256") or "") for file in files}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def languages(settings: Settings) -> tuple[str, str] | None:
    """Codes of source and target: from the corpus' name, or the ends of the files' names; None where unknown."""
    data = settings.data
    if data.corpus:
        try:
            name = parse_name(data.corpus)
        except DragomanError:
            return None
        return (name.source, name.target) if name.source else None
    found = [_language(name) for name in (data.source, data.target)]
    return (found[0], found[1]) if found[0] and found[1] and found[0] != found[1] else None


def _language(name: str) -> str:
    """A file whose name ends in a language's two letters is taken to be in that language."""
    ends = [end.lstrip(".") for end in Path(name).suffixes if end not in (".gz", ".txt")]
    return ends[-1] if ends and ends[-1] in CODES else ""


def _side(use: str, files: list[str], corpus: str, pairs: int, hashes: dict[str, str]) -> Side:
    names = " and ".join(Path(file).name for file in files)
    known = [hashes.get(file, "") or hashes.get(os.path.abspath(file), "") for file in files]
    sha256 = ", ".join(known) if all(known) else ""
    if files and corpus:
        return Side(use, f"{corpus}: {names}", pairs, sha256)
    return Side(use, names or corpus, pairs, sha256)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
