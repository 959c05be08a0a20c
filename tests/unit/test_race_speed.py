"""Speed by sentence length: what is timed, how it is told, and which lengths are refused."""

from dataclasses import replace
from typing import Literal

import pytest
import torch

from dragoman.batches.padded import EOS, SourceBatch
from dragoman.config import BatchSettings, ModelSettings, SearchSettings, Settings, TrainingSettings
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.race import lengths as room
from dragoman.race import speed
from dragoman.race.lengths import check_lengths, needed_memory
from dragoman.race.speed import SpeedPlan, UpdateTimes, measure_speed, measure_translation_speed, translate_forced
from dragoman.race.synthetic import drawn_pairs
from dragoman.search import search
from dragoman.training.safety.memory import SHORT, demand, resident

SIZE = 40
SHAPE = ModelSettings(d_model=16, d_ff=32, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0)
TRAINING = TrainingSettings(dtype="float32", kernels="plain")
SHAPES = {"transformer": SHAPE, "lstm-attention": replace(SHAPE, family="lstm")}
PLAN = SpeedPlan(vocabulary=SIZE, training=TRAINING, lengths=(4, 8), target_tokens=18, repetitions=3)
GIB = 2**30


def test_drawn_pairs_have_one_length_and_no_special_tokens() -> None:
    pair, copied = drawn_pairs(5, 7, SIZE, seed=1), drawn_pairs(5, 7, SIZE, seed=1, copied=True)
    for ids in (pair.source.ids, pair.target_out):
        assert ids.shape == (5, 7)
        assert bool((ids[:, :-1] > EOS).all())
        assert bool((ids[:, -1] == EOS).all())
    assert not torch.equal(pair.source.ids, pair.target_out)
    assert torch.equal(copied.source.ids, copied.target_out)
    assert torch.equal(copied.source.ids, pair.source.ids)
    assert set(drawn_pairs(50, 50, SIZE, seed=1).target_out.unique().tolist()) == set(range(EOS, SIZE))
    assert drawn_pairs(2, 1, SIZE, seed=1).target_out.tolist() == [[EOS], [EOS]]


def test_updates_are_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that is read four times an update, the parts are known beforehand: 1, 2 and 4 s, then longer."""
    times = iter(UpdateTimes(n * 1.0, n * 2.0, n * 4.0) for n in (100, 200, 1, 10, 2, 20, 3, 30, *([1] * 8)))
    order: list[str] = []

    def taken(self: object, batch: object) -> UpdateTimes:
        order.append(type(self).__name__)
        return next(times)

    monkeypatch.setattr(speed._Updates, "__call__", taken)
    told: list[tuple[str, float]] = []
    found = measure_speed(SHAPES, PLAN, tell=lambda *one: told.append(one))
    assert found["lengths"] == [4, 8]
    assert found["target_tokens"] == 18
    # Four sentences of four tokens: 7, 14 and 21 s for the first contestant, ten times that for the second.
    assert found["contestants"]["transformer"][0] == {
        "length": 4, "tokens_per_second": pytest.approx(16 / 14), "spread": pytest.approx([16 / 21, 16 / 7]),
        "repetitions": 3, "forward": 2.0, "backward": 4.0, "update": 8.0,
    }  # fmt: skip
    assert found["contestants"]["lstm-attention"][0]["tokens_per_second"] == pytest.approx(16 / 140)
    assert found["contestants"]["lstm-attention"][1]["length"] == 8
    assert len(order) == 2 * 2 * 4
    assert told == [("4 tokens", 0.5), ("8 tokens", 1.0)]


@pytest.mark.parametrize("kernels", ["plain", "fused"])
def test_real_updates_take_time_and_move_the_weights(kernels: Literal["plain", "fused"]) -> None:
    plan = replace(PLAN, training=replace(TRAINING, kernels=kernels), repetitions=2)
    updates = speed._Updates(SHAPE, plan)
    before = [parameter.detach().clone() for parameter in updates.model.parameters()]
    times = updates(drawn_pairs(4, 4, SIZE, seed=1))
    assert min(times.forward, times.backward, times.update) > 0
    moved = [not torch.equal(*pair) for pair in zip(before, updates.model.parameters(), strict=True)]
    assert any(moved)
    found = measure_speed(SHAPES, plan)
    for entries in found["contestants"].values():
        for entry in entries:
            low, high = entry["spread"]
            assert 0 < low <= entry["tokens_per_second"] <= high


def test_translations_are_as_long_as_asked_and_those_of_greedy_search() -> None:
    model = build_model(SHAPE, SIZE, SIZE, seed=1).eval()
    source: SourceBatch = drawn_pairs(6, 5, SIZE, seed=2).source
    found = translate_forced(model, source, 5)
    assert [len(row) for row in found] == [5] * 6
    for (hypothesis, *_), row in zip(search(model, source, SearchSettings(beam=1)), found, strict=True):
        assert row[: len(hypothesis.tokens)] == hypothesis.tokens[:5]


def test_translation_speed_has_an_entry_a_length() -> None:
    told: list[tuple[str, float]] = []
    found = measure_translation_speed(SHAPES, PLAN, tell=lambda *one: told.append(one))
    assert found["lengths"] == [4, 8]
    assert list(found["contestants"]) == list(SHAPES)
    for entries in found["contestants"].values():
        assert [entry["length"] for entry in entries] == [4, 8]
        assert all(entry["spread"][0] <= entry["tokens_per_second"] <= entry["spread"][1] for entry in entries)
    assert told == [("4 tokens", 0.5), ("8 tokens", 1.0)]


def test_a_sentence_longer_than_a_batch_is_a_batch() -> None:
    assert [PLAN.rows(length) for length in (4, 18, 19, 500)] == [4, 1, 1, 1]


@pytest.mark.parametrize("name", SHAPES)
def test_the_forecast_of_long_sentences_is_the_one_of_training(name: str) -> None:
    """Beyond the lengths that are tried: training's own forecast at that length and something to spare."""
    model = build_model(SHAPES[name], SIZE, SIZE, seed=1)
    settings = Settings(model=SHAPES[name], training=TRAINING, batches=BatchSettings(target_tokens=2048, longest=512))
    for length in (64, 512):
        expected = room.SPARE * (demand(settings, model, length).after(SHORT) - resident())
        assert needed_memory(settings, model, length, 2048) == pytest.approx(expected, rel=0.05)


def test_lengths_past_memory_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        DragomanError,
        match=r"^sentences of 1,000,000 tokens need about [\d,]+\.\d GiB in transformer, and \d+\.\d GiB are free: "
        r"give lengths of [\d,]+ at most$",
    ):
        measure_speed(SHAPES, replace(PLAN, lengths=(4, 1_000_000)))
    with pytest.raises(DragomanError, match="sentences of 1,000,000 tokens need"):
        measure_translation_speed(SHAPES, replace(PLAN, lengths=(1_000_000,)))
    monkeypatch.setattr(room, "available_memory", lambda: 0)
    with pytest.raises(DragomanError, match=r"0.0 GiB are free: give fewer tokens a batch, or smaller models$"):
        check_lengths(SHAPES, TRAINING, SIZE, [4], PLAN.positions)


def test_lengths_that_fit_are_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "available_memory", lambda: 2 * GIB)
    check_lengths(SHAPES, TRAINING, SIZE, [8, 256], lambda _: 4096)
