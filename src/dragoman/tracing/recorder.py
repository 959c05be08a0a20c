"""The recorder: parts of a model report what they computed, and it is kept while somebody records.

Reporting is a line in the ordinary forward pass, never a second way to compute. While nobody records it costs one
look-up of a variable.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor

_recorder: ContextVar["Recorder | None"] = ContextVar("recorder", default=None)


class Recorder:
    """What each part reported: one entry for each time that it ran."""

    def __init__(self) -> None:
        self._reports: dict[int, list[dict[str, Tensor]]] = {}

    def keep(self, part: object, values: dict[str, Tensor]) -> None:
        """Keeps one report, apart from any gradient."""
        self._reports.setdefault(id(part), []).append({name: value.detach() for name, value in values.items()})

    def of(self, part: object) -> list[dict[str, Tensor]]:
        """What a part reported, oldest first; nothing where it did not run."""
        return self._reports.get(id(part), [])


@contextmanager
def recording() -> Iterator[Recorder]:
    """Keeps what is reported inside the `with` block; blocks may be nested, the inner one keeps."""
    recorder = Recorder()
    token = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        _recorder.reset(token)


def recorded() -> bool:
    """Whether somebody records."""
    return _recorder.get() is not None


def report(part: Any, **values: Tensor) -> None:
    """Tells whoever records what `part` has computed."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.keep(part, values)
