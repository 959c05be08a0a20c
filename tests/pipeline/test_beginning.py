"""How the program begins: a training's process once more, with glibc's cache of small pieces off."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman import __main__ as beginning
from tests.pipeline.conftest import SMALL, files, sets
from tests.pipeline.killing import wait_for

OFF = "glibc.malloc.tcache_count=0"
Begun = list[tuple[str, list[str], str]]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """What would have begun in this process' place: program, arguments, tunables."""
    calls: Begun = []
    monkeypatch.setattr(os, "execv", lambda *call: calls.append((*call, os.environ["GLIBC_TUNABLES"])))
    monkeypatch.setattr("dragoman.cli.main.main", lambda: None)
    monkeypatch.setattr(sys, "platform", "linux")
    # Set first, so that it is put back afterwards.
    monkeypatch.setenv("GLIBC_TUNABLES", "")
    return calls


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["dragoman", *arguments])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", "-m", "dragoman", *arguments])
    beginning.main()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")
def test_a_training_runs_without_the_cache(lines: Path, tmp_path: Path) -> None:
    given = [*files(lines), *sets(*SMALL, "training.steps=100000")]
    command = [sys.executable, "-m", "dragoman", "train", str(tmp_path / "r"), *given]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True) as process:
        wait_for(tmp_path / "r" / "config.yaml", process)
        environment = Path(f"/proc/{process.pid}/environ").read_text().split("\0")
        process.kill()
    assert f"GLIBC_TUNABLES={OFF}" in environment


def test_it_begins_once_more_with_the_same_arguments(monkeypatch: pytest.MonkeyPatch, begun: Begun) -> None:
    run(monkeypatch, "train", "runs/a b", "--resume")
    assert begun == [
        (sys.executable, [sys.executable, "-X", "dev", "-m", "dragoman", "train", "runs/a b", "--resume"], OFF)
    ]
    run(monkeypatch, "train", "runs/a b", "--resume")
    assert len(begun) == 1


def test_other_tunables_stay(monkeypatch: pytest.MonkeyPatch, begun: Begun) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")
    run(monkeypatch, "demo")
    assert begun[0][2] == f"glibc.malloc.arena_max=1:{OFF}"
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=3")
    run(monkeypatch, "race", "runs/r")
    assert len(begun) == 1


def test_what_does_not_train_begins_once(monkeypatch: pytest.MonkeyPatch, begun: Begun) -> None:
    for arguments in ([], ["settings"], ["translate", "train"]):
        run(monkeypatch, *arguments)
    monkeypatch.setattr(sys, "platform", "darwin")
    run(monkeypatch, "train", "runs/r")
    assert begun == []


def test_a_process_that_cannot_begin_again_goes_on(monkeypatch: pytest.MonkeyPatch, begun: Begun) -> None:
    def refused(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    went_on: list[bool] = []
    monkeypatch.setattr(os, "execv", refused)
    monkeypatch.setattr("dragoman.cli.main.main", lambda: went_on.append(True))
    run(monkeypatch, "train", "runs/r")
    assert went_on == [True]
    assert begun == []
