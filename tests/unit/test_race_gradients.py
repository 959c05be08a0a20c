"""Gradient flow: recurrences by hand that keep, shrink and stretch a gradient, and twins that go element by element."""

import json
from dataclasses import replace
from itertools import pairwise
from math import log10, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dragoman.batches.padded import PairBatch, SourceBatch
from dragoman.config import ModelSettings, TrainingSettings
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.race import gradient_flow as flow
from dragoman.race import gradient_norms as norms
from dragoman.race.gradient_flow import FlowPlan, measure_gradients, spread
from dragoman.race.report.curves import curves, main_curve
from dragoman.race.synthetic import drawn_pairs
from dragoman.training.step import gradient

SIZE = 12
SHAPE = ModelSettings(d_model=8, d_ff=16, heads=2, encoder_layers=1, decoder_layers=2, dropout=0.0, bidirectional=False)
SHAPES = {
    "rnn": replace(SHAPE, family="rnn", attention="none"),
    "gru-attention": replace(SHAPE, family="gru", attention="dot"),
    "lstm": replace(SHAPE, family="lstm", attention="none"),
    "lstm-attention": replace(SHAPE, family="lstm", attention="additive", input_feeding=True),
    "transformer": SHAPE,
}
PLAN = FlowPlan(
    vocabulary=SIZE, length=6, lengths=(3, 5), sentences=3, places=4, updates=2, learnt_length=5, batch=4, seed=3
)
TRAINING = TrainingSettings(learning_rate=1e-2)


def built(settings: ModelSettings = SHAPE) -> TrainableModel[object]:
    return build_model(settings, SIZE, SIZE, seed=1).double()


def batch(sentences: int = 3, length: int = 5, seed: int = 1) -> PairBatch:
    return drawn_pairs(sentences, length, SIZE, seed, copied=True)


def linear(matrix: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """h(t) = W h(t - 1) + x(t); gives u . h(t) with u = (1, 0, ..., 0), and the inputs, for two sentences."""
    inputs = torch.randn(2, length, len(matrix), dtype=torch.float64, requires_grad=True)
    state, values = torch.zeros(2, len(matrix), dtype=torch.float64), []
    for place in range(length):
        state = state @ matrix.T + inputs[:, place]
        values.append(state[:, 0])
    return torch.stack(values, 1), inputs


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
def test_a_linear_recurrence_keeps_shrinks_or_stretches_by_its_singular_values(factor: float) -> None:
    """A turn times a factor has all singular values equal to it: the gradient at distance d has the length factor^d."""
    angle = torch.tensor(0.7, dtype=torch.float64)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    places = range(8)
    found = norms.curve(norms.by_distance(norms.gradient_norms(*linear(factor * turn, 8), places), places))
    assert found["distances"] == list(range(1, 8))
    for name in ("log10_norm", "low", "high"):
        assert found[name] == pytest.approx([distance * log10(factor) for distance in range(1, 8)], abs=1e-12)
    stretch = norms.Stretch.of([factor * turn])
    assert (stretch.largest, stretch.radius) == pytest.approx((factor, factor))


def test_singular_values_bound_a_step_and_eigenvalues_the_long_run() -> None:
    """W = [[0.5, 3], [0, 0.5]]: W^d has the first row (0.5^d, 3 d 0.5^(d-1)), which grows first and vanishes then."""
    matrix = torch.tensor([[0.5, 3.0], [0.0, 0.5]], dtype=torch.float64)
    places = [0, 9]
    found = norms.gradient_norms(*linear(matrix, 10), places)[0, 1]
    expected = [sqrt(0.25**d + (3 * d * 0.5 ** (d - 1)) ** 2) if d else 1.0 for d in range(9, -1, -1)]
    assert found.tolist() == pytest.approx(expected)
    stretch = norms.Stretch.of([matrix, torch.eye(2, dtype=torch.float64) / 4])
    # The singular values have the product |det| = 0.25 and the squares' sum 9.5.
    assert stretch.largest == pytest.approx(sqrt((9.5 + sqrt(9.5**2 - 4 * 0.25**2)) / 2))
    assert stretch.radius == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("logs", "words"),
    [([0.0, -1.0, -5.0], "it is 0.32 times: it vanishes"), ([0.0, 0.0, 5.0], "it is 3.16 times: it explodes"),
     ([0.0, 2.0, 0.1], "it is 1.02 times: it neither vanishes nor explodes")],
)  # fmt: skip
def test_what_the_singular_value_says(logs: list[float], words: str) -> None:
    found = norms.per_step({"distances": [1, 2, 11], "log10_norm": logs})
    assert norms.per_step({"distances": [3], "log10_norm": [-4.0]}) == 1
    told = norms.Stretch(largest=1.5, radius=0.7).told("decoder", found)
    said = "alone makes a gradient at most 1.50 times as long in one step back and about 0.70 times in each"
    assert told.startswith(f"the decoder's matrix {said}")
    assert told.endswith(words)
    assert norms.Stretch(1.5, 0.7, 2).told("encoder", found).startswith(f"each of the encoder's 2 matrices {said}")


def test_the_matrices_are_those_of_plain_recurrences() -> None:
    module = nn.ModuleList([nn.RNN(3, 4, num_layers=2), nn.LSTM(3, 4), nn.Linear(4, 4)])
    assert [tuple(matrix.shape) for matrix in norms.recurrent_matrices(module)] == [(4, 4), (4, 4)]


def test_each_sides_matrices_are_told_beside_its_own_curve() -> None:
    model = built(SHAPES["rnn"])
    with torch.no_grad():
        cells = [module for module in model.modules() if isinstance(module, nn.RNN)]
        for factor, module in zip((0.5, 0.25, 0.75), cells, strict=True):
            module.get_parameter("weight_hh_l0").copy_(factor * torch.eye(8))
    ends = {"encoder": -2.0, "decoder": 2.0}
    curves_ = {side: {"distances": [1.0, 3.0], "log10_norm": [0.0, end]} for side, end in ends.items()}
    encoder, decoder = flow.stretches(model, curves_)
    assert (encoder["side"], encoder["largest"], encoder["per_step"]) == ("encoder", 0.5, pytest.approx(0.1))
    assert (decoder["side"], decoder["largest"], decoder["per_step"]) == ("decoder", 0.75, pytest.approx(10))
    assert decoder["sentence"].endswith("it is 10.00 times: it explodes")
    assert flow.stretches(built(SHAPES["lstm"]), curves_) == []


def test_distances_quartiles_and_the_floor_by_hand() -> None:
    across = torch.tensor([[[1.0, 0.0, 0.0], [10.0, 1.0, 0.0], [100.0, 1000.0, 1.0]]], dtype=torch.float64)
    found = norms.by_distance(across, [0, 1, 2])
    assert {distance: some.tolist() for distance, some in found.items()} == {1: [10.0, 1000.0], 2: [100.0]}
    told = norms.curve(found | {3: torch.tensor([0.0, 1e-200], dtype=torch.float64)})
    assert told["distances"] == [1, 2, 3]
    assert told["log10_norm"] == pytest.approx([2, 2, -150])
    assert told["low"] == pytest.approx([1.5, 2, -150])
    assert told["high"] == pytest.approx([2.5, 2, -150])


def test_some_places_are_rows_of_all_of_them() -> None:
    values, inputs = linear(torch.eye(2, dtype=torch.float64) * 0.9, 6)
    every = norms.gradient_norms(values, inputs, range(6))
    assert torch.equal(norms.gradient_norms(values, inputs, [1, 5]), every[:, [1, 5]])
    assert norms.is_causal(every, range(6))
    assert not norms.is_causal(every[:, 1:], range(5))
    assert [spread(6, 3), spread(6, 9), spread(7, 2)] == [[1, 3, 5], [0, 1, 2, 3, 4, 5], [2, 6]]


def by_element(model: TrainableModel[object], pair: PairBatch, side: str) -> Tensor:
    """|d(loss at t) / d(input at s)| of one sentence, T x S: a difference for each number of each input by itself."""
    embedding = model.target_embedding if side == "target" else model.source_embedding
    taken: list[Tensor] = []
    hook = embedding.register_forward_hook(lambda _, __, output: taken.append(output.detach().clone()))
    model.hidden(pair)
    hook.remove()
    (inputs,), apart, across = taken, 1e-5, pair.target_out.shape[1]
    squares = torch.zeros(across, inputs.shape[1], dtype=torch.float64)
    for position in range(inputs.shape[1]):
        for number in range(inputs.shape[2]):
            losses = []
            for sign in (1, -1):
                moved = inputs.clone()
                moved[0, position, number] += sign * apart
                hook = embedding.register_forward_hook(lambda _, __, output, moved=moved: moved)
                scores = model.project(model.hidden(pair)).log_softmax(-1)
                hook.remove()
                losses.append(-scores[0, range(across), pair.target_out[0]])
            squares[:, position] += ((losses[0] - losses[1]) / (2 * apart)) ** 2
    return squares.sqrt()


def alone(pair: PairBatch, row: int) -> PairBatch:
    one = slice(row, row + 1)
    source = SourceBatch(pair.source.ids[one], pair.source.lengths[one])
    return PairBatch(source, pair.target_in[one], pair.target_out[one], pair.target_lengths[one])


@pytest.mark.parametrize("name", SHAPES)
def test_gradients_are_those_of_each_element_by_itself(name: str) -> None:
    model, pair, places = built(SHAPES[name]), batch(2, 4), range(4)
    decoder = flow.decoder_norms(model, pair, places)
    copied = flow.copy_norms(model, pair, places=3).reshape(2, 3)
    with torch.no_grad():
        for row in range(2):
            expected = by_element(model, alone(pair, row), "target")
            assert torch.allclose(decoder[row], expected, rtol=0, atol=1e-5)
            expected = by_element(model, alone(pair, row), "source")
            assert torch.allclose(copied[row], expected.diagonal()[:3], rtol=0, atol=1e-5)
            assert bool((expected.diagonal() > 1e-4).all())


@pytest.mark.parametrize("name", SHAPES)
def test_an_encoders_gradients_are_those_of_autograd_element_by_element(name: str) -> None:
    model, pair, places = built(SHAPES[name]), batch(2, 4), range(4)
    found = flow.encoder_norms(model, pair, places, seed=5)
    direction = torch.randn(SHAPE.d_model, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    direction = direction / direction.norm()
    for row in range(2):
        with norms.inputs_of(model.source_embedding) as inputs:
            vectors = model.encode(alone(pair, row).source).vectors
        for place in places:
            gradient = torch.zeros_like(inputs[0][0])
            for number in range(SHAPE.d_model):
                (one,) = torch.autograd.grad(vectors[0, place, number], inputs[0], retain_graph=True)
                gradient += direction[number] * one[0]
            assert found[row, place].tolist() == pytest.approx(gradient.norm(dim=-1).tolist(), abs=1e-5)


@pytest.mark.parametrize("name", SHAPES)
def test_the_decoder_does_not_look_ahead(name: str) -> None:
    model = built(SHAPES[name])
    found = flow.decoder_norms(model, batch(), range(5))
    assert norms.is_causal(found, range(5))
    assert bool((found.diagonal(0, 1, 2) > 0).all())


def test_an_encoder_is_causal_where_it_reads_one_way() -> None:
    places = range(5)
    for name, shape in SHAPES.items():
        found = flow.encoder_norms(built(shape), batch(), places, seed=1)
        assert norms.is_causal(found, places) == (name != "transformer")
        both = flow.encoder_norms(built(replace(shape, bidirectional=True)), batch(), places, seed=1)
        assert not norms.is_causal(both, places)


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_an_rnn_near_zero_shrinks_or_stretches_by_its_matrix(factor: float) -> None:
    """Where all numbers are small the tanh is straight, and a step multiplies the gradient by the matrix alone."""
    model = built(SHAPES["rnn"])
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.RNN):
                module.get_parameter("weight_ih_l0").mul_(1e-6)
                module.get_parameter("weight_hh_l0").copy_(factor * torch.eye(8))
    found = norms.curve(norms.by_distance(flow.encoder_norms(model, batch(), range(5), seed=1), range(5)))
    steps = [later - sooner for sooner, later in pairwise(found["log10_norm"])]
    assert steps == pytest.approx([log10(factor)] * 3, abs=1e-6)
    assert found["low"] == pytest.approx(found["high"], abs=1e-6)


def measured(**given: object) -> tuple[dict[str, Any], list[tuple[str, float]]]:
    told: list[tuple[str, float]] = []
    training = {name: TRAINING for name in SHAPES}
    return measure_gradients(SHAPES, training, PLAN, tell=lambda *one: told.append(one), **given), told  # type: ignore[arg-type]


def test_what_is_looked_at_and_told() -> None:
    found, told = measured()
    for name in SHAPES:
        axes = ["decoder", "end-to-end"] if name == "transformer" else ["decoder", "encoder", "end-to-end"]
        expected = [
            (axis, moment, clip)
            for moment, clip in (("start", None), ("trained", True), ("trained", False))
            for axis in axes
        ]
        mine = [one for one in found["curves"] if one["contestant"] == name]
        assert [(one["axis"], one["moment"], one["clip"]) for one in mine] == expected
    assert json.loads(json.dumps(found)) == found
    assert found["plan"]["lengths"] == [3, 5]
    assert {one["start"] for one in found["curves"]} == {"default"}
    for one in found["curves"]:
        assert one["distances"] == ([3, 5] if one["axis"] == "end-to-end" else [1, 2, 3, 4])
        assert {len(one[part]) for part in ("log10_norm", "low", "high")} == {len(one["distances"])}
    assert [one["updates"] for one in found["trainings"]] == [2] * 2 * len(SHAPES)
    assert told[0][1] == pytest.approx(1 / 15)
    assert told[-1] == ("transformer, default, trained", 1.0)


def test_starts_are_compared_where_asked() -> None:
    found, told = measured(both_starts=("rnn",))
    assert len(told) == 3 * (len(SHAPES) + 1)
    assert {one["contestant"] for one in found["singular_values"]} == {"rnn"}
    sides = {(one["side"], one["matrices"]) for one in found["singular_values"]}
    assert sides == {("encoder", 1), ("decoder", 2)}
    for one in found["singular_values"]:
        own = {"axis": one["side"]} | {key: one[key] for key in ("contestant", "start", "moment", "clip")}
        (values,) = (line["log10_norm"] for line in found["curves"] if own.items() <= line.items())
        assert one["per_step"] == pytest.approx(10 ** ((values[-1] - values[0]) / (len(values) - 1)))
    singular = {
        (one["start"], one["moment"], one["clip"]): one for one in found["singular_values"] if one["side"] == "encoder"
    }
    assert set(singular) == {
        (start, *moment)
        for start in ("orthogonal", "plain")
        for moment in (("start", None), ("trained", True), ("trained", False))
    }
    assert singular["orthogonal", "start", None]["largest"] == pytest.approx(1)
    assert singular["orthogonal", "start", None]["radius"] == pytest.approx(1)
    assert singular["orthogonal", "trained", True]["largest"] != pytest.approx(1)
    assert singular["plain", "start", None]["largest"] != pytest.approx(1)
    assert str(singular["plain", "start", None]["sentence"]).startswith("the encoder's matrix alone makes")
    assert {one["start"] for one in found["curves"] if one["as_raced"]} == {"orthogonal", "default"}


def test_the_start_of_the_race_is_marked() -> None:
    shapes = {"rnn": replace(SHAPES["rnn"], recurrent_start="plain")}
    found = measure_gradients(shapes, {"rnn": TRAINING}, PLAN, both_starts=("rnn",))
    assert {(one["start"], one["as_raced"]) for one in found["curves"]} == {("plain", True), ("orthogonal", False)}
    main = main_curve(curves(found), "rnn", "decoder")
    assert main is not None
    assert (main.start, main.when) == ("plain", "trained with clipping")


def test_dropout_is_left_out_and_the_seed_decides() -> None:
    shapes = {name: SHAPES[name] for name in ("rnn", "transformer")}
    dropped = {name: replace(shape, dropout=0.5, attention_dropout=0.5) for name, shape in shapes.items()}
    training = {name: TRAINING for name in shapes}
    assert measure_gradients(dropped, training, PLAN) == measure_gradients(shapes, training, PLAN)


def test_clipping_limits_and_the_largest_gradient_is_told() -> None:
    model = build_model(SHAPE, SIZE, SIZE, seed=1)
    limited = flow.train_copying(model, replace(TRAINING, clip=1e-9), PLAN, clip=True)
    assert limited["largest_norm"] > 1e-2
    free = flow.train_copying(build_model(SHAPE, SIZE, SIZE, seed=1), replace(TRAINING, clip=1e-9), PLAN, clip=False)
    assert free["updates"] == limited["updates"] == 2
    assert free["loss"] != limited["loss"]


def test_a_training_ends_before_a_gradient_spoils_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = build_model(SHAPE, SIZE, SIZE, seed=1), []

    def explode(*given: object) -> object:
        calls.append(1)
        found = gradient(*given)  # type: ignore[arg-type]
        return replace(found, gradient_norm=float("nan")) if len(calls) == 2 else found

    monkeypatch.setattr(flow, "gradient", explode)
    assert flow.train_copying(model, TRAINING, PLAN, clip=False)["updates"] == 1
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def test_a_length_past_memory_is_refused() -> None:
    with pytest.raises(
        DragomanError, match=r"sentences of 3,000,000 tokens .* in transformer.* lengths of [\d,]+ at most"
    ):
        measure_gradients({"transformer": SHAPE}, {"transformer": TRAINING}, replace(PLAN, lengths=(3, 3_000_000)))
