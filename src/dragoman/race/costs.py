"""What a training takes besides time: memory and joules, over all the processes that worked at it."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dragoman.runs.writing import write_json


@dataclass(frozen=True)
class Costs:
    """What was noted so far."""

    begun: int = 0
    """Processes that began to work."""
    ended: int = 0
    """Those of them that came to an end by themselves; the others were killed."""
    peak_mib: float | None = None
    """The most memory that one of them held, MiB."""
    joules: float | None = 0.0
    """What the processor used meanwhile; None where it does not tell, or a process was killed with what it knew."""
    given_up: str = ""
    """Why the training ended before its time; empty where it did not."""

    @property
    def told_joules(self) -> float | None:
        """Joules, where all of them are known."""
        return self.joules if 0 < self.begun == self.ended else None

    def one_more(self) -> "Costs":
        """The same with a process that begins."""
        return replace(self, begun=self.begun + 1)

    def add(self, peak_mib: float, joules: float | None, given_up: str = "") -> "Costs":
        """The same with a process that has ended."""
        known = None if joules is None or self.joules is None else self.joules + joules
        most = max(peak_mib, self.peak_mib or 0.0)
        return replace(self, ended=self.ended + 1, peak_mib=most, joules=known, given_up=given_up)

    def save(self, file: Path) -> None:
        """Writes it in one piece."""
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, asdict(self))

    @staticmethod
    def load(file: Path) -> "Costs":
        """Reads what `save` wrote; nothing where there is nothing, or it cannot be read."""
        try:
            return Costs(**json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError):
            return Costs()
