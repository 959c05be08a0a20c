"""`dragoman inspect` from end to end on the stored run, good input and bad."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from dragoman.tracing import Trace
from dragoman.translation.loading import load
from tests.pipeline.conftest import Result

Dragoman = Callable[..., Result]
RUN = Path(__file__).parents[1] / "golden" / "run"
TEXT, TARGET = "The pizza came out of the oven and it tasted good.", "Die Pizza kam aus dem Ofen und sie schmeckte gut."


def fails(result: Result, code: int, *words: str) -> None:
    """Nothing on stdout, one line on stderr with these words, and the exit code."""
    assert result.code == code
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert len(result.err.strip().splitlines()) == 1
    for word in words:
        assert word in result.err


def test_without_a_word(dragoman: Dragoman) -> None:
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET)
    assert (result.code, result.err) == (0, "")
    for part in (
        "reads  The pizza came", "writes Die Pizza kam", "decoder.0.cross  heads averaged", "schmeckte ←", "candidates",
    ):  # fmt: skip
        assert part in result.out
    assert "\x1b" not in result.out
    assert max(map(cell_len, result.out.splitlines())) <= 80
    own = dragoman("inspect", RUN, TEXT, "--beam", 2)
    words = load(RUN).translate([TEXT], beam=2)[0].text.replace(".", "").replace(",", "").split()
    assert own.out.split("\n\n")[0].split("writes")[1].split()[: len(words)][:3] == words[:3]


def test_with_a_word(dragoman: Dragoman) -> None:
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--word", "it", "--head", 1)
    assert result.code == 0
    assert "“it” is word 9 of the source; encoder.0.self, head 1 of 2 (0 to 1)" in result.out
    steps = [
        result.out.index(step) for step in ("1  query, key", "2 score", "5  value times", "6  their sum", "then  ")
    ]
    assert steps == sorted(steps)
    both = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--word", "sie", "--attention", "decoder.0.cross").out
    assert "“sie” is word 8 of what the decoder writes; decoder.0.cross, all 2 heads" in both
    assert "Its query is that of the step that writes it." in both
    assert both.count("2 score") == 2


def test_a_word_that_stands_twice(dragoman: Dragoman) -> None:
    text = "It was hot and it came out of it."
    first = dragoman("inspect", RUN, text, "--target", "Er", "--word", "it")
    assert "“it” is word 5 of the source" in first.out
    assert "It stands 2 times; this is number 1. Choose: --word it:N" in first.out
    second = dragoman("inspect", RUN, text, "--target", "Er", "--word", "it:2")
    assert "“it” is word 9 of the source" in second.out
    fails(dragoman("inspect", RUN, text, "--word", "it:4"), 2, "'it' stands 2 times in the source: choose it:1 to it:2")


def test_json(dragoman: Dragoman) -> None:
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--json")
    values = json.loads(result.out)
    trace = load(RUN).explain(TEXT, TARGET)
    assert values["source_tokens"] == trace.source_tokens
    assert values["target_tokens"] == trace.target_tokens
    assert [row[0]["token"] for row in values["candidates"]] == [row[0].token for row in trace.candidates]
    assert [link["target"] for link in values["alignment"]] == [*TARGET[:-1].split(), "."]
    assert {link["source"] for link in values["alignment"]} <= {*TEXT[:-1].split(), "."}
    assert np.allclose(np.array(values["map"]["weights"]).sum(-1), 1, atol=1e-4)
    assert "six_steps" not in values
    word = json.loads(dragoman("inspect", RUN, TEXT, "--target", TARGET, "--word", "it", "--head", 0, "--json").out)
    (steps,) = word["six_steps"]
    assert (steps["word"], steps["attention"], len(steps["heads"])) == ("it", "encoder.0.self", 1)
    attention = trace.attentions["encoder.0.self"]
    place = trace.source_tokens.index("▁it")
    for key in ("scores", "scaled", "weights"):
        assert np.allclose(steps["heads"][0][key], getattr(attention, key)[0, place], atol=1e-4)
    assert np.allclose(steps["heads"][0]["sum"], attention.context[0, place], atol=1e-4)


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_out_saves_the_trace(ending: str, dragoman: Dragoman, tmp_path: Path) -> None:
    out = tmp_path / f"trace.{ending}"
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--out", out)
    assert (result.code, result.out) == (0, "")
    assert f"trace.{ending}" in result.err
    found, wanted = Trace.load(out), load(RUN).explain(TEXT, TARGET)
    assert found.source_tokens == wanted.source_tokens
    assert np.allclose(
        found.attentions["decoder.0.cross"].weights, wanted.attentions["decoder.0.cross"].weights, atol=1e-5
    )


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG")])
@pytest.mark.parametrize("options", [[], ["--word", "it"]])
def test_out_draws(name: str, start: bytes, options: list[str], dragoman: Dragoman, tmp_path: Path) -> None:
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--out", tmp_path / name, "--json", *options)
    assert result.code == 0
    assert json.loads(result.out) == {"out": str(tmp_path / name)}
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["page.html", "picture.jpg", "trace", "trace.nzp"])
def test_other_endings_are_refused_first(name: str, dragoman: Dragoman, tmp_path: Path) -> None:
    result = dragoman("inspect", tmp_path / "no-run", TEXT, "--out", tmp_path / name)
    fails(result, 2, name, "files are not made; give one that ends in .json, .npz, .png, .svg")


def test_out_into_no_folder(dragoman: Dragoman, tmp_path: Path) -> None:
    for name in ("trace.json", "map.png"):
        out = tmp_path / "no" / name
        fails(dragoman("inspect", RUN, "A.", "--target", "B.", "--out", out), 1, "cannot write", "give another place")


def test_no_text(dragoman: Dragoman) -> None:
    fails(dragoman("inspect", RUN), 2, "no text: give a sentence in quotes", "--measure")
    for text in ("", "  "):
        fails(dragoman("inspect", RUN, text), 2, "is empty: give a sentence to explain")
    fails(dragoman("inspect", RUN, "A dog.", "--measure"), 2, "--measure takes no text")


def test_measure_asks_for_the_measures(dragoman: Dragoman, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, str, bool]] = []
    monkeypatch.setattr("dragoman.cli.measure.show_measures", lambda *values: asked.append(values))
    assert dragoman("inspect", RUN, "--measure", "--checkpoint", "last", "--json").code == 0
    assert asked == [(RUN, "last", True)]


def test_one_word_and_500(dragoman: Dragoman) -> None:
    assert "Pizza" in dragoman("inspect", RUN, "Pizza", "--target", "Pizza").out
    long = dragoman("inspect", RUN, "the oven " * 250, "--target", "der Ofen " * 40)
    assert long.code == 0
    assert "81 x 501 words" in long.out
    assert max(map(cell_len, long.out.splitlines())) <= 80
    followed = dragoman("inspect", RUN, "the oven " * 250, "--target", "der", "--word", "the:200", "--head", 0)
    assert "“the” is word 399 of the source" in followed.out
    assert "more words, of weight" in followed.out


def test_words_that_are_not_there(dragoman: Dragoman) -> None:
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--word", "pizzza")
    fails(result, 2, "'pizzza' is not in the source; did you mean 'pizza'?")
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--word", "schmeckt", "--attention", "decoder.0.cross")
    fails(result, 2, "'schmeckt' is not in what the decoder writes; did you mean 'schmeckte'?")
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--word", "zzz", "--attention", "decoder.0.self")
    fails(result, 2, "'zzz' is not in what the decoder reads; known: ., <s>, Die, Ofen")


def test_unknown_attention_and_head(dragoman: Dragoman) -> None:
    result = dragoman("inspect", RUN, TEXT, "--target", TARGET, "--attention", "encoder.1.self")
    fails(result, 2, "no attention 'encoder.1.self'", "there are encoder.0.self, decoder.0.self, decoder.0.cross")
    fails(
        dragoman("inspect", RUN, TEXT, "--target", TARGET, "--head", 2),
        2,
        "no head 2 in decoder.0.cross: choose 0 to 1",
    )
    fails(dragoman("inspect", RUN, TEXT, "--head", "x"), 2, "--head")


def test_an_impossible_target(dragoman: Dragoman) -> None:
    values = json.loads(dragoman("inspect", RUN, TEXT, "--target", "☃ zebra 中", "--json").out)
    scores = load(RUN).score([TEXT], ["☃ zebra 中"])[0].token_scores
    assert np.allclose(np.log(values["token_probabilities"]), scores, atol=1e-2)
    assert min(values["token_probabilities"]) < 1e-4
    shown = dragoman("inspect", RUN, TEXT, "--target", "☃ zebra 中")
    assert shown.code == 0
    assert "e-" in shown.out
    assert dragoman("inspect", RUN, TEXT, "--target", "").code == 0


def test_no_run(dragoman: Dragoman, tmp_path: Path) -> None:
    fails(dragoman("inspect", tmp_path / "none", TEXT), 1, "none")
    fails(dragoman("inspect", RUN, TEXT, "--checkpoint", "newest"), 2, "neither best nor last nor a step's number")
    fails(dragoman("inspect", RUN, TEXT, "--beam", 0), 2, "the beam is 0")
