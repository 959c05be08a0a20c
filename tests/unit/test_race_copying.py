"""The copy task: distances by hand, recall of models whose memory is known, slow twins, budgets."""

from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dragoman.batches.padded import BOS, EOS, PairBatch, SourceBatch, pair_batch, source_batch
from dragoman.config import ModelSettings, TrainingSettings
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.models.contract import Step, TrainableModel
from dragoman.race import copying
from dragoman.race.contestants import FAMILIES, shapes
from dragoman.race.copying import (
    FIRST,
    RATES,
    SHAPE,
    CopyBudget,
    CopyContestant,
    CopyTask,
    batch_of,
    batches,
    measure_copying,
    recall,
    sequences,
    train,
)
from dragoman.training.step import gradient

TASK = CopyTask(kinds=6, distances=(3, 5, 8), batch_tokens=400, tested_tokens=60)
QUICK = replace(TASK, batch_tokens=90)
SMALL = ModelSettings(d_model=32, d_ff=64, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0)
TRAINING = TrainingSettings(
    learning_rate=1e-2, warmup_steps=20, label_smoothing=0.0, dtype="float32", kernels="plain", threads=1
)
SEVERAL = CopyContestant(SMALL, TRAINING)


def test_each_token_is_written_so_many_steps_after_it_was_read() -> None:
    for distance in TASK.distances:
        row = sequences(TASK, distance, 1, Random(1))[0]
        batch = pair_batch([row], [row])
        steps = [*batch.source.ids[0].tolist(), *batch.target_in[0].tolist()]
        begin = steps.index(BOS)
        for place, token in enumerate(row):
            assert steps[place] == token == batch.target_out[0, place]
            assert begin + place - place == distance


def test_batches_are_of_one_length_and_the_same_for_everybody() -> None:
    first, again = (list(islice(batches(QUICK), 30)) for _ in range(2))
    assert all(torch.equal(a.source.ids, b.source.ids) for a, b in zip(first, again, strict=True))
    shapes = {tuple(batch.source.ids.shape) for batch in first}
    assert shapes == {(30, 3), (18, 5), (11, 8)}
    for batch in first:
        assert torch.equal(batch.source.ids, batch.target_out)
        assert bool((batch.source.ids[:, -1] == EOS).all())
        assert int(batch.source.ids[:, :-1].min()) >= FIRST
        assert int(batch.source.ids.max()) < TASK.vocabulary
    assert not torch.equal(first[0].source.ids, next(batches(replace(QUICK, seed=2))).source.ids)


@dataclass(frozen=True)
class Written:
    """Rows of a source and how many tokens of it were written."""

    sources: Tensor
    at: int


@dataclass
class Copier:
    """Writes the right token up to a place in the sentence and the first token of all from there on."""

    remembered: int
    longer: int = 0
    has_attention: bool = False

    def encode(self, source: SourceBatch) -> Tensor:
        return source.ids

    def start(self, memory: Tensor) -> Written:
        return Written(memory, 0)

    def _next(self, sources: Tensor, at: int) -> Tensor:
        ends = sources.shape[1] - 1 + self.longer
        token = torch.full((len(sources),), FIRST if at < ends else EOS)
        return sources[:, at] if at < min(self.remembered, sources.shape[1] - 1) else token

    def step(self, tokens: Tensor, state: Written, attention: bool = False) -> tuple[Step, Written]:
        chosen = nn.functional.one_hot(self._next(state.sources, state.at), TASK.vocabulary).double()
        return Step((10 * chosen).log_softmax(-1)), Written(state.sources, state.at + 1)

    def reorder(self, state: Written, rows: Tensor) -> Written:
        return Written(state.sources[rows], state.at)

    def join(self, first: Written, second: Written) -> Written:
        raise NotImplementedError

    def hidden(self, batch: PairBatch) -> Tensor:
        steps = [self._next(batch.source.ids, at) for at in range(batch.target_in.shape[1])]
        return nn.functional.one_hot(torch.stack(steps, 1), TASK.vocabulary).double()

    def project(self, hidden: Tensor) -> Tensor:
        return hidden


def test_recall_counts_what_stands_at_its_place() -> None:
    assert recall(Copier(99), TASK) == {"recall": [1, 1, 1], "forced": [1, 1, 1]}
    found = recall(Copier(2), TASK)
    random = Random(f"copying {TASK.seed} test")
    for place, distance in enumerate(TASK.distances):
        rows = sequences(TASK, distance, 60 // (distance - 1), random)
        right = [at < 2 or token == FIRST for row in rows for at, token in enumerate(row)]
        assert found["recall"][place] == found["forced"][place] == sum(right) / len(right)
    assert found["recall"][0] == 1
    assert found["recall"][2] < 0.6


def test_what_is_written_too_long_or_too_short_counts_by_its_places() -> None:
    assert recall(Copier(99, longer=3), TASK)["recall"] == [1, 1, 1]
    short = Copier(1, longer=-2)
    assert recall(short, TASK)["recall"][1] == pytest.approx(1 / 4 + 1 / 4 / TASK.kinds, abs=0.08)


@pytest.fixture(scope="module")
def learnt() -> TrainableModel[Any]:
    torch.manual_seed(1)
    model = build_model(SMALL, TASK.vocabulary, TASK.vocabulary, seed=1)
    train(model, TRAINING, CopyBudget(updates=250), TASK)
    return model


def test_a_transformer_learns_to_copy(learnt: TrainableModel[Any]) -> None:
    found = recall(learnt, TASK)
    assert min(found["forced"]) > 0.9
    assert min(found["recall"]) > 0.9
    fresh = recall(build_model(SMALL, TASK.vocabulary, TASK.vocabulary, seed=1), TASK)
    assert max(fresh["forced"]) < 0.5


def test_recall_is_that_of_one_sequence_at_a_time() -> None:
    task, half = replace(QUICK, tested_tokens=24), build_model(SMALL, TASK.vocabulary, TASK.vocabulary, seed=1)
    train(half, TRAINING, CopyBudget(updates=40), task)
    found, random = recall(half, task), Random(f"copying {task.seed} test")
    for place, distance in enumerate(task.distances):
        rows = sequences(task, distance, 24 // (distance - 1), random)
        greedy, forced = [], []
        for row in rows:
            with torch.inference_mode():
                state, token = half.start(half.encode(source_batch([row]))), BOS
                written: list[int] = []
                while token != EOS and len(written) < distance + 30:
                    step, state = half.step(torch.tensor([token]), state)
                    token = int(step.log_probabilities[0, EOS:].argmax()) + EOS
                    written.append(token)
                logits = half.project(half.hidden(pair_batch([row], [row])))[0]
            greedy += [at < len(written) and written[at] == token for at, token in enumerate(row)]
            forced += [int(logits[at].argmax()) == token for at, token in enumerate(row)]
        assert found["recall"][place] == pytest.approx(sum(greedy) / len(greedy))
        assert found["forced"][place] == pytest.approx(sum(forced) / len(forced))


def test_the_measure_has_the_names_that_the_report_relies_on() -> None:
    told: list[tuple[str, float]] = []
    found = measure_copying(
        {"one": SEVERAL, "two": SEVERAL}, CopyBudget(updates=4), QUICK, lambda name, share: told.append((name, share))
    )
    assert found["distances"] == [3, 5, 8]
    assert found["chance"] == 1 / 6
    assert list(found["contestants"]) == ["one", "two"]
    one, two = found["contestants"].values()
    assert len(one["recall"]) == len(one["forced"]) == 3
    assert one["updates"] == 4
    assert one["seconds"] > 0
    assert one["skipped"] == 0
    model = build_model(SMALL, TASK.vocabulary, TASK.vocabulary, 1)
    assert one["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    same = ("recall", "forced", "target_tokens", "parameters")
    assert [one[name] for name in same] == [two[name] for name in same]
    assert told == [(name, share) for name in ("one", "two") for share in (0.25, 0.5, 0.75, 1.0)]


def test_every_contestant_copies_with_as_many_parameters() -> None:
    task = replace(TASK, batch_tokens=40, tested_tokens=12)
    size = task.vocabulary
    small = shapes(replace(SHAPE, d_model=32, d_ff=64), list(FAMILIES), (size, size))
    assert set(RATES) == set(FAMILIES)
    entrants = {name: CopyContestant(model, TRAINING) for name, model in small.items()}
    found = measure_copying(entrants, CopyBudget(updates=3), task)["contestants"]
    assert list(found) == list(FAMILIES)
    whole = found["transformer"]["parameters"]
    assert all(abs(one["parameters"] - whole) <= 0.02 * whole for one in found.values())
    assert all(one["updates"] == 3 and not one["skipped"] for one in found.values())
    assert len({one["target_tokens"] for one in found.values()}) == 1
    assert all(0 <= share <= 1 for one in found.values() for kind in ("recall", "forced") for share in one[kind])


def test_each_kind_of_budget_ends_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def spent(budget: CopyBudget) -> copying.Spent:
        return train(build_model(SMALL, TASK.vocabulary, TASK.vocabulary, 1), TRAINING, budget, QUICK)

    assert spent(CopyBudget(updates=3)).updates == 3
    by_tokens = spent(CopyBudget(target_tokens=200))
    assert by_tokens.updates == 3
    assert by_tokens.target_tokens >= 200
    clock = iter(range(1000))
    monkeypatch.setattr(copying, "perf_counter", lambda: float(next(clock)))
    by_seconds = spent(CopyBudget(seconds=4.5))
    assert (by_seconds.updates, by_seconds.seconds) == (5, 5.0)


def test_a_gradient_that_is_no_number_leaves_the_weights_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(SMALL, TASK.vocabulary, TASK.vocabulary, 1)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    real = gradient
    monkeypatch.setattr(copying, "gradient", lambda *given: replace(real(*given), gradient_norm=float("nan")))
    found = train(model, TRAINING, CopyBudget(updates=2), QUICK)
    assert (found.updates, found.skipped) == (2, 2)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_faults_end_with_the_mend() -> None:
    with pytest.raises(DragomanError, match=r"^nobody to copy; give at least one contestant$"):
        measure_copying({}, CopyBudget(updates=1), TASK)
    wide = CopyContestant(replace(SMALL, d_ff=76), TRAINING)
    words = r"^wide has [0-9,]+ parameters and small [0-9,]+; give contestants that lie within 2% of one number$"
    with pytest.raises(DragomanError, match=words):
        measure_copying({"small": SEVERAL, "wide": wide}, CopyBudget(updates=1), TASK)
    one = r"^the copy task needs one budget: give it seconds, updates or target tokens$"
    for values in ({}, {"seconds": 1, "updates": 1}):
        with pytest.raises(DragomanError, match=one):
            CopyBudget(**values)


def test_a_batch_holds_a_sequence_at_least() -> None:
    assert batch_of(replace(TASK, batch_tokens=1), 9, Random(1)).source.ids.shape == (1, 9)
