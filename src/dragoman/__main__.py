"""Where the program begins: `dragoman` and `python -m dragoman` are the same."""

import os
import sys
from contextlib import suppress

_TRAINS = frozenset({"train", "demo", "race"})
_TUNABLES, _NO_CACHE = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"


def main() -> None:
    """Runs the command line."""
    if sys.argv[1:2] and sys.argv[1] in _TRAINS:
        begin_without_cache()
    from dragoman.cli.main import main as command_line

    command_line()


def begin_without_cache() -> None:
    """Begins this process anew where glibc keeps freed small pieces of memory back in a cache; nothing is read before.

    Such pieces lie between a training's large tensors, and what is freed on both sides of one stays in two gaps that
    the next batch does not fit into: the heap grows and grows. glibc reads the setting at a process' start alone.
    """
    given = os.environ.get(_TUNABLES, "")
    if sys.platform != "linux" or "tcache_count" in given:
        return
    os.environ[_TUNABLES] = f"{given}:{_NO_CACHE}" if given else _NO_CACHE
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


if __name__ == "__main__":
    main()
