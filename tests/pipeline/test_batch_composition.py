"""A batch of any composition translates like its lines one by one.

In float64 the texts must be equal. In float32 a sum may round differently in another rectangle; two hypotheses whose
scores lie within 1e-5 may then change places: such differences are counted, any other one fails.
"""

import random
from pathlib import Path

import pytest

from dragoman.translation import Translation, Translator
from dragoman.translation.loading import load

NEAR = 1e-5
ROOT = Path(__file__).parents[2]


def in_another_company(translator: Translator, lines: list[str], seed: int) -> list[Translation]:
    """Translates the lines in random groups of random sizes, each in random order."""
    draw = random.Random(seed)
    places = list(range(len(lines)))
    draw.shuffle(places)
    found: dict[int, Translation] = {}
    while places:
        size = draw.randint(1, 40)
        group, places = places[:size], places[size:]
        for place, translation in zip(group, translator.translate([lines[p] for p in group]), strict=True):
            found[place] = translation
    return [found[place] for place in range(len(lines))]


def differences(first: list[Translation], second: list[Translation]) -> int:
    """Counts lines whose texts differ; fails where their scores do not lie within NEAR."""
    count = 0
    for a, b in zip(first, second, strict=True):
        if a.text != b.text:
            count += 1
            assert abs(a.score - b.score) <= NEAR, (a, b)
        else:
            assert a.score == pytest.approx(b.score, abs=NEAR)
    return count


def one_by_one(translator: Translator, lines: list[str]) -> list[Translation]:
    return [translator.translate([line])[0] for line in lines]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_small_form(dtype: str, trained: Path, lines: Path) -> None:
    translator = load(trained)
    text = (lines / "valid.en").read_text().splitlines()[:24]
    if dtype == "float64":
        translator.model.double()  # type: ignore[attr-defined]
    alone = one_by_one(translator, text)
    count = differences(alone, translator.translate(text)) + differences(alone, in_another_company(translator, text, 1))
    print(f"{dtype}: {count} of {2 * len(text)} differ")
    assert dtype == "float32" or count == 0


@pytest.mark.proof
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_form(dtype: str, data: Path) -> None:
    """1,000 lines of Multi30k's test set by the translator that benchmarks/quality.py trained."""
    run = ROOT / "runs" / "quality" / "en-de"
    if not run.is_dir():
        pytest.skip("no trained run: `python benchmarks/quality.py --pairs en-de` makes runs/quality/en-de")
    from dragoman.corpora import load_named

    translator = load(run)
    if dtype == "float64":
        translator.model.double()  # type: ignore[attr-defined]
    text = list(load_named("multi30k:en-de", "test").source)
    alone = one_by_one(translator, text)
    count = differences(alone, translator.translate(text)) + differences(alone, in_another_company(translator, text, 1))
    print(f"{dtype}: {count} of {2 * len(text)} differ")
    assert dtype == "float32" or count == 0
