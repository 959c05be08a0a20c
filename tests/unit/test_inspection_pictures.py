"""Pictures hold the model's numbers, stay readable when sentences are long, and draw any script without a warning."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dragoman.errors import DragomanError
from dragoman.inspection.pictures import MOST_KEYS, draw_map, draw_six_steps
from dragoman.inspection.printing import DPI, LONGEST_SIDE, Page, fonts_for
from dragoman.inspection.six_steps import SixSteps, WordMap, find_word, six_steps, word_map
from dragoman.inspection.words import labels
from dragoman.tracing import Trace
from dragoman.translation.loading import load

MODEL = load(Path(__file__).parents[1] / "golden" / "run")
TEXT, TARGET = "The pizza came out of the oven and it tasted good.", "Die Pizza kam aus dem Ofen und sie schmeckte gut."
TRACE = MODEL.explain(TEXT, TARGET)
MANY_SCRIPTS = "The pizza 中文 😀 بيتزا хлеб e\u0301 $x^2$ [bold] & < ok."


def texts(path: Path) -> list[str]:
    """What is written in an SVG."""
    tree = ElementTree.parse(path)
    return ["".join(node.itertext()).strip() for node in tree.iter("{http://www.w3.org/2000/svg}text")]


def opened(path: Path) -> Image.Image:
    """A picture, its file closed."""
    with Image.open(path) as image:
        image.load()
    return image


def steps_of(trace: Trace, name: str, word: str, head: int | None = None) -> SixSteps:
    place = find_word(trace, name, word)
    return six_steps(trace, name, place, place.positions[0], head)


def test_a_map_holds_its_words_and_weights(tmp_path: Path) -> None:
    found = word_map(TRACE, "decoder.0.cross")
    assert draw_map(found, tmp_path / "map.svg") == ""
    written = texts(tmp_path / "map.svg")
    assert written[: len(found.keys)] == found.keys
    assert set(found.queries) <= set(written)
    numbers = [float(text) for text in written if re.fullmatch(r"\.\d\d|1", text)]
    assert np.allclose(numbers, found.weights[found.weights >= 0.05], atol=0.0051)
    assert "decoder.0.cross, heads averaged:" in written


def test_the_darkest_cell_is_the_largest_weight(tmp_path: Path) -> None:
    """A map of 4 x 4 words whose one full weight is in row 2, column 1."""
    weights = np.zeros((4, 4), dtype=np.float32)
    weights[2, 1] = 1
    draw_map(WordMap("encoder.0.self", 0, list("abcd"), list("efgh"), weights), tmp_path / "map.png")
    image = opened(tmp_path / "map.png")
    assert image.info["dpi"][0] == pytest.approx(DPI, abs=0.1)
    pixels = np.asarray(image.convert("RGB")).astype(int)
    side = round(0.36 * DPI)
    rows, columns = np.nonzero(np.abs(pixels - [0x24, 0x10, 0x3F]).sum(-1) < 12)
    in_map = columns < columns.min() + 1.2 * side
    assert np.ptp(rows[in_map]) == pytest.approx(side, abs=4)
    assert in_map.sum() > 0.8 * side * side
    assert (pixels[rows.min() - side // 2, columns.min() + side // 2] == 255).all()


def test_the_six_steps_hold_the_models_numbers(tmp_path: Path) -> None:
    steps = steps_of(TRACE, "decoder.0.self", "sie", 1)
    assert draw_six_steps(steps, tmp_path / "six.svg") == ""
    written = texts(tmp_path / "six.svg")
    head = steps.heads[0]
    for text in ("1  query:  q = x Wq + b", "2  score:  q · k", "3  scaled:  ÷ √24", "4  weight:  softmax",
                 "5  weight times value", "6  their sum", "then  the sums of all 2 heads side by side"):  # fmt: skip
        assert text in written
    assert set(labels(steps.keys)) <= set(written)
    numbers = [text.replace("\u2212", "-") for text in written if re.fullmatch(r"[\u2212]?\d+\.\d|hidden", text)]
    kept = sorted(np.argsort(-head.weights, kind="stable")[:MOST_KEYS].tolist())
    assert numbers[: len(kept)] == [f"{head.scores[key]:.1f}" for key in kept]
    assert written.count("hidden") == steps.hidden[kept].sum() > 0


def test_without_a_head_the_sharpest_is_drawn(tmp_path: Path) -> None:
    steps = steps_of(TRACE, "encoder.0.self", "it")
    best = int(TRACE.attentions["encoder.0.self"].weights[:, steps.position].max(-1).argmax())
    told = draw_six_steps(steps, tmp_path / "six.png")
    assert told == f": head {best}, the sharpest of 2 (choose by --head)"
    assert opened(tmp_path / "six.png").size[0] == pytest.approx(13 * DPI, abs=DPI)


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_any_script_is_drawn_without_a_warning(tmp_path: Path, ending: str) -> None:
    trace = MODEL.explain(MANY_SCRIPTS, "Die 披萨 😀 .")
    told = draw_map(word_map(trace, "decoder.0.cross"), tmp_path / f"map{ending}")
    told_too = draw_six_steps(steps_of(trace, "encoder.0.self", "中", 0), tmp_path / f"six{ending}")
    missing = fonts_for(set("中文"))[1]
    boxed = "□ stands for what no font here can draw; an .svg keeps it"
    assert (boxed in told) == (boxed in told_too) == bool(missing and ending == ".png")
    if ending == ".svg":
        assert {"中", "文", "😀", "$", "&", "<", "é"} <= set(texts(tmp_path / "map.svg"))
        assert "Where “中” looks" in texts(tmp_path / "six.svg")


def test_what_cannot_be_drawn_becomes_a_box() -> None:
    assert fonts_for({"a", "ß", "ب", "→"}) == (["DejaVu Sans"], set())
    unassigned = "\U0003fffd"
    assert fonts_for({"a", unassigned})[1] == {unassigned}
    assert Page(Path("a.png"), {"中"}).text("a中\x07") == "a□□"
    assert Page(Path("a.svg"), {"中"}).text("a中") == "a中"
    assert Page(Path("a.png"), set()).text("x" * 30) == "x" * 23 + "…"


def test_the_same_numbers_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        draw_map(word_map(TRACE, "encoder.0.self", 1), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_long_sentences_stay_readable(tmp_path: Path) -> None:
    """At least 12 pixels a word, and no picture too large to open."""
    words = 300
    weights = np.full((3, words), 1 / words, dtype=np.float32)
    draw_map(WordMap("a.0.cross", None, list("abc"), ["word"] * words, weights), tmp_path / "long.png")
    width, _ = opened(tmp_path / "long.png").size
    assert 12 * words < width <= LONGEST_SIDE
    trace = MODEL.explain("pizza " * 100, "gut")
    steps = steps_of(trace, "encoder.0.self", "pizza:7", 0)
    draw_six_steps(steps, tmp_path / "six.svg")
    left_out = len(steps.keys) - MOST_KEYS
    assert any(f"{left_out} pieces of least weight" in text for text in texts(tmp_path / "six.svg"))


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"cannot write .*no/map.png .*; give another place"):
        draw_map(word_map(TRACE, "encoder.0.self"), tmp_path / "no" / "map.png")
