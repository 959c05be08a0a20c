"""A run's attention against word links that a statistical aligner finds without it, where no gold links exist.

    python benchmarks/silver_alignment.py RUN

The aligner is IBM model 1 (Brown et al. 1993) with a prior for the diagonal (Dyer et al. 2013), trained both ways on
the run's own training text by EM and joined by grow-diag (Koehn et al. 2003). It is written out here, since it is a few
lines of numpy, while the known aligners need a compiler. For a pizzeria run its own error against gold is told too.

Shapes: C cells (source word x target word of the same pair), R rows (target words), K kinds of word pairs.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dragoman.corpora import load_named
from dragoman.corpora.pizzeria import PizzeriaPair, generate
from dragoman.inspection.alignment import align, alignment_error_rate, projections
from dragoman.inspection.alignment_measure import AlignmentMeasure, measure_alignment
from dragoman.inspection.measures import traced
from dragoman.inspection.words import spelt, words_of
from dragoman.text.tokenizer import Tokenizer
from dragoman.translation import Translator
from dragoman.translation.loading import load

Words = list[str]
Links = set[tuple[int, int]]
NULL = "\0"
"""The word that target words come from which no source word explains."""
NULL_SHARE = 0.08
TENSION = 4.0
"""How strongly links keep to the diagonal: the prior is exp(-TENSION |i / S - j / T|)."""
ROUNDS = 6


@dataclass(frozen=True)
class Cells:
    """Every source word (the empty one first) for every target word of every pair, one after the other."""

    kind: NDArray[np.int64]
    """C: which pair of words."""
    row: NDArray[np.int64]
    """C: which target word of the text."""
    source: NDArray[np.int64]
    """C: the source word's place, 0 for the empty one."""
    prior: NDArray[np.float64]
    """C: sums to one in each row."""
    given: NDArray[np.int64]
    """K: the source word of each kind."""


def main() -> None:
    """Aligns, compares, tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--sentences", type=int, default=500, help="of the validation and of the test split")
    parser.add_argument("--train", type=int, default=100_000, help="most training pairs that the aligner sees")
    options = parser.parse_args()
    translator = load(options.run)
    settings = translator.settings
    texts = {s: load_named(settings.data.corpus, s, settings.pizzeria) for s in ("train", "valid", "test")}
    counts = {"train": options.train, "valid": options.sentences, "test": options.sentences}
    pairs = {split: list(zip(text.source, text.target, strict=True))[: counts[split]] for split, text in texts.items()}
    # The measured sentences are aligned with the rest: the aligner sees no links, so there is nothing to hold out.
    both = [pair for split in ("train", "valid", "test") for pair in pairs[split]]
    source = cut(translator.tokenizers.source, [pair[0] for pair in both])
    target = cut(translator.tokenizers.target, [pair[1] for pair in both])
    found = silver(source, target, len(pairs["train"]))
    here = len(pairs["valid"])
    valid, test = _as_pairs(pairs["valid"], found[:here]), _as_pairs(pairs["test"], found[here:])
    tell(translator, measure_alignment(translator, valid, test), test, found[here:])


def tell(
    translator: Translator, measured: AlignmentMeasure, test: Sequence[PizzeriaPair], found: Sequence["Silver"]
) -> None:
    """Prints what agrees."""
    settings, choice = translator.settings, measured.choice
    sure, possible = [pair.sure for pair in found], [pair.joined for pair in found]
    weights = projections(translator.model)  # type: ignore[arg-type]
    links = [align(trace, choice, weights) for _, trace in traced(translator, test)]
    print(f"{settings.data.corpus}: {len(test):,} test sentences; the choice was made on the validation split")
    print(f"layer {choice.layer}, head {choice.head}, {choice.convention} step, {choice.weighting} weights")
    print("| Against the silver links | Alignment error rate |\n|---|---|")
    test_rate = measured.test
    print(f"| grow-diag | {test_rate.value:.3f} [{test_rate.low:.3f}, {test_rate.high:.3f}] |")
    print(f"| sure: both ways, possible: grow-diag | {alignment_error_rate(links, sure, possible):.3f} |")
    print(f"| the least that one link a word can reach (grow-diag) | {measured.floor:.3f} |")
    if settings.data.corpus.startswith("pizzeria") and not settings.data.corpus.endswith("de-en"):
        gold = [pair.alignment for pair in generate("test", settings.pizzeria)[: len(test)]]
        print(f"| the silver links themselves, against gold | {alignment_error_rate(possible, gold):.3f} |")


@dataclass(frozen=True)
class Silver:
    """One pair's links."""

    sure: Links
    """Found both ways."""
    joined: Links
    """These, and neighbours of them that were found one way (grow-diag)."""


def silver(source: Sequence[Words], target: Sequence[Words], first: int = 0) -> list[Silver]:
    """Aligns both ways and joins the links; the pairs before `first` are learnt from, but not given."""
    forward = viterbi(source, target)[first:]
    backward = [{(s, t) for t, s in links} for links in viterbi(target, source)[first:]]
    return [Silver(one & other, grow_diag(one, other)) for one, other in zip(forward, backward, strict=True)]


def viterbi(source: Sequence[Words], target: Sequence[Words]) -> list[Links]:
    """The best source word for each target word under the trained model; none where the empty word is the best."""
    cells = cells_of(source, target)
    rows = int(cells.row[-1]) + 1
    table = learn(cells, rows)
    score = table[cells.kind] * cells.prior
    # The last of a row in the order of scores is its best.
    order = np.lexsort((score, cells.row))
    best = order[np.flatnonzero(np.diff(cells.row[order], append=rows))]
    chosen = iter(cells.source[best].tolist())
    return [{(s - 1, t) for t in range(len(line)) if (s := next(chosen))} for line in target]


def learn(cells: Cells, rows: int) -> NDArray[np.float64]:
    """EM: p(target word | source word) of each kind, K."""
    table = np.ones(len(cells.given))
    for _ in range(ROUNDS):
        score = table[cells.kind] * cells.prior
        share = score / np.bincount(cells.row, score, rows)[cells.row]
        counts = np.bincount(cells.kind, share, len(table))
        table = counts / np.bincount(cells.given, counts)[cells.given]
    return table


def cells_of(source: Sequence[Words], target: Sequence[Words]) -> Cells:
    """Lays the text out as cells."""
    known: dict[str, int] = {}
    places, words_there, rows, here, prior = [], [], [], [], []
    start = 0
    for left, right in zip(source, target, strict=True):
        s_ids = np.array([known.setdefault(word, len(known)) for word in (NULL, *left)])
        t_ids = np.array([known.setdefault(word, len(known)) for word in right])
        s, t = len(s_ids), len(t_ids)
        places.append(np.tile(s_ids, t))
        words_there.append(np.repeat(t_ids, s))
        rows.append(start + np.repeat(np.arange(t), s))
        here.append(np.tile(np.arange(s), t))
        prior.append(diagonal(s - 1, t).ravel())
        start += t
    pairs = np.concatenate(places) * len(known) + np.concatenate(words_there)
    kinds, kind = np.unique(pairs, return_inverse=True)
    return Cells(kind, np.concatenate(rows), np.concatenate(here), np.concatenate(prior), kinds // len(known))


def diagonal(source: int, target: int) -> NDArray[np.float64]:
    """The prior of each target word's row, T x (1 + S): the empty word first."""
    i, j = (np.arange(source) + 1) / source, (np.arange(target) + 1) / target
    near = np.exp(-TENSION * np.abs(j[:, None] - i[None]))
    near *= (1 - NULL_SHARE) / near.sum(-1, keepdims=True)
    return np.concatenate([np.full((target, 1), NULL_SHARE), near], axis=1)


def grow_diag(one: Links, other: Links) -> Links:
    """Starts from the links of both and adds neighbours that one of them has, while a word has none yet."""
    grown, either = one & other, one | other
    around = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]
    added = True
    while added:
        added = False
        for s, t in sorted(grown):
            for a, b in around:
                new = (s + a, t + b)
                free = new[0] not in {x for x, _ in grown} or new[1] not in {y for _, y in grown}
                if new in either - grown and free:
                    grown.add(new)
                    added = True
    return grown


def cut(tokenizer: Tokenizer, lines: Sequence[str]) -> list[Words]:
    """The lines' words as attention counts them, in small letters."""
    rows = (tokenizer.pieces(ids) for ids in tokenizer.encode(lines))
    return [[word.lower() for word in spelt(pieces, words_of(pieces))] for pieces in rows]


def _as_pairs(lines: Sequence[tuple[str, str]], found: Sequence[Silver]) -> list[PizzeriaPair]:
    """In the form that is measured."""
    return [
        PizzeriaPair(source, target, tuple(sorted(links.joined)), None, "silver")
        for (source, target), links in zip(lines, found, strict=True)
    ]


if __name__ == "__main__":
    main()
