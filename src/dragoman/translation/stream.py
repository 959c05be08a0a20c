"""Translating lines while they arrive: one at once from a person's pipe, many at once from a large file."""

import io
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any

from dragoman.errors import DragomanError
from dragoman.translation.results import Translation
from dragoman.translation.translator import Translator

_LINES_AT_ONCE = 1000


@dataclass(frozen=True)
class _End:
    """The input is over; `error` says why, if it should not be."""

    error: Exception | None = None


def translate_stream(
    translator: Translator, lines: Iterable[str], write: Callable[[Translation], None], **options: Any
) -> None:
    """Translates all lines that have arrived, writes them in order, and goes on until the input ends.

    `lines` is an open text stream, read as UTF-8 line by line, or any iterable of strings; a line feed at the
    end is dropped. `options` are those of `Translator.translate`.

    Raises:
        DragomanError: the input cannot be read; the lines before were translated and written.
    """
    arrived: Queue[str | _End] = Queue(maxsize=_LINES_AT_ONCE)
    stop = threading.Event()
    # a daemon, because nothing can wake a thread that waits for a pipe
    threading.Thread(target=_read, args=(lines, arrived, stop), name="dragoman-reader", daemon=True).start()
    try:
        while True:
            here, end = _all_there(arrived)
            for translation in translator.translate(here, **options) if here else []:
                write(translation)
            if end is not None:
                break
    finally:
        stop.set()
        _empty(arrived)  # a reader that waits for room sees the stop
    if end.error is not None:
        raise end.error


def _all_there(arrived: Queue[str | _End]) -> tuple[list[str], _End | None]:
    """Waits for one line, then takes those that are there already."""
    here: list[str] = []
    item = arrived.get()
    while not isinstance(item, _End):
        here.append(item)
        if len(here) == _LINES_AT_ONCE:
            return here, None
        try:
            item = arrived.get_nowait()
        except Empty:
            return here, None
    return here, item


def _empty(arrived: Queue[str | _End]) -> None:
    try:
        while True:
            arrived.get_nowait()
    except Empty:
        pass


def _read(lines: Iterable[str], arrived: Queue[str | _End], stop: threading.Event) -> None:
    number = 0
    try:
        for line in _decoded(lines):
            arrived.put(line)
            number += 1
            if stop.is_set():
                return
    except UnicodeDecodeError:
        arrived.put(_End(DragomanError(f"line {number + 1} is not UTF-8; convert the input to UTF-8")))
    except (OSError, EOFError, zlib.error) as error:
        mend = "check the file or the pipe"
        arrived.put(_End(DragomanError(f"reading stopped at line {number + 1}: {error}; {mend}")))
    except Exception as error:
        arrived.put(_End(error))
    else:
        arrived.put(_End())


def _decoded(lines: Iterable[str]) -> Iterator[str]:
    """Gives the lines without their ends.

    A text stream decodes whole blocks and would lose the good lines before a bad one: so its bytes are read.
    """
    if isinstance(lines, io.TextIOWrapper):
        for place, raw in enumerate(lines.buffer):
            line = raw.decode("utf-8-sig" if place == 0 else "utf-8")
            yield line.removesuffix("\n").removesuffix("\r")
    else:
        for line in lines:
            yield line.removesuffix("\n").removesuffix("\r")
