"""A training's data on the disk: windows, kills, pipes, files that changed or went, a store that was deleted."""

import contextlib
import errno
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.training import preparing
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import killed_at, same_ending
from tests.pipeline.test_bad_input import fails

Dragoman = Callable[..., Result]

SHORT = sets(*SMALL, "training.steps=4", "training.validate_every=4")
WINDOWS = sets(
    *SMALL, "batches.window=100", "batches.target_tokens=500", "text.sampling=0.1", "training.epochs=2",
    "training.validate_every=9", "training.log_every=1", "training.accumulate=2",
)  # fmt: skip
"""600 pairs: six windows a pass."""


@pytest.fixture
def copied(lines: Path, tmp_path: Path) -> Path:
    """Files of this test alone."""
    for path in lines.iterdir():
        shutil.copy(path, tmp_path / path.name)
    return tmp_path


def progress(run: Path) -> list[tuple[int, int]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["epoch"]) for line in found if "loss" in line]


def test_a_training_in_windows_goes_on_in_the_middle_of_one(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    result = dragoman("train", whole, *files(lines), *WINDOWS)
    assert result.code == 0
    assert "about" in result.err
    steps = progress(whole)
    assert {epoch for _, epoch in steps} >= {0, 1}
    half = next(step for step, epoch in steps if epoch == 1)
    killed_at("dragoman.training.loop.learning_rate", half - 3, "train", killed, *files(lines), *WINDOWS)
    assert dragoman("train", killed, "--resume").code == 0
    same_ending(killed, whole)
    assert progress(killed) == steps


def test_killed_while_the_store_is_built(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert dragoman("train", whole, *files(lines), *SHORT).code == 0
    small = "import dragoman.batches.store as store; store.PAIRS_AT_ONCE = 100"
    moments = {
        "corpora.stored.fingerprint": 2,
        "corpora.stored.seal": 1,
        "batches.store.journal": 4,
        "batches.store.seal": 1,
    }
    given = [*files(lines), *SHORT]
    for place, call in moments.items():
        killed_at(f"dragoman.{place}", call, "train", killed, *given, before=small)
        assert not (killed / "checkpoints").exists()
        given = ["--resume"]
    assert (killed / "store" / "ids" / "journal.json").exists()
    assert dragoman("train", killed, "--resume").code == 0
    for part in ("text", "ids"):
        ours, theirs = killed / "store" / part, whole / "store" / part
        names = {path.name for path in ours.iterdir()}
        assert names == {path.name for path in theirs.iterdir()}
        assert all((ours / name).read_bytes() == (theirs / name).read_bytes() for name in names)
    same_ending(killed, whole)


def test_a_changed_file_is_named(dragoman: Dragoman, copied: Path) -> None:
    run = copied / "run"
    assert dragoman("train", run, *files(copied), *SHORT).code == 0
    again = [run, "--resume", *sets("training.steps=6")]
    for name in ("train.en", "train.de", "valid.en", "valid.de"):
        before = (copied / name).read_bytes()
        # As many bytes as before.
        (copied / name).write_bytes(before.replace(b"e", b"a", 1))
        fails(dragoman("train", *again), 1, f"{copied / name} has changed since", "put it back", f"--from {run}")
        (copied / name).write_bytes(before)
    assert dragoman("train", *again).code == 0


def test_a_damaged_record_of_the_data_is_told(dragoman: Dragoman, copied: Path) -> None:
    run = copied / "run"
    assert dragoman("train", run, *files(copied), *SHORT).code == 0
    (run / "data.json").write_text('{"corpus":')
    result = dragoman("train", run, "--resume", *sets("training.steps=6"))
    assert result.code == 0
    assert f"{run / 'data.json'} is damaged: whether the data is still the same is not known" in result.err
    assert "json is damaged" not in dragoman("train", run, "--resume", *sets("training.steps=8")).err


def test_a_file_that_went_is_told_and_the_store_goes_on(dragoman: Dragoman, copied: Path) -> None:
    run = copied / "run"
    assert dragoman("train", run, *files(copied), *SHORT).code == 0
    (copied / "train.en").rename(copied / "moved.en")
    result = dragoman("train", run, "--resume", *sets("training.steps=6"))
    assert result.code == 0
    assert f"{copied / 'train.en'} is gone; the training goes on from" in result.err
    shutil.rmtree(run / "store")
    fails_at_last = dragoman("train", run, "--resume", *sets("training.steps=8"))
    assert fails_at_last.code == 1
    assert fails_at_last.err.splitlines()[-1].startswith(f"error: no such file: {copied / 'train.en'}")


def test_a_file_that_cannot_be_read_any_more(dragoman: Dragoman, copied: Path) -> None:
    """The process' own memory is a file whose beginning nobody can read."""
    run = copied / "run"
    assert dragoman("train", run, *files(copied), *SHORT).code == 0
    (copied / "train.en").unlink()
    (copied / "train.en").symlink_to("/proc/self/mem")
    result = dragoman("train", run, "--resume", *sets("training.steps=6"))
    fails(result, 1, f"cannot read {copied / 'train.en'} (", "check its path and its permissions")


def test_files_are_found_from_another_folder(dragoman: Dragoman, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though they were named from the first one, one of them through a link, and the store is gone."""
    run, elsewhere = copied / "run", copied / "elsewhere"
    (copied / "train.en").rename(copied / "real.en")
    (copied / "train.en").symlink_to("real.en")
    elsewhere.mkdir()
    monkeypatch.chdir(copied)
    assert dragoman("train", "run", *files(Path()), *SHORT).code == 0
    card = (run / "model-card.md").read_text()
    assert "train.en and train.de" in card
    assert "not known" not in card
    monkeypatch.chdir(elsewhere)
    shutil.rmtree(run / "store")
    named = ["--source", "../train.en", "--target", copied / "train.de"]
    assert dragoman("train", "../run", "--resume", *named, *sets("training.steps=6")).code == 0
    assert "not known" not in (run / "model-card.md").read_text()
    other = dragoman("train", "../run", "--resume", "--source", "train.en", *sets("training.steps=8"))
    fails(other, 2, f"data.source is {copied / 'train.en'} in the run, {elsewhere / 'train.en'} was given")


def test_files_that_moved_are_taken_where_they_are_now(dragoman: Dragoman, copied: Path) -> None:
    run, there = copied / "run", copied / "there"
    assert dragoman("train", run, *files(copied), *SHORT).code == 0
    there.mkdir()
    for name in ("train.en", "train.de"):
        (copied / name).rename(there / name)
    shutil.rmtree(run / "store")
    named = ["--source", there / "train.en", "--target", there / "train.de"]
    # Another file under the same setting is refused before anything is touched.
    wrong = dragoman("train", run, "--resume", *named[:3], there / "train.en", *sets("training.steps=6"))
    fails(wrong, 2, f"data.target is {copied / 'train.de'} in the run, {there / 'train.en'} was given")
    assert dragoman("train", run, "--resume", *named, *sets("training.steps=6")).code == 0
    assert str(there / "train.en") in (run / "data.json").read_text()
    again = dragoman("train", run, "--resume", *sets("training.steps=8"))
    assert again.code == 0
    assert "is gone" not in again.err
    assert "not known" not in (run / "model-card.md").read_text()


def test_a_store_that_was_deleted_or_damaged_is_built_anew(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    whole, other = tmp_path / "whole", tmp_path / "other"
    for run in (whole, other):
        assert dragoman("train", run, *files(lines), *SHORT).code == 0
    shutil.rmtree(other / "store" / "ids")
    with (other / "store" / "text" / "train.source.txt").open("r+b") as file:
        file.truncate(1000)
    for run in (whole, other):
        result = dragoman("train", run, "--resume", *sets("training.steps=8"))
        assert result.code == 0
        assert ("train.source.txt has 1,000 bytes and should have" in result.err) == (run == other)
    same_ending(other, whole)


def test_a_corpus_from_pipes(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    """Read once; the training goes on from its store, and says it in one line where that is gone too."""
    piped, plain = tmp_path / "piped", tmp_path / "plain"
    for name in ("train.en", "train.de"):
        os.mkfifo(tmp_path / name)
    options = files(lines)
    feeders = [threading.Thread(target=_feed, args=(lines / n, tmp_path / n)) for n in ("train.en", "train.de")]
    for feeder in feeders:
        feeder.start()
    given = [str(tmp_path / "train.en") if o == str(lines / "train.en") else o for o in options]
    given = [str(tmp_path / "train.de") if o == str(lines / "train.de") else o for o in given]
    assert dragoman("train", piped, *given, *SHORT).code == 0
    assert dragoman("train", plain, *options, *SHORT).code == 0
    same_ending(piped, plain)
    assert dragoman("train", piped, "--resume", *sets("training.steps=6")).code == 0
    shutil.rmtree(piped / "store")
    fails(dragoman("train", piped, "--resume", *sets("training.steps=8")), 1, "is a pipe that has been read", "new run")
    assert dragoman("translate", piped, lines / "valid.en", "--beam", 1).code == 0


def test_a_pipe_whose_reader_was_killed(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    """Before anything of it was stored: nobody would write into it again, and the next reader would wait for ever."""
    run, pipe = tmp_path / "run", tmp_path / "train.en"
    os.mkfifo(pipe)
    given = [str(pipe) if option == str(lines / "train.en") else option for option in files(lines)]
    command = [sys.executable, "-m", "dragoman", "train", str(run), *given, *SHORT]
    silent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # The pipe opens for the writer when the training opens it.
    with silent as process, contextlib.suppress(BrokenPipeError), pipe.open("wb") as file:
        process.kill()
        process.wait()
        file.write(b"one\n")
    assert not (run / "data.json").exists()
    for _ in range(2):
        fails(dragoman("train", run, "--resume"), 1, f"{pipe} is a pipe that has been read", "train a new run")
    # In its place a file of that name does.
    pipe.unlink()
    shutil.copy(lines / "train.en", pipe)
    assert dragoman("train", run, "--resume").code == 0


def test_a_disk_that_fills_after_a_pipe_was_read(
    dragoman: Dragoman, lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came through the pipe is kept, and --resume goes on with it."""
    run, pipe = tmp_path / "run", tmp_path / "train.en"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=_feed, args=(lines / "train.en", pipe))
    feeder.start()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    given = [str(pipe) if option == str(lines / "train.en") else option for option in files(lines)]
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "store_pairs", full)
        words = f"cannot use {run / 'store'} (No space left on device); free some space or choose another place"
        fails(dragoman("train", run, *given, *SHORT), 1, f"{words}; what was read from the pipe is kept: go on with `")
    feeder.join()
    assert dragoman("train", run, "--resume").code == 0
    # Text that lies in files is there still, and nothing is left behind.
    plain = tmp_path / "plain"
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "store_pairs", full)
        words = f"cannot use {plain / 'store'} (No space left on device); free some space or choose another place"
        result = dragoman("train", plain, *files(lines), *SHORT)
        fails(result, 1, words)
        assert "read from the pipe" not in result.err
    assert not plain.exists()
    assert dragoman("train", plain, *files(lines), *SHORT).code == 0


def test_a_data_file_that_the_disk_does_not_tell_of(dragoman: Dragoman, trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "r")
    noted = json.loads((run / "data.json").read_text())
    noted["files"][0]["path"] = "/" + 300 * "x"
    (run / "data.json").write_text(json.dumps(noted))
    config = (run / "config.yaml").read_text()
    source = re.search("source: (.*train.en)", config)
    assert source
    (run / "config.yaml").write_text(config.replace(source[1], "/" + 300 * "x"))
    fails(dragoman("train", run, "--resume", *sets("training.steps=26")), 1, "cannot read /xxx", "(File name too long)")


def _feed(source: Path, pipe: Path) -> None:
    with pipe.open("wb") as file:
        file.write(source.read_bytes())


def _feed_without_end(pipe: Path) -> None:
    with contextlib.suppress(BrokenPipeError), pipe.open("wb", buffering=0) as file:
        file.write(b"one\n")
        while True:
            file.write(bytes(2**20))


def test_a_line_without_end(dragoman: Dragoman, tmp_path: Path) -> None:
    """In a file of a gibibyte that is one hole, in a small gzip file, and from a pipe."""
    (tmp_path / "t").write_text("eins\n")
    (tmp_path / "hole").write_bytes(b"one\n")
    os.truncate(tmp_path / "hole", 2**30)
    (tmp_path / "zeros.gz").write_bytes(gzip.compress(b"one\n" + bytes(2**25)))
    os.mkfifo(tmp_path / "pipe")
    feeder = threading.Thread(target=_feed_without_end, args=(tmp_path / "pipe",))
    feeder.start()
    for name in ("hole", "zeros.gz", "pipe"):
        given = ["--source", tmp_path / name, "--target", tmp_path / "t", "--minutes", 1]
        result = dragoman("train", tmp_path / "r", *given)
        words = f"{tmp_path / name}, line 2: the line is longer than 16 MiB; put one sentence on a line"
        fails(result, 1, words)
        assert not (tmp_path / "r").exists()
    feeder.join()
