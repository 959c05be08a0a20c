"""Memory that gives out anywhere ends in one line with the mend; what was saved stays, and --resume goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dragoman.batches.epochs import Epochs
from dragoman.runs import Run, checkpoints, load_checkpoint
from dragoman.training import loop, start
from dragoman.training.safety import saving
from dragoman.training.validation import Validator
from dragoman.training.watching import forecast
from dragoman.translation import Translator
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import same_ending

Dragoman = Callable[..., Result]
TWELVE = sets(
    *SMALL, "batches.target_tokens=2000", "training.steps=12", "training.validate_every=4", "training.log_every=1",
    "model.dropout=0.1",
)  # fmt: skip
LACK = (
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "4096 bytes. Error code 12 (Cannot allocate memory)"
)
"""What torch says."""


def words(result: Result) -> str:
    return " ".join((result.out + result.err).split())


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets memory give out in a function's calls of these numbers, after the function has done its work."""

    def plan(holder: Any, name: str, *numbers: int, error: type[Exception] = RuntimeError) -> None:
        made, first = list[int](), getattr(holder, name)

        def call(*arguments: Any, **named: Any) -> Any:
            made.append(1)
            found = first(*arguments, **named)
            if len(made) in numbers:
                raise error(LACK)
            return found

        monkeypatch.setattr(holder, name, call)

    return plan


@pytest.fixture(scope="module")
def reference(lines: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happened to."""
    from dragoman.cli.main import run

    path = tmp_path_factory.mktemp("reference") / "r"
    assert run(["train", str(path), *files(lines), *TWELVE]) == 0
    return path


def whole(run: Path) -> int:
    """Checks that the last checkpoint is whole, and gives its step."""
    return load_checkpoint(Run.open(run), "last", optimizer=True).step


ENDS: list[tuple[tuple[Any, ...], str, int | None]] = [
    ((start, "fitting_piece", 1), "not enough memory to forecast what batches take: free memory", None),
    ((forecast, "demand", 1), "not enough memory to forecast what batches take: free memory", 0),
    ((start, "reserve", 1), "not enough memory to hold the optimizer's moments: free memory", 0),
    ((loop, "step", 7), "memory gave out in the middle of update 7", 4),
    ((Validator, "validate", 1), "not enough memory to validate", 4),
    ((Validator, "validate", 2), "not enough memory to validate", 8),
    ((Epochs, "_make", 2), "the next batches could not be made (RuntimeError", 10),
    ((checkpoints, "sha256", 10, 11), "cannot save checkpoint 12 of", 8),
]
"""Where memory gives out, in which call, what is said, and the checkpoint that is the newest then."""


@pytest.mark.parametrize("end", ENDS, ids=lambda end: f"{end[0][1]}-{end[0][2]}")
def test_one_line_and_resume_goes_on(
    end: tuple[tuple[Any, ...], str, int | None], lines: Path, dragoman: Dragoman, reference: Path, tmp_path: Path,
    lacking: Any,
) -> None:  # fmt: skip
    run, (place, said, newest) = tmp_path / "r", end
    lacking(*place)
    result = dragoman("train", run, *files(lines), *TWELVE)
    last = result.err.splitlines()[-1]
    assert result.code == 1
    assert last.startswith(f"error: {said}")
    assert "free memory" in last
    assert "corpus is in its place" not in last
    assert (run / "checkpoints").exists() == (newest is not None)
    assert newest is None or whole(run) == newest
    assert dragoman("train", run, "--resume").code == 0
    same_ending(run, reference)


def test_one_of_the_spread_validations(lines: Path, dragoman: Dragoman, tmp_path: Path, lacking: Any) -> None:
    spread = [*TWELVE, *sets("training.validations=3")]
    assert dragoman("train", tmp_path / "whole", *files(lines), *spread).code == 0
    lacking(Validator, "validate", 1)
    assert dragoman("train", tmp_path / "r", *files(lines), *spread).code == 1
    assert dragoman("train", tmp_path / "r", "--resume").code == 0
    same_ending(tmp_path / "r", tmp_path / "whole")


def test_a_save_for_which_memory_is_short_is_tried_again(
    lines: Path, dragoman: Dragoman, reference: Path, tmp_path: Path, lacking: Any
) -> None:
    run = tmp_path / "r"
    # Three files of each checkpoint are hashed: that of update 8 is hit.
    lacking(checkpoints, "sha256", 8, error=MemoryError)
    result = dragoman("train", run, *files(lines), *TWELVE)
    assert result.code == 0
    assert "cannot save checkpoint 8 of" in words(result)
    told = "(not enough memory); checkpoint 4 is still the newest: the training goes on and will try again; meanwhile"
    assert f"{told} free memory" in words(result)
    assert whole(run) == 12
    assert not (run / "checkpoints" / "00000008").exists()


def test_the_mean_of_checkpoints(lines: Path, dragoman: Dragoman, tmp_path: Path, lacking: Any) -> None:
    run = tmp_path / "r"
    lacking(saving, "mean_of", 1)
    result = dragoman("train", run, *files(lines), *TWELVE, *sets("training.snapshots=3"))
    assert result.code == 1
    assert "not enough memory to average the last checkpoints: free memory and add --resume" in words(result)
    assert "training.snapshots" in words(result)
    assert whole(run) == 12
    assert dragoman("train", run, "--resume").code == 0


@pytest.mark.parametrize("verb", ["translate", "evaluate", "score"])
def test_other_verbs_say_it_in_one_line(
    verb: str, trained: Path, lines: Path, dragoman: Dragoman, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, list[object]] = {
        "translate": [trained, lines / "valid.en"],
        "evaluate": [trained, "--source", lines / "valid.en", "--reference", lines / "valid.de"],
        "score": [trained, "--source", lines / "valid.en", "--target", lines / "valid.de"],
    }

    def lacks(*_: object, **__: object) -> None:
        raise RuntimeError(LACK)

    for name in ("translate", "stream", "score"):
        monkeypatch.setattr(Translator, name, lacks, raising=False)
    result = dragoman(verb, *given[verb])
    line = "error: out of memory; lower batches.target_tokens or search.batch_tokens"
    assert (result.code, result.err.splitlines()[-1]) == (1, line)


def test_an_error_that_is_none_of_memory_is_not_hidden(
    trained: Path, lines: Path, dragoman: Dragoman, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Translator, "score", breaks)
    with pytest.raises(RuntimeError, match="shapes differ"):
        dragoman("score", trained, "--source", lines / "valid.en", "--target", lines / "valid.de")
