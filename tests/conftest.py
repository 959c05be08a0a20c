"""Shapes are checked in tests: every annotated function of the package is called through beartype."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if WORKER:
    # Trainings that share cores wait for each other's threads: a worker, and what it starts, keeps to one core.
    CORES = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {CORES[int(WORKER.removeprefix("gw")) % len(CORES)]})
    # A worker is told the size of a terminal, which a program without one does not have.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)

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
