"""Where the files of named corpora are: a folder of the user's, the cache, or the network."""

import gzip
import hashlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

from dragoman.corpora.multi30k import SPLIT_FILES, Multi30kFile
from dragoman.corpora.names import CorpusName, parse_name
from dragoman.errors import DragomanError

MULTI30K_BASE = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1"
_MEND = "set DRAGOMAN_CORPORA to a folder that holds multi30k/{name}, or try again online"


@dataclass(frozen=True)
class Patience:
    """How long a download is tried."""

    attempts: int = 3
    timeout: float = 30.0
    """Seconds without an answer."""
    pause: float = 1.0
    """Seconds before the second attempt; doubled for each further one."""


def cache_folder() -> Path:
    """The user's cache: DRAGOMAN_CACHE, else dragoman/ in XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("DRAGOMAN_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dragoman"


def fetch(name: str, base: str = MULTI30K_BASE, patience: Patience | None = None) -> list[Path]:
    """Makes a named corpus present; gives its files, source before target, train before valid before test.

    The pizzeria is generated and the hub's library keeps its own cache: both have no files here.

    Raises:
        UsageError: no corpus has this name.
        DragomanError: a file is neither present nor to be downloaded.
    """
    return [fetch_file(file, base, patience or Patience()) for file in files_of(parse_name(name))]


def files_of(name: CorpusName) -> list[Multi30kFile]:
    """The files that a corpus consists of."""
    if name.kind not in ("multi30k", "multi30k-tok"):
        return []
    tokenized = name.kind == "multi30k-tok"
    return [
        Multi30kFile(split, language, tokenized) for split in SPLIT_FILES for language in (name.source, name.target)
    ]


def find_file(file: Multi30kFile) -> Path | None:
    """Looks for a file in the folder DRAGOMAN_CORPORA, then in the cache."""
    corpora = os.environ.get("DRAGOMAN_CORPORA")
    folders = [Path(corpora), cache_folder()] if corpora else [cache_folder()]
    places = [folder / "multi30k" / name for folder in folders for name in (f"{file.stem}.gz", file.stem)]
    return next((place for place in places if place.is_file()), None)


def fetch_file(file: Multi30kFile, base: str = MULTI30K_BASE, patience: Patience | None = None) -> Path:
    """Finds a file, or downloads it into the cache."""
    if found := find_file(file):
        return found
    address = f"{base}/{file.address}"
    content = _download(address, file, patience or Patience())
    place = cache_folder() / "multi30k" / Path(file.address).name
    try:
        _write_whole(place, content)
    except OSError as error:
        raise DragomanError(
            f"cannot write {place} ({error.strerror}); set DRAGOMAN_CACHE to a folder that can be written"
        ) from error
    return place


def _download(address: str, file: Multi30kFile, patience: Patience) -> bytes:
    """Asks until the answer is the pinned content; a missing page is not asked for twice."""
    why = ""
    for attempt in range(patience.attempts):
        if attempt:
            time.sleep(patience.pause * 2 ** (attempt - 1))
        try:
            with urllib.request.urlopen(address, timeout=patience.timeout) as answer:
                content: bytes = answer.read()
            if _text_hash(content) == file.sha256:
                return content
            why = "what arrived is not the expected file: its SHA-256 differs"
        except urllib.error.HTTPError as error:
            error.close()
            why = f"the server answered {error.code} {error.reason}"
            if error.code < 500:
                break
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            why = str(getattr(error, "reason", error))
    raise DragomanError(f"cannot download {address} ({why}); {_MEND.format(name=Path(file.address).name)}")


def _text_hash(content: bytes) -> str:
    """The hash of the uncompressed text, because compression may be redone; empty where it is damaged."""
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return ""
    return hashlib.sha256(content).hexdigest()


def _write_whole(place: Path, content: bytes) -> None:
    """Writes aside and renames: a file in the cache is whole, or not there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(aside, place)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
