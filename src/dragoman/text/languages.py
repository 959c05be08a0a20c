"""The tokenizers of the two languages, and their files."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dragoman.config.settings import TextSettings
from dragoman.errors import DragomanError
from dragoman.text.learning import learn_from, learn_tokenizer, sampled, tokenizer_from_bytes
from dragoman.text.tokenizer import Tokenizer

_JOINT, _SOURCE, _TARGET = "tokenizer.model", "tokenizer.source.model", "tokenizer.target.model"


@dataclass(frozen=True)
class Tokenizers:
    """The source's and the target's tokenizer; one object where the vocabulary is joint."""

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both languages share one vocabulary."""
        return self.source is self.target

    @classmethod
    def learn(cls, source_lines: Iterable[str], target_lines: Iterable[str], settings: TextSettings, seed: int) -> Self:
        """Learns one tokenizer from both sides, or one from each (`settings.joint`); reads each side once.

        Raises:
            UsageError, DragomanError: as `learn_tokenizer`.
        """
        if not settings.joint:
            return cls(learn_tokenizer(source_lines, settings, seed), learn_tokenizer(target_lines, settings, seed))
        lines = [line for side in (source_lines, target_lines) for line in sampled(side, settings.sample_lines, seed)]
        shared = learn_from(lines, settings)
        return cls(shared, shared)

    def save(self, folder: Path) -> None:
        """Writes `tokenizer.model`, or `tokenizer.source.model` and `tokenizer.target.model`."""
        files = {_JOINT: self.source} if self.joint else {_SOURCE: self.source, _TARGET: self.target}
        folder.mkdir(parents=True, exist_ok=True)
        for name in {_JOINT, _SOURCE, _TARGET} - files.keys():
            (folder / name).unlink(missing_ok=True)
        for name, tokenizer in files.items():
            aside = folder / f".writing-{name}"
            with aside.open("wb") as file:
                file.write(tokenizer.to_bytes())
                file.flush()
                # Else a power cut may leave an empty file under the name, and checkpoints that nobody can read.
                os.fsync(file.fileno())
            aside.replace(folder / name)

    @staticmethod
    def saved_in(folder: Path) -> bool:
        """Whether `save` has written everything into this folder."""
        return (folder / _JOINT).exists() or all((folder / name).exists() for name in (_SOURCE, _TARGET))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            DragomanError: a file is missing or damaged; the message names it.
        """
        separate = [folder / _SOURCE, folder / _TARGET]
        if any(path.exists() for path in separate) and not (folder / _JOINT).exists():
            return cls(_read(separate[0]), _read(separate[1]))
        shared = _read(folder / _JOINT)
        return cls(shared, shared)


def _read(path: Path) -> Tokenizer:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DragomanError(f"{path} is missing: copy the whole folder of the run anew") from None
    except OSError as error:
        raise DragomanError(f"{path} cannot be read ({error.strerror}): mend that, or copy the run anew") from None
    try:
        return tokenizer_from_bytes(data)
    except DragomanError as error:
        raise DragomanError(f"{path}: {error}") from None
