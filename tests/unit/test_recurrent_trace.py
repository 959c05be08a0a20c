"""Every number of a recurrent run's trace, computed once more in float64 from the numbers recorded before it."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from dragoman.errors import DragomanError
from dragoman.inspection.six_steps import default_attention, find_word, six_steps
from dragoman.layers.recurrent import Recurrence
from dragoman.models.recurrent import RecurrentTranslator
from dragoman.tracing import Trace, recording
from dragoman.translation import Translator
from tests.unit.traced import LINES, TARGETS, Wide, close
from tests.unit.traced import translator as traced_translator

VARIANTS: list[dict[str, Any]] = [
    {"family": family, "attention": attention, "bidirectional": both_ways, "input_feeding": feeding}
    for family, (attention, feeding), both_ways in product(
        ["rnn", "gru", "lstm"], [("none", False), ("additive", False), ("dot", True)], [True, False]
    )
]


def translator(**changes: Any) -> Translator:
    """A small recurrent one."""
    return traced_translator(**{"d_model": 24} | changes)


def model_of(ours: Translator) -> RecurrentTranslator:
    assert isinstance(ours.model, RecurrentTranslator)
    return ours.model


def wide(tensor: torch.Tensor) -> Wide:
    array: Wide = tensor.detach().double().numpy()
    return array


def sigmoid(x: Wide) -> Wide:
    return 1 / (1 + np.exp(-x))


def check_cells(layer: Recurrence, inputs: Any, told: dict[str, Any], start: list[Wide]) -> list[Wide]:
    """Every gate from the input and what was remembered; gives what is remembered at the end."""
    cells = layer.cells
    driven = inputs.astype(np.float64) @ wide(cells.weight_ih_l0).T + wide(cells.bias_ih_l0)
    matrix, bias = wide(cells.weight_hh_l0), wide(cells.bias_hh_l0)
    places = range(len(inputs) - 1, -1, -1) if layer.backwards else range(len(inputs))
    past = start
    for at in places:
        here = {name: values[at].astype(np.float64) for name, values in told.items()}
        recurrent = past[0] @ matrix.T + bias
        gates = np.split(driven[at] + recurrent, len(bias) // layer.width)
        if "cell" in here:
            for name, gate in zip(
                ("input_gate", "forget_gate", "output_gate"), (gates[0], gates[1], gates[3]), strict=True
            ):
                close(told[name][at], sigmoid(gate))
            close(told["candidate"][at], np.tanh(gates[2]))
            close(told["cell"][at], here["forget_gate"] * past[1] + here["input_gate"] * here["candidate"])
            close(told["hidden"][at], here["output_gate"] * np.tanh(here["cell"]))
            past = [here["hidden"], here["cell"]]
        elif "candidate" in here:
            new_in, new_past = np.split(driven[at], 3)[2], np.split(recurrent, 3)[2]
            close(told["reset_gate"][at], sigmoid(gates[0]))
            close(told["update_gate"][at], sigmoid(gates[1]))
            close(told["candidate"][at], np.tanh(new_in + here["reset_gate"] * new_past))
            close(told["hidden"][at], (1 - here["update_gate"]) * here["candidate"] + here["update_gate"] * past[0])
            past = [here["hidden"]]
        else:
            close(told["hidden"][at], np.tanh(gates[0]))
            past = [here["hidden"]]
    return past


def check_encoder(model: RecurrentTranslator, trace: Trace) -> tuple[Any, list[list[Wide]]]:
    """Layer by layer; gives the last outputs and what each layer remembers."""
    stream, ends = trace.inputs["source"], []
    for number, layer in enumerate(model.encoder):
        found = []
        for name, direction in zip(("forward", "backward"), layer.directions, strict=False):  # type: ignore[arg-type]
            zeros = [np.zeros(direction.width)] * direction.kind.states
            told = trace.parts[f"encoder.{number}.{name}"]
            found.append((told["hidden"], check_cells(direction, stream, told, zeros)))
        stream = np.concatenate([outputs for outputs, _ in found], -1)
        ends.append([np.concatenate(parts) for parts in zip(*(end for _, end in found), strict=True)])
    return stream, ends


def check_attention(model: RecurrentTranslator, trace: Trace, states: Any, memory: Any) -> Any:
    """The six steps and the attentional vector, which is given."""
    assert model.alignment is not None
    assert model.attentional is not None
    found = trace.attentions["decoder.1.cross"]
    additive = hasattr(model.alignment.score, "vector")
    if additive:
        score: Any = model.alignment.score
        close(found.query[0], states @ wide(score.query.weight).T + wide(score.query.bias))
        close(found.key[0], memory @ wide(score.key.weight).T)
        sums = found.query[0].astype(np.float64)[:, None] + found.key[0]
        close(found.scores[0], np.tanh(sums) @ wide(score.vector))
    else:
        close(found.query[0], states)
        close(found.key[0], memory)
        close(found.scores[0], found.query[0].astype(np.float64) @ found.key[0].T)
    close(found.value[0], memory)
    assert np.array_equal(found.scores, found.scaled)
    exact = np.exp(found.scaled.astype(np.float64) - found.scaled.max(-1, keepdims=True))
    close(found.weights, exact / exact.sum(-1, keepdims=True))
    close(found.context, found.weights.astype(np.float64) @ found.value)
    close(found.joined, found.context[0].astype(np.float64))
    output = model.alignment.output
    close(found.output, found.joined.astype(np.float64) @ wide(output.weight).T + wide(output.bias))
    told = trace.parts["decoder.attentional"]
    close(told["looked"], found.output.astype(np.float64))
    close(told["output"], np.tanh(found.output.astype(np.float64) + states @ wide(model.attentional.state.weight).T))
    return told["output"]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: "-".join(map(str, variant.values())))
def test_each_step_follows_from_the_one_before(variant: dict[str, Any]) -> None:
    ours = translator(**variant)
    model = model_of(ours)
    for trace in ours.explain_batch(LINES, TARGETS):
        memory, ends = check_encoder(model, trace)
        stream = trace.inputs["target"]
        assert not trace.positions["target"].any()
        if model.input_feeding:
            vectors = trace.parts["decoder.attentional"]["output"]
            stream = np.concatenate([stream, np.vstack([np.zeros_like(vectors[:1]), vectors[:-1]])], -1)
        for number, layer in enumerate(model.decoder):
            told = trace.parts[f"decoder.{number}"]
            assert isinstance(layer, Recurrence)
            check_cells(layer, stream, told, ends[number])
            stream = told["hidden"]
        if model.has_attention:
            stream = check_attention(model, trace, stream.astype(np.float64), memory.astype(np.float64))
        close(trace.logits, stream.astype(np.float64) @ wide(model.output.weight).T)


@pytest.mark.parametrize("variant", VARIANTS[::4], ids=lambda variant: "-".join(map(str, variant.values())))
def test_a_batch_is_cut_into_its_sentences(variant: dict[str, Any]) -> None:
    """In float64: large weights let a cell's rounding in float32 grow along the sentence."""
    ours = translator(**variant)
    model_of(ours).double()
    for line, target, together in zip(LINES, TARGETS, ours.explain_batch(LINES, TARGETS), strict=True):
        alone = ours.explain(line, target)
        assert together.source_tokens == alone.source_tokens
        for name, found in alone.attentions.items():
            assert np.allclose(found.weights, together.attentions[name].weights, atol=1e-5)
        for name, values in alone.parts.items():
            for key, value in values.items():
                assert np.allclose(value, together.parts[name][key], atol=1e-5)
        assert np.allclose(alone.logits, together.logits, atol=1e-4)


@pytest.mark.parametrize("feeding", [False, True])
def test_the_steps_of_decoding_are_the_rows_of_the_forced_pass(feeding: bool) -> None:
    ours = translator(family="lstm", input_feeding=feeding)
    model = model_of(ours)
    with recording() as recorder:
        plain = ours.translate([LINES[0]])[0]
    trace = ours.explain(LINES[0])
    assert trace.target_tokens[:-1] == plain.tokens
    steps = recorder.of(model.reporting()["decoder.1.cross"])
    gates = recorder.of(model.reporting()["decoder.0"])
    for step in range(len(plain.tokens)):
        weights = trace.attentions["decoder.1.cross"].weights[:, step]
        assert np.allclose(steps[step]["weights"][0, :, 0].numpy(), weights, atol=1e-5)
        told = trace.parts["decoder.0"]["forget_gate"][step]
        assert np.allclose(gates[step]["forget_gate"][0, 0].numpy(), told, atol=1e-5)


def test_recording_changes_little_and_ends() -> None:
    """While recording the cells are written out; the translation is the same, its scores to rounding."""
    ours = translator(family="gru")
    before = ours.translate(LINES)
    with recording():
        during = ours.translate(LINES)
    for one, two in zip(before, during, strict=True):
        assert one.text == two.text
        assert np.allclose(one.token_scores, two.token_scores, atol=1e-4)
    assert [row.token_scores for row in ours.translate(LINES)] == [row.token_scores for row in before]


def test_without_attention_the_rest_is_traced() -> None:
    trace = translator(family="lstm", attention="none").explain(LINES[0], TARGETS[0])
    assert trace.attentions == {}
    assert set(trace.parts) == {
        "encoder.0.forward", "encoder.0.backward", "encoder.1.forward", "encoder.1.backward", "decoder.0", "decoder.1",
    }  # fmt: skip
    with pytest.raises(DragomanError, match="this run's model has no attention to look at; give a run of a model that"):
        default_attention(trace, None)


def test_the_six_steps_of_a_written_word() -> None:
    trace = translator(family="lstm").explain(LINES[0], TARGETS[0])
    assert trace.tokens("decoder.1.cross") == (trace.read_tokens, trace.source_tokens)
    place = find_word(trace, "decoder.1.cross", "sie")
    steps = six_steps(trace, "decoder.1.cross", place, place.positions[0])
    assert steps.all_heads == 1
    assert np.allclose(steps.heads[0].weighted_values.sum(0), steps.heads[0].sum, atol=1e-5)
    assert not steps.hidden.any()
