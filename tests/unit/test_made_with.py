"""What a run is computed with is noted, and a difference is told in words."""

import json
from pathlib import Path

import pytest
import torch

from dragoman.config import Settings
from dragoman.errors import DragomanError
from dragoman.runs import Run
from dragoman.runs.made_with import note_made_with, otherwise, processor


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", Settings())


def test_the_same_surroundings_are_not_told(run: Run) -> None:
    note_made_with(run)
    noted = json.loads((run.path / "made-with.json").read_text())
    assert (noted["torch"], noted["processor"]) == (torch.__version__, processor())
    assert otherwise(run) == []


def test_what_differs_is_named(run: Run) -> None:
    note_made_with(run)
    noted = json.loads((run.path / "made-with.json").read_text())
    changed = noted | {"torch": "1.0.0", "processor": "abacus", "device": "loom"}
    (run.path / "made-with.json").write_text(json.dumps(changed))
    assert otherwise(run) == [
        f"torch was 1.0.0, is {torch.__version__}",
        f"processor was abacus, is {processor()}",
        f"device was loom, is {noted['device']}",
    ]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"other": 1}'])
def test_nothing_is_told_of_what_was_not_noted(text: str | None, run: Run) -> None:
    if text is not None:
        (run.path / "made-with.json").write_text(text)
    assert otherwise(run) == []


def test_a_folder_that_cannot_be_written_says_so(run: Run) -> None:
    (run.path / "made-with.json").mkdir()
    with pytest.raises(DragomanError, match=r"cannot write .*made-with.json \(.*\): make room or make it writable"):
        note_made_with(run)
