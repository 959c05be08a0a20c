"""Every number of a trace, computed once more in float64 from the numbers recorded before it."""

from itertools import product
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dragoman.corpora import load_named
from dragoman.errors import DragomanError, UsageError
from dragoman.models.transformer import Transformer
from dragoman.text.special import EOS
from dragoman.tracing import Trace, recording, report
from dragoman.translation import Translator
from dragoman.translation.loading import load
from tests.unit.fake_model import FakeModel
from tests.unit.traced import LINES, TARGETS, Wide, close
from tests.unit.traced import translator as traced_translator

ROOT = Path(__file__).parents[2]


def translator(**changes: Any) -> Translator:
    """A small Transformer."""
    return traced_translator(**{"d_model": 32, "d_ff": 48, "heads": 4} | changes)


def linear(layer: torch.nn.Linear, inputs: Any) -> Wide:
    bias = 0.0 if layer.bias is None else layer.bias.detach().double().numpy()
    product: Wide = inputs.astype(np.float64) @ layer.weight.detach().double().numpy().T + bias
    return product


def norm(layer: torch.nn.Module, inputs: Any) -> Wide:
    twin = layer.double()(torch.from_numpy(inputs.astype(np.float64))).detach().numpy()
    layer.float()
    wide: Wide = twin
    return wide


def softmax(scores: Wide) -> Wide:
    shifted = np.exp(scores - scores.max(-1, keepdims=True))
    wide: Wide = shifted / shifted.sum(-1, keepdims=True)
    return wide


def heads(vectors: Wide, count: int) -> Wide:
    return vectors.reshape(len(vectors), count, -1).transpose(1, 0, 2)


def check_attention(model: Transformer, trace: Trace, name: str) -> None:
    """The six steps, the join and the output projection of one attention."""
    found = trace.attentions[name]
    part: Any = model.reporting()[name]
    before = "inputs" if isinstance(model.decoder_norm, torch.nn.Identity) else "normed"
    inputs = trace.parts[f"{name}.residual"][before]
    seen = trace.parts["encoder.norm"]["output"] if name.endswith("cross") else inputs
    query, key, value = (getattr(part, step) for step in ("query", "key", "value"))
    kind = type(part.similarity).__name__
    if type(part.rotation).__name__ == "NoRotation":
        for layer, given, recorded in ((query, inputs, found.query), (key, seen, found.key)):
            split = heads(linear(layer, given), part.heads)
            length = np.linalg.norm(split, axis=-1, keepdims=True) if kind == "CosineSimilarity" else 1.0
            close(recorded, split / length)
    close(found.value, heads(linear(value, seen), part.heads))
    wide = {step: getattr(found, step).astype(np.float64) for step in ("query", "key", "value", "scaled", "weights")}
    close(found.scores, wide["query"] @ wide["key"].transpose(0, 2, 1))
    scale = part.similarity.scale
    times = scale.detach().double().numpy() if isinstance(scale, torch.Tensor) else scale
    close(found.scaled, found.scores.astype(np.float64) * times)
    hidden = np.triu(np.ones(found.scaled.shape[1:]), 1) if name.startswith("decoder") and "self" in name else 0
    close(found.weights, softmax(np.where(hidden == 1, -np.inf, wide["scaled"])))
    close(found.context, wide["weights"] @ wide["value"])
    close(found.weighted_values(1).sum(1), found.context[:, 1].astype(np.float64))
    close(found.joined, found.context.astype(np.float64).transpose(1, 0, 2).reshape(len(found.joined), -1))
    close(found.output, linear(part.output, found.joined))


def check_residual(model: Transformer, trace: Trace, name: str) -> None:
    """The way around a part, and the norm before or behind it."""
    values = trace.parts[name]
    part: Any = model.reporting()[name]
    close(values["sum"], values["inputs"].astype(np.float64) + values["found"])
    close(values["normed"], norm(part.norm, values["inputs" if part.pre else "sum"]))
    close(values["output"], values["sum" if part.pre else "normed"].astype(np.float64))


VARIANTS = [
    {"norm": order, "norm_kind": kind, "positions": place, "similarity": compare, "activation": bend}
    for (order, kind), place, (compare, bend) in product(
        [("pre", "layer"), ("post", "rms")],
        ["sinusoidal", "learned", "rotary", "none"],
        [("scaled-dot", "relu"), ("dot", "gelu"), ("cosine", "swiglu")],
    )
]


def check(ours: Translator, line: str, trace: Trace) -> None:
    """Every recorded value of one trace."""
    model = ours.model
    assert isinstance(model, Transformer)
    table = sqrt(trace.inputs["source"].shape[-1]) * model.source_embedding.table.weight.detach().double().numpy()
    close(trace.embeddings["source"], table[[*ours.tokenizers.source.encode([line])[0], EOS]])
    for side, tokens in (("source", trace.source_tokens), ("target", trace.read_tokens)):
        assert trace.embeddings[side].shape == (len(tokens), table.shape[1])
        close(trace.inputs[side], trace.embeddings[side].astype(np.float64) + trace.positions[side])
    for name in trace.attentions:
        check_attention(model, trace, name)
    for name in trace.parts:
        if name.endswith("residual"):
            check_residual(model, trace, name)
    close(trace.logits, linear(model.output, trace.parts["decoder.norm"]["output"]))
    close(trace.probabilities, softmax(trace.logits.astype(np.float64)))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: "-".join(variant.values()))
def test_each_step_follows_from_the_one_before(variant: dict[str, Any]) -> None:
    ours = translator(**variant)
    for line, trace in zip(LINES, ours.explain_batch(LINES, TARGETS), strict=True):
        check(ours, line, trace)


def check_multi30k(ours: Translator, count: int) -> None:
    text = load_named("multi30k:en-de", "valid" if count < 1000 else "test")
    for start in range(0, count, 50):
        lines, targets = text.source[start : start + 50], text.target[start : start + 50]
        for line, trace in zip(lines, ours.explain_batch(lines, targets), strict=True):
            check(ours, line, trace)


def test_a_hundred_real_sentences(data: Path) -> None:
    assert data.is_dir()
    check_multi30k(load(ROOT / "tests" / "golden" / "run"), 100)


@pytest.mark.proof
def test_a_thousand_real_sentences(data: Path) -> None:
    assert data.is_dir()
    run = ROOT / "runs" / "quality" / "en-de"
    if not run.is_dir():
        pytest.skip("no trained run: `python benchmarks/quality.py --pairs en-de` makes runs/quality/en-de")
    check_multi30k(load(run), 1000)


def test_a_layer_takes_what_the_one_before_gave() -> None:
    trace = translator().explain(LINES[0], TARGETS[0])
    stream = trace.inputs["target"]
    for name in ("self", "cross", "feed_forward"):
        residual = trace.parts[f"decoder.0.{name}.residual"]
        assert np.array_equal(residual["inputs"], stream)
        stream = residual["output"]
    assert np.array_equal(trace.parts["decoder.1.self.residual"]["inputs"], stream)


def test_a_batch_is_cut_into_its_sentences() -> None:
    ours = translator()
    for line, target, together in zip(LINES, TARGETS, ours.explain_batch(LINES, TARGETS), strict=True):
        alone = ours.explain(line, target)
        assert together.source_tokens == alone.source_tokens
        for name, found in alone.attentions.items():
            assert np.allclose(found.weights, together.attentions[name].weights, atol=1e-5)
        assert np.allclose(alone.logits, together.logits, atol=1e-4)


def test_a_greedy_translation_is_the_argmax_of_the_logits() -> None:
    ours = translator()
    trace = ours.explain(LINES[0])
    plain = ours.translate([LINES[0]])[0]
    assert trace.target_tokens[:-1] == plain.tokens
    best = [row[0] for row in trace.candidates]
    written = trace.target_tokens if "stopped" not in "".join(plain.warnings) else trace.target_tokens[:-1]
    assert [candidate.token for candidate in best][: len(written)] == written
    assert best[0].probability == pytest.approx(float(np.exp(plain.token_scores[0])), rel=1e-4)
    assert trace.probabilities[0].max() == pytest.approx(best[0].probability, rel=1e-5)


def test_recording_changes_nothing_and_ends() -> None:
    ours = translator()
    before = ours.translate(LINES)
    with recording() as recorder:
        during = ours.translate(LINES)
    assert [row.token_scores for row in before] == [row.token_scores for row in during]
    model = ours.model
    assert isinstance(model, Transformer)
    steps = recorder.of(model.reporting()["decoder.0.cross"])
    assert len(steps) == max(len(row.tokens) for row in before) + (0 if before[0].warnings else 1)
    seen = len(steps)
    ours.translate(LINES)
    assert len(recorder.of(model.reporting()["decoder.0.cross"])) == seen
    report(model, anything=torch.ones(1))


def test_the_steps_of_decoding_are_the_rows_of_the_forced_pass() -> None:
    ours = translator()
    with recording() as recorder:
        plain = ours.translate([LINES[0]])[0]
    trace = ours.explain(LINES[0])
    model = ours.model
    assert isinstance(model, Transformer)
    for name in ("decoder.0.self", "decoder.1.cross"):
        for step, values in enumerate(recorder.of(model.reporting()[name])[: len(plain.tokens)]):
            weights = trace.attentions[name].weights[:, step]
            assert np.allclose(values["weights"][0, :, 0].numpy(), weights[:, : values["weights"].shape[-1]], atol=1e-5)


@pytest.mark.parametrize("ending", [".npz", ".json"])
def test_saved_and_loaded(tmp_path: Path, ending: str) -> None:
    trace = translator().explain(LINES[0], TARGETS[0])
    path = tmp_path / f"trace{ending}"
    trace.save(path)
    again = Trace.load(path)
    assert (again.source_tokens, again.target_tokens, again.candidates) == (
        trace.source_tokens,
        trace.target_tokens,
        trace.candidates,
    )
    for name, found in trace.attentions.items():
        for field, values in vars(found).items():
            assert np.array_equal(getattr(again.attentions[name], field), values)
    assert {name: sorted(values) for name, values in again.parts.items()} == {
        name: sorted(values) for name, values in trace.parts.items()
    }
    assert np.array_equal(again.logits, trace.logits)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DragomanError, match="is not a whole trace; trace the sentence anew"):
        Trace.load(path)


def test_wrong_files(tmp_path: Path) -> None:
    trace = translator().explain("A dog.", "Ein Hund.")
    with pytest.raises(UsageError, match=r"a trace cannot be a '.nzp' file; did you mean '.npz'"):
        trace.save(tmp_path / "trace.nzp")
    with pytest.raises(DragomanError, match="no such file"):
        Trace.load(tmp_path / "no.npz")
    with pytest.raises(DragomanError, match="give another place"):
        trace.save(tmp_path / "no" / "trace.json")


def test_wrong_sentences() -> None:
    ours = translator()
    with pytest.raises(UsageError, match="text 1 of 1 is empty: give a sentence to explain"):
        ours.explain(" ")
    with pytest.raises(DragomanError, match="2 source lines but 1 target lines"):
        ours.explain_batch(LINES[:2], TARGETS[:1])
    assert len(ours.explain("A").source_tokens) >= 2
    long = ours.explain("dog " * 500, "Hund " * 500)
    assert long.attentions["decoder.0.cross"].weights.shape[-1] == len(long.source_tokens) > 500


def test_a_model_that_does_not_report_is_refused() -> None:
    ours = translator()
    ours.model = FakeModel()
    with pytest.raises(DragomanError, match="parts do not report what they compute; give a run of a model whose do"):
        ours.explain("A dog.", "Ein Hund.")
