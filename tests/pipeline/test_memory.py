"""Batches are split where memory is short, beforehand by the forecast or when it gives out."""

from pathlib import Path

import pytest

from dragoman.runs import Run, load_checkpoint
from tests.pipeline.conftest import SMALL, files, sets
from tests.pipeline.killing import python

LARGE = sets(
    *SMALL[:1], "model.d_model=128", "model.d_ff=512", "model.heads=2", "model.encoder_layers=2",
    "model.decoder_layers=2", "batches.target_tokens=8000", "training.threads=1", "training.dtype=float32",
    "training.validation_sentences=2", "search.longest_ratio=0.5", "training.steps=2",
)  # fmt: skip
LIMITED = """
import os, resource, sys
import sacrebleu, torch.utils.tensorboard
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
def test_too_little_memory_splits_batches(when: str, told: str, lines: Path, tmp_path: Path) -> None:
    done = python(LIMITED, when, "train", tmp_path / "r", *files(lines), *LARGE)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said
    assert told in said
    checkpoint = load_checkpoint(Run.open(tmp_path / "r"), "last", optimizer=True)
    assert checkpoint.step == 2
    assert checkpoint.state["progress"]["piece"] > 0
