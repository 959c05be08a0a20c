"""A corpus as ids, epoch after epoch, in windows; the next window is made while the present one is trained on."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dragoman.batches.buckets import Indices, cut_sorted, shuffled
from dragoman.batches.padded import PairBatch, ragged_pair_batch
from dragoman.batches.rows import Places, Ragged, Rows
from dragoman.batches.store import PAIRS_AT_ONCE, PairStore, id_type
from dragoman.config import BatchSettings
from dragoman.text import Tokenizers, line_seed

Place = tuple[int, int]
"""An epoch, and a window of it."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the corpus, or a window of it: some of its pairs, drawn and cut into batches."""

    number: int
    """Of the pass."""
    window: int
    windows: int
    """Of each pass; 1 where the corpus is no larger than a window."""
    part: float
    """The share of the corpus' pairs that is in this window."""
    sources: Rows
    targets: Rows
    batches: list[Indices]
    """Places in these rows."""

    def batch(self, number: int, device: str = "cpu") -> PairBatch:
        """The batch of that number, padded."""
        chosen = self.batches[number]
        return ragged_pair_batch(self.sources.take(chosen), self.targets.take(chosen), device)

    @property
    def next(self) -> Place:
        """What comes after it."""
        return (self.number, self.window + 1) if self.window + 1 < self.windows else (self.number + 1, 0)

    @property
    def pass_batches(self) -> int:
        """Batches of the whole pass; where it has several windows, as many as it has if all are like this one."""
        return round(len(self.batches) / self.part)

    @property
    def pass_tokens(self) -> tuple[int, int]:
        """Source and target tokens of the whole pass, reckoned likewise."""
        source, target = self.tokens
        return round(source / self.part), round(target / self.part)

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence on either side."""
        sides = (self.sources, self.targets)
        return max(int(rows.lengths(batch).max()) + 1 for rows in sides for batch in self.batches)

    @property
    def tokens(self) -> tuple[int, int]:
        """Source and target tokens in it, end marks counted."""
        return _tokens(self.sources, self.batches), _tokens(self.targets, self.batches)

    @property
    def real_shares(self) -> tuple[float, float]:
        """The shares of source and target positions that hold a token and no padding."""
        source, target = self.tokens
        return source / _positions(self.sources, self.batches), target / _positions(self.targets, self.batches)


class Epochs:
    """Makes any window of any epoch from their numbers alone, so that a stopped training finds its place again."""

    def __init__(self, pairs: PairStore, tokenizers: Tokenizers, settings: BatchSettings, sampling: float, seed: int):
        self.pairs = pairs
        self.windows = -(-len(pairs) // settings.window)
        self._tokenizers, self._settings, self._sampling, self._seed = tokenizers, settings, sampling, seed
        # One thread makes everything: the sampler's random numbers are the process', not the caller's.
        self._worker: ThreadPoolExecutor | None = ThreadPoolExecutor(1, "tokenizer")
        self._made: dict[Place, Future[Epoch]] = {}
        self._orders: dict[int, tuple[NDArray[Any], dict[str, Any]]] = {}

    @property
    def too_long(self) -> int:
        """Pairs left out for their length."""
        return self.pairs.too_long

    def epoch(self, number: int, window: int = 0) -> Epoch:
        """That window of the epoch of that number, from 0; the next one is begun in the background."""
        place = number, window
        if self._worker is None:
            return self._made[place].result() if place in self._made else self._make(place)
        wanted = place, self._after(place)
        made = {key: future for key, future in self._made.items() if key in wanted}
        for key in wanted:
            if key not in made:
                made[key] = self._worker.submit(self._make, key)
        self._made = made
        return made[place].result()

    def close(self) -> None:
        """Ends the background work."""
        if self._worker is not None:
            self._worker.shutdown(cancel_futures=True)
            self._made = {key: future for key, future in self._made.items() if not future.cancelled()}
            self._worker = None

    def _after(self, place: Place) -> Place:
        number, window = place
        return (number, window + 1) if window + 1 < self.windows else (number + 1, 0)

    def _make(self, place: Place) -> Epoch:
        number, window = place
        order, draw = self._order(number, window)
        first, end = (len(self.pairs) * edge // self.windows for edge in (window, window + 1))
        members = np.sort(order[first:end]).astype(np.int64)
        if self._sampling:
            sources, targets = self._sample("source", members, number), self._sample("target", members, number)
            places = np.arange(len(members))
        else:
            sources, targets, places = self.pairs.sources, self.pairs.targets, members
            sources.touch(members)
            targets.touch(members)
        lengths = sources.lengths(places) + 1, targets.lengths(places) + 1
        drawn = np.searchsorted(members, order[first:end])
        batches = [places[batch] for batch in cut_sorted(*lengths, drawn, self._settings.target_tokens)]
        part = len(members) / len(self.pairs)
        return Epoch(number, window, self.windows, part, sources, targets, shuffled(batches, draw))

    def _order(self, number: int, window: int) -> tuple[NDArray[Any], np.random.Generator]:
        """The epoch's order of all pairs, and the generator that draws the order of the window's batches."""
        seed = line_seed(self._seed, number, -1)
        draw = np.random.default_rng(seed)
        if number not in self._orders:
            order = np.arange(len(self.pairs), dtype=np.uint32)
            draw.shuffle(order)
            before = {key: kept for key, kept in self._orders.items() if key == number - 1}
            self._orders = {**before, number: (order, dict(draw.bit_generator.state))}
        order, state = self._orders[number]
        if window:
            return order, np.random.default_rng([seed, window])
        draw.bit_generator.state = state
        return order, draw

    def _sample(self, side: str, members: Places, number: int) -> Rows:
        tokenizer = getattr(self._tokenizers, side)
        parts = []
        for first in range(0, len(members), PAIRS_AT_ONCE):
            places = members[first : first + PAIRS_AT_ONCE]
            seeds = [line_seed(self._seed, number, line) for line in self.pairs.numbers[places].tolist()]
            lines = self.pairs.lines(side, places)
            rows = tokenizer.sample(lines, self._sampling, seeds)
            # A sampled cut has more tokens; where it is longer than a sentence may be, the plain one takes its place.
            long = [at for at, row in enumerate(rows) if len(row) >= self._settings.longest]
            for at, row in zip(long, tokenizer.encode([lines[at] for at in long]), strict=True):
                rows[at] = row
            parts.append(Ragged.of(rows, id_type(tokenizer.size)))
        return Rows.of(parts)


def _tokens(rows: Rows, batches: list[Indices]) -> int:
    return sum(int(rows.lengths(batch).sum()) + len(batch) for batch in batches)


def _positions(rows: Rows, batches: list[Indices]) -> int:
    return sum(len(batch) * (int(rows.lengths(batch).max()) + 1) for batch in batches)
