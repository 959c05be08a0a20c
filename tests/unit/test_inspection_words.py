"""Pieces merged into words: in many scripts, spelt in bytes, and where a word stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.config import TextSettings
from dragoman.inspection.words import Place, between_words, find, labels, spelt, words_of
from dragoman.text import Tokenizers


def cut(pieces: str) -> list[str]:
    """The words of pieces that are parted by spaces."""
    row = pieces.split()
    return spelt(row, words_of(row))


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ("<s> ▁The ▁pi zz a ▁came . </s>", "<s> The pizza came . </s>"),
        ('▁Hello , ▁" wor ld " !! ? ▁( a )', 'Hello , " world " !! ? ( a )'),
        ("▁don ' t ▁l ’ ami ▁' quoted '", "don't l’ami ' quoted '"),
        ("▁3 . 5 ▁1 , 000 , ▁4 . ▁a .", "3.5 1,000 , 4 . a ."),
        ("▁ . ▁ pizza ▁ ▁x", ". pizza x"),
        ("▁T - shirt ▁50 % ▁a_b", "T - shirt 50 % a_b"),
        ("▁我 喜欢 比萨 。 ▁ok", "我 喜欢 比萨 。 ok"),
        ("▁ピザ が 好き です", "ピザ が 好き です"),
        ("▁ผม ชอบ ิ", "ผม ชอบิ"),
        ("▁बि ल् ली ▁है", "बिल्ली है"),
        ("▁بيت زا ، ▁جيدة", "بيتزا ، جيدة"),
        ("▁피 자 가 ▁좋 다", "피자가 좋다"),
        ("▁K <0xC3> <0xA4> se", "Käse"),
        ("▁ <0xE4> <0xB8> <0xAD> <0xE6> <0x96> <0x87> ▁ <0xF0> <0x9F> <0x98> <0x80> .", "中 文 😀 ."),
        ("▁a <0x20> <0x62> <0x2E>", "a b ."),
        ("▁a <0xFF> b", "a\ufffdb"),
        ("▁the <unk> end", "the <unk> end"),
    ],
)
def test_words(pieces: str, words: str) -> None:
    assert cut(pieces) == words.split()


def test_space_alone_has_a_word_too() -> None:
    assert spelt(["▁", "</s>"], words_of(["▁", "</s>"])) == ["▁", "</s>"]
    assert words_of([]) == []


LINES = ["The pizza came out of the oven.", "Käse, 3.5 %: don't!", "a b c d e f g"]
TOKENIZER = Tokenizers.learn(LINES * 3, LINES * 3, TextSettings(vocabulary_size=320), seed=1).source


@given(st.text(max_size=30))
def test_every_piece_is_in_one_word_in_order(text: str) -> None:
    pieces = ["<s>", *TOKENIZER.pieces(TOKENIZER.encode([text.replace("\n", " ")])[0]), "</s>"]
    words = words_of(pieces)
    assert [place for word in words for place in word] == list(range(len(pieces)))
    assert words[0] == [0]
    assert words[-1] == [len(pieces) - 1]
    assert all(spelt(pieces, words))
    assert len(labels(pieces)) == len(pieces)


@given(st.lists(st.text("abcdefgäöß", min_size=1, max_size=8), min_size=1, max_size=8))
def test_plain_words_come_back(words: list[str]) -> None:
    pieces = TOKENIZER.pieces(TOKENIZER.encode([" ".join(words)])[0])
    assert spelt(pieces, words_of(pieces)) == words


def test_attention_between_words_by_hand() -> None:
    weights = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.0, 0.5, 0.5]], dtype=np.float32)
    found = between_words(weights, [[0], [1, 2]], [[0, 1], [2]])
    assert np.allclose(found, [[0.8, 0.2], [0.35, 0.65]])
    both = between_words(np.stack([weights, weights]), [[0], [1, 2]], [[0, 1], [2]])
    assert np.allclose(both[1], found)
    assert np.allclose(both.sum(-1), 1)


SENTENCE = ["▁The", "▁piz", "za", "▁hit", "▁it", ",", "▁and", "▁it", "▁bit", "▁The", "</s>"]


@pytest.mark.parametrize(
    ("word", "positions", "number", "standing", "chosen"),
    [
        ("it", [4], 4, 2, 1),
        ("it:2", [7], 7, 2, 2),
        ("pizza", [1, 2], 2, 1, 1),
        ("Pizza", [1, 2], 2, 1, 1),
        ("za", [2], 2, 1, 1),
        ("The:2", [9], 9, 2, 2),
        ("the", [0], 1, 2, 1),
        (",", [5], 5, 1, 1),
        ("</s>", [10], 10, 1, 1),
        (" it ", [4], 4, 2, 1),
    ],
)
def test_a_word_is_found(word: str, positions: list[int], number: int, standing: int, chosen: int) -> None:
    found = find(word, "source", SENTENCE)
    assert isinstance(found, Place)
    assert (found.positions, found.number, found.standing, found.chosen) == (positions, number, standing, chosen)
    assert found.side == "source"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("pizzza", "'pizzza' is not in the source; did you mean 'pizza'?"),
        ("it:3", "'it' stands 2 times in the source: choose it:1 to it:2"),
        ("pizza:0", "'pizza' stands once in the source: choose pizza:1"),
        ("", "'' is not in the source; known: ,, </s>, The, and, bit, hit, it, pizza"),
    ],
)
def test_a_word_that_is_not_there(word: str, told: str) -> None:
    assert find(word, "source", SENTENCE) == told


def test_labels_tell_the_pieces_of_a_word_apart() -> None:
    assert labels(["<s>", "▁piz", "za", ".", "▁", "<0x61>"]) == ["<s>", "piz", "·za", ".", "␣", "<0x61>"]
    assert labels(["▁a", "b", "<0xC3>"]) == ["a", "·b", "·<0xC3>"]
