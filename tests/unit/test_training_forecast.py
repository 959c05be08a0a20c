"""Forecasts of time and memory, and that making them changes nothing."""

from dataclasses import replace
from math import log10
from pathlib import Path
from typing import Any

import pytest
import torch

from dragoman.batches.padded import SourceBatch, pair_batch
from dragoman.config import ModelSettings, Settings, TrainingSettings
from dragoman.config.loading import build_settings
from dragoman.corpora import ParallelText
from dragoman.models.build import build_model
from dragoman.runs import Run
from dragoman.training.averaging import Averages
from dragoman.training.optimizer import build_optimizer, reserve
from dragoman.training.preparing import Prepared, on_this_machine, prepare
from dragoman.training.progress import Progress
from dragoman.training.safety import room
from dragoman.training.safety.memory import HEAP, LONG, SHORT, demand, kept, memory_forecast, peak_memory, resident
from dragoman.training.safety.room import fitting_piece
from dragoman.training.safety.saving import Training
from dragoman.training.watching import probe as probing
from dragoman.training.watching.forecast import Forecast, Pass, foresee, reckon, time_left
from dragoman.training.watching.probe import Pace, first_pairs, probe
from dragoman.training.watching.words import big, brief, count, duration

PACE = Pace(token_seconds=0.001, optimizer_seconds=0.1, validation_seconds=5.0)
WHOLE = Pass(batches=20, target_tokens=8000)
"""400 target tokens a batch: an update takes half a second."""


def test_steps_epochs_and_minutes() -> None:
    steps = reckon(TrainingSettings(steps=1000, validate_every=250), WHOLE, PACE, Progress(), 0.0)
    assert (steps.updates, steps.validations, steps.update_seconds) == (1000, 4, 0.5)
    assert steps.seconds == pytest.approx(1000 * 0.5 + 4 * 5)
    assert steps.tokens_per_second == pytest.approx(800)
    epochs = reckon(TrainingSettings(epochs=3, accumulate=2), WHOLE, PACE, Progress(epoch=1, step=10), 0.0)
    assert (epochs.updates, epochs.epoch_updates) == (20, 10)
    assert epochs.update_seconds == pytest.approx(0.9)
    minutes = reckon(TrainingSettings(minutes=10, validate_every=100), WHOLE, PACE, Progress(), 30.0)
    # An update and its share of a validation take 0.55 s; the closing validation is kept free.
    assert minutes.updates == round((600 - 30 - 1.15 * 5) / 0.55)
    assert minutes.seconds == pytest.approx(600 - 30, abs=8)
    first = reckon(TrainingSettings(minutes=10, steps=100), WHOLE, PACE, Progress(), 30.0)
    assert first.updates == 100
    endless = reckon(TrainingSettings(), WHOLE, PACE, Progress(), 0.0)
    assert endless.updates is None
    assert endless.text().startswith("an epoch takes about 15 s: 20 updates of 500 ms (1.0 epochs, 8,000 target tokens")
    resumed = reckon(TrainingSettings(steps=1000, validate_every=250), WHOLE, PACE, Progress(step=900), 0.0)
    assert (resumed.from_step, resumed.updates, resumed.validations) == (900, 100, 1)


def test_the_time_left_is_refined() -> None:
    forecast = reckon(TrainingSettings(steps=100, validate_every=100), WHOLE, PACE, Progress(), 0.0)
    assert forecast.seconds == 55
    assert time_left(forecast, 10, 0.1, (3.0, 0.0)) == 52
    assert time_left(forecast, 50, 0.5, (20.0, 0.1)) == pytest.approx(20 * 0.5 / 0.4)
    assert time_left(None, 1, 0.0, (0.0, 0.0)) is None
    assert time_left(None, 5, 0.2, (10.0, 0.0)) == pytest.approx(40)
    assert time_left(replace(forecast, updates=None), 5, 0.0, (10.0, 0.0)) is None


def test_words() -> None:
    assert [duration(value) for value in (8, 119, 1200)] == ["8 s", "2.0 min", "20 min"]
    assert [duration(value) for value in (7200, 200_000)] == ["2.0 hours", "2.3 days"]
    assert [brief(value) for value in (0.0421, 3.14, 600)] == ["42 ms", "3.1 s", "10 min"]
    assert [big(value) for value in (9500, 71_000, 28_140_000)] == ["9,500", "71 thousand", "28.1 million"]
    assert (count(1, "update"), count(1200, "update")) == ("1 update", "1,200 updates")


def test_the_first_pairs_of_a_batch() -> None:
    batch = pair_batch([[5, 6]] * 5, [[7, 8, 9]] * 5)
    part = first_pairs(batch, 9)
    assert part.target_lengths.tolist() == [4, 4]
    assert torch.equal(part.source.ids, batch.source.ids[:2])
    assert len(first_pairs(batch, 1).target_in) == 1


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """A tiny training on the built-in corpus."""
    options = {
        "data.corpus": "pizzeria:en-de", "pizzeria.train_pairs": 300, "pizzeria.valid_pairs": 20,
        "text.vocabulary_size": 500, "model.d_model": 16, "model.d_ff": 32, "model.heads": 2, "model.dropout": 0.1,
        "training.steps": 50, "training.threads": 1, "training.dtype": "float32", "batches.target_tokens": 300,
    }  # fmt: skip
    return prepare(on_this_machine(build_settings("demo", None, options)), None, None)


def test_a_probe_changes_nothing(prepared: Prepared) -> None:
    model = prepared.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    drawn = torch.rand(4)
    torch.manual_seed(3)
    pace = probe(prepared, seconds=0.05)
    memory_forecast(prepared.settings, model)
    assert torch.equal(torch.rand(4), drawn)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training
    assert 0 < pace.token_seconds < 0.1
    assert 0 < pace.optimizer_seconds < 0.1
    assert 0 < pace.validation_seconds < 60


def test_one_long_line_does_not_widen_the_probe(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search would cut it, and work on it alone."""
    shapes: list[tuple[int, ...]] = []
    encode = prepared.model.encode

    def watched(batch: SourceBatch, *more: Any) -> Any:
        shapes.append(tuple(batch.ids.shape))
        return encode(batch, *more)

    monkeypatch.setattr(prepared.model, "encode", watched)
    rows = [[300] * 10] * 150 + [[300] * 900]
    with torch.no_grad():
        for some, budget in ((rows, 4096), (rows, 50), (rows[-1:], 50)):
            probing._search_seconds(prepared.model, some, budget, "cpu")
    assert shapes == [(113, 11), (4, 11), (1, 901)]
    valid = prepared.corpus.valid
    long = ParallelText([*valid.source, "Wort " * 3000], [*valid.target, "word"], "long")
    corpus = replace(prepared.corpus, valid=long)
    given: list[list[int]] = []

    def searched(_: object, rows: list[list[int]], *__: object) -> tuple[float, float]:
        given.extend(rows)
        return 0.1, 0.1

    monkeypatch.setattr(probing, "_search_seconds", searched)
    probing._validation_seconds(replace(prepared, corpus=corpus), "cpu")
    assert max(map(len, given)) <= prepared.settings.search.longest_source


def test_a_forecast_of_a_real_corpus(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    forecast = foresee(prepared, Progress(), 0.0)
    assert forecast is not None
    epoch = prepared.epochs.epoch(0)
    tokens = sum(int(epoch.batch(at).target_lengths.sum()) for at in range(len(epoch.batches)))
    assert forecast.epoch_updates == len(epoch.batches)
    assert forecast.tokens * forecast.epoch_updates == pytest.approx(tokens)
    assert forecast.updates == 50

    def none(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("dragoman.training.watching.forecast.probe", none)
    assert foresee(prepared, Progress(), 0.0) is None


def plain() -> Settings:
    """Settings of torch's own operations, whose tensors can be counted by hand."""
    shape = ModelSettings(d_model=32, d_ff=64, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0)
    return Settings(model=shape, training=TrainingSettings(dtype="float32", kernels="plain"))


def test_what_the_backward_pass_keeps_is_counted() -> None:
    one = plain()
    model = build_model(one.model, 300, 300, 1)
    found = kept(one, model, 16)
    # Of a layer's feed-forward alone: its normed input (32), what is inside before and after ReLU (64 each), float32.
    assert found.position > 2 * 4 * (32 + 64)
    deeper = replace(one, model=replace(one.model, encoder_layers=3, decoder_layers=3))
    three = kept(deeper, build_model(deeper.model, 300, 300, 1), 16)
    assert 2.2 < three.position / found.position < 3
    # Attention keeps a square: longer sentences take more for each position.
    assert kept(one, model, 64).position > found.position


def test_memory_grows_with_batch_and_model() -> None:
    one = plain()
    model = build_model(one.model, 300, 300, 1)
    small = memory_forecast(one, model)
    larger = memory_forecast(replace(one, batches=replace(one.batches, target_tokens=60_000)), model)
    assert small > resident() > 0
    position = kept(one, model, 32).position
    begin, grows = HEAP["float32"]
    heap = begin + grows * log10(LONG / SHORT)
    assert larger - small == pytest.approx(heap * position * (61_440 - 3072), rel=0.2)
    # The kernel counts pages a little late.
    assert 1.01 * peak_memory() >= resident()


def test_memory_grows_with_the_length_of_a_training() -> None:
    one = plain()
    needed = demand(one, build_model(one.model, 300, 300, 1))
    begin, grows = HEAP["float32"]
    assert needed.after(SHORT) == round(needed.fixed + begin * needed.batch)
    assert needed.after(1000 * SHORT) - needed.after(SHORT) == pytest.approx(3 * grows * needed.batch, abs=1)
    assert needed.fixed < needed.after(0) < needed.after(SHORT) < needed.after()


def test_the_forecast_knows_the_pieces_and_the_updates(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that are computed in pieces take less; a training that is longer takes more."""
    monkeypatch.setattr("dragoman.training.safety.memory.resident", lambda: 2**30)
    short, long = (replace(prepared.settings.training, minutes=0, steps=steps) for steps in (50, 50_000))
    fifty, many = (replace(prepared, settings=replace(prepared.settings, training=one)) for one in (short, long))
    cases = [(fifty, 0), (fifty, 100), (many, 0)]
    whole, pieces, longest = (foresee(case, Progress(piece=piece), 0.0) for case, piece in cases)
    assert whole is not None
    assert pieces is not None
    assert longest is not None
    assert 2**30 < pieces.memory < whole.memory < longest.memory


def test_pieces_are_reckoned_with_the_longest_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the forecast of a long training: batches are split exactly where it lies above what can be had."""
    one = plain()
    model = build_model(one.model, 300, 300, 1)
    short, long = (memory_forecast(one, model, length) - resident() for length in (32, 256))
    assert long > 1.2 * short
    monkeypatch.setattr(room, "available_memory", lambda: (short + long) // 2)
    assert fitting_piece(one, model, 32) == 0
    piece = fitting_piece(one, model, 256)
    assert 256 <= piece < one.batches.target_tokens
    smaller = replace(one, batches=replace(one.batches, target_tokens=piece))
    assert memory_forecast(smaller, model, 256) - resident() < (short + long) // 2
    # A pair is never divided: pieces below the longest one would lower no peak.
    monkeypatch.setattr(room, "available_memory", lambda: 0)
    assert (fitting_piece(one, model, 256), fitting_piece(one, model, 8)) == (256, 64)


def test_what_a_resumed_training_has_already_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    one = replace(plain(), training=replace(plain().training, average=50))
    model = build_model(one.model, 300, 300, 1)
    training = Training(Run("r"), model, build_optimizer(model, one.training), Progress(), Averages(model, 50))
    count = sum(parameter.numel() for parameter in model.parameters())
    assert training.held == 4 * count
    reserve(training.optimizer)
    assert training.held == pytest.approx(12 * count, rel=0.01)
    # The process' own memory moves by a page now and then.
    monkeypatch.setattr("dragoman.training.safety.memory.resident", lambda: 2**30)
    monkeypatch.setattr(room, "resident", lambda: 2**30)
    whole = memory_forecast(one, model, 32) - 2**30
    monkeypatch.setattr(room, "available_memory", lambda: whole - training.held + 1000)
    assert fitting_piece(one, model, 32) > 0
    assert fitting_piece(one, model, 32, training.held) == 0


def test_the_forecast_is_kept_as_json(tmp_path: Path) -> None:
    forecast = Forecast(0, 10, 5.0, 0.5, 400.0, 20, 1, 0.1, 1000)
    assert forecast.to_json()["tokens_per_second"] == 800
    assert forecast.to_json()["updates"] == 10
