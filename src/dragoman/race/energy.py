"""What the processor's own counters say about the energy that a training took, where there are any.

Linux shows them under /sys/class/powercap (Intel's RAPL; AMD's processors have the same). They count the whole
processor: whatever else ran on the machine is in the figure.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

POWERCAP = Path("/sys/class/powercap")
EVERY = 10.0
"""Seconds between two looks; a counter begins anew after some minutes at full load."""
_ZONE = re.compile(r"intel-rapl:\d+")
_MICRO = 1e-6


@dataclass
class Counter:
    """The counter of one processor package, in microjoules; beyond `most` it begins at 0 again."""

    path: Path
    most: int
    last: int
    total: int = 0

    def look(self) -> None:
        """Adds what was used since the last look, which must lie less than one round of the counter back.

        Raises:
            OSError: the counter cannot be read any more.
        """
        now = _number(self.path)
        self.total += now - self.last if now >= self.last else now - self.last + self.most + 1
        self.last = now


@dataclass
class Energy:
    """What all packages have used since the counters were found."""

    counters: list[Counter]
    lost: bool = field(default=False, init=False)
    """Whether a counter could not be read any more, so that nothing is known."""

    @property
    def joules(self) -> float | None:
        """Joules so far; None where this processor does not tell."""
        if self.lost or not self.counters:
            return None
        return sum(counter.total for counter in self.counters) * _MICRO

    def look(self) -> None:
        """Brings the figure up to date."""
        try:
            for counter in self.counters:
                counter.look()
        except (OSError, ValueError):
            self.lost = True


@contextmanager
def joules(folder: Path = POWERCAP, every: float = EVERY) -> Iterator[Energy]:
    """Counts the joules used inside the `with` block: `Energy.joules`, which stays as it is afterwards.

    Args:
        folder: where the kernel shows the counters.
        every: seconds between two looks at them.
    """
    energy, over = Energy(_counters(folder)), Event()
    watcher = Thread(target=_watch, args=(energy, over, every), daemon=True)
    if energy.counters:
        watcher.start()
    try:
        yield energy
    finally:
        over.set()
        if energy.counters:
            watcher.join()
            energy.look()


def _watch(energy: Energy, over: Event, every: float) -> None:
    while not over.wait(every):
        energy.look()


def _counters(folder: Path) -> list[Counter]:
    """One for each package; none where there are none, or one of them must not be read (often only root may).

    Zones inside a package are parts of it, and `psys` is the whole machine; they would be counted twice.
    """
    try:
        zones = sorted(zone for zone in folder.iterdir() if _ZONE.fullmatch(zone.name))
        packages = [zone for zone in zones if (zone / "name").read_text().startswith("package")]
        return [
            Counter(zone / "energy_uj", _number(zone / "max_energy_range_uj"), _number(zone / "energy_uj"))
            for zone in packages
        ]
    except (OSError, ValueError):
        return []


def _number(path: Path) -> int:
    return int(path.read_text())
