"""Text of others on a terminal and in JSON: lines and file names with escapes, markup and bytes that are no text."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.cli.main import run
from dragoman.cli.visible import json_line, visible
from tests.pipeline.conftest import SMALL, Result, files, sets

Dragoman = Callable[..., Result]

SHORT = sets(*SMALL, "training.steps=4", "training.validate_every=4")
STEERING = "[b]x[/] \x1b[31mred\x1b]0;own\x07 \x9b31m \u202e"
SHOWN = "[b]x[/] <1b>[31mred<1b>]0;own<07> <9b>31m <202e>"


def test_visible_text() -> None:
    assert visible(STEERING) == SHOWN
    assert visible("a\nb\u2028c\udcff") == "a<0a>b<2028>c<dcff>"
    for text in ("Où est-ce\u00a0?", "می\u200cخواهم", "日本\u3000語", "👩\u200d🔬", "שלום\u200f"):
        assert visible(text) == text


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-"])
def test_output_that_was_closed_before_the_start(closed: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one line\n", encoding="utf-8")
    command = f'exec "$0" -m dragoman corpus check a a --clean out {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out.src").read_text(encoding="utf-8") == "one line\n"


def test_json_is_one_line_for_every_reader() -> None:
    value = {"text": f"ä {STEERING} a\u2028b\x85c\nd\udcff"}
    line = json_line(value)
    assert json.loads(line) == value
    assert line.splitlines() == [line]
    assert "ä" in line
    assert "\x9b" not in line
    line.encode()


def test_a_training_shows_corpus_lines_that_cannot_steer(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    for language in ("en", "de"):
        text = (lines / f"valid.{language}").read_text(encoding="utf-8").splitlines()
        (tmp_path / f"v.{language}").write_text("".join(f"{STEERING} {line}\n" for line in text), encoding="utf-8")
    valid = ["--valid-source", tmp_path / "v.en", "--valid-target", tmp_path / "v.de"]
    result = dragoman("train", tmp_path / "run", *files(lines)[:4], *valid, *SHORT)
    assert result.code == 0
    assert SHOWN in result.err
    assert not set("\x1b\x07\x9b\u202e") & set(result.err)


@pytest.mark.parametrize("name", ["[b]x[", "\x1b[31mx", os.fsdecode(b"\xff\xfe")])
def test_any_file_name(name: str, dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    text = (tmp_path / f"{name}.en", tmp_path / f"{name}.de")
    for path in text:
        path.write_bytes((lines / f"train{path.suffix}").read_bytes())
    given = ["--source", text[0], "--target", text[1], *SHORT]
    for result in (
        dragoman("corpus", "check", *text),
        dragoman("train", tmp_path / "run", *given),
        dragoman("train", tmp_path / "dry", *given, "--dry-run"),
    ):
        assert result.code == 0
        assert f"{visible(name)}.en + {visible(name)}.de" in result.out + result.err
    for arguments in (["corpus", "check", *text, "--json"], ["train", tmp_path / "run2", *given, "--json"]):
        events = [json.loads(line) for line in dragoman(*arguments).out.splitlines()]
        assert any(f"{name}.en + {name}.de" in str(event.get("corpus")) for event in events)
    missing = dragoman("train", tmp_path / "none", "--tsv", tmp_path / f"{name}.tsv", *SHORT)
    assert missing.err.strip().startswith("error: no such file: ")
    assert f"{visible(name)}.tsv" in missing.err


def test_a_file_name_that_cannot_be_printed_is_printed(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = tmp_path / os.fsdecode(b"\xff.en")
    name.write_bytes((lines / "train.en").read_bytes())
    for more in ([], ["--json"]):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8", errors="strict"))
        assert run(["corpus", "check", str(name), str(lines / "train.de"), *more]) == 0
        sys.stdout.flush()
        assert (b"\\udcff.en" if more else b"<dcff>.en") in raw.getvalue()
