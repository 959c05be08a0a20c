"""Where the program begins: `dragoman` and `python -m dragoman` are the same."""

import os
import sys
from contextlib import suppress

_TRAINS = frozenset({"train", "demo", "race"})
_TUNABLES, _NO_CACHE = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"
_AGAIN = "DRAGOMAN_BEGUN_AGAIN"
"""Set at the second beginning, so that there is no third where glibc's own variable is taken away (as setuid does)."""


def main() -> None:
    """Runs the command line."""
    if sys.argv[1:2] and sys.argv[1] in _TRAINS:
        begin_without_cache()
    from dragoman.cli.main import main as command_line

    command_line()


def begin_without_cache() -> None:
    """Begins this process anew where glibc keeps freed small pieces of memory back in a cache; nothing is done before.

    Such pieces lie between a training's large tensors, and what is freed on both sides of one stays in two gaps that
    the next batch does not fit into: the heap grows and grows. glibc reads the setting at a process' start alone.
    """
    given = os.environ.get(_TUNABLES, "")
    if sys.platform != "linux" or "tcache_count" in given or _AGAIN in os.environ or not _ours():
        return
    os.environ[_TUNABLES] = f"{given}:{_NO_CACHE}" if given else _NO_CACHE
    os.environ[_AGAIN] = "1"
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _ours() -> bool:
    """Whether this process was started for these arguments, and not by a notebook or another program around them."""
    arguments = sys.argv[1:]
    return bool(sys.executable) and sys.orig_argv[len(sys.orig_argv) - len(arguments) :] == arguments


if __name__ == "__main__":
    main()
