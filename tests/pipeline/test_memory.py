"""Batches are split where memory is short, beforehand by the forecast or when it gives out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.runs import Run, load_checkpoint
from dragoman.training import start
from tests.pipeline.conftest import SMALL, Result, files, sets
from tests.pipeline.killing import python

LARGE = sets(
    *SMALL[:1], "model.d_model=128", "model.d_ff=512", "model.heads=2", "model.encoder_layers=2",
    "model.decoder_layers=2", "batches.target_tokens=8000", "training.threads=1", "training.dtype=float32",
    "training.validation_sentences=2", "search.longest_ratio=0.5", "training.steps=2",
)  # fmt: skip
LIMITED = """
import os, resource, sys
import sacrebleu, dragoman.training.safety.curves
import dragoman.training.start as start
from dragoman.cli.main import run
from dragoman.training.watching import probe
from dragoman.training.loop import Loop

def limited(first, more):
    def call(*arguments):
        pages = int(open("/proc/self/statm").read().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + more * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        return first(*arguments)
    return call

# The forecast's probe would leave memory behind in which whole batches fit.
probe._token_seconds = lambda *arguments: 1e-4
if sys.argv[1] == "beforehand":
    start.fitting_piece = limited(start.fitting_piece, 450)
else:
    Loop.train = limited(Loop.train, 200)
sys.exit(run(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("when", "told"),
    [("beforehand", "whole batches would not fit into memory"), ("later", "memory gave out; batches are computed in")],
)
@pytest.mark.usefixtures("trained")
def test_too_little_memory_splits_batches(when: str, told: str, lines: Path, tmp_path: Path) -> None:
    """Its kernels were compiled by another training: the probe, which would do that, is left out here."""
    done = python(LIMITED, when, "train", tmp_path / "r", *files(lines), *LARGE)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said
    assert told in said
    checkpoint = load_checkpoint(Run.open(tmp_path / "r"), "last", optimizer=True)
    assert checkpoint.step == 2
    assert checkpoint.state["progress"]["piece"] > 0


def test_less_memory_at_a_resume_is_told(
    lines: Path, dragoman: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pieces are others than an undisturbed training's, so its weights are only nearly reached."""
    run, fits = tmp_path / "r", [0]
    monkeypatch.setattr(start, "fitting_piece", lambda *_: fits[0])

    def told(*arguments: object) -> tuple[bool, int]:
        result = dragoman("train", *arguments)
        assert result.code == 0
        checkpoint = load_checkpoint(Run.open(Path(str(arguments[0]))), "last", optimizer=True)
        said = " ".join((result.out + result.err).split())
        piece = checkpoint.state["progress"]["piece"]
        line = (
            f"less memory is free than before: batches are computed in pieces of at most {piece} target "
            "positions from here on, and the weights will not be exactly those of a training that was never "
            "stopped"
        )
        assert (line in said) == ("less memory" in said)
        return line in said, piece

    assert told(run, *files(lines), *sets(*SMALL, "training.steps=2")) == (False, 0)
    assert told(run, "--resume", *sets("training.steps=3")) == (False, 0)
    fits[0] = 300
    assert told(run, "--resume", *sets("training.steps=4")) == (True, 300)
    assert told(run, "--resume", *sets("training.steps=5")) == (False, 300)
    # More is free: the pieces stay, and so do the weights.
    fits[0] = 0
    assert told(run, "--resume", *sets("training.steps=6")) == (False, 300)
    # Nothing is promised of a run that only begins with these weights.
    fits[0] = 200
    given = sets(*[one for one in SMALL if not one.startswith(("model.", "text."))], "training.steps=2")
    assert told(tmp_path / "other", "--from", run, *files(lines), *given) == (False, 200)
