"""Drawn cuts: the same in every process, and as likely as they should be."""

import hashlib
import subprocess
import sys
from collections import Counter
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


@pytest.mark.parametrize(("kind", "share"), [("bpe", 0.1), ("bpe", 0.5), ("unigram", 0.2), ("unigram", 0.7)])
def test_as_many_tokens_as_sentencepiece_draws(kind: str, share: float) -> None:
    cutter = tokenizer(kind)
    processor = sentencepiece.SentencePieceProcessor(model_proto=cutter._proto)
    texts = (ENGLISH + GERMAN) * 5
    ours = sum(map(len, cutter.sample(texts, share, range(len(texts)))))
    alpha = share if kind == "bpe" else 1 - share
    theirs = processor.encode([f" {text}" for text in texts], enable_sampling=True, alpha=alpha, nbest_size=-1)
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


def test_a_bpe_merge_is_left_out_as_often_as_asked() -> None:
    draws = 20_000
    cutter = Cutter("bpe", ["ab", "abc", "a", "b", "c"], [0.0, -1.0, -2.0, -3.0, -4.0])
    found = cutter.cut(["abc"] * draws, 0.3, range(draws))
    counted = Counter(tuple(token - FIRST_PIECE for token in row) for row in found)
    assert counted[1,] / draws == pytest.approx(0.7 * 0.7, abs=0.012)
    assert counted[0, 4] / draws == pytest.approx(0.7 * 0.3, abs=0.012)
    assert counted[2, 3, 4] / draws == pytest.approx(0.3, abs=0.012)
