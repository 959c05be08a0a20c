"""Drawn cuts: the same in every process, and as likely as they should be."""

import hashlib
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from math import exp
from pathlib import Path

import pytest
import sentencepiece

from dragoman.config import TextSettings
from dragoman.text import learn_tokenizer, line_seed
from dragoman.text.cutting import Cutter
from dragoman.text.special import FIRST_BYTE, FIRST_PIECE
from dragoman.text.subwords import SubwordTokenizer
from tests.unit.test_text_learning import ENGLISH, GERMAN

ODD = ["", " ", "✓ 雪é ▁ x\0y  z", "aaaa bbbb", "dog" * 40]

PROCESS = """
import sys
from tests.unit.test_text_cutting import digest
print(digest(sys.argv[1]))
"""


def tokenizer(kind: str) -> SubwordTokenizer:
    settings = TextSettings(kind=kind, vocabulary_size=330)  # type: ignore[arg-type]
    found = learn_tokenizer([*ENGLISH, *GERMAN], settings, 1)
    assert isinstance(found, SubwordTokenizer)
    return found


def digest(kind: str) -> str:
    texts = [*ENGLISH, *ODD]
    cuts = tokenizer(kind).sample(texts, 0.3, [line_seed(1, 2, line) for line in range(len(texts))])
    return hashlib.sha256(str(cuts).encode()).hexdigest()


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_another_process_draws_the_same(kind: str) -> None:
    command = [sys.executable, "-c", PROCESS, kind]
    other = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert other.stdout.strip() == digest(kind)


def test_nothing_left_out_is_sentencepieces_cut() -> None:
    cutter = tokenizer("bpe")
    texts = [*ENGLISH, *GERMAN, *ODD]
    pieces = cutter.sample(texts, 1e-300, range(len(texts)))
    assert pieces == cutter.encode(texts)
    assert any(FIRST_BYTE <= token < FIRST_PIECE for row in pieces for token in row)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_as_many_unigram_tokens_as_sentencepiece_draws(share: float) -> None:
    cutter = tokenizer("unigram")
    processor = sentencepiece.SentencePieceProcessor(model_proto=cutter._proto)
    texts = (ENGLISH + GERMAN) * 5
    ours = sum(map(len, cutter.sample(texts, share, range(len(texts)))))
    theirs = processor.encode([f" {text}" for text in texts], enable_sampling=True, alpha=1 - share, nbest_size=-1)
    assert ours == pytest.approx(sum(map(len, theirs)), rel=0.02)


def test_a_unigram_cut_is_as_likely_as_its_tokens() -> None:
    pieces, scores = ["a", "b", "ab", "ba", "aba"], [-1.0, -1.5, -2.0, -2.2, -3.0]
    number = {piece: at for at, piece in enumerate(pieces)}
    cuts = [["a", "b", "a"], ["ab", "a"], ["a", "ba"], ["aba"]]
    weights = [exp(0.6 * sum(scores[number[piece]] for piece in cut)) for cut in cuts]
    draws = 20_000
    found = Cutter("unigram", pieces, scores).cut(["aba"] * draws, 0.4, range(draws))
    counted = Counter(tuple(row) for row in found)
    assert sum(counted.values()) == draws
    for cut, weight in zip(cuts, weights, strict=True):
        share = counted[tuple(FIRST_PIECE + number[piece] for piece in cut)] / draws
        assert share == pytest.approx(weight / sum(weights), abs=0.012)


MERGES = ["th", "ng", "thi", "ing", "thing", "in", "hi", "▁", "▁s", "▁so"]
PIECES = [*MERGES, *"thingso"]


def chances(tokens: tuple[str, ...], share: float) -> dict[tuple[str, ...], float]:
    """How likely each cut of a word is (Provilkov et al. 2020, algorithm 1): the first merge not left out is made."""
    pairs = enumerate(pairwise(tokens))
    possible = sorted((MERGES.index(one + two), at) for at, (one, two) in pairs if one + two in MERGES)
    found = defaultdict(float, {tokens: share ** len(possible)})
    for rank, (number, at) in enumerate(possible):
        merged = (*tokens[:at], MERGES[number], *tokens[at + 2 :])
        for cut, chance in chances(merged, share).items():
            found[cut] += share**rank * (1 - share) * chance
    return found


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_bpe_cuts_are_as_likely_as_the_papers(share: float) -> None:
    draws = 20_000
    found = Cutter("bpe", PIECES, range(0, -len(PIECES), -1)).cut(["▁so▁thing"] * draws, share, range(draws))
    counted = Counter(tuple(PIECES[token - FIRST_PIECE] for token in row) for row in found)
    first, second = chances(("▁", "s", "o"), share), chances(("▁", "t", "h", "i", "n", "g"), share)
    expected = {one + two: first[one] * second[two] for one in first for two in second}
    assert sum(expected.values()) == pytest.approx(1)
    assert set(counted) <= set(expected)
    for cut, chance in expected.items():
        assert counted[cut] / draws == pytest.approx(chance, abs=0.012)
