"""The table of the speed benchmark, by hand."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import train_speed
from benchmarks.peers import environments
from benchmarks.peers.measuring import Result
from benchmarks.train_speed import ENTRIES, Entry, clean, measure, ratios, table


def result(name: str, dtype: str, speed: float, peak: float) -> Result:
    return Result(name, "1.0", dtype, int(10 * speed), 10.0, 5, 19.0, peak)


RUNS = {
    "ours/auto": [result("dragoman", "bfloat16", speed, 700) for speed in (8000, 9000, 10_000)],
    "hf/float32": [result("MarianMTModel", "float32", speed, 2000) for speed in (2000, 3000, 2500)],
    "hf/bfloat16": [result("MarianMTModel", "bfloat16", speed, 1400) for speed in (4000, 4500, 2000)],
}


def test_a_ratio_is_taken_repetition_by_repetition() -> None:
    assert ratios(RUNS, "hf/float32") == [4.0, 3.0, 4.0]
    assert ratios(RUNS, "ours/auto") == [1.0, 1.0, 1.0]


def test_the_table_has_medians_and_the_hardest_comparison_of_memory() -> None:
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table(RUNS).splitlines()]
    assert rows[2] == ["dragoman", "bfloat16", "9,000", "", "700", "0.50"]
    assert rows[3] == ["MarianMTModel", "float32", "2,500", "4.00 [3.00, 4.00]", "2,000", "1.43"]
    assert rows[4] == ["MarianMTModel", "bfloat16", "4,000", "2.00 [2.00, 5.00]", "1,400", "1.00"]
    assert len({len(row) for row in rows}) == 1


def test_the_table_without_hugging_face_or_ours() -> None:
    alone = {"torch/float32": [result("torch.nn.Transformer", "float32", 2400, 900)]}
    assert table(alone).splitlines()[2] == "| torch.nn.Transformer | float32 | 2,400 |  | 900 |  |"


def test_the_peers_environment_has_none_of_ours() -> None:
    ours = {
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
        "MALLOC_TRIM_THRESHOLD_": "1",
        "OMP_NUM_THREADS": "1",
        "HOME": "/h",
    }
    assert clean({**ours, "HOME": "/h"}) == {"HOME": "/h"}


def test_a_peer_that_fails_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho half a table\necho it broke >&2\nexit 3\n", encoding="utf-8")
    python.chmod(0o755)
    with pytest.raises(SystemExit, match=r"(?s)eole/float32 failed.*it broke"):
        measure(Entry("eole", "float32", "eole", "corpus"), python, tmp_path, 1)


def test_every_entry_has_its_script_and_its_environment() -> None:
    for entry in ENTRIES:
        assert (train_speed.ROOT / "benchmarks" / "peers" / f"{entry.module}.py").exists()
        assert entry.reads == "batches" or entry.peer in environments.RECIPES


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(command: list[object], **_: object) -> None:
        calls.append([str(part) for part in command])
        (tmp_path / "eole").mkdir(exist_ok=True)

    monkeypatch.setattr(subprocess, "run", run)
    python = environments.python_of("eole", tmp_path)
    assert python == tmp_path / "eole" / "bin" / "python"
    assert calls[0][1:] == ["-m", "venv", "--clear", str(tmp_path / "eole")]
    assert any(environments.TORCH in call for call in calls), "an open range would bring another torch"
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "*\n"
    before = len(calls)
    assert environments.python_of("eole", tmp_path) == python
    assert len(calls) == before
