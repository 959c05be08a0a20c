"""One small run, trained by the command line on real Multi30k lines, for every test that needs one."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dragoman.cli.main import run

SMALL = [
    "text.vocabulary_size=800", "model.d_model=32", "model.d_ff=64", "model.heads=2", "model.encoder_layers=1",
    "model.decoder_layers=1", "batches.target_tokens=500", "training.warmup_steps=10", "training.threads=1",
    "training.dtype=float32", "training.validation_sentences=10", "search.longest_ratio=0.5",
]  # fmt: skip
"""Settings with which a training takes seconds."""


def sets(*settings: str) -> list[str]:
    """The settings as options."""
    return [part for setting in settings for part in ("--set", setting)]


@dataclass(frozen=True)
class Result:
    """What a command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def dragoman(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command line in this process; a traceback fails the test."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def lines(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.en, train.de (600 pairs), valid.en, valid.de (40), all Multi30k's."""
    folder = tmp_path_factory.mktemp("lines")
    for split, name, count in (("train", "train", 600), ("val", "valid", 40)):
        for language in ("en", "de"):
            with gzip.open(data / "multi30k" / f"{split}.{language}.gz", "rt", encoding="utf-8") as file:
                text = "".join(line for _, line in zip(range(count), file, strict=False))
            (folder / f"{name}.{language}").write_text(text, encoding="utf-8")
    return folder


def files(lines: Path) -> list[str]:
    """The options that name these files."""
    names = {"source": "train.en", "target": "train.de", "valid-source": "valid.en", "valid-target": "valid.de"}
    return [part for option, name in names.items() for part in (f"--{option}", str(lines / name))]


@pytest.fixture(scope="session")
def trained(lines: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 24 updates with checkpoints at 8, 16 and 24."""
    path = tmp_path_factory.mktemp("runs") / "small"
    settings = sets(*SMALL, "training.steps=24", "training.validate_every=8", "training.log_every=4", "training.keep=3")
    assert run(["train", str(path), *files(lines), "--preset", "tiny", *settings]) == 0
    return path


RACE = [
    "--corpus", "pizzeria", "--only", "rnn,lstm,lstm-attention,transformer", "--updates", "30", "--seeds", "1",
    "--trial",
    *sets(
        "pizzeria.train_pairs=300", "pizzeria.valid_pairs=20", "pizzeria.test_pairs=1000", "text.vocabulary_size=600",
        "model.d_model=128", "model.d_ff=128", "model.heads=4", "model.encoder_layers=1", "model.decoder_layers=1",
        "batches.target_tokens=400",
        "training.threads=1", "training.dtype=float32", "training.warmup_steps=5", "training.log_every=5",
        "training.validation_sentences=10", "search.longest_ratio=0.1",
    ),
]  # fmt: skip
"""The options of a race that takes a minute."""


@pytest.fixture(scope="session")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small race that was killed (kill -9) while its second contestant was trained, and resumed to its end."""
    from tests.pipeline.killing import killed_after

    out = tmp_path_factory.mktemp("races") / "race"
    begun = out / "runs" / "main" / "lstm-1" / "checkpoints" / "00000000" / "manifest.json"
    assert killed_after(0.0, "race", out, *RACE, "--json", begun=begun)
    assert run(["race", str(out), "--resume", "--json"]) == 0
    return out
