"""The six steps against plain loops over the model's own weights, the right query for a word, and what is shown."""

import io
import json
import re
from math import exp, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from dragoman.errors import UsageError
from dragoman.inspection import six_steps as steps
from dragoman.inspection import terminal
from dragoman.inspection.alignment import Choice, align, projections
from dragoman.inspection.word_links import word_links
from dragoman.inspection.words import spelt, words_of
from dragoman.models.contract import TraceableModel
from dragoman.tracing import AttentionTrace, Trace
from dragoman.translation.loading import load

RUN = Path(__file__).parents[1] / "golden" / "run"
MODEL = load(RUN)
TEXT, TARGET = "The pizza came out of the oven and it tasted good.", "Die Pizza kam aus dem Ofen und sie schmeckte gut."
TRACE = MODEL.explain(TEXT, TARGET)
NAMES = ["encoder.0.self", "decoder.0.self", "decoder.0.cross"]
WORDS = dict(zip(NAMES, ["it", "sie", "sie"], strict=True))


def followed(name: str, head: int | None = None) -> steps.SixSteps:
    place = steps.find_word(TRACE, name, WORDS[name])
    return steps.six_steps(TRACE, name, place, place.positions[0], head)


@pytest.mark.parametrize("name", NAMES)
def test_six_steps_by_loops(name: str) -> None:
    """From the vectors that enter the projections to their output, one number at a time."""
    found = followed(name)
    assert isinstance(MODEL.model, TraceableModel)
    part: Any = MODEL.model.reporting()[name]
    inputs = TRACE.parts[f"{name}.residual"]["normed"].astype(np.float64)
    seen = TRACE.parts["encoder.norm"]["output"].astype(np.float64) if name.endswith("cross") else inputs
    weight = {
        step: getattr(part, step).weight.detach().double().numpy() for step in ("query", "key", "value", "output")
    }
    bias = {step: getattr(part, step).bias.detach().double().numpy() for step in ("query", "key", "value", "output")}
    width = 24
    joined: list[float] = []
    for head in found.heads:
        own = slice(head.head * width, (head.head + 1) * width)
        query = weight["query"][own] @ inputs[found.position] + bias["query"][own]
        keys = [weight["key"][own] @ vector + bias["key"][own] for vector in seen]
        values = [weight["value"][own] @ vector + bias["value"][own] for vector in seen]
        assert np.allclose(head.query, query, atol=1e-4)
        assert np.allclose(head.key, keys, atol=1e-4)
        assert np.allclose(head.value, values, atol=1e-4)
        scores = [sum(a * b for a, b in zip(query, key, strict=True)) for key in keys]
        assert np.allclose(head.scores, scores, atol=1e-3)
        scaled = [score / sqrt(width) for score in scores]
        assert np.allclose(head.scaled, scaled, atol=1e-3)
        powers = [0.0 if hidden else exp(value) for value, hidden in zip(scaled, found.hidden, strict=True)]
        assert np.allclose(head.weights, [power / sum(powers) for power in powers], atol=1e-4)
        weighted = [power / sum(powers) * value for power, value in zip(powers, values, strict=True)]
        assert np.allclose(head.weighted_values, weighted, atol=1e-4)
        total = sum(weighted)
        assert np.allclose(head.sum, total, atol=1e-4)
        joined += list(np.asarray(total))
        assert head.scale == pytest.approx(1 / sqrt(width), rel=1e-5)
        assert steps.scale_told(head) == "÷ √24"
    assert np.allclose(found.joined, joined, atol=1e-4)
    assert np.allclose(found.output, weight["output"] @ np.array(joined) + bias["output"], atol=1e-3)


def test_the_mask_hides_later_words_of_the_decoder_only() -> None:
    found = followed("decoder.0.self")
    assert TRACE.read_tokens[found.position] == found.token == "▁sie"
    assert found.hidden.tolist() == [place > found.position for place in range(len(found.keys))]
    assert found.hidden.any()
    for head in found.heads:
        assert (head.weights[found.hidden] == 0).all()
        assert (head.weights[~found.hidden] > 0).all()
    assert not followed("encoder.0.self").hidden.any()
    assert not followed("decoder.0.cross").hidden.any()


def test_the_query_of_a_written_word_is_the_step_that_writes_it() -> None:
    cross, own = followed("decoder.0.cross"), followed("decoder.0.self")
    assert cross.place.side == "written"
    assert own.place.side == "read"
    assert TRACE.target_tokens[cross.position] == "▁sie"
    assert own.position == cross.position + 1
    assert cross.keys == TRACE.source_tokens


def test_a_word_of_many_pieces_has_many_queries() -> None:
    place = steps.find_word(TRACE, "encoder.0.self", "pizza")
    assert [TRACE.source_tokens[at] for at in place.positions] == ["▁p", "i", "z", "z", "a"]


def test_default_attention() -> None:
    assert steps.default_attention(TRACE, None) == "decoder.0.cross"
    assert steps.default_attention(TRACE, "it") == "encoder.0.self"
    assert steps.default_attention(TRACE, "schmeckte") == "decoder.0.cross"
    assert steps.default_attention(TRACE, "nowhere") == "encoder.0.self"


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(
        UsageError, match=r"no attention 'encoder.0.sefl' in this run; did you mean 'encoder.0.self'\? "
    ):
        steps.check_attention(TRACE, "encoder.0.sefl", None)
    with pytest.raises(UsageError, match=r"\(there are encoder.0.self, decoder.0.self, decoder.0.cross\)"):
        steps.check_attention(TRACE, "xyz", None)
    for head in (2, -1):
        with pytest.raises(UsageError, match=f"no head {head} in encoder.0.self: choose 0 to 1"):
            steps.check_attention(TRACE, "encoder.0.self", head)
    with pytest.raises(UsageError, match="'it' is not in what the decoder writes"):
        steps.find_word(TRACE, "decoder.0.cross", "it")


def test_the_map_is_the_mean_of_the_heads_maps() -> None:
    mean = steps.word_map(TRACE, "decoder.0.cross")
    heads = [steps.word_map(TRACE, "decoder.0.cross", head) for head in (0, 1)]
    assert np.allclose(mean.weights, (heads[0].weights + heads[1].weights) / 2, atol=1e-6)
    assert np.allclose(mean.weights.sum(-1), 1, atol=1e-5)
    assert mean.queries == ["Die", "Pizza", "kam", "aus", "dem", "Ofen", "und", "sie", "schmeckte", "gut", ".", "</s>"]
    assert mean.keys == [*TEXT[:-1].split(), ".", "</s>"]


@pytest.mark.parametrize("choice", [Choice(0), Choice(0, 1, "reading"), Choice(0, None, "predicting", "norm")])
def test_word_links_are_those_of_align(choice: Choice) -> None:
    assert isinstance(MODEL.model, TraceableModel)
    weights = projections(MODEL.model)
    links = word_links(TRACE, choice, weights)
    sources, targets = [*TEXT[:-1].split(), "."], [*TARGET[:-1].split(), "."]
    assert [(link.source, link.target) for link in links] == [
        (sources[source], targets[target]) for source, target in align(TRACE, choice, weights)
    ]
    found = TRACE.attentions["decoder.0.cross"].weights
    own = found.mean(0) if choice.head is None else found[choice.head]
    row = TRACE.target_tokens.index("▁sie") + (choice.convention == "reading")
    word = words_of(TRACE.source_tokens)[sources.index(links[7].source)]
    assert links[7].target == "sie"
    assert links[7].weight == pytest.approx(sum(own[row, place] for place in word), abs=1e-5)


def test_probabilities_of_what_was_written_are_those_of_scoring() -> None:
    tokenizer = MODEL.tokenizers.target
    written = steps.written_probabilities(TRACE, tokenizer.pieces(range(tokenizer.size)))
    assert np.allclose(np.log(written), MODEL.score([TEXT], [TARGET])[0].token_scores, atol=1e-3)


@pytest.mark.parametrize(("scale", "told"), [(1 / sqrt(4), "÷ √4"), (1.0, "× 1"), (3.214, "× 3.21")])
def test_each_similarity_tells_its_scale(scale: float, told: str) -> None:
    draw = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    scores = draw @ draw[0]
    head = steps.HeadSteps(0, draw[0], draw, draw, scores, scores * np.float32(scale), scores, draw, draw[0])
    assert steps.scale_told(head) == told
    assert steps.HeadSteps(0, draw[0], draw, draw, 0 * scores, 0 * scores, scores, draw, draw[0]).scale == 1.0


def test_json_has_every_number() -> None:
    values = json.loads(json.dumps(followed("decoder.0.self").to_json()))
    attention: AttentionTrace = TRACE.attentions["decoder.0.self"]
    assert [head["head"] for head in values["heads"]] == [0, 1]
    assert np.allclose(values["heads"][1]["weights"], attention.weights[1, values["position"]])
    assert np.allclose(values["output"], attention.output[values["position"]])
    assert (values["word"], values["side"], values["token"]) == ("sie", "read", "▁sie")


def shown(trace: Trace, width: int = 80, **options: bool) -> str:
    """All that the terminal can show of a trace."""
    console = Console(file=io.StringIO(), width=width, highlight=False, **options)  # type: ignore[arg-type]
    terminal.show_sentences(console, trace)
    for name in NAMES:
        queries, _ = steps.tokens_of(trace, name)
        place = steps.find_word(trace, name, spelt(queries, words_of(queries))[0])
        found = steps.six_steps(trace, name, place, place.positions[0])
        terminal.show_word(console, found)
        terminal.show_six_steps(console, found)
        terminal.show_map(console, steps.word_map(trace, name))
    terminal.show_alignment(console, word_links(trace, Choice(0)), Choice(0))
    terminal.show_candidates(console, trace, [0.5] * len(trace.target_tokens))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (TEXT, TARGET),
        ("Pizza", ""),
        ("[bold]x[/] :smile: 中文 😀 بيتزا a\u0301\x07", "a [red]"),
        ("the pizza came out of it , " * 6, "die Pizza kam . " * 6),
        ("pizza " * 500, "gut " * 30),
    ],
)
def test_the_terminal_keeps_to_80_columns_and_to_plain_text(text: str, target: str) -> None:
    output = shown(MODEL.explain(text, target))
    assert "\x1b" not in output
    assert "\x07" not in output
    assert max(cell_len(line) for line in output.splitlines()) <= 80
    for formula in (
        "q = x Wq + b",
        "k = m Wk + b",
        "q · k",
        "÷ √24",
        "softmax",
        "value times weight",
        "their sum",
        "Wo",
    ):
        assert formula in output


def test_the_terminal_shows_the_models_numbers() -> None:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    found = followed("encoder.0.self", 1)
    terminal.show_six_steps(console, found)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    head = found.heads[0]
    place = found.keys.index("▁it")
    rows = [[float(number) for number in re.findall(r"-?\d+\.\d+", line)] for line in lines if line.startswith("it  ")]
    of_vectors, of_weights, of_weighted, of_sum = rows
    lengths = np.linalg.norm(head.key[place]), np.linalg.norm(head.value[place])
    assert np.allclose(of_vectors, [*head.key[place][:3], lengths[0], *head.value[place][:3], lengths[1]], atol=0.006)
    assert np.allclose(of_weights, [head.scores[place], head.scaled[place], head.weights[place]], atol=0.006)
    assert np.allclose(of_weighted[:3], head.weighted_values[place][:3], atol=0.006)
    assert np.allclose(of_sum, [*head.sum[:3], np.linalg.norm(head.sum)], atol=0.006)


def test_colours_in_a_terminal_only() -> None:
    assert "\x1b[" in shown(TRACE, force_terminal=True)
