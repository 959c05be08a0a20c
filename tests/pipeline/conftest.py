"""One small run, trained by the command line on real Multi30k lines, for every test that needs one."""

import gzip
import json
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

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
    "--corpus", "pizzeria", "--updates", "30", "--seeds", "1", "--trial",
    *sets(
        "pizzeria.train_pairs=300", "pizzeria.valid_pairs=20", "pizzeria.test_pairs=1000", "text.vocabulary_size=600",
        "model.d_model=128", "model.d_ff=128", "model.heads=4", "model.encoder_layers=1", "model.decoder_layers=1",
        "batches.target_tokens=400",
        "training.threads=1", "training.dtype=float32", "training.warmup_steps=5", "training.log_every=5",
        "training.validation_sentences=10", "search.longest_ratio=0.1", "evaluation.resamples=100",
    ),
]  # fmt: skip
"""The options of a race of all contestants that takes a minute."""
KILLED = "rnn-attention"
"""Whose training is killed."""


@pytest.fixture(scope="session")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small race of all contestants, killed (kill -9) in mid-training and in mid-measure, resumed to its end.

    Beside it a file says how many seconds it took, all three times together: by the clock, and of a processor.
    """
    from tests.pipeline.killing import killed_when

    out = tmp_path_factory.mktemp("races") / "race"
    begin, before = monotonic(), processor_seconds()
    # A line every five updates: the fourth is of update 20, two updates after a checkpoint.
    killed_when(f"train main {KILLED} 1", "share", 4, "race", out, *RACE)
    assert json.loads((out / "runs" / "main" / f"{KILLED}-1" / "last.json").read_text())["step"] == 18
    killed_when("measure gradients", "share", 1, "race", out, "--resume")
    assert sorted(file.name for file in (out / "measures").glob("*.json")) == [
        "chain.json", "speed.json", "translation_speed.json",
    ]  # fmt: skip
    assert run(["race", str(out), "--resume", "--json"]) == 0
    (out.parent / "seconds.json").write_text(json.dumps([monotonic() - begin, processor_seconds() - before]))
    return out


def processor_seconds() -> float:
    """What this process and those that it waited for have had of a processor."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
