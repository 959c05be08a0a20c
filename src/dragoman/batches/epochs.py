"""A corpus as ids, epoch after epoch; with sampling, each epoch's cut is made while the one before is trained on."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from dragoman.batches.buckets import Indices, cut_batches
from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.config import BatchSettings
from dragoman.errors import DragomanError
from dragoman.text import Tokenizer, Tokenizers, line_seed

Ids = list[list[int]]


@dataclass(frozen=True)
class Epoch:
    """One pass over the corpus."""

    sources: Ids
    targets: Ids
    batches: list[Indices]

    def batch(self, number: int, device: str = "cpu") -> PairBatch:
        """The batch of that number, padded."""
        chosen = self.batches[number]
        return pair_batch([self.sources[i] for i in chosen], [self.targets[i] for i in chosen], device)


class Epochs:
    """Makes any epoch from its number alone, so that a stopped training finds its place again."""

    def __init__(
        self,
        lines: tuple[Sequence[str], Sequence[str]],
        tokenizers: Tokenizers,
        settings: BatchSettings,
        sampling: float,
        seed: int,
    ):
        sources, targets = tokenizers.source.encode(lines[0]), tokenizers.target.encode(lines[1])
        fits = [max(len(s), len(t)) < settings.longest for s, t in zip(sources, targets, strict=True)]
        self.kept = [number for number, fit in enumerate(fits) if fit]
        self.too_long = len(fits) - len(self.kept)
        if not self.kept:
            raise DragomanError(
                f"every pair is longer than batches.longest={settings.longest} tokens; raise it, or cut the lines"
            )
        self.plain = [sources[i] for i in self.kept], [targets[i] for i in self.kept]
        self._lines = [lines[0][i] for i in self.kept], [lines[1][i] for i in self.kept]
        self._tokenizers, self._settings, self._sampling, self._seed = tokenizers, settings, sampling, seed
        # One thread makes every cut: the sampler's random numbers are the process', not the caller's.
        self._worker = ThreadPoolExecutor(1, "tokenizer") if sampling else None
        self._made: dict[int, Future[Epoch]] = {}

    def epoch(self, number: int) -> Epoch:
        """The epoch of that number, from 0; the next one is begun in the background."""
        if self._worker is None:
            return self._make(number)
        wanted = (number, number + 1)
        made = {key: future for key, future in self._made.items() if key in wanted}
        for key in wanted:
            if key not in made:
                made[key] = self._worker.submit(self._make, key)
        self._made = made
        return made[number].result()

    def close(self) -> None:
        """Ends the background work."""
        if self._worker is not None:
            self._worker.shutdown(cancel_futures=True)

    def _make(self, number: int) -> Epoch:
        sources, targets = self.plain
        if self._sampling:
            sources = self._sample(self._tokenizers.source, self._lines[0], number)
            targets = self._sample(self._tokenizers.target, self._lines[1], number)
        lengths = [len(row) + 1 for row in sources], [len(row) + 1 for row in targets]
        order_seed = line_seed(self._seed, number, -1)
        return Epoch(sources, targets, cut_batches(*lengths, self._settings.target_tokens, order_seed))

    def _sample(self, tokenizer: Tokenizer, lines: Sequence[str], epoch: int) -> Ids:
        seeds = [line_seed(self._seed, epoch, number) for number in self.kept]
        return tokenizer.sample(lines, self._sampling, seeds)
