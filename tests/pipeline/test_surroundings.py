"""Disks that fill, folders that vanish, logs, terminals and workers that fail: each has its defined end."""

import errno
import io
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dragoman.batches.epochs import Epoch, Epochs
from dragoman.cli.display import JsonLines
from dragoman.models.hardware import usable_cores
from dragoman.runs import Run, checkpoints, load_checkpoint, mark_last
from dragoman.training import loop, start
from dragoman.training.reporting import Silent
from dragoman.training.safety import room, splitting
from dragoman.training.safety.telling import Guarded
from dragoman.training.step import gradient
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import best, same_ending, weights
from tests.pipeline.killing import lines as metrics

Dragoman = Callable[..., Result]
TWELVE = sets(*SMALL, "training.steps=12", "training.validate_every=4", "training.log_every=1")


def words(result: Result) -> str:
    return " ".join((result.out + result.err).split())


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, Callable[[], object]]], None]:
    """Lets something happen while updates of these numbers are made."""

    def plan(events: dict[int, Callable[[], object]]) -> None:
        made: list[int] = []

        def eventful(*arguments: Any) -> Any:
            made.append(1)
            events.get(len(made), lambda: None)()
            return gradient(*arguments)

        monkeypatch.setattr(splitting, "gradient", eventful)

    return plan


def whole(run: Path) -> int:
    """Checks that the last checkpoint is whole, and gives its step."""
    return load_checkpoint(Run.open(run), "last", optimizer=True).step


def curves(run: Path) -> dict[str, list[int]]:
    """The steps of each curve as TensorBoard reads them."""
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    return {name: [point.step for point in events.Scalars(name)] for name in events.Tags()["scalars"]}


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.fixture
def usual_limit() -> Iterator[int]:
    """How large a file may be, which it may again after the test."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    yield usual
    limit_files(usual)


def test_a_disk_that_is_full_for_a_while(
    lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any, usual_limit: int
) -> None:
    run = tmp_path / "r"
    during({6: lambda: limit_files(60_000), 10: lambda: limit_files(usual_limit)})
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 0
    assert "cannot save checkpoint 8" in words(result)
    assert "checkpoint 4 is still the newest: the training goes on and will try again" in words(result)
    assert whole(run) == 12
    assert not (run / "checkpoints" / "00000008").exists()
    assert load_checkpoint(Run.open(run), "best").step in (4, 12)
    assert [line["step"] for line in metrics(run) if "loss" in line] == list(range(1, 13))


def block(run: Path) -> None:
    """From here on a run's metrics cannot be written."""
    (run / "metrics.jsonl").rename(run.with_name("aside"))
    (run / "metrics.jsonl").mkdir()


def free(run: Path) -> None:
    """And from here on they can again."""
    (run / "metrics.jsonl").rmdir()
    run.with_name("aside").rename(run / "metrics.jsonl")


def test_metrics_that_cannot_be_written_wait(lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any) -> None:
    run = tmp_path / "r"
    during({3: lambda: block(run), 7: lambda: free(run)})
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 0
    assert words(result).count("metrics.jsonl (Is a directory)") == 1
    assert "its lines are kept until they can be written" in words(result)
    assert [line["step"] for line in metrics(run) if "loss" in line] == list(range(1, 13))


@pytest.mark.parametrize("in_time", [True, False])
def test_metrics_that_wait_to_the_end(
    in_time: bool, lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "r"

    def mark(*arguments: Any) -> None:
        mark_last(*arguments)
        if in_time:
            free(run)

    during({11: lambda: block(run)})
    monkeypatch.setattr(loop, "mark_last", mark)
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 0
    assert ("the last 3 lines of metrics.jsonl could not be written" in words(result)) is not in_time
    if in_time:
        assert [line["step"] for line in metrics(run) if "loss" in line] == list(range(1, 13))
        assert metrics(run)[-1]["validation_loss"] > 0


def test_no_curves_without_tensorboard(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "r"
    monkeypatch.setattr(start, "room_for_checkpoints", lambda *_: (run / "tensorboard").write_text("a file") and "")
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 0
    assert "no TensorBoard curves from here on" in words(result)
    assert whole(run) == 12


def test_curves_that_cannot_be_written_any_longer(
    lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any, usual_limit: int
) -> None:
    run = tmp_path / "r"
    during({3: lambda: limit_files(100), 5: lambda: limit_files(usual_limit)})
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 0
    assert words(result).count("no TensorBoard curves from here on (File too large)") == 1
    assert [line["step"] for line in metrics(run) if "loss" in line] == list(range(1, 13))
    assert curves(run)["loss"] == [1, 2]


def test_curves_are_the_numbers_of_the_log(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = tmp_path / "r"
    assert dragoman("train", run, *files(lines), *TWELVE).code == 0
    assert dragoman("train", run, "--resume", *sets("training.steps=16")).code == 0
    logged: dict[str, list[int]] = {}
    for line in map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()):
        for name, value in line.items():
            if name != "step" and isinstance(value, int | float):
                logged.setdefault(name, []).append(line["step"])
    assert logged["loss"] == list(range(1, 17))
    assert curves(run) == logged


def test_a_run_folder_that_is_removed(lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any) -> None:
    run = tmp_path / "r"
    during({6: lambda: shutil.rmtree(run)})
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith(f"error: the run's folder {run} is gone, so nothing can be saved")


def test_a_worker_that_dies(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: Any
) -> None:
    run, dead, first = tmp_path / "r", list[bool](), Epoch.batch

    def dying(self: Epoch, number: int, device: str = "cpu") -> Any:
        if dead:
            raise KeyError(7)
        return first(self, number, device)

    monkeypatch.setattr(Epoch, "batch", dying)
    during({6: lambda: dead.append(True)})
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 1
    assert "error: the next batches could not be made (KeyError: 7); what was trained is saved" in words(result)
    assert whole(run) == 6
    dead.clear()
    assert dragoman("train", run, "--resume").code == 0
    reference = tmp_path / "reference"
    assert dragoman("train", reference, *files(lines), *TWELVE).code == 0
    assert weights(run) == weights(reference)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), MemoryError("no more")])
def test_a_background_thread_that_fails(
    error: Exception, lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next pass cannot be made; the update before it, its line and its validation are there all the same."""
    given = [*TWELVE, *sets("batches.target_tokens=2000", "training.validate_every=5")]
    run, reference, threads, first = tmp_path / "r", tmp_path / "reference", set[object](), Epochs._make
    assert dragoman("train", reference, *files(lines), *given).code == 0

    def failing(self: Epochs, place: tuple[int, int]) -> Epoch:
        if place == (1, 0):
            threads.add(threading.current_thread())
            raise error
        return first(self, place)

    with monkeypatch.context() as patch:
        patch.setattr(Epochs, "_make", failing)
        result = dragoman("train", run, *files(lines), *given)
    assert threads
    assert threading.main_thread() not in threads
    last = result.err.splitlines()[-1]
    assert result.code == 1
    assert last.startswith(f"error: the next batches could not be made ({type(error).__name__}: {error})")
    mend = "free memory" if isinstance(error, MemoryError) else "see that the corpus is in its place"
    assert last.endswith(f"what was trained is saved: {mend}, then add --resume")
    assert whole(run) == 10
    assert metrics(run)[-1]["step"] == 10
    assert "validation_loss" in metrics(run)[-1]
    assert dragoman("train", run, "--resume").code == 0
    same_ending(run, reference)


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, bool], None]:
    """Makes a folder's file system read-only, as the kernel does after an error of the disk; and writable again."""
    locked: list[Path] = []

    def switch(folder: Path, on: bool) -> None:
        locked[:] = [folder] if on else []

    def refusing(first: Any, writes: Callable[..., bool]) -> Any:
        def call(path: Any, *arguments: Any, **named: Any) -> Any:
            inside = locked and isinstance(path, str | Path) and Path(path).is_relative_to(locked[0])
            if inside and writes(*arguments, **named):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return first(path, *arguments, **named)

        return call

    def for_writing(mode: str = "r", *_: Any, **__: Any) -> bool:
        return bool(set(mode) & set("wax+"))

    monkeypatch.setattr(io, "open", refusing(io.open, for_writing))
    for name in ("mkdir", "rmdir", "unlink", "replace", "rename"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name), lambda *_, **__: True))
    return switch


def test_a_disk_that_is_read_only_for_a_while(
    lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any, read_only: Any
) -> None:
    run = tmp_path / "r"
    during({6: lambda: read_only(run, True), 10: lambda: read_only(run, False)})
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 0
    assert "metrics.jsonl (Read-only file system)" in words(result)
    told = (
        "(Read-only file system); checkpoint 4 is still the newest: the training goes on and will try again; meanwhile"
    )
    assert f"{told} make room on a disk that can be written to" in words(result)
    assert whole(run) == 12
    assert [line["step"] for line in metrics(run) if "loss" in line] == list(range(1, 13))


def test_a_disk_that_stays_read_only(
    lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any, read_only: Any
) -> None:
    run, reference = tmp_path / "r", tmp_path / "reference"
    assert dragoman("train", reference, *files(lines), *TWELVE).code == 0
    during({6: lambda: read_only(run, True)})
    result = dragoman("train", run, *files(lines), *TWELVE)
    last = result.err.splitlines()[-1]
    assert result.code == 1
    assert last.startswith(f"error: cannot save checkpoint 12 of {run} (Read-only file system); checkpoint 4 is still")
    assert last.endswith("make room on a disk that can be written to, then add --resume")
    assert whole(run) == 4
    read_only(run, False)
    assert dragoman("train", run, "--resume").code == 0
    same_ending(run, reference)


@pytest.fixture
def unmarked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often `best.json` finds no room from now on."""
    left, first = [0], checkpoints.write_json  # type: ignore[attr-defined]

    def full(path: Path, value: Any) -> None:
        if path.name == "best.json" and left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        first(path, value)

    monkeypatch.setattr(checkpoints, "write_json", full)
    return left


def test_a_best_mark_that_cannot_be_written_is_tried_again(
    lines: Path, dragoman: Dragoman, tmp_path: Path, unmarked: list[int]
) -> None:
    """At the next validations; the best checkpoint stays meanwhile, though only two are kept."""
    run, reference = tmp_path / "r", tmp_path / "reference"
    given = [*TWELVE, *sets("training.keep=2", "training.validate_every=3")]
    assert dragoman("train", reference, *files(lines), *given).code == 0
    unmarked[0] = 3
    result = dragoman("train", run, *files(lines), *given)
    assert result.code == 0
    assert best(reference)[0]["step"] == 3
    told = "best.json (No space left on device): the training goes on and will try again; meanwhile make room on a disk"
    assert words(result).count(told) == 3
    assert whole(run) == 12
    same_ending(run, reference)


def test_a_best_mark_that_is_never_written(
    lines: Path, dragoman: Dragoman, tmp_path: Path, unmarked: list[int]
) -> None:
    run, reference = tmp_path / "r", tmp_path / "reference"
    assert dragoman("train", reference, *files(lines), *TWELVE).code == 0
    unmarked[0] = 99
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 1
    last = result.err.splitlines()[-1]
    assert last.startswith(f"error: cannot write {run / 'best.json'} (No space left on device): make room")
    assert last.endswith("then add --resume")
    assert whole(run) == 12
    unmarked[0] = 0
    assert dragoman("train", run, "--resume").code == 0
    same_ending(run, reference)
    assert "is finished" in words(dragoman("train", run, "--resume"))


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_is_closed(ignored: bool, lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    during({5: lambda: os.kill(os.getpid(), signal.SIGHUP)})
    try:
        result = dragoman("train", tmp_path / "r", *files(lines), *TWELVE)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert result.code == 0
    assert ("stopped by SIGHUP at update 5; saved" in words(result)) is not ignored
    assert whole(tmp_path / "r") == (12 if ignored else 5)


def test_a_second_ctrl_c_stops_at_once_and_loses_no_checkpoint(
    lines: Path, dragoman: Dragoman, tmp_path: Path, during: Any
) -> None:
    run = tmp_path / "r"

    def twice() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    during({7: twice})
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert (result.code, result.err.splitlines()[-1]) == (1, "error: stopped by Ctrl-C")
    assert whole(run) == 4
    assert dragoman("train", run, "--resume").code == 0
    assert whole(run) == 12
    assert [line["step"] for line in metrics(run) if "loss" in line] == list(range(1, 13))


def test_a_reader_that_has_gone(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = JsonLines.update

    def closed(self: JsonLines, line: Any, *rest: Any) -> None:
        if line["step"] == 5:
            raise BrokenPipeError
        first(self, line, *rest)

    monkeypatch.setattr(JsonLines, "update", closed)
    result = dragoman("train", tmp_path / "r", *files(lines), "--json", *TWELVE)
    assert "stopped by a closed pipe at update 5; saved" in words(result)
    assert whole(tmp_path / "r") == 5


def test_a_reporter_that_fails_costs_nothing() -> None:
    class Broken(Silent):
        error: BaseException = OSError(5, "Input/output error")

        def warned(self, message: str) -> None:
            raise self.error

    broken, gone = Broken(), list[str]()
    reporter = Guarded(broken)
    reporter.warned("lost")
    reporter.when_closed(lambda: gone.append("closed"))
    assert gone == []
    for broken.error in (BrokenPipeError(), SystemExit(1)):
        reporter.warned("lost")
    assert gone == ["closed", "closed"]
    reporter.when_closed(lambda: gone.append("again"))
    assert gone[2:] == ["again"]


@pytest.mark.parametrize(
    ("output", "finished"),
    [("--json | head -3", False), ("2>&1 | true", False), ("--json > /dev/full", True), ("2> /dev/full", True)],
)
def test_an_output_that_takes_nothing(output: str, finished: bool, lines: Path, tmp_path: Path) -> None:
    """A reader that has gone stops the training, which is saved; a full disk does not; neither spoils the exit code."""
    run = tmp_path / "r"
    command = [sys.executable, "-m", "dragoman", "train", str(run), *files(lines), *TWELVE]
    script = f"{shlex.join(command)} {output}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=200)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert (whole(run) == 12) is finished
    assert (json.loads((run / "last.json").read_text()).get("finished") is True) is finished


def test_a_damaged_last_checkpoint_gives_way(trained: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "r")
    model = run / "checkpoints/00000024/model.safetensors"
    model.write_bytes(model.read_bytes()[:-9])
    (run / "metrics.jsonl").write_bytes((run / "metrics.jsonl").read_bytes() + b"\0" * 50)
    result = dragoman("train", run, "--resume", "--set", "training.steps=26")
    assert result.code == 0
    assert "model.safetensors is damaged" in words(result)
    assert "going on from checkpoint 16, the newest whole one" in words(result)
    assert whole(run) == 26
    steps = [line["step"] for line in metrics(run) if "loss" in line]
    assert steps == [4, 8, 12, 16, 20, 24]


def test_what_an_earlier_checkpoint_gives_up_is_told(trained: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "r")
    result = dragoman("train", run, "--resume", "--checkpoint", 8, *sets("training.steps=9"))
    assert f"the next checkpoint takes the place of 16, 24: copy {run} first to keep them" in words(result)
    assert whole(run) == 9
    assert "takes the place" not in words(dragoman("train", run, "--resume", *sets("training.steps=10")))


def test_an_older_version_is_named(trained: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "r")
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("0.1.0", "0.0.9"))
    (run / "made-with.json").unlink()
    result = dragoman("train", run, "--resume", "--set", "training.steps=25")
    assert result.code == 0
    assert "dragoman was 0.0.9, is 0.1.0: it goes on, perhaps rounded otherwise" in words(result)


def test_another_processor_is_named_once(trained: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "r")
    noted = json.loads((run / "made-with.json").read_text())
    (run / "made-with.json").write_text(json.dumps(noted | {"processor": "abacus"}))
    told = words(dragoman("train", run, "--resume", "--set", "training.steps=25"))
    assert f"processor was abacus, is {noted['processor']}: it goes on, perhaps rounded otherwise" in told
    assert "perhaps rounded" not in words(dragoman("train", run, "--resume", "--set", "training.steps=26"))


def test_settings_that_were_edited_by_hand(dragoman: Dragoman, trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "r")
    before = (run / "config.yaml").read_text()
    for old, new, said in (
        ("target_tokens: 500", "target_tokens: 90", "batches.target_tokens was 500 and is 90"),
        ("warmup_steps: 10", "warmup_steps: 11", "training.warmup_steps was 10 and is 11"),
        ("valid_lines: 1000", "valid_lines: 7", "data.valid_lines was 1000 and is 7"),
    ):
        assert old in before
        (run / "config.yaml").write_text(before.replace(old, new))
        result = dragoman("train", run, "--resume", *sets("training.steps=26"))
        assert result.code == 1
        assert f"config.yaml was edited since checkpoint 24 ({said}); put it back as it was" in words(result)
        assert (run / "store" / "text" / "seal.json").exists()
    # What may be given anew may be written too.
    (run / "config.yaml").write_text(before.replace("steps: 24", "steps: 25").replace("beam: 5", "beam: 3"))
    assert dragoman("train", run, "--resume", *sets("training.log_every=1")).code == 0
    assert json.loads((run / "last.json").read_text())["step"] == 25


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_a_clock_that_is_set_back_or_forth(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    now = [2e9]

    def jumping() -> float:
        now[0] += jump
        return now[0]

    monkeypatch.setattr(time, "time", jumping)
    run = tmp_path / "r"
    assert dragoman("train", run, *files(lines), *TWELVE, "--minutes", 9).code == 0
    seconds = [json.loads(line)["seconds"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] < seconds[-1] < 500
    assert whole(run) == 12


def test_too_small_a_disk_is_told_of(
    lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: usage._replace(free=2**20))  # type: ignore[attr-defined]
    result = dragoman("train", tmp_path / "r", *files(lines), *sets(*SMALL, "training.steps=1"))
    assert result.code == 0
    assert "has 1 MiB free: make room, or lower training.keep" in words(result)


def test_every_core_is_used(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    """Where the tests run side by side, each process has one core; this one takes them all."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        cores = usable_cores()
        given = sets(*SMALL, "training.threads=0", "training.steps=2")
        assert dragoman("train", tmp_path / "r", *files(lines), *given).code == 0
    finally:
        os.sched_setaffinity(0, before)
    assert f"threads: {cores}\n" in (tmp_path / "r" / "config.yaml").read_text()
    assert cores >= len(before)


def test_more_threads_than_cores_are_told_of(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    threads = usable_cores() + 1
    given = sets(*SMALL, "training.steps=1", f"training.threads={threads}")
    result = dragoman("train", tmp_path / "r", *files(lines), *given)
    assert result.code == 0
    assert f"training.threads is {threads}, but this process may use {threads - 1} of the cores" in words(result)


def test_a_run_that_was_killed_after_its_end_was_moved_goes_on(
    trained: Path, dragoman: Dragoman, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "r")
    # As a kill leaves it that comes before the first checkpoint after --set training.steps=30.
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("\n  steps: 24\n", "\n  steps: 30\n"))
    assert json.loads((run / "last.json").read_text())["finished"]
    assert "finished after 30 updates" in words(dragoman("train", run, "--resume"))
    assert whole(run) == 30
