"""The picture of where *it* looks: which word's attention is taken, and what stands under it."""

from pathlib import Path

import numpy as np
import pytest

from dragoman.corpora.pizzeria import generate
from dragoman.errors import UsageError
from dragoman.inspection.pronoun_picture import Look, caption, draw_looks, look_of
from dragoman.inspection.pronouns import measure_pronouns
from dragoman.translation.loading import load
from tests.unit.conftest import RUN

TEXT = "The pizza came out of the oven and it tasted good."


def test_the_chosen_heads_are_drawn(tmp_path: Path) -> None:
    translator = load(RUN)
    valid = generate("valid", translator.settings.pizzeria)
    measured = measure_pronouns(translator, valid[:60], valid[60:])
    trace = translator.explain(TEXT, beam=1)
    look = look_of(trace, "Die Pizza.", measured)
    assert look.words[-1] == "</s>"
    assert {"pizza", "oven", "it"} <= set(look.words)
    for measure in measured:
        assert look.weights[measure.reader].sum() == pytest.approx(1, abs=1e-5)
    end, found = measured[1], measured[1].among_words
    weights = trace.attentions[f"encoder.{found.layer}.self"].weights
    row = (weights.mean(0) if found.head is None else weights[found.head])[-1]
    assert end.reader == "end mark"
    assert look.weights["end mark"][-1] == pytest.approx(float(row[-1]))
    lines = caption(measured)
    assert lines[0].startswith("it (encoder layer 0")
    assert found.test.percent() in lines[1]
    for name in ("a.png", "a.svg"):
        assert draw_looks([look, look], measured, tmp_path / name) == ""
    assert "where “it” looks" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert np.isfinite(found.chance)


def test_a_long_translation_stays_on_the_page(tmp_path: Path) -> None:
    look = Look(["it"], "Die " * 80, {"it": np.ones(1)})
    draw_looks([look], [], tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "Die …" in drawn
    assert "Die " * 30 not in drawn


def test_a_sentence_without_it_is_refused() -> None:
    translator = load(RUN)
    with pytest.raises(UsageError, match="there is no 'it' in this sentence"):
        look_of(translator.explain("The king loved the duke.", beam=1), "", [])
