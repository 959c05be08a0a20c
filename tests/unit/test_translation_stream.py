"""Translating a stream: in order, at once, and honest about a bad line."""

import gzip
import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from dragoman.config.settings import SearchSettings, Settings
from dragoman.errors import DragomanError
from dragoman.translation import Translation, Translator, translate_stream
from tests.unit.fake_model import FakeModel, letters


def translator() -> Translator:
    tokenizers = letters()
    model = FakeModel(vocabulary=tokenizers.target.size, eos_bonus=3)
    return Translator(model, tokenizers, Settings(search=SearchSettings(beam=1)))


def stream_of(data: bytes) -> TextIO:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")


def reader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "dragoman-reader"]


def wait_until_no_reader_lives() -> bool:
    deadline = time.monotonic() + 5
    while reader_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not reader_threads()


def test_a_large_file_keeps_its_order_in_few_batches(tmp_path: Path) -> None:
    lines = ["abcdef"[i % 6] * (1 + i % 9) if i % 50 else "" for i in range(2500)]
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    ours = translator()
    calls: list[int] = []
    original = ours.translate

    def counted(here: list[str], **options: int) -> list[Translation]:
        calls.append(len(here))
        return original(here, **options)

    ours.translate = counted  # type: ignore[method-assign, assignment]
    written: list[Translation] = []
    with path.open(encoding="utf-8") as file:
        translate_stream(ours, file, written.append, beam=1)
    assert written == original(lines)
    assert max(calls) <= 1000
    assert len(calls) < 50
    assert wait_until_no_reader_lives()


def test_a_pipe_gets_its_answer_before_it_sends_more() -> None:
    reading, writing = os.pipe()
    answered = threading.Event()
    answers: list[str] = []
    in_time: list[bool] = []

    def ask() -> None:
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            for line in ("abc\n", "def\n", "fed\n"):
                pipe.write(line)
                pipe.flush()
                in_time.append(answered.wait(timeout=10))
                answered.clear()

    def answer(translation: Translation) -> None:
        answers.append(translation.source)
        answered.set()

    asking = threading.Thread(target=ask)
    asking.start()
    with os.fdopen(reading, encoding="utf-8") as pipe:
        translate_stream(translator(), pipe, answer)
    asking.join()
    assert in_time == [True, True, True]
    assert answers == ["abc", "def", "fed"]


def test_line_ends_and_a_byte_order_mark_are_no_text() -> None:
    written: list[Translation] = []
    data = b"\xef\xbb\xbfabc\r\nde\xe2\x80\xa8f\n\nlast"
    translate_stream(translator(), stream_of(data), written.append)
    assert [one.source for one in written] == ["abc", "de\u2028f", "", "last"]


def test_any_iterable_of_lines_will_do() -> None:
    written: list[Translation] = []
    translate_stream(translator(), ["abc\n", "def"], written.append)
    assert [one.source for one in written] == ["abc", "def"]
    translate_stream(translator(), [], written.append)
    assert len(written) == 2


def test_a_bad_byte_is_named_by_its_line_and_loses_nothing_before() -> None:
    written: list[Translation] = []
    with pytest.raises(DragomanError, match="line 3 is not UTF-8; convert the input to UTF-8"):
        translate_stream(translator(), stream_of(b"abc\ndef\nb\xff\nfed\n"), written.append)
    assert [one.source for one in written] == ["abc", "def"]


def test_a_damaged_gzip_file_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress(b"abc\n" * 3)[:-6])
    with (
        gzip.open(path, "rt", encoding="utf-8") as file,
        pytest.raises(DragomanError, match=r"reading stopped at line .*; check the file or the pipe"),
    ):
        translate_stream(translator(), file, lambda _: None)


def test_other_faults_of_the_input_come_through() -> None:
    def broken() -> Iterator[str]:
        yield "abc"
        raise ValueError("not ours")

    written: list[Translation] = []
    with pytest.raises(ValueError, match="not ours"):
        translate_stream(translator(), broken(), written.append)
    assert [one.source for one in written] == ["abc"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, BrokenPipeError])
def test_a_writer_that_stops_ends_the_reader_too(fault: type[BaseException]) -> None:
    def stop(translation: Translation) -> None:
        raise fault

    endless = ("abc" for _ in iter(int, 1))
    with pytest.raises(fault):
        translate_stream(translator(), endless, stop)
    assert wait_until_no_reader_lives()
