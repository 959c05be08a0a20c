"""How a command ends: at once, with all that it said, and with one line where that could not be written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "dragoman"]


def test_all_that_was_said_arrives() -> None:
    done = subprocess.run([*COMMAND, "settings", "--json"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("}\n")
    assert len(done.stdout.splitlines()) > 80


def test_a_reader_that_goes_away_is_no_error_in_words() -> None:
    with subprocess.Popen([*COMMAND, "settings"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("verb", [["settings"], ["--version"]])
def test_output_for_which_there_is_no_room(verb: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, *verb], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr
    assert "free the disk" in done.stderr


def test_wrong_usage_keeps_its_code() -> None:
    done = subprocess.run([*COMMAND, "settings", "--nothing"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_output_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    for name in ("a.en", "a.ru"):
        (tmp_path / name).write_text("“Привет” – hello to everybody\n" * 3, encoding="utf-8")
    command = [*COMMAND, "corpus", "check", str(tmp_path / "a.en"), str(tmp_path / "a.ru")]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert "“Привет” – hello to everybody" in done.stdout.decode("utf-8")
