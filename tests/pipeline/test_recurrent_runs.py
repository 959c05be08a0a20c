"""Every verb on small runs of each recurrent family, on the built-in corpus: no verb asks which family it serves."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.cli.main import run as command
from dragoman.tracing import Trace
from dragoman.training.profiling import planned
from tests.pipeline.conftest import SMALL, Result, sets
from tests.pipeline.killing import lines as metrics

Dragoman = Callable[..., Result]
FAMILIES = {
    "rnn": ["model.family=rnn", "model.attention=none", "training.average=4"],
    "gru": ["model.family=gru", "model.attention=dot", "model.bidirectional=false", "training.kernels=plain"],
    "lstm": ["model.family=lstm", "model.decoder_layers=2"],
    "feeding": ["model.family=lstm", "model.input_feeding=true", "training.agreement=1"],
}
COMMON = [
    "pizzeria.train_pairs=300", "pizzeria.valid_pairs=20", "text.vocabulary_size=450", *SMALL[1:], "search.beam=2",
    "training.steps=9", "training.validate_every=3", "training.log_every=1", "model.dropout=0.1", "training.minutes=0",
    "training.keep=4",
    "training.learning_rate=0.02",
]  # fmt: skip
TEXT, TARGET = "The pizza came out of the oven and it tasted good.", "Die Pizza kam aus dem Ofen und sie schmeckte gut."


def options(name: str) -> list[str]:
    return ["--corpus", "pizzeria:en-de", *sets(*COMMON, *FAMILIES[name])]


@pytest.fixture(scope="module", params=FAMILIES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of nine updates; its folder has the family's name."""
    path = tmp_path_factory.mktemp("recurrent") / str(request.param)
    assert command(["train", str(path), *options(path.name)]) == 0
    return path


def looks(run: Path) -> bool:
    """Whether the run's model has attention."""
    return run.name != "rnn"


def test_it_was_trained_and_says_what_it_is(run: Path) -> None:
    losses = [line["loss"] for line in metrics(run) if "loss" in line]
    assert len(losses) == 9
    assert losses[-1] < losses[0]
    card = (run / "model-card.md").read_text()
    kind = {"rnn": "An RNN without attention", "gru": "A GRU with dot attention"}.get(
        run.name, "An LSTM with additive attention"
    )
    assert f"{kind} that translates English to German" in card
    assert f"- {kind.split()[1].lower()}\n" in card
    assert "Transformer" not in card


def test_resume_ends_in_the_same_weights(run: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    half = shutil.copytree(run, tmp_path / "half")
    for step in (6, 9):
        shutil.rmtree(half / "checkpoints" / f"{step:08d}")
    for mark in ("last", "best"):
        (half / f"{mark}.json").write_text(json.dumps({"step": 3, "checkpoint": "checkpoints/00000003"}))
    assert dragoman("train", half, "--resume").code == 0
    weights = "checkpoints/00000009/model.safetensors"
    assert (half / weights).read_bytes() == (run / weights).read_bytes()
    assert metrics(half) == metrics(run)


def test_dry_run_and_profile(run: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planned, "UPDATES", 2)
    dry = dragoman("train", tmp_path / "dry", *options(run.name), "--dry-run")
    assert dry.code == 0, dry.err
    assert "encoder.0.directions.0.cells" in dry.out
    assert "flash beyond" not in dry.out + dry.err
    if run.name not in ("gru", "lstm"):
        return  # The profile of an RNN shows nothing new, and that of a decoder that goes step by step takes long.
    profiled = dragoman("train", tmp_path / "profile", *options(run.name), "--profile")
    assert profiled.code == 0, profiled.err
    assert "| cells: gates, fused layers |" in profiled.out
    assert "| products: cells |" in profiled.out


def test_translate_score_evaluate(run: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    source, target = tmp_path / "a.en", tmp_path / "a.de"
    source.write_text(f"{TEXT}\n\nA dog.\n", encoding="utf-8")
    target.write_text(f"{TARGET}\n\nEin Hund.\n", encoding="utf-8")
    for beam in (1, 3):
        found = dragoman("translate", run, source, "--beam", beam)
        assert (found.code, found.out.count("\n")) == (0, 3), found.err
    rows = [
        json.loads(line) for line in dragoman("translate", run, source, "--json", "--n-best", 2).out.split("\n")[:3]
    ]
    assert [len(row["alternatives"]) for row in rows] == [1, 0, 1]
    scored = dragoman("score", run, "--source", source, "--target", target)
    assert (scored.code, len(scored.out.splitlines())) == (0, 3), scored.err
    evaluated = dragoman("evaluate", run, "--source", source, "--reference", target, "--json")
    assert evaluated.code == 0, evaluated.err
    assert 0 <= json.loads(evaluated.out.splitlines()[-1])["bleu"]["score"] <= 100


def test_words(run: Path, dragoman: Dragoman) -> None:
    near = dragoman("words", run, "near", "pizza", "--count", 3)
    assert (near.code, len(near.out.splitlines())) == (0, 3), near.err


def test_inspect(run: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    shown = dragoman("inspect", run, TEXT, "--target", TARGET)
    if not looks(run):
        assert (shown.code, shown.out) == (1, "")
        assert shown.err == "error: this run's model has no attention to look at; give a run of a model that has\n"
        return
    assert shown.code == 0, shown.err
    layer = 1 if run.name == "lstm" else 0
    for part in ("reads  The pizza came", "writes Die Pizza kam", f"decoder.{layer}.cross", "schmeckte ←"):
        assert part in shown.out
    word = dragoman("inspect", run, TEXT, "--target", TARGET, "--word", "sie")
    assert word.code == 0, word.err
    assert f"decoder.{layer}.cross, head 0 of 1 (0 to 0)" in " ".join(word.out.split())
    read = dragoman("inspect", run, TEXT, "--target", TARGET, "--word", "it")
    assert read.code == 2
    assert read.err.startswith("error: 'it' is a word of the source, and this run's encoder has no attention to follow")
    for name in ("map.png", "map.svg"):
        assert dragoman("inspect", run, TEXT, "--target", TARGET, "--out", tmp_path / name).code == 0


def test_a_trace_has_the_gates(run: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    for name in ("trace.npz", "trace.json"):
        saved = dragoman("inspect", run, TEXT, "--target", TARGET, "--out", tmp_path / name)
        assert (saved.code, saved.out) == (0, ""), saved.err
        trace = Trace.load(tmp_path / name)
        assert bool(trace.attentions) == looks(run)
        gates = trace.parts["encoder.0.forward"]
        assert len(gates["hidden"]) == len(trace.source_tokens)
        assert len(trace.parts["decoder.0"]["hidden"]) == len(trace.read_tokens)
        assert list(gates) == {
            "rnn": ["hidden"], "gru": ["reset_gate", "update_gate", "candidate", "hidden"],
        }.get(run.name, ["input_gate", "forget_gate", "output_gate", "candidate", "cell", "hidden"])  # fmt: skip


def test_measure(run: Path, dragoman: Dragoman, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dragoman.cli.measure.TEST_SENTENCES", 20)
    here = shutil.copytree(run, tmp_path / "run")
    measured = dragoman("inspect", here, "--measure")
    if not looks(run):
        assert measured.code == 1
        assert measured.err.splitlines()[-1].startswith("error: this run's model has no attention to look at")
        return
    assert measured.code == 0, measured.err
    assert "encoder has no self-attention that could look at what *it* means" in " ".join(measured.err.split())
    stored = json.loads((here / "alignment.json").read_text())
    assert stored["layer"] == (1 if run.name == "lstm" else 0)
    assert dragoman("inspect", here, TEXT, "--target", TARGET).code == 0


def test_a_misspelt_family_and_contradictions(dragoman: Dragoman, tmp_path: Path) -> None:
    def refused(words: str, *settings: str) -> None:
        result = dragoman("train", tmp_path / "run", "--corpus", "pizzeria:en-de", *sets(*settings))
        assert (result.code, len(result.err.strip().splitlines())) == (2, 1), result.err
        assert words in result.err

    refused("model.family: 'ltsm' is none of transformer, rnn, gru, lstm; did you mean 'lstm'?", "model.family=ltsm")
    refused("give an even one, such as 34, or model.bidirectional false", "model.family=gru", "model.d_model=33")
    refused(
        "model.input_feeding feeds what attention found; give model.attention additive or dot",
        "model.family=lstm", "model.input_feeding=true", "model.attention=none",
    )  # fmt: skip
