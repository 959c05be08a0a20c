"""How much memory this process may still take: what is free, and what the limits set on it leave."""

import os
from collections.abc import Iterator
from pathlib import Path

NONE = 1 << 60
"""Bytes; control groups of the first version write a number beyond this where there is no limit."""


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that this process may still take; the least of free memory, its control groups' and its own limit.

    Args:
        root: where proc and sys are found.
    """
    return max(0, min([_free(root), *_groups(root), *_address_space(root)]))


def _free(root: Path) -> int:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _groups(root: Path) -> Iterator[int]:
    """What is left in this process' control group and in those around it, of either version."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, place = line.split(":", 2)
        if controllers == "":
            base, limit, used = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base, limit, used = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        group = base / place.lstrip("/")
        # A container sees its own group as the root, though its name is another one.
        for folder in {base, *(one for one in (group, *group.parents) if one.is_relative_to(base))}:
            most, now = _number(folder / limit), _number(folder / used)
            if most is not None and now is not None and most < NONE:
                yield most - now + _cached(folder)


def _cached(folder: Path) -> int:
    """Bytes of files that the kernel keeps in the group's memory, and gives up when asked."""
    names = ("inactive_file ", "active_file ")
    return sum(int(line.split()[1]) for line in _lines(folder / "memory.stat") if line.startswith(names))


def _address_space(root: Path) -> Iterator[int]:
    """What `ulimit -v` leaves."""
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _lines(root / "proc/self/statm")
    if most != resource.RLIM_INFINITY and pages:
        yield most - int(pages[0].split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _number(path: Path) -> int | None:
    """The number in a file; None where there is no file, or where it says `max`."""
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdecimal() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
