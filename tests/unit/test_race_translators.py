"""Gradients in a race's own translators: the same sentence by sentence, and what cannot be looked at is told."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.batches.padded import pair_batch
from dragoman.config import DataSettings, PizzeriaSettings
from dragoman.corpora import ParallelText
from dragoman.corpora.pizzeria import generate
from dragoman.models.build import build_model
from dragoman.models.weights import load_weights, named_weights
from dragoman.race.gradient_flow import losses_by_position
from dragoman.race.gradient_norms import inputs_of
from dragoman.race.material import Material
from dragoman.race.quality import TrainedRun
from dragoman.race.report.curves import curves
from dragoman.race.translator_flow import LEAST, Looked, measure_translators
from dragoman.runs import Run, load_checkpoint, save_checkpoint
from dragoman.text import Tokenizers
from tests.unit.conftest import RUN, SETTINGS

LOOKED = Looked(sentences=3, longest=10, places=4)


@pytest.fixture(scope="module")
def text() -> ParallelText:
    pairs = generate("valid", SETTINGS)[:20]
    return ParallelText([pair.source for pair in pairs], [pair.target for pair in pairs], "pizzeria:en-de valid")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[TrainedRun]:
    """The stored Transformer, with dropout, and an LSTM of the same size that learnt nothing but is not its start."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("lstm", "transformer"):
        shutil.copytree(RUN, folder / name)
    run = Run.open(folder / "transformer")
    run.save_settings(replace(run.settings, model=replace(run.settings.model, dropout=0.5)))
    run = Run.open(folder / "lstm")
    model = replace(run.settings.model, family="lstm", attention="none", dropout=0.5)
    run.save_settings(replace(run.settings, model=model))
    tokenizers, found = Tokenizers.load(run.path), load_checkpoint(run, "best")
    weights = named_weights(build_model(model, tokenizers.source.size, tokenizers.target.size, seed=99))
    save_checkpoint(run, found.step, {key: 1.3 * value for key, value in weights.items()}, {}, found.state, keep=2)
    return [TrainedRun(name, 1, folder / name) for name in ("lstm", "transformer")]


def alone(run: TrainedRun, moment: str, text: ParallelText, length: int, places: list[int]) -> dict[int, list[float]]:
    """log10 of the norms by distance: each whole sentence by itself, a loss at a time."""
    opened, tokenizers = Run.open(run.path), Tokenizers.load(run.path)
    sizes = tokenizers.source.size, tokenizers.target.size
    model = build_model(opened.settings.model, *sizes, opened.settings.training.seed)
    if moment == "trained":
        load_weights(model, load_checkpoint(opened, "best").model)
    model.double().eval()
    found: dict[int, list[float]] = {}
    for source, target in zip(text.source, text.target, strict=True):
        ids = tokenizers.source.encode([source])[0], tokenizers.target.encode([target])[0]
        if len(ids[1]) < length:
            continue
        with inputs_of(model.target_embedding) as inputs:
            losses = losses_by_position(model, pair_batch([ids[0]], [ids[1]]))
        for place in places:
            (gradient,) = torch.autograd.grad(losses[0, place], inputs[0], retain_graph=True)
            for distance in range(1, place + 1):
                found.setdefault(distance, []).append(float(gradient[0, place - distance].norm().log10()))
    return found


def test_it_is_what_each_sentence_by_itself_gives(runs: list[TrainedRun], text: ParallelText) -> None:
    told: list[tuple[str, float]] = []
    found = measure_translators(runs, text, LOOKED, lambda *one: told.append(one))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    about = {key: value for key, value in found.items() if key != "curves"}
    assert about == {
        "corpus": "pizzeria:en-de valid", "without": [], "why": "", "seed": 1, "sentences": 3, "length": 10,
    }  # fmt: skip
    assert told == [("translator of lstm", 0.5), ("translator of transformer", 1.0)]
    # The first three that have so many tokens.
    tokenizer = Tokenizers.load(runs[0].path).target
    long = [at for at, target in enumerate(text.target) if len(tokenizer.encode([target])[0]) >= 10][:3]
    three = ParallelText([text.source[at] for at in long], [text.target[at] for at in long], "three")
    assert [(one.contestant, one.moment, one.main) for one in curves(found)] == [
        (name, moment, True) for name in ("lstm", "transformer") for moment in ("start", "trained")
    ]
    for one in found["curves"]:
        run = next(run for run in runs if run.contestant == one["contestant"])
        expected = alone(run, one["moment"], three, 10, [1, 4, 6, 9])
        assert one["distances"] == sorted(expected) == list(range(1, 10))
        means = [sum(expected[at]) / len(expected[at]) for at in one["distances"]]
        assert one["log10_norm"] == pytest.approx(means, abs=1e-5)
    starts = [one["log10_norm"] for one in found["curves"]]
    assert all(a != b for at, a in enumerate(starts) for b in starts[:at])


def test_short_sentences_are_cut_to_the_shortest(runs: list[TrainedRun], text: ParallelText) -> None:
    found = measure_translators(runs[1:], text, Looked(sentences=1000, longest=64, places=2))
    tokenizer = Tokenizers.load(runs[1].path).target
    shortest = min(len(tokenizer.encode([target])[0]) for target in text.target)
    assert (found["sentences"], found["length"]) == (20, shortest)
    tiny = ParallelText(["a", "b"], [text.target[0], "gut"], "tiny")
    found = measure_translators(runs, tiny, LOOKED)
    assert found["curves"] == found["without"] == []
    length = len(tokenizer.encode(["gut"])[0])
    assert length < LEAST
    why = f"the sentences are too short: even the longest have {length} target tokens of {LEAST} needed"
    assert found["why"] == why


def test_a_contestant_without_a_checkpoint_is_left_out(
    runs: list[TrainedRun], text: ParallelText, tmp_path: Path
) -> None:
    begun = shutil.copytree(runs[0].path, tmp_path / "begun")
    shutil.rmtree(begun / "checkpoints")
    found = measure_translators([replace(runs[0], path=begun), runs[1]], text, LOOKED)
    assert (found["without"], found["why"]) == (["lstm"], "")
    assert {one["contestant"] for one in found["curves"]} == {"transformer"}
    for path in (begun, tmp_path / "nowhere"):
        found = measure_translators([replace(runs[0], path=path)], text, LOOKED)
        assert (found["curves"], found["without"]) == ([], ["lstm"])
        assert found["why"] == "no training on the main corpus has a checkpoint"
    assert measure_translators([], text)["why"] == "no training on the main corpus has a checkpoint"


def test_weights_that_are_no_numbers_are_left_out(runs: list[TrainedRun], text: ParallelText, tmp_path: Path) -> None:
    path = shutil.copytree(runs[1].path, tmp_path / "lost")
    run = Run.open(path)
    best = load_checkpoint(run, "best")
    weights = {key: value * float("nan") for key, value in best.model.items()}
    save_checkpoint(run, best.step, weights, {}, best.state, keep=2)
    found: dict[str, Any] = measure_translators([runs[0], replace(runs[1], path=path)], text, LOOKED)
    assert found["without"] == ["transformer"]
    assert {one["contestant"] for one in found["curves"]} == {"lstm"}


def test_the_validation_text_of_every_kind_of_data(tmp_path: Path) -> None:
    pizzeria = PizzeriaSettings(train_pairs=50, valid_pairs=3)
    named = Material(DataSettings(corpus="pizzeria:en-de")).valid_text(pizzeria)
    assert list(named.source) == [pair.source for pair in generate("valid", pizzeria)]
    (tmp_path / "a.en").write_text("one\ntwo\n")
    (tmp_path / "a.de").write_text("eins\nzwei\n")
    (tmp_path / "a.tsv").write_text("one\teins\ntwo\tzwei\n")
    files = DataSettings(valid_source=str(tmp_path / "a.en"), valid_target=str(tmp_path / "a.de"))
    for data in (files, DataSettings(corpus="pizzeria:en-de", valid_tsv=str(tmp_path / "a.tsv"))):
        text = Material(data).valid_text(pizzeria)
        assert (list(text.source), list(text.target)) == (["one", "two"], ["eins", "zwei"])
