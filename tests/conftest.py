"""Shapes are checked in tests: every annotated function of the package is called through beartype."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook(
    [
        "dragoman.batches.padded",
        "dragoman.layers",
        "dragoman.models.transformer",
        "dragoman.models.decoding_state",
        "dragoman.models.recurrent",
        "dragoman.search",
        "dragoman.training.loss",
    ],
    "beartype.beartype",
)

DATA = Path(os.environ.get("DRAGOMAN_CORPORA") or Path(__file__).parents[1] / ".." / "shared" / "data").resolve()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The large proofs run only when asked for by `-m proof`."""
    if "proof" in (config.getoption("-m") or ""):
        return
    for item in items:
        if item.get_closest_marker("proof"):
            item.add_marker(pytest.mark.skip(reason="a large proof: run it by `make proof`"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with Multi30k, which the package is told of; without it the tests that need it are skipped."""
    if not (DATA / "multi30k").is_dir():
        pytest.skip(f"no real data: put multi30k/ into {DATA}, or name its folder by DRAGOMAN_CORPORA")
    os.environ["DRAGOMAN_CORPORA"] = str(DATA)
    return DATA


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Lets another process compile the kernels first: one that compiles may round otherwise than those that load."""
    folder = Path(__file__).parents[1] / "src" / "dragoman" / "kernels" / "__pycache__"
    if any(folder.glob("heads.softmax-*.nbi")):
        return
    drawn = ["model.dropout=0.1", "model.attention_dropout=0.1", "text.sampling=0.1", "training.steps=2"]
    for dtype in ("float32", "bfloat16"):
        sets = [part for one in (*drawn, f"training.dtype={dtype}") for part in ("--set", one)]
        run = tmp_path_factory.mktemp("kernels") / "run"
        command = [
            sys.executable,
            "-m",
            "dragoman",
            "train",
            str(run),
            "--corpus",
            "pizzeria:en-de",
            "--preset",
            "demo",
        ]
        subprocess.run([*command, *sets], check=True, capture_output=True)
