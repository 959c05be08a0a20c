"""What goes wrong, said in one line that ends with the mend."""

import difflib
from collections.abc import Iterable

_LACKING = (
    "not enough memory", "can't allocate memory", "out of memory", "bad_alloc", "could not create a primitive",
    "could not execute a primitive", "Cannot allocate memory",
)  # fmt: skip


class DragomanError(Exception):
    """Something could not be done. The message is one line for the user; the exit code is 1."""

    exit_code = 1


class UsageError(DragomanError):
    """The question itself was wrong: an unknown name, settings that contradict each other. The exit code is 2."""

    exit_code = 2


def lacks_memory(error: BaseException) -> bool:
    """Whether memory is what an error is about: torch, oneDNN and the C++ library raise RuntimeError for that."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _LACKING)
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Names what a misspelt name most likely meant.

    Returns:
        ``"; did you mean 'beam'?"`` where one of `known` is near, else ``"; known: a, b, c"``.
    """
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(options)}"
