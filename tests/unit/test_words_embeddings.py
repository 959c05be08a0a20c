"""The embedding's first values from word vectors: which piece gets what, and how it is brought to the model's width."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from dragoman.config import ModelSettings, TextSettings
from dragoman.corpora import ParallelText
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.text import Tokenizers, learn_tokenizer
from dragoman.text.special import FIRST_PIECE
from dragoman.text.vectors import WordVectors
from dragoman.training.embeddings import fitted, piece_vectors, start_from

SOURCE = ["the pizza tasted good", "the oven baked the pizza", "the baker baked"] * 4
TARGET = ["die Pizza schmeckte gut", "der Ofen buk die Pizza", "der Bäcker buk"] * 4
SETTINGS = ModelSettings(d_model=16, d_ff=16, heads=2, encoder_layers=1, decoder_layers=1)


def vectors(width: int, *words: str) -> WordVectors:
    matrix = np.random.default_rng(5).standard_normal((len(words), width)).astype(np.float32)
    return WordVectors(words, matrix, "drawn")


def test_whole_words_take_their_vector_and_parts_the_weighted_mean() -> None:
    """Of kind character every piece is a part: 'n' stands in oven (4 times) alone, 'v' too, 'k' in baked and baker."""
    tokenizer = learn_tokenizer(SOURCE, TextSettings(kind="character", vocabulary_size=400), 1)
    known = vectors(6, "oven", "baked", "baker")
    found = piece_vectors(tokenizer, SOURCE, known)
    oven, baked, baker = known.matrix
    by_letter = {tokenizer.pieces([id])[0]: row for id, row in found.parts.items()}
    assert not found.whole
    assert by_letter["n"] == pytest.approx(oven)
    assert by_letter["k"] == pytest.approx((8 * baked + 4 * baker) / 12, abs=1e-6)
    assert by_letter["r"] == pytest.approx(baker)
    assert by_letter["e"] == pytest.approx((4 * oven + 8 * baked + 4 * baker) / 16, abs=1e-6)
    assert "z" not in by_letter


def test_of_kind_word_every_word_is_whole() -> None:
    tokenizer = learn_tokenizer(SOURCE, TextSettings(kind="word", vocabulary_size=300), 1)
    known = vectors(6, "Pizza", "oven", "zebra")
    found = piece_vectors(tokenizer, SOURCE, known)
    by_word = {tokenizer.pieces([id])[0].strip("\u2581"): row for id, row in found.whole.items()}
    assert by_word.keys() == {"pizza", "oven"}
    assert by_word["pizza"] == pytest.approx(known.matrix[0])
    assert not found.parts


@pytest.mark.parametrize("width", [5, 16, 40])
def test_fitted_rows_have_length_one_around_their_mean(width: int) -> None:
    rows = (np.random.default_rng(1).standard_normal((60, width)) + 3).astype(np.float32)
    found = fitted(rows, 16)
    assert found.shape == (60, 16)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(60), abs=1e-5)
    assert found.std() == pytest.approx(1 / 4, abs=0.01)


def test_narrow_vectors_keep_every_angle() -> None:
    rows = np.random.default_rng(1).standard_normal((20, 5)).astype(np.float32)
    centred = rows - rows.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    found = fitted(rows, 16)
    np.testing.assert_allclose(found @ found.T, unit @ unit.T, atol=1e-5)


def test_wide_vectors_keep_their_largest_axes() -> None:
    """Vectors that fill only a plane of forty dimensions lose nothing in sixteen."""
    draw = np.random.default_rng(1)
    rows = (draw.standard_normal((20, 2)) @ draw.standard_normal((2, 40))).astype(np.float32)
    centred = rows - rows.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    found = fitted(rows, 16)
    np.testing.assert_allclose(found @ found.T, unit @ unit.T, atol=1e-4)


def separate() -> Tokenizers:
    text = TextSettings(kind="word", vocabulary_size=300, joint=False)
    return Tokenizers.learn(SOURCE, TARGET, text, 1)


def started(side: Literal["both", "source", "target"], words: list[str]) -> tuple[dict[str, list[str]], str]:
    """The words whose rows were changed, by side, and what was said."""
    settings = replace(SETTINGS, tie="output", embeddings_side=side)
    tokenizers = separate()
    sizes = tokenizers.source.size, tokenizers.target.size
    model, untouched = build_model(settings, *sizes, 1), build_model(settings, *sizes, 1)
    said = start_from(model, tokenizers, ParallelText(SOURCE, TARGET, "text"), vectors(8, *words), settings)
    changed = {}
    for name in ("source", "target"):
        before, after = (getattr(built, f"{name}_embedding").table.weight for built in (untouched, model))
        ids = (before != after).any(1).nonzero()[:, 0].tolist()
        assert all(id >= FIRST_PIECE for id in ids)
        changed[name] = [piece.strip("\u2581") for piece in getattr(tokenizers, name).pieces(ids)]
        if ids:
            assert after[ids].norm(dim=1).tolist() == pytest.approx([1.0] * len(ids), abs=1e-5)
    for key, value in model.state_dict().items():
        if "embedding" not in key and key != "output.weight":
            assert torch.equal(value, untouched.state_dict()[key])
    return changed, said


def test_only_the_rows_of_the_chosen_side_change() -> None:
    words = ["pizza", "oven", "gut", "die", "baker"]
    both, said = started("both", words)
    assert set(both["source"]) == {"pizza", "oven", "baker"}
    assert set(both["target"]) == {"Pizza", "gut", "die"}
    assert "source: 3 of 7 learnt pieces (43%) start from one (3 words, 0 parts of words)" in said
    assert started("source", words)[0]["target"] == []
    assert started("target", words)[0]["source"] == []


def test_vectors_of_another_language_are_refused() -> None:
    with pytest.raises(DragomanError, match="no word of the corpus is in drawn; give vectors of the corpus' language"):
        started("both", ["zebra"])


def test_the_spread_stays_that_of_the_random_start() -> None:
    settings = replace(SETTINGS, d_model=64)
    shared = Tokenizers.learn(SOURCE, TARGET, TextSettings(kind="word", vocabulary_size=300), 1)
    model = build_model(settings, shared.source.size, shared.target.size, 1)
    words = sorted({word for line in SOURCE + TARGET for word in line.split()})
    start_from(model, shared, ParallelText(SOURCE, TARGET, "text"), vectors(30, *words), settings)
    table = model.source_embedding.table.weight
    assert float(table[FIRST_PIECE:].detach().std()) == pytest.approx(1 / 8, rel=0.02)
    assert model.output.weight is table
