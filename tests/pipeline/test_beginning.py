"""How the program begins: a training's process once more, with glibc's cache of small pieces off."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from dragoman import __main__ as beginning
from tests.pipeline.conftest import SMALL, files, sets
from tests.pipeline.killing import wait_for

OFF = "glibc.malloc.tcache_count=0"
AGAIN = "DRAGOMAN_BEGUN_AGAIN"
Begun = list[tuple[str, list[str], str]]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """What would have begun in this process' place: program, arguments, tunables."""
    calls: Begun = []
    monkeypatch.setattr(os, "execv", lambda *call: calls.append((*call, os.environ["GLIBC_TUNABLES"])))
    monkeypatch.setattr("dragoman.cli.main.main", lambda: None)
    monkeypatch.setattr(sys, "platform", "linux")
    # Set first, so that both are put back afterwards.
    monkeypatch.setenv("GLIBC_TUNABLES", "")
    monkeypatch.setenv(AGAIN, "")
    monkeypatch.delenv(AGAIN)
    return calls


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["dragoman", *arguments])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", "-m", "dragoman", *arguments])
    beginning.main()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")
def test_a_training_runs_without_the_cache(lines: Path, tmp_path: Path) -> None:
    given = [*files(lines), *sets(*SMALL, "training.steps=100000")]
    command = [sys.executable, "-m", "dragoman", "train", str(tmp_path / "r"), *given]
    own = {name: value for name, value in os.environ.items() if name not in ("GLIBC_TUNABLES", AGAIN)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True, env=own) as process:
        try:
            wait_for(tmp_path / "r" / "config.yaml", process)
            environment = Path(f"/proc/{process.pid}/environ").read_text().split("\0")
        finally:
            process.kill()
    assert {f"GLIBC_TUNABLES={OFF}", f"{AGAIN}=1"} <= set(environment)


def test_the_installed_command_begins_here() -> None:
    assert [command.value for command in entry_points(group="console_scripts", name="dragoman")] == [
        "dragoman.__main__:main"
    ]


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
    monkeypatch.delenv(AGAIN)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=3")
    run(monkeypatch, "race", "runs/r")
    assert len(begun) == 1


def test_there_is_no_third_beginning(monkeypatch: pytest.MonkeyPatch, begun: Begun) -> None:
    run(monkeypatch, "train", "runs/r")
    # As glibc does in a process with other rights than its user's.
    monkeypatch.delenv("GLIBC_TUNABLES")
    run(monkeypatch, "train", "runs/r")
    assert len(begun) == 1


def test_a_program_around_it_is_left_alone(monkeypatch: pytest.MonkeyPatch, begun: Begun) -> None:
    monkeypatch.setattr(sys, "argv", ["dragoman", "train", "runs/r"])
    for around in (["python", "-m", "notebook"], ["ipython"]):
        monkeypatch.setattr(sys, "orig_argv", around)
        beginning.main()
    monkeypatch.setattr(sys, "executable", "")
    run(monkeypatch, "train", "runs/r")
    assert begun == []


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
