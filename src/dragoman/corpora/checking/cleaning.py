"""Writes the pairs that are worth keeping, and a list of why each other one went."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.corpora.checking.kinds import reasons
from dragoman.corpora.checking.pairs import Chunk, Pairs
from dragoman.errors import DragomanError

FlagsOf = Callable[[slice], NDArray[np.uint64]]


def cleaned_files(out: Path, pairs: Pairs) -> list[Path]:
    """The files that cleaning writes: two sides, or one TSV file, and last the list of what went.

    Raises:
        DragomanError: one of them is there already, or the folder is not, or `out` is a folder.
    """
    if out.is_dir():
        raise DragomanError(f"{out} is a folder; give the beginning of the files' names, such as {out / 'clean'}")
    endings = ["tsv"] if pairs.endings is None else list(pairs.endings)
    found = [out.with_name(f"{out.name}.{ending}") for ending in [*endings, "removed.tsv"]]
    for path in found:
        if path.exists() or path.is_symlink():
            raise DragomanError(f"{path} is there already; give --clean another name, or move it away")
    if not out.parent.is_dir():
        raise DragomanError(f"no such folder: {out.parent}; make it, or give --clean another name")
    return found


def clean(pairs: Pairs, files: list[Path], flags_of: FlagsOf, mask: int) -> None:
    """Reads the corpus once more; a file appears under its name only when it is whole.

    Args:
        pairs: The corpus.
        files: What `cleaned_files` gave.
        flags_of: Gives the faults of the pairs between two places.
        mask: Faults for which a pair goes.

    Raises:
        DragomanError: the files cannot be written.
    """
    aside = None
    try:
        # A folder of its own, so that no file of the user's is in the way.
        aside = Path(mkdtemp(prefix=f".{files[0].stem}-", dir=files[0].parent))
        parts = [aside / path.name for path in files]
        with ExitStack() as stack:
            streams = [stack.enter_context(part.open("wb")) for part in parts]
            for chunk in pairs.chunks():
                flags = flags_of(slice(chunk.first, chunk.first + len(chunk.source)))
                if len(flags) != len(chunk.source):
                    raise DragomanError(f"{pairs.name} changed while it was read; try again when nothing writes to it")
                _write(chunk, flags, mask, streams)
            for stream in streams:
                stream.flush()
                os.fsync(stream.fileno())
        for part, path in zip(parts, files, strict=True):
            os.replace(part, path)
    except OSError as error:
        raise DragomanError(
            f"cannot write {files[0].parent / '...'} ({error.strerror}); free the disk, or choose another place"
        ) from error
    finally:
        if aside:
            rmtree(aside, ignore_errors=True)


def _write(chunk: Chunk, flags: NDArray[np.uint64], mask: int, streams: list[Any]) -> None:
    *sides, removed = streams
    for place, (source, target) in enumerate(zip(chunk.source, chunk.target, strict=True)):
        found = int(flags[place])
        if found & mask:
            why = ",".join(reasons(found & mask)).encode()
            removed.write(b"%d\t%s\t%s\t%s\n" % (chunk.first + place + 1, why, _cell(source), _cell(target)))
        elif len(sides) == 1:
            sides[0].write(b"%s\t%s\n" % (source, target))
        else:
            sides[0].write(source + b"\n")
            sides[1].write(target + b"\n")


def _cell(line: bytes) -> bytes:
    return line.decode("utf-8", "replace").replace("\t", " ").replace("\r", " ").encode()
