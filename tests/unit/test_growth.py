"""The benchmark of growth: its count of operations, its text, its tables and its picture."""

import platform
from argparse import Namespace
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import growth, growth_corpus, growth_picture
from benchmarks.growth import AXES, Point, tables
from benchmarks.growth_corpus import grown
from benchmarks.growth_update import arithmetic, product_speed, random_batch
from dragoman.config import ModelSettings, Settings
from dragoman.config.loading import build_settings
from dragoman.models.build import build_model
from dragoman.text.special import EOS, FIRST_PIECE
from dragoman.training.step import batch_loss

OPTIONS = Namespace(folder=Path("here"), corpus_sizes=[10, 100])


def found_by_torch(settings: ModelSettings, vocabulary: int, rows: int, length: int) -> int:
    model = build_model(settings, vocabulary, vocabulary, seed=1)
    counter = FlopCounterMode(display=False)
    with counter:
        loss, _, _ = batch_loss(model, random_batch(rows, length, vocabulary, 1), 0.1, torch.float32)
        loss.backward()
    return int(counter.get_total_flops())


@pytest.mark.parametrize("activation", ["relu", "swiglu"])
def test_the_arithmetic_is_what_torch_counts(activation: str) -> None:
    values = {"d_model": 16, "d_ff": 48, "heads": 2, "encoder_layers": 2, "decoder_layers": 3}
    settings = ModelSettings(**values, activation=activation)  # type: ignore[arg-type]
    # The smallest matrix is a hundredth of all; sums that the loss takes as a product with a vector are far less.
    found = found_by_torch(settings, 400, rows=3, length=7)
    assert arithmetic(settings, 400, rows=3, length=7) == pytest.approx(found, rel=5e-4)


def test_the_arithmetic_by_hand() -> None:
    """One layer each, d_model 2, d_ff 4: 16 + 16 numbers in the encoder, 32 + 16 in the decoder, 600 in the output."""
    settings = ModelSettings(d_model=2, d_ff=4, heads=1, encoder_layers=1, decoder_layers=1)
    matrices = 2 * (32 + 48 + 600)
    attention = 3 * 2 * 2 * 2 * 5
    assert arithmetic(settings, 300, rows=1, length=5) == 3 * 5 * (matrices + attention)


def test_a_random_batch_has_no_padding_and_no_special_tokens() -> None:
    batch = random_batch(rows=4, length=6, vocabulary=300, seed=1)
    assert batch.target_out.shape == batch.source.ids.shape == (4, 6)
    assert bool(batch.target_mask.all())
    assert bool((batch.source.ids[:, :-1] >= FIRST_PIECE).all())
    assert bool((batch.source.ids[:, -1] == EOS).all())


def test_a_products_speed_is_a_number() -> None:
    assert product_speed(torch.float32, seconds=0) > 0


def settings_of(point: Point) -> Settings:
    told = [value for name, value in zip(point.asked, point.asked[1:], strict=False) if name == "--set"]
    return build_settings("small", sets=told)


@pytest.mark.parametrize("name", [name for name in AXES if name != "corpus"])
def test_only_one_thing_grows(name: str) -> None:
    points = AXES[name](OPTIONS)
    assert len({point.value for point in points}) == len(points)
    grow = {"length": set(), "batch": {"target_tokens"}, "width": {"d_model", "d_ff", "heads"},
            "vocabulary": {"vocabulary_size"}, "threads": {"threads"}, "dtype": {"dtype"}}[name]  # fmt: skip
    plain = flat(build_settings("small", sets=["batches.target_tokens=4096"]))
    for point in points:
        assert {key for key, value in flat(settings_of(point)).items() if value != plain[key]} <= grow


def flat(settings: Settings) -> dict[str, object]:
    return {key: value for section in asdict(settings).values() for key, value in section.items()}


def test_lengths_are_asked_for() -> None:
    assert [point.asked[-2:] for point in growth.lengths(OPTIONS)][:2] == [("--length", "10"), ("--length", "20")]
    assert growth.batches(OPTIONS)[0].asked[-2:] == ("--length", "16")


def test_text_grows_by_changing_a_word_on_either_side() -> None:
    pairs = [(f"a{n} b{n} c{n}", f"x{n} y{n}") for n in range(50)]
    text = list(islice(grown(pairs), 150))
    assert sorted(text[:50]) == sorted(pairs)
    assert text[:50] != pairs
    for start in (50, 100):
        for before, after in zip(text[:50], text[start:], strict=False):
            for old, new in zip(before, after, strict=True):
                assert len(old.split()) == len(new.split())
                assert sum(one != other for one, other in zip(old.split(), new.split(), strict=True)) <= 1
    assert len(set(text)) > 140


def test_a_corpus_is_made_and_read(tmp_path: Path) -> None:
    growth_corpus.make(tmp_path, "small", None, [1500])
    assert len(growth_corpus.file_of(tmp_path, 1500).read_text("utf-8").splitlines()) == 1500
    found = growth_corpus.read(tmp_path, "small", 1500)
    assert found["pairs_per_second"] == pytest.approx(1500 / found["seconds"])
    assert found["peak_mib"] > 50
    assert found["cores_used"] > 0


def update_point(axis: str, value: int, speed: float) -> Point:
    found: dict[str, float | str] = {
        "tokens_per_second": speed,
        "ms_an_update": 12.34,
        "gflop_per_second": 50.0,
        "gflop_per_second_of_products": 200.0,
        "peak_mib": 1000.0,
        "cores_used": 1.96,
        "dtype": "bfloat16",
    }
    return Point(axis, value, (), found)


CORPUS: dict[str, float | str] = {
    "seconds": 2.5,
    "pairs_per_second": 4000.0,
    "bytes_a_pair": 1234.5,
    "peak_mib": 512.0,
    "cores_used": 1.0,
}
POINTS = [
    update_point("sentence length", 10, 2000),
    update_point("sentence length", 100, 1000),
    update_point("sentence length", 1000, 100),
    update_point("threads", 1, 1000),
    update_point("threads", 2, 1900),
    Point("corpus", 10_000, (), CORPUS),
]


def test_each_axis_has_its_table() -> None:
    first, second, third = tables(POINTS).split("\n\n")
    assert first.splitlines()[0].startswith("| Sentence length | Target tokens/s |")
    assert first.splitlines()[4] == "| 1,000 | 100 | 12.3 | 50 | 25% | 1,000 | 2.0 | bfloat16 |"
    assert len(second.splitlines()) == 4
    assert third.splitlines()[2] == "| 10,000 | 2.5 | 4,000 | 1,234 | 512 | 1.0 |"


def test_each_axis_has_a_row_of_panels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figures: list[Figure] = []
    monkeypatch.setattr("dragoman.inspection.printing.Page.save", lambda _, figure: figures.append(figure))
    measured = tmp_path / "growth.json"
    growth.save(POINTS, measured)
    growth_picture.draw(measured, tmp_path / "pictures" / "growth.png")
    panels = figures[0].axes
    assert [panel.get_ylabel() for panel in panels[:3]] == ["target tokens/s", "GFLOP/s", "peak memory, MiB"]
    assert panels[0].get_xscale() == panels[0].get_yscale() == "log"
    assert np.asarray(panels[0].lines[0].get_ydata()).tolist() == [2000, 1000, 100]
    assert [label.get_text() for label in panels[0].get_xticklabels()] == ["10", "100", "1k"]
    assert [bar.get_bbox().height for bar in panels[3].patches if isinstance(bar, Rectangle)] == [1000, 1900]
    assert panels[6].get_ylabel() == "pairs/s"


def test_the_processor_is_told(tmp_path: Path) -> None:
    (tmp_path / "told").write_text("processor\t: 0\nmodel name\t: Some Maker's 9000\nflags\t: x\n", "utf-8")
    (tmp_path / "silent").write_text("processor\t: 0\n", "utf-8")
    assert growth.processor(tmp_path / "told") == "Some Maker's 9000"
    assert growth.processor(tmp_path / "silent") == growth.processor(tmp_path / "missing") == platform.machine()


def test_sizes_are_short() -> None:
    assert [growth_picture.short(value) for value in (250, 1024, 16_000, 2_500_000, "float32")] == [
        "250", "1024", "16k", "2.5M", "float32",
    ]  # fmt: skip
