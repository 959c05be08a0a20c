"""Checkpoints: whole or absent, checked before use, pruned, and never lost to a full disk."""

import json
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from dragoman.config.settings import Settings
from dragoman.errors import DragomanError, UsageError
from dragoman.runs import (
    Run,
    checkpoint_steps,
    load_checkpoint,
    mark_best,
    mark_last,
    read_mark,
    save_checkpoint,
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", Settings())


def tensors(step: int) -> dict[str, Tensor]:
    return {"weight": torch.full((3, 4), float(step)), "bias": torch.arange(4, dtype=torch.bfloat16)}


def save(run: Run, step: int, keep: int = 2) -> Path:
    state = {"step": step, "order": [3, 1, 2], "best": 0.1 + 0.2}
    return save_checkpoint(run, step, tensors(step), {"weight.mean": torch.ones(3, 4) / step}, state, keep)


def names(run: Run) -> list[str]:
    return sorted(path.name for path in (run.path / "checkpoints").iterdir())


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Lets the kernel refuse larger files, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_spared_checkpoints_stay(run: Run) -> None:
    for step in (0, 10, 20, 25, 30):
        save_checkpoint(run, step, tensors(step), {}, {}, keep=2, spared=(0, 10))
    assert checkpoint_steps(run) == [0, 10, 25, 30]


def test_a_checkpoint_returns_exactly(run: Run) -> None:
    path = save(run, 250)
    assert path == run.path / "checkpoints" / "00000250"
    assert sorted(file.name for file in path.iterdir()) == [
        "manifest.json",
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    ]
    found = load_checkpoint(run, "last", optimizer=True)
    assert (found.step, found.path) == (250, path)
    assert found.state == {"step": 250, "order": [3, 1, 2], "best": 0.1 + 0.2}
    for name, tensor in tensors(250).items():
        assert found.model[name].dtype == tensor.dtype
        assert torch.equal(found.model[name], tensor)
    assert found.optimizer is not None
    assert torch.equal(found.optimizer["weight.mean"], torch.ones(3, 4) / 250)
    assert load_checkpoint(run, 250).optimizer is None
    assert read_mark(run, "last") == {"step": 250, "checkpoint": "checkpoints/00000250"}
    mark_last(run, 250, {"finished": True})
    assert read_mark(run, "last") == {"finished": True, "step": 250, "checkpoint": "checkpoints/00000250"}


def test_the_same_weights_give_the_same_bytes(run: Run) -> None:
    first = {file.name: file.read_bytes() for file in save(run, 250).iterdir()}
    second = {file.name: file.read_bytes() for file in save(run, 250).iterdir()}
    assert first == second
    assert names(run) == ["00000250"]


def test_tied_and_viewed_weights_are_stored_once_and_return(run: Run) -> None:
    table, big = torch.randn(5, 4), torch.randn(6, 4)
    model = {"source": table, "target": table, "output": table, "turned": big.T, "part": big[:2]}
    path = save_checkpoint(run, 1, model, {}, {}, keep=2)
    assert set(load_file(path / "model.safetensors")) == {"source", "turned", "part"}
    found = load_checkpoint(run, 1).model
    assert found.keys() == model.keys()
    assert all(torch.equal(found[name], model[name]) for name in model)
    assert found["output"].data_ptr() == found["source"].data_ptr()


def test_the_newest_and_the_best_are_kept(run: Run) -> None:
    for step in (10, 20, 30, 40, 50):
        save(run, step)
        if step == 20:
            mark_best(run, 20, {"validation_bleu": 31.5, "validation_loss": float("nan")})
    assert names(run) == ["00000020", "00000040", "00000050"]
    assert checkpoint_steps(run) == [20, 40, 50]
    assert json.loads((run.path / "best.json").read_text()) == {
        "validation_bleu": 31.5,
        "validation_loss": None,
        "step": 20,
        "checkpoint": "checkpoints/00000020",
    }
    assert load_checkpoint(run, "best").step == 20
    assert load_checkpoint(run, "last").step == 50


def test_going_on_from_an_earlier_step_drops_the_later_ones(run: Run) -> None:
    for step in (10, 20, 30):
        save(run, step, keep=3)
    save(run, 15, keep=3)
    assert checkpoint_steps(run) == [10, 15]
    assert load_checkpoint(run, "last").step == 15


def test_a_missing_checkpoint_is_said_clearly(run: Run) -> None:
    with pytest.raises(
        DragomanError, match=r"run has no checkpoint yet: train it with `dragoman train .*run --resume`$"
    ):
        load_checkpoint(run, "last")
    save(run, 10)
    save(run, 20)
    with pytest.raises(UsageError, match=r"run has no checkpoint 15: choose one of 10, 20$"):
        load_checkpoint(run, 15)
    with pytest.raises(DragomanError, match=r"run has no best checkpoint yet: use --checkpoint 20$"):
        load_checkpoint(run, "best")
    (run.path / "last.json").unlink()
    assert load_checkpoint(run, "last").step == 20


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def tamper(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "file", "words"),
    [
        (truncate, "model.safetensors", r"model\.safetensors is damaged \(\d+ bytes instead of \d+\)"),
        (tamper, "model.safetensors", r"model\.safetensors is damaged \(SHA-256 differs\)"),
        (Path.unlink, "model.safetensors", r"model\.safetensors is missing"),
        (tamper, "optimizer.safetensors", r"optimizer\.safetensors is damaged \(SHA-256 differs\)"),
        (truncate, "state.json", r"state\.json is damaged \(\d+ bytes instead of \d+\)"),
        (Path.unlink, "manifest.json", r"manifest\.json is missing"),
        (
            lambda path: path.write_text('{"files": {'),
            "manifest.json",
            r"manifest\.json is damaged \(not JSON\)",
        ),
        (
            lambda path: path.write_text("[]"),
            "manifest.json",
            r"manifest\.json is damaged \(not a JSON object\)",
        ),
        (
            lambda path: path.write_text("{}"),
            "manifest.json",
            r"manifest\.json is damaged \(its entries are missing\)",
        ),
        (
            lambda path: path.write_text('{"files": {}, "shared": {}}'),
            "manifest.json",
            r"manifest\.json is damaged \(no entry for model\.safetensors\)",
        ),
        (
            lambda path: path.write_text(path.read_text().replace('"shared": {}', '"shared": {"a": "b"}')),
            "manifest.json",
            r"manifest\.json is damaged \(its tied weights are unknown\)",
        ),
    ],
)
def test_damage_is_named_and_a_whole_checkpoint_offered(run: Run, harm: Any, file: str, words: str) -> None:
    for step in (10, 20, 30):
        save(run, step, keep=3)
    harm(run.path / "checkpoints" / "00000030" / file)
    offer = r"; checkpoint 20 is whole: use --checkpoint 20$"
    with pytest.raises(DragomanError, match="00000030/" + words + offer):
        load_checkpoint(run, "last", optimizer=True)
    assert load_checkpoint(run, 20, optimizer=True).step == 20


def test_when_no_other_checkpoint_is_whole_it_says_so(run: Run) -> None:
    for step in (10, 20):
        tamper(save(run, step) / "model.safetensors")
    words = r"model\.safetensors is damaged \(SHA-256 differs\); no other checkpoint is whole: copy the run anew"
    with pytest.raises(DragomanError, match=words):
        load_checkpoint(run, "last")


def test_a_file_that_its_manifest_vouches_for_is_still_not_trusted(run: Run) -> None:
    import hashlib

    path = save(run, 10)
    evil = b"\x80\x04cos\nsystem\n."
    (path / "model.safetensors").write_bytes(evil)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"]["model.safetensors"] = {"sha256": hashlib.sha256(evil).hexdigest(), "bytes": len(evil)}
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DragomanError, match=r"model\.safetensors is damaged \(not safetensors\); no other"):
        load_checkpoint(run, "last")


def test_a_damaged_optimizer_does_not_hinder_translation(run: Run) -> None:
    (save(run, 10) / "optimizer.safetensors").unlink()
    assert load_checkpoint(run, "last").step == 10


def test_a_damaged_pointer_is_named(run: Run) -> None:
    save(run, 10)
    half = '{"step": 10, "returns": 1}'
    wordy = '{"step": 10, "returns": "once", "from": 12, "why": "NaN"}'
    for text in ("{", "[]", '{"step": "x"}', "{}", half, wordy):
        (run.path / "last.json").write_text(text)
        with pytest.raises(DragomanError, match=r"last\.json is damaged; checkpoint 10 is whole: use --checkpoint 10$"):
            load_checkpoint(run, "last")
    shutil.rmtree(run.path / "checkpoints" / "00000010")
    (run.path / "checkpoints" / "00000005").mkdir()
    with pytest.raises(DragomanError, match=r"last\.json is damaged; no other checkpoint is whole"):
        load_checkpoint(run, "last")


def test_a_disk_too_full_for_the_weights_leaves_the_checkpoint_before(run: Run) -> None:
    words = r"cannot save checkpoint 10 of .*run \(.*File too large.*\); there is no checkpoint yet: make room"
    large = {"weight": torch.zeros(100_000)}
    with files_no_larger_than(50_000), pytest.raises(DragomanError, match=words):
        save_checkpoint(run, 10, large, {}, {}, keep=2)
    save(run, 10)
    words = r"cannot save checkpoint 20 .*; checkpoint 10 is still the newest: make room .*, then add --resume$"
    with files_no_larger_than(50_000), pytest.raises(DragomanError, match=words) as caught:
        save_checkpoint(run, 20, large, {}, {}, keep=2)
    assert "\n" not in str(caught.value)
    assert names(run) == ["00000010"]
    assert load_checkpoint(run, "last", optimizer=True).step == 10


def test_no_space_at_the_last_moment_leaves_the_checkpoint_before(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save(run, 10)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    words = r"cannot save checkpoint 20 of .*run \(No space left on device\); checkpoint 10 is still the newest"
    with pytest.raises(DragomanError, match=words):
        save(run, 20)
    with pytest.raises(DragomanError, match=r"cannot write .*best\.json \(No space left on device\): make room"):
        mark_best(run, 10, {})
    with pytest.raises(DragomanError, match=r"cannot write .*last\.json \(No space left on device\): make room"):
        mark_last(run, 10, {})
    assert names(run) == ["00000010"]
    assert sorted(path.name for path in run.path.iterdir()) == ["checkpoints", "config.yaml", "last.json"]
    assert load_checkpoint(run, "last").step == 10


def test_a_read_only_folder_leaves_the_checkpoint_before(run: Run) -> None:
    save(run, 10)
    folder = run.path / "checkpoints"
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write to read-only folders")
        with pytest.raises(DragomanError, match=r"\(Permission denied\); checkpoint 10 is still the newest"):
            save(run, 20)
    finally:
        folder.chmod(0o700)
    assert load_checkpoint(run, "last").step == 10


def test_an_interrupt_while_saving_leaves_nothing_behind(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save(run, 10)

    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.torch.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(run, 20)
    assert names(run) == ["00000010"]


def test_the_next_save_clears_away_what_a_killed_trainer_left(run: Run) -> None:
    left = run.path / "checkpoints" / ".writing-77-00000020"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    assert checkpoint_steps(run) == []
    save(run, 20)
    assert names(run) == ["00000020"]


def test_a_kill_between_two_names_loses_nothing(run: Run) -> None:
    """A checkpoint that is saved a second time: the old one has lost its name, the new one has none yet."""
    folder = save(run, 10)
    shutil.copytree(folder, folder.with_name(".writing-77-00000010"))
    folder.rename(folder.with_name(".writing-77-00000010-replaced"))
    assert checkpoint_steps(run) == []
    with run.lock():
        assert names(run) == ["00000010"]
        assert load_checkpoint(run, "last").step == 10


def test_an_interrupt_between_two_names_loses_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save(run, 10)
    first = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if target.name == "00000010" and not self.name.endswith("-replaced"):
            raise KeyboardInterrupt
        return first(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(run, 10)
    assert names(run) == ["00000010"]
    assert load_checkpoint(run, "last").step == 10
