"""A stored tiny model still gives its exact old output, so old runs stay readable and search stays what it was."""

import json
from pathlib import Path

import pytest

from dragoman.translation.loading import load

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("beam", ["1", "5"])
def test_translations(beam: str) -> None:
    found = load(HERE / "run").translate(GOLDEN["source"], beam=int(beam), n_best=1 if beam == "1" else 2)
    for translation, expected in zip(found, GOLDEN["beam"][beam], strict=True):
        assert translation.text == expected["text"]
        assert translation.tokens == expected["tokens"]
        assert translation.score == pytest.approx(expected["score"], abs=1e-4)
        assert [other.text for other in translation.alternatives] == expected["alternatives"]


def test_scores_of_given_translations() -> None:
    found = load(HERE / "run").score(GOLDEN["source"], GOLDEN["target"])
    assert [row.log_probability for row in found] == pytest.approx(GOLDEN["log_probabilities"], abs=1e-3)
