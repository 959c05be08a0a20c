"""Text files: what is read as written, and what is refused with which words."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.corpora import read_lines, read_pair, read_tsv
from dragoman.errors import DragomanError


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_lines_come_back_as_written(tmp_path: Path) -> None:
    content = "Ein Hund .\n\n  Größe: 12 m²  \n".encode()
    expected = ["Ein Hund .", "", "  Größe: 12 m²  "]
    assert read_lines(written(tmp_path / "a", content)) == expected
    assert read_lines(written(tmp_path / "a.gz", gzip.compress(content))) == expected
    assert read_lines(written(tmp_path / "zipped", gzip.compress(content))) == expected
    assert read_lines(written(tmp_path / "open_end", content[:-1])) == expected
    assert read_lines(written(tmp_path / "empty", b"")) == []


def test_bom_and_carriage_returns_are_dropped(tmp_path: Path) -> None:
    assert read_lines(written(tmp_path / "a", b"\xef\xbb\xbfone\r\ntwo\r\n")) == ["one", "two"]


def test_only_the_line_feed_ends_a_line(tmp_path: Path) -> None:
    odd = ["a\u2028b", "c\x0bd\x0ce", "f\x85g\u2029h", "i\x1cj\rk"]
    assert read_lines(written(tmp_path / "a", "\n".join(odd).encode())) == odd


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"])), min_size=1))
def test_any_sentences_survive(tmp_path: Path, lines: list[str]) -> None:
    path = written(tmp_path / "a.gz", gzip.compress(("\n".join(["first", *lines]) + "\n").encode()))
    assert read_lines(path) == ["first", *lines]


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"no such file: .*none\.de; give a text file with one sentence a line"):
        read_lines(tmp_path / "none.de")
    with pytest.raises(DragomanError, match="is a folder; give a text file with one sentence a line"):
        read_lines(tmp_path)


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DragomanError, match=r"cannot read .*loop \(.+\); check its path and its permissions"):
        read_lines(tmp_path / "loop")


def test_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    latin = written(tmp_path / "a.de", b"\xef\xbb\xbfHund\nKatze\nM\xe4dchen\n")
    with pytest.raises(DragomanError, match=r"a\.de is not UTF-8 \(line 3\).*cat .*iconv -f latin1 -t utf-8"):
        read_lines(latin)
    packed = written(tmp_path / "b.gz", gzip.compress(b"M\xe4dchen\n"))
    with pytest.raises(DragomanError, match=r"\(line 1\); convert it, for example: zcat .* \| iconv -f latin1"):
        read_lines(packed)
    with pytest.raises(DragomanError, match="iconv -f utf-16 -t utf-8"):
        read_lines(written(tmp_path / "c", "Mädchen\n".encode("utf-16")))


@pytest.mark.parametrize("damage", ["cut", "altered", "text", "nothing"])
def test_a_damaged_gz_is_refused(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(b"one\ntwo\n" * 50)
    altered = whole[:12] + bytes([whole[12] ^ 255]) + whole[13:]
    content = {"cut": whole[:-6], "altered": altered, "text": b"one\n", "nothing": b""}[damage]
    path = written(tmp_path / "a.gz", content)
    with pytest.raises(DragomanError, match=r"a\.gz is not a whole gzip file \(.+\); fetch or compress it again"):
        read_lines(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_pipe_is_read_like_a_file(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """In pieces of any size, the first bytes too, which tell what it is."""
    lines = [f"{n}\tGröße {n}" for n in range(500)]
    content = pack(b"\xef\xbb\xbf" + "".join(f"{line}\n" for line in lines).encode())
    os.mkfifo(tmp_path / "pipe")

    def feed() -> None:
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
            for first in range(len(content)):
                pipe.write(content[first : first + 1])

    feeder = threading.Thread(target=feed)
    feeder.start()
    text = read_tsv(tmp_path / "pipe")
    feeder.join()
    assert text.name == "a pipe"
    assert text.source == [str(n) for n in range(500)]
    assert text.target == [f"Größe {n}" for n in range(500)]


def test_blocks_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside of a character, before and after a line feed."""
    content = b"\xef\xbb\xbf" + "Größe\r\n\n日本\n\n\nende".encode()
    for size in range(4, 16):
        monkeypatch.setattr("dragoman.corpora.reading._BLOCK", size)
        assert read_lines(written(tmp_path / "a", content)) == ["Größe", "", "日本", "", "", "ende"]
        assert read_lines(written(tmp_path / "b", gzip.compress(content))) == ["Größe", "", "日本", "", "", "ende"]
    latin = written(tmp_path / "c", b"eins\nzwei\ndrei\nM\xe4rz\n")
    with pytest.raises(DragomanError, match=r"is not UTF-8 \(line 4\)"):
        read_lines(latin)


ENDLESS = """
import resource, sys
from pathlib import Path
from dragoman.corpora import read_lines
from dragoman.errors import DragomanError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_lines(Path(sys.argv[1]))
except DragomanError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_gibibyte_in_one_line_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = written(tmp_path / "endless", b"one\ntwo\n")
    with path.open("r+b") as file:
        file.truncate(2**30)
    done = subprocess.run([sys.executable, "-c", ENDLESS, str(path)], capture_output=True, text=True, check=True)
    said, grown = done.stdout.splitlines()
    assert said == f"{path}, line 3: the line is longer than 16 MiB; put one sentence on a line"
    assert int(grown) < 100 * 1024


def test_a_pair_of_files(tmp_path: Path) -> None:
    source = written(tmp_path / "t.en", b"a dog\na cat\n")
    text = read_pair(source, written(tmp_path / "t.de", b"ein Hund\neine Katze\n"))
    assert (text.source, text.target) == (["a dog", "a cat"], ["ein Hund", "eine Katze"])
    assert (len(text), text.name) == (2, "t.en + t.de")
    short = written(tmp_path / "short.de", b"ein Hund\n")
    with pytest.raises(DragomanError, match=r"t\.en has 2 lines but .*short\.de has 1; give two files in which"):
        read_pair(source, short)


def test_a_tsv(tmp_path: Path) -> None:
    text = read_tsv(written(tmp_path / "t.tsv", b"a dog\tein Hund\n\tKatze\n"))
    assert (text.source, text.target) == (["a dog", ""], ["ein Hund", "Katze"])


@pytest.mark.parametrize(
    ("line", "said"),
    [("no tab here", "no tab in the line"), ("", "no tab in"), ("a\tb\tc", "2 tabs in the line")],
)
def test_a_tsv_line_without_exactly_one_tab_is_refused(tmp_path: Path, line: str, said: str) -> None:
    path = written(tmp_path / "t.tsv", f"a\tb\n{line}\nc\td\n".encode())
    with pytest.raises(DragomanError, match=rf"t\.tsv, line 2: {said}.*; put exactly one tab between"):
        read_tsv(path)
