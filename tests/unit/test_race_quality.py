"""Quality: what is told is what evaluation says of the same translations; several trainings by a slow twin."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sacrebleu.metrics import BLEU, CHRF

from dragoman.config import EvaluationSettings
from dragoman.corpora import ParallelText
from dragoman.corpora.pizzeria import generate
from dragoman.errors import DragomanError
from dragoman.evaluation import compare, compare_trained, evaluate
from dragoman.race.quality import TrainedRun, curve, measure_quality
from dragoman.runs import Run, load_checkpoint, save_checkpoint
from dragoman.translation.loading import load
from tests.unit.conftest import RUN, SETTINGS
from tests.unit.test_evaluation import BAD, GOOD, QUICK, REFERENCES, spoiled

LINES = [
    {"step": 10, "epoch": 0, "seconds": 1.5, "source_tokens": 90, "target_tokens": 100, "loss": 5.0},
    {"step": 10, "epoch": 0, "seconds": 1.5, "source_tokens": 90, "target_tokens": 100}
    | {"validation_loss": 4.5, "validation_bleu": 1.25},
    {"step": 20, "epoch": 1, "seconds": 2.5, "source_tokens": 180, "target_tokens": 200, "loss": 4.0},
    {"step": 20, "epoch": 1, "seconds": 2.5, "source_tokens": 180, "target_tokens": 200}
    | {"validation_loss": 3.5, "validation_bleu": 2.5, "validation_chrf": 20.5},
]


def trained(folder: Path, name: str, seed: int, noise: float) -> TrainedRun:
    """A copy of the stored run with disturbed weights."""
    path = folder / f"{name}-{seed}"
    shutil.copytree(RUN, path)
    run = Run.open(path)
    settings = run.settings
    run.save_settings(replace(settings, search=replace(settings.search, beam=1), evaluation=QUICK))
    found = load_checkpoint(run, "best")
    torch.manual_seed(seed)
    weights = {key: value + noise * torch.randn_like(value) for key, value in found.model.items()}
    save_checkpoint(run, found.step, weights, {}, found.state, keep=2)
    for line in LINES:
        run.metrics(line)
    return TrainedRun(name, seed, path)


@pytest.fixture(scope="module")
def text() -> ParallelText:
    pairs = generate("test", replace(SETTINGS, test_pairs=1000))[:16]
    return ParallelText([pair.source for pair in pairs], [pair.target for pair in pairs], "pizzeria:en-de test")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[TrainedRun]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        trained(folder, "rnn", 1, 0.05),
        trained(folder, "rnn", 2, 0.08),
        replace(trained(folder, "transformer", 1, 0.0), peak_mib=512.5, joules=70.0),
        trained(folder, "transformer", 2, 0.03),
    ]


def test_each_run_is_scored_as_evaluate_scores_it(runs: list[TrainedRun], text: ParallelText) -> None:
    told: list[str] = []
    found = measure_quality(runs, text, "test", told.append)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert told[0] == "translating test with rnn, seed 1"
    assert (found["split"], found["corpus"], found["sentences"]) == ("test", "pizzeria:en-de test", 16)
    assert [(one["contestant"], one["seed"]) for one in found["runs"]] == [
        ("rnn", 1), ("rnn", 2), ("transformer", 1), ("transformer", 2),
    ]  # fmt: skip
    hypotheses = {}
    for run, row in zip(runs, found["runs"], strict=True):
        translator = load(run.path)
        texts = [translation.text for translation in translator.translate(text.source)]
        hypotheses[run.contestant, run.seed] = texts
        scores = evaluate(texts, text.target, text.source, QUICK)
        assert row["bleu"] == {"score": scores.bleu.score, "low": scores.bleu.low, "high": scores.bleu.high}
        assert row["chrf"] == {"score": scores.chrf.score, "low": scores.chrf.low, "high": scores.chrf.high}
        assert row["exact_match"] == scores.exact_match
        assert found["signature"] == scores.bleu.signature
        assert [(b["sentences"], b["bleu"]) for b in row["by_length"]] == [
            (b.sentences, b.bleu) for b in scores.by_length
        ]
        weights = load_checkpoint(Run.open(run.path), "best").model
        assert row["parameters"] == sum(tensor.numel() for tensor in weights.values())
        assert (row["updates"], row["seconds"], row["epochs"], row["target_tokens"]) == (20, 2.5, 1, 200)
    assert [row["peak_mib"] for row in found["runs"]] == [None, None, 512.5, None]
    assert [row["joules"] for row in found["runs"]] == [None, None, 70.0, None]
    ones, twos = ([hypotheses[name, seed] for seed in (1, 2)] for name in ("rnn", "transformer"))
    (row,), twin = found["paired"], compare_trained(twos, ones, text.target, QUICK)
    assert (row["contestant"], row["other"], row["seeds"]) == ("transformer", "rnn", [1, 2])
    for metric, test in (("bleu", twin.bleu), ("chrf", twin.chrf)):
        values = {"difference": test.difference, "low": test.low, "high": test.high, "p": test.p_value}
        assert row[metric] == values
        assert test.difference > 0


def test_every_contestant_is_compared_with_every_other(runs: list[TrainedRun], text: ParallelText) -> None:
    three = [replace(runs[0], contestant="rnn"), replace(runs[1], contestant="lstm", seed=1), runs[2]]
    found = measure_quality(three, text)["paired"]
    assert [(one["contestant"], one["other"]) for one in found] == [
        ("lstm", "rnn"), ("transformer", "rnn"), ("transformer", "lstm"),
    ]  # fmt: skip
    # Without the Transformer the others are compared all the same.
    assert measure_quality(three[:2], text)["paired"] == found[:1]


def test_the_curve_is_the_validations() -> None:
    assert curve(LINES) == [
        {"seconds": 1.5, "target_tokens": 100, "step": 10, "bleu": 1.25, "chrf": None, "loss": 4.5},
        {"seconds": 2.5, "target_tokens": 200, "step": 20, "bleu": 2.5, "chrf": 20.5, "loss": 3.5},
    ]


def test_buckets_have_their_bounds_as_numbers(runs: list[TrainedRun], text: ParallelText) -> None:
    sources = ["", "one", "w " * 5, "w " * 6, "w " * 60]
    odd = ParallelText(sources, text.target[:5], "odd")
    found = measure_quality(runs[2:3], odd)
    bounds = [(b["from"], b["to"], b["sentences"]) for b in found["runs"][0]["by_length"]]
    assert bounds == [(0, 0, 1), (1, 5, 2), (6, 10, 1), (51, None, 1)]
    assert found["paired"] == []


def test_only_seeds_that_both_have_are_compared(runs: list[TrainedRun], text: ParallelText) -> None:
    (whole,) = measure_quality([runs[0], runs[2]], text)["paired"]
    assert whole["seeds"] == [1]
    assert measure_quality([runs[0], *runs[2:]], text)["paired"] == [whole]
    assert measure_quality([runs[1], runs[2]], text)["paired"] == []


def test_several_trainings_are_compared_by_their_means() -> None:
    """A plain loop over the same draws, with sacrebleu's corpus scores, agrees."""
    settings = EvaluationSettings(resamples=15)
    references = REFERENCES[:30]
    system = [GOOD[:30], spoiled(references, 0.3, seed=11)]
    baseline = [spoiled(references, 0.35, seed=12), spoiled(references, 0.4, seed=13)]
    found = compare_trained(system, baseline, references, settings)
    drawn = np.random.default_rng(settings.seed).choice(30, size=(15, 30), replace=True)
    for ours, metric in ((found.bleu, BLEU()), (found.chrf, CHRF())):

        def mean_score(texts: list[list[str]], rows: list[int], metric: BLEU | CHRF = metric) -> float:
            chosen = [references[i] for i in rows]
            return float(np.mean([metric.corpus_score([t[i] for i in rows], [chosen]).score for t in texts]))

        differences = np.array([mean_score(system, list(rows)) - mean_score(baseline, list(rows)) for rows in drawn])
        real = mean_score(system, list(range(30))) - mean_score(baseline, list(range(30)))
        assert ours.difference == pytest.approx(real, abs=1e-9)
        assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])), abs=1e-9)
        sizes = np.abs(differences)
        assert ours.p_value == (np.sum(sizes - sizes.mean() >= abs(real)) + 1) / 16


def test_one_training_each_is_the_ordinary_comparison() -> None:
    settings = EvaluationSettings(resamples=50)
    assert compare_trained([GOOD], [BAD], REFERENCES, settings) == compare(GOOD, BAD, REFERENCES, settings)
    twice = compare_trained([GOOD, GOOD], [BAD, BAD], REFERENCES, settings)
    assert twice.bleu == compare(GOOD, BAD, REFERENCES, settings).bleu


def test_faults_end_with_the_mend(runs: list[TrainedRun], text: ParallelText, tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"^no runs to measure; give at least one finished training$"):
        measure_quality([], text)
    silent = tmp_path / "silent"
    shutil.copytree(RUN, silent)
    with pytest.raises(DragomanError, match=r"silent has no lines in metrics.jsonl; train it anew$"):
        measure_quality([TrainedRun("rnn", 1, silent)], text)
    with pytest.raises(DragomanError, match="1 hypotheses but 200 references; give exactly one for each reference"):
        compare_trained([GOOD, ["x"]], [BAD], REFERENCES)
    with pytest.raises(DragomanError, match="1 baseline hypotheses but 200 references"):
        compare_trained([GOOD], [["x"]], REFERENCES)
