"""Sentence pairs of drawn tokens, all of one length, for measures that do not care what is said."""

import torch

from dragoman.batches.padded import EOS, PairBatch, pair_batch


def drawn_pairs(
    rows: int, length: int, vocabulary: int, seed: int, copied: bool = False, device: str = "cpu"
) -> PairBatch:
    """Pairs of `length` positions on both sides, end mark included; every token that is not special is equally likely.

    Args:
        copied: whether the target says the same as the source.
    """
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(EOS + 1, vocabulary, (2, rows, length - 1), generator=draw).tolist()
    return pair_batch(ids[0], ids[0] if copied else ids[1], device)
