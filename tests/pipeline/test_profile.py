"""`dragoman train --profile` on real lines: a planned training, a run that exists, what is refused."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from dragoman.training.profiling import planned
from tests.pipeline.conftest import SMALL, Result, files, sets

Dragoman = Callable[..., Result]
NAMES = {"profile.json", "profile.md", "profile.png"}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two updates are enough here."""
    monkeypatch.setattr(planned, "UPDATES", 2)


def hashes(folder: Path) -> dict[str, str]:
    """Every file of a folder, but for a profile's."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name not in NAMES]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in found}


def test_a_planned_training(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = tmp_path / "planned"
    given = [*files(lines), "--preset", "tiny", *sets(*SMALL, "training.kernels=plain")]
    result = dragoman("train", run, *given, "--profile")
    assert result.code == 0, result.err
    assert {path.name for path in run.iterdir()} == NAMES
    assert result.out == (run / "profile.md").read_text()
    assert "| products: feed-forward |" in result.out
    assert "inevitable arithmetic" in result.out
    assert "written to" in result.err
    found = json.loads((run / "profile.json").read_text())
    assert (found["updates"], found["dtype"], found["kernels"], found["threads"]) == (2, "float32", "plain", 1)
    assert sum(group["share"] for group in found["groups"]) == pytest.approx(1)
    assert found["products"]
    assert (run / "profile.png").read_bytes().startswith(b"\x89PNG")

    again = dragoman("train", run, *given, "--profile", "--json")
    assert again.code == 0, again.err
    (line,) = again.out.splitlines()
    stored = json.loads((run / "profile.json").read_text())
    assert json.loads(line) == {name: value for name, value in stored.items() if name != "products"}
    assert stored["step_seconds"] != found["step_seconds"]

    refused = dragoman("train", run, "--resume")
    assert refused.code == 1
    assert "is not a run" in refused.err


def test_a_run_that_exists_is_left_as_it_is(trained: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    before = hashes(run)
    result = dragoman("train", run, "--profile", *sets("training.kernels=plain"))
    assert result.code == 0, result.err
    assert hashes(run) == before
    assert {path.name for path in run.iterdir()} >= NAMES
    assert dragoman("train", run, "--resume").code == 0


def test_a_training_from_another_run(trained: Path, lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    run = tmp_path / "from"
    result = dragoman("train", run, *files(lines), "--from", trained, "--profile", *sets("training.threads=1"))
    assert result.code == 0, result.err
    assert {path.name for path in run.iterdir()} == NAMES
    last = max(int(path.name) for path in (trained / "checkpoints").iterdir())
    again = dragoman("train", run, *files(lines), "--from", trained, "--checkpoint", last, "--profile")
    assert again.code == 0, again.err
    none = dragoman("train", run, *files(lines), "--from", trained, "--checkpoint", last + 1, "--profile")
    assert (none.code, f"has no checkpoint {last + 1}: choose one of" in none.err) == (2, True)


def test_refusals(trained: Path, lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    def refused(code: int, words: str, *arguments: object) -> None:
        result = dragoman("train", *arguments, "--profile")
        assert result.code == code
        assert words in result.err
        assert len(result.err.splitlines()) == 1

    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    refused(1, "holds something else (letter.txt)", other, *files(lines))
    refused(1, "is a file, not a folder", other / "letter.txt", *files(lines))
    refused(2, "leave --resume and --dry-run away", trained, "--resume")
    refused(2, "leave --resume and --dry-run away", tmp_path / "new", *files(lines), "--dry-run")
    refused(2, "leave --preset away", trained, "--preset", "tiny")
    refused(2, "leave --from away", trained, "--from", trained)
    refused(2, "leave model.d_model away", trained, *sets("model.d_model=64"))
    refused(1, "no such file", tmp_path / "new", "--source", "none.en", "--target", "none.de")
    assert not (tmp_path / "new").exists()
