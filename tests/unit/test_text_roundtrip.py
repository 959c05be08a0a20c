"""Any line returns from any tokenizer: unchanged (identity), or in a normal form that then stays (nfkc)."""

import functools
import gzip
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dragoman.config.settings import TextSettings
from dragoman.text import Tokenizer, Tokenizers, learn_tokenizer
from dragoman.text.special import FIRST_BYTE, FIRST_PIECE

Kind = Literal["bpe", "unigram", "character", "word"]
Rule = Literal["identity", "nfkc"]

KINDS: tuple[Kind, ...] = ("bpe", "unigram", "character", "word")
CORPUS = (
    "Two dogs play in the snow.",
    "Zwei Hunde spielen im Schnee , 2024 !",
    "a  double  space, a\ttab, and one at the end ",
    "雪の中で二匹の犬が遊んでいる。",
    "两只狗在雪地里玩耍。",
    "كلبان يلعبان في الثلج",
    "שני כלבים משחקים בשלג",
    "हिन्दी में दो कुत्ते",
    "👩\u200d👩\u200d👧\u200d👦 🐕\u200d🦺 und ▁ dazu",
)
TROUBLE = (
    "▁▂▅ \t\0\x01\x1f\x7f\u00a0\u200b\u200d\u200f\u2028\u3000\ufeff\ufffd<s>/unkpad0x41①Å\u0301\u0149ﬁ👩🐕🦺שلב狗雪한"
)
LINES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=40),
    st.text(st.sampled_from(TROUBLE), max_size=40),
)
LITERALS = [
    "",
    " ",
    "  x  ",
    "▁",
    " ▁ ▁▁a",
    "<s>",
    "</s>",
    "<unk>",
    "<pad>",
    "<0x41>",
    "\0",
    "a\0b",
    "\ufeffBOM",
    "\r",
]


@functools.cache
def tokenizer(kind: Kind, rule: Rule) -> Tokenizer:
    size = {"bpe": 420, "unigram": 357, "character": 1000, "word": 300}[kind]
    return learn_tokenizer(CORPUS, TextSettings(kind=kind, vocabulary_size=size, normalisation=rule), seed=1)


def through(cutter: Tokenizer, lines: Sequence[str]) -> list[str]:
    return cutter.decode(cutter.encode(lines))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=120, deadline=None, derandomize=True)
@given(lines=st.lists(LINES, max_size=3))
def test_identity_gives_every_line_back(kind: Kind, lines: list[str]) -> None:
    assert through(tokenizer(kind, "identity"), lines) == lines


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line", [*LITERALS, *CORPUS])
def test_identity_gives_troublesome_lines_back(kind: Kind, line: str) -> None:
    assert through(tokenizer(kind, "identity"), [line]) == [line]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=120, deadline=None, derandomize=True)
@given(line=LINES)
@example(line="ŉ\u0301")
@example(line="\u0301 \u0301a")
def test_nfkc_changes_nothing_the_second_time(kind: Kind, line: str) -> None:
    cutter = tokenizer(kind, "nfkc")
    [normal] = through(cutter, [line])
    assert through(cutter, [normal]) == [normal]
    assert cutter.encode([normal]) == cutter.encode([line])
    assert normal == " ".join(normal.split(" "))


@pytest.mark.parametrize("kind", KINDS)
def test_nfkc_unifies_forms_and_white_space(kind: Kind) -> None:
    assert through(tokenizer(kind, "nfkc"), [" Ａ①  ﬁsh\u3000x\t", "\u3000"]) == ["A1 fish x", ""]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", ["identity", "nfkc"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(row=st.lists(st.integers(-3, 1100), max_size=30))
def test_any_ids_decode_to_one_line(kind: Kind, rule: Rule, row: list[int]) -> None:
    cutter = tokenizer(kind, rule)
    [text] = cutter.decode([row])
    assert "\n" not in text
    assert len(cutter.pieces(row)) == len(row)
    outside = sum(not 0 <= id < cutter.size for id in row)
    assert text.count("\ufffd") >= outside


def test_decode_skips_special_ids_and_mends_bytes() -> None:
    cutter = tokenizer("bpe", "identity")
    [row] = cutter.encode(["the snow"])
    assert cutter.decode([[2, *row, 3, 0, 1], [FIRST_BYTE + 0xE2, FIRST_BYTE + ord("x")], []]) == [
        "the snow",
        "\ufffdx",
        "",
    ]
    assert cutter.pieces([0, 1, 2, 3, FIRST_BYTE + 0x41, cutter.size]) == [
        "<pad>", "<unk>", "<s>", "</s>", "<0x41>", "\ufffd",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, deadline=None, derandomize=True)
@given(line=LINES)
def test_no_special_id_ever_stands_for_text(kind: Kind, line: str) -> None:
    [row] = tokenizer(kind, "identity").encode([line])
    assert all(id >= FIRST_BYTE for id in row)
    assert (row == []) == (line == "")


def test_a_line_is_cut_alike_alone_and_among_others() -> None:
    for kind in KINDS:
        cutter = tokenizer(kind, "identity")
        lines = [*CORPUS, *LITERALS]
        assert cutter.encode(lines) == [cutter.encode([line])[0] for line in lines]


def test_words_keep_their_space_and_their_marks() -> None:
    cutter = tokenizer("word", "identity")
    [row] = cutter.encode(["snow . snow."])
    assert cutter.pieces(row)[:1] == ["▁snow"]
    lines = ["the snow."] * 3 + ["हिन्दी don't 2024,5 a_b"]
    learnt = learn_tokenizer(lines, TextSettings(kind="word", vocabulary_size=400), seed=1)
    pieces = learnt.pieces(range(FIRST_PIECE, learnt.size))
    assert pieces[:3] == ["▁snow", "▁the", "."]
    assert set(pieces[3:]) == {"▁हिन्दी", "▁don", "'", "t", "▁2024", ",", "5", "▁a", "_", "b"}


def multi30k(language: str, count: int) -> list[str]:
    root = os.environ.get("DRAGOMAN_CORPORA") or Path(__file__).parents[2] / ".." / "shared" / "data"
    path = Path(root) / "multi30k" / f"train.{language}.gz"
    if not path.exists():
        pytest.skip(f"no corpus at {path}: set DRAGOMAN_CORPORA to the folder that has multi30k/")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\n") for line, _ in zip(file, range(count), strict=False)]


@pytest.mark.parametrize("rule", ["identity", "nfkc"])
def test_joint_bpe_on_real_lines(rule: Rule) -> None:
    english, german = multi30k("en", 5000), multi30k("de", 5000)
    choice = TextSettings(vocabulary_size=2000, normalisation=rule)
    pair = Tokenizers.learn(english[:2500], german[:2500], choice, seed=1)
    assert pair.joint
    assert pair.source.size == 2000
    unseen = english[2500:] + german[2500:]
    rows = pair.source.encode(unseen)
    if rule == "identity":
        assert pair.source.decode(rows) == unseen
    else:
        unified = [" ".join(unicodedata.normalize("NFKC", line).split()) for line in unseen]
        same = sum(text == line for text, line in zip(pair.source.decode(rows), unified, strict=True))
        assert same >= 0.999 * len(unseen)
    words = sum(len(line.split()) for line in unseen)
    tokens = sum(len(row) for row in rows)
    assert words < tokens < 2 * words
    in_bytes = sum(id < FIRST_PIECE for row in rows for id in row)
    assert in_bytes < 0.005 * tokens
