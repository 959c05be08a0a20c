"""The run folder: making and opening one, its metrics, and the lock that outlives nobody."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dragoman import __version__
from dragoman.config.loading import build_settings
from dragoman.errors import DragomanError, UsageError
from dragoman.runs import Run

HOLDER = """
import sys, time
from dragoman.runs import Run
with Run.open(sys.argv[1]).lock():
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", build_settings("tiny"))


@contextmanager
def other_trainer(run: Run) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLDER, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "locked\n"
            yield process
        finally:
            process.kill()


def test_a_run_returns_its_settings_even_when_copied(run: Run, tmp_path: Path) -> None:
    run.path.rename(tmp_path / "copy")
    settings = Run.open(tmp_path / "copy").settings
    assert settings == build_settings("tiny")
    changed = build_settings("tiny", sets=["search.beam=9"])
    opened = Run.open(tmp_path / "copy")
    opened.save_settings(changed)
    assert opened.settings == changed == Run.open(tmp_path / "copy").settings
    assert [path.name for path in opened.path.iterdir()] == ["config.yaml"]


def test_create_refuses_what_is_there(run: Run, tmp_path: Path) -> None:
    settings = build_settings()
    with pytest.raises(DragomanError, match=r"run exists: add --resume to go on, or choose another folder$"):
        Run.create(run.path, settings)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(DragomanError, match=r"full is not empty and not a run: choose another folder$"):
        Run.create(tmp_path / "full", settings)
    with pytest.raises(DragomanError, match=r"thesis\.txt is a file, not a folder: choose another name$"):
        Run.create(tmp_path / "full" / "thesis.txt", settings)
    with pytest.raises(DragomanError, match=r"cannot make .*run \(Not a directory\): choose another folder$"):
        Run.create(tmp_path / "full" / "thesis.txt" / "run", settings)
    (tmp_path / "empty").mkdir()
    assert Run.create(tmp_path / "empty", settings).settings == settings


def test_open_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"^no run at .*gone: check the path, or make one with `dragoman train"):
        Run.open(tmp_path / "gone")
    with pytest.raises(
        DragomanError, match=r"is not a run \(no config\.yaml in it\): give a folder that `train` made$"
    ):
        Run.open(tmp_path)
    (tmp_path / "config.yaml").write_text("model: {heads: 4}\n")
    with pytest.raises(DragomanError, match=r"is not a run \(its config\.yaml names no format\): give a folder"):
        Run.open(tmp_path)


def test_open_refuses_a_newer_format_and_explains_a_newer_setting(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("format: 2\ndragoman: 9.0.0\nmodel: {quantum: 1}\n")
    words = rf"made by dragoman 9\.0\.0 \(run format 2\), this is {__version__} \(format 1\): update dragoman$"
    with pytest.raises(DragomanError, match=words):
        Run.open(tmp_path)
    config.write_text("format: 1\ndragoman: 9.0.0\nmodel: {quantum: 1}\n")
    with pytest.raises(
        DragomanError, match=r"no setting 'model\.quantum'.*made by dragoman 9\.0\.0.*: use that version$"
    ):
        Run.open(tmp_path)
    config.write_text(f"format: 1\ndragoman: {__version__}\nsearch: {{beams: 1}}\n")
    with pytest.raises(UsageError, match=r"config\.yaml: no setting 'search\.beams'; did you mean 'search\.beam'\?$"):
        Run.open(tmp_path)


def test_metrics_return_line_by_line(run: Run) -> None:
    assert run.read_metrics() == []
    run.metrics({"step": 10, "loss": 5.5})
    run.metrics({"step": 20, "loss": math.nan, "parts": [1.0, math.inf]})
    assert run.read_metrics() == [{"step": 10, "loss": 5.5}, {"step": 20, "loss": None, "parts": [1.0, None]}]


def test_a_line_cut_off_by_a_kill_is_left_out_and_overwritten(run: Run) -> None:
    run.metrics({"step": 10})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "lo')
    assert run.read_metrics() == [{"step": 10}]
    run.metrics({"step": 30})
    assert (run.path / "metrics.jsonl").read_text() == '{"step": 10}\n{"step": 30}\n'


def test_a_broken_line_in_the_middle_is_named(run: Run) -> None:
    (run.path / "metrics.jsonl").write_text('{"step": 1}\n[2]\n{"step": 3}\n')
    with pytest.raises(DragomanError, match=r"metrics\.jsonl line 2 is not a JSON object: delete this line$"):
        run.read_metrics()


def test_a_resume_drops_the_lines_after_its_step(run: Run) -> None:
    run.truncate_metrics(5)
    assert run.read_metrics() == []
    for step in (10, 20, 30):
        run.metrics({"step": step})
    run.truncate_metrics(20)
    assert [line["step"] for line in run.read_metrics()] == [10, 20]
    run.metrics({"step": 25})
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 25]


@pytest.mark.parametrize(
    "damaged",
    [b"\0\0\0", b'{"step": 2, "lo', b"[2]", b"[" * 100_000, b"{}", b'{"step": null}', b'{"step": "2"}',
     b'{"step": 2, "loss": 1.0, "tokens_per_second": "many"}', b'{"step": 2, "validation_loss": [1]}'],
)  # fmt: skip
def test_a_resume_drops_lines_that_are_no_lines_of_an_update(damaged: bytes, run: Run) -> None:
    (run.path / "metrics.jsonl").write_bytes(b'{"step": 1}\n' + damaged + b'\n{"step": 3}\n')
    run.truncate_metrics(5)
    assert run.read_metrics() == [{"step": 1}, {"step": 3}]


def test_metrics_that_cannot_be_written_say_so(run: Run) -> None:
    (run.path / "metrics.jsonl").mkdir()
    words = r"cannot write .*metrics\.jsonl \(Is a directory\): make it writable, then try again$"
    with pytest.raises(DragomanError, match=words):
        run.metrics({"step": 1})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_metrics_on_a_full_disk_say_so(run: Run) -> None:
    (run.path / "metrics.jsonl").symlink_to("/dev/full")
    words = r"cannot write .*metrics\.jsonl \(No space left on device\): free some space, then try again$"
    with pytest.raises(DragomanError, match=words):
        run.metrics({"step": 1})


def test_a_read_only_run_says_so(run: Run) -> None:
    run.path.chmod(0o500)
    try:
        if os.access(run.path, os.W_OK):
            pytest.skip("this user may write to read-only folders")
        with (
            pytest.raises(DragomanError, match=r"cannot write .*lock \(Permission denied\): make it writable"),
            run.lock(),
        ):
            pass
    finally:
        run.path.chmod(0o700)


def test_a_lock_on_a_full_disk_names_its_file_once(run: Run) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(DragomanError, match=r"^cannot write .*run/lock \(File too large\)"), run.lock():
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_second_trainer_is_refused_until_the_first_is_killed(run: Run) -> None:
    with other_trainer(run) as process:
        words = rf"run is being trained by another process \(pid {process.pid}\): wait for it, stop it, or choose"
        with pytest.raises(DragomanError, match=words), run.lock():
            pass
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        with run.lock():
            assert (run.path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_is_free_after_its_block_even_on_an_error(run: Run) -> None:
    with pytest.raises(ZeroDivisionError), run.lock():
        raise ZeroDivisionError
    with (
        run.lock(),
        pytest.raises(DragomanError, match="is being trained by another process"),
        Run(run.path).lock(),
    ):
        pass
    with run.lock():
        pass


def test_the_lock_clears_away_what_a_killed_trainer_left(run: Run) -> None:
    left: list[Any] = [run.path / ".writing-77-best.json", run.path / "checkpoints" / ".writing-77-00000250"]
    left[1].mkdir(parents=True)
    (left[1] / "model.safetensors").write_bytes(b"half")
    left[0].write_text("{")
    with run.lock():
        assert not any(path.exists() for path in left)
    assert Run.open(run.path).settings == build_settings("tiny")
