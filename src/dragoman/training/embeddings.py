"""A training's embedding starts from word vectors that were learnt elsewhere (`model.embeddings`).

Shapes: V vocabulary, N pieces that get a vector, D width of the word vectors, M d_model.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import nn

from dragoman.config import ModelSettings
from dragoman.corpora import ParallelText
from dragoman.errors import DragomanError
from dragoman.models.contract import TrainableModel
from dragoman.text import Tokenizer, Tokenizers
from dragoman.text.special import FIRST_PIECE
from dragoman.text.vectors import Matrix, WordVectors

_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?")
_ENCODED_AT_ONCE = 100_000


@dataclass(frozen=True)
class Given:
    """The pieces that get a vector, by id, before it is brought to the model's width."""

    whole: dict[int, Matrix]
    """A piece that is a word has the word's vector."""
    parts: dict[int, Matrix]
    """Another has the mean of the words that it is a part of, weighted by how often each stands in the corpus."""


def start_from(
    model: TrainableModel[Any],
    tokenizers: Tokenizers,
    text: ParallelText,
    vectors: WordVectors,
    settings: ModelSettings,
) -> str:
    """Gives the embedding's rows their first values; rows without a word vector keep their random start.

    Every given row is centred, brought to d_model numbers and to length 1, which is what a random row's length is
    on average: the embedding's standard deviation stays 1 / sqrt(d_model).

    Returns:
        What was done, in one line.

    Raises:
        DragomanError: no word of the corpus has a vector.
    """
    sides: list[tuple[str, Tokenizer, Iterable[str]]] = [
        ("source", tokenizers.source, text.source),
        ("target", tokenizers.target, text.target),
    ]
    wanted = [side for side in sides if settings.embeddings_side in ("both", side[0])]
    if tokenizers.joint and settings.tie == "all":
        wanted = [(wanted[0][0], tokenizers.source, chain.from_iterable(side for _, _, side in wanted))]
    said, total = [], 0
    for name, tokenizer, lines in wanted:
        given = piece_vectors(tokenizer, lines, vectors)
        total += len(given.whole) + len(given.parts)
        _fill(getattr(model, f"{name}_embedding").table, given)
        said.append(("" if len(wanted) == 1 else f"{name}: ") + _share(given, tokenizer.size - FIRST_PIECE))
    if not total:
        raise DragomanError(f"no word of the corpus is in {vectors.name}; give vectors of the corpus' language")
    return f"{vectors.name}, {vectors.width} numbers a word; {'; '.join(said)}"


def _fill(table: nn.Embedding, given: Given) -> None:
    found = given.whole | given.parts
    if found:
        rows = torch.from_numpy(fitted(np.stack(list(found.values())), table.embedding_dim))
        ids = torch.tensor(list(found))
        there = rows.norm(dim=1) > 0
        with torch.no_grad():
            table.weight[ids[there]] = rows[there].to(table.weight)


def _share(given: Given, learnt: int) -> str:
    count = len(given.whole) + len(given.parts)
    return (
        f"{count:,} of {learnt:,} learnt pieces ({count / max(1, learnt):.0%}) start from one "
        f"({len(given.whole):,} words, {len(given.parts):,} parts of words)"
    )


def piece_vectors(tokenizer: Tokenizer, lines: Iterable[str], vectors: WordVectors) -> Given:
    """Composes word vectors to vectors of pieces, from the words of `lines`.

    A piece that by itself is how a word is cut takes that word's vector. Another takes the mean of the vectors of
    the words whose cut holds it, each weighted by its count. Where two spellings of a word share a vector
    (Pizza, pizza), each stands for itself.
    """
    counts = Counter(word for line in lines for word in _WORD.findall(line))
    known = [(word, count, found.row) for word, count in counts.items() if (found := vectors.find(word))]
    whole: dict[int, Matrix] = {}
    sums: dict[int, Matrix] = {}
    weights: Counter[int] = Counter()
    for start in range(0, len(known), _ENCODED_AT_ONCE):
        part = known[start : start + _ENCODED_AT_ONCE]
        for ids, (_, count, row) in zip(tokenizer.encode([word for word, _, _ in part]), part, strict=True):
            if len(ids) == 1:
                whole[ids[0]] = vectors.matrix[row]
                continue
            for piece in ids:
                weights[piece] += count
                sums[piece] = sums.get(piece, np.float32(0)) + np.float32(count) * vectors.matrix[row]
    parts = {id: total / np.float32(weights[id]) for id, total in sums.items() if id not in whole and id >= FIRST_PIECE}
    return Given({id: vector for id, vector in whole.items() if id >= FIRST_PIECE}, parts)


def fitted(rows: Matrix, width: int, seed: int = 1) -> Matrix:
    """Brings vectors (N x D) to N x M rows of length 1 around their mean.

    Wider vectors keep their first M principal components. Narrower ones are turned into the larger space by a
    drawn matrix with orthonormal rows, which changes no angle between them.
    """
    centred = rows - rows.mean(0) if len(rows) > 1 else rows
    if rows.shape[1] > width:
        _, _, directions = np.linalg.svd(centred.astype(np.float64), full_matrices=True)
        moved = centred @ directions[:width].T
    elif rows.shape[1] < width:
        drawn = np.random.default_rng(seed).standard_normal((width, rows.shape[1]))
        moved = centred @ np.linalg.qr(drawn)[0].T
    else:
        moved = centred
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    fitted: Matrix = (moved / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return fitted
