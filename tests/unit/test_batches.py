"""Padding, buckets and epochs, on made lengths and on real Multi30k lines."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.batches.buckets import cut_batches, real_share
from dragoman.batches.epochs import Epochs
from dragoman.batches.padded import BOS, EOS, PAD, pair_batch, rectangle, source_batch
from dragoman.batches.store import temporary_pairs
from dragoman.config import BatchSettings, TextSettings
from dragoman.corpora import ParallelText
from dragoman.errors import DragomanError
from dragoman.text import Tokenizers


def test_a_pair_batch_by_hand() -> None:
    batch = pair_batch([[7], [8, 9]], [[10, 11], []])
    assert batch.source.ids.tolist() == [[7, EOS, PAD], [8, 9, EOS]]
    assert batch.source.mask.tolist() == [[True, True, False], [True, True, True]]
    assert batch.target_in.tolist() == [[BOS, 10, 11], [BOS, PAD, PAD]]
    assert batch.target_out.tolist() == [[10, 11, EOS], [EOS, PAD, PAD]]
    assert batch.target_mask.tolist() == [[True, True, True], [True, False, False]]


def test_no_rows() -> None:
    ids, lengths = rectangle([])
    assert (ids.shape, lengths.shape) == ((0, 0), (0,))
    assert source_batch([[]]).ids.tolist() == [[EOS]]


LENGTHS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 200), st.integers(0, 5))
def test_batches_hold_every_pair_once_under_the_budget(lengths: list[tuple[int, int]], budget: int, seed: int) -> None:
    source, target = [s for s, _ in lengths], [t for _, t in lengths]
    batches = cut_batches(source, target, budget, seed)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        if len(batch) > 1:
            assert len(batch) * max(target[i] for i in batch) <= budget
            assert len(batch) * max(source[i] for i in batch) <= 2 * budget
    again = cut_batches(source, target, budget, seed)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_another_seed_is_another_order() -> None:
    lengths = list(range(1, 50)) * 4
    first, second = (cut_batches(lengths, lengths, 100, seed) for seed in (1, 2))
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in second]


def read(path: Path, count: int | None = None) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()[:count]


def epochs_of(
    source: list[str],
    target: list[str],
    tokenizers: Tokenizers,
    settings: BatchSettings,
    share: float = 0.0,
    seed: int = 1,
) -> Epochs:
    pairs = temporary_pairs(ParallelText(source, target, "text"), tokenizers, settings.longest)
    return Epochs(pairs, tokenizers, settings, share, seed)


def test_little_of_multi30k_is_padding(data: Path) -> None:
    source, target = (read(data / "multi30k" / f"train.{language}.gz") for language in ("en", "de"))
    tokenizers = Tokenizers.learn(source, target, TextSettings(vocabulary_size=8000), seed=1)
    epochs = epochs_of(source, target, tokenizers, BatchSettings(target_tokens=3000))
    epoch = epochs.epoch(0)
    lengths = [len(row) + 1 for row in epoch.sources], [len(row) + 1 for row in epoch.targets]
    shares = [real_share(lengths[0], epoch.batches), real_share(lengths[1], epoch.batches)]
    positions = [sum(len(batch) * max(side[i] for i in batch) for batch in epoch.batches) for side in lengths]
    of_all = (sum(lengths[0]) + sum(lengths[1])) / sum(positions)
    print(f"real: {shares[0]:.1%} of source, {shares[1]:.1%} of target, {of_all:.1%} of all positions")
    assert shares[1] >= 0.98
    assert of_all >= 0.90


@pytest.fixture(scope="module")
def small() -> tuple[list[str], list[str], Tokenizers]:
    source = [f"the number {n} stands here" for n in range(200)]
    target = [f"die Zahl {n} steht hier" for n in range(200)]
    return source, target, Tokenizers.learn(source, target, TextSettings(vocabulary_size=320), seed=1)


def test_sampling_cuts_each_epoch_anew_and_alike_each_time(small: tuple[list[str], list[str], Tokenizers]) -> None:
    source, target, tokenizers = small
    settings = BatchSettings(target_tokens=200)

    def epochs() -> Epochs:
        return epochs_of(source, target, tokenizers, settings, 0.3, seed=5)

    first, again = epochs(), epochs()
    cuts = [first.epoch(number) for number in range(3)]
    third_at_once = again.epoch(2)
    first.close()
    again.close()
    assert cuts[0].targets != cuts[1].targets
    assert cuts[2].targets == third_at_once.targets
    assert [b.tolist() for b in cuts[2].batches] == [b.tolist() for b in third_at_once.batches]
    for cut in cuts:
        assert tokenizers.target.decode(cut.targets) == target


def test_without_sampling_only_the_order_changes(small: tuple[list[str], list[str], Tokenizers]) -> None:
    source, target, tokenizers = small
    epochs = epochs_of(source, target, tokenizers, BatchSettings(target_tokens=200), seed=5)
    first, second = epochs.epoch(0), epochs.epoch(1)
    assert first.targets == second.targets
    assert [b.tolist() for b in first.batches] != [b.tolist() for b in second.batches]


def test_pairs_that_are_too_long_are_left_out(small: tuple[list[str], list[str], Tokenizers]) -> None:
    source, target, tokenizers = small
    long = "the number " * 100
    settings = BatchSettings(target_tokens=200, longest=50)
    epochs = epochs_of([long, *source], [target[0], *target], tokenizers, settings, seed=5)
    assert epochs.too_long == 1
    assert 0 not in epochs.pairs.numbers
    with pytest.raises(DragomanError, match=r"every pair is longer than batches.longest=2 tokens; raise it"):
        epochs_of(source, target, tokenizers, BatchSettings(longest=2))
