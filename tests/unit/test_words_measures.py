"""Purity and the analogies' score: on vectors whose answer is known, and on the stored run."""

from pathlib import Path

import numpy as np
import pytest

from dragoman.errors import DragomanError, UsageError
from dragoman.inspection.vectors import composed_vectors, run_vectors, starting_pieces, untrained_vectors
from dragoman.inspection.word_measures import as_lines, measure_words, pair_analogies, purity
from dragoman.text.vectors import WordVectors
from dragoman.translation import Translator
from dragoman.translation.loading import load

RUN = Path(__file__).parents[1] / "golden" / "run"


@pytest.fixture(scope="module")
def translator() -> Translator:
    """The stored run."""
    return load(RUN)


def on_a_line(*degrees: float) -> WordVectors:
    rows = [[np.cos(np.radians(angle)), np.sin(np.radians(angle))] for angle in degrees]
    return WordVectors([f"w{n}" for n in range(len(degrees))], np.array(rows, dtype=np.float32), "angles")


def test_purity_by_hand() -> None:
    """Nearest two of w0 (0): w1, w2; of w1 (10): w0, w2; of w2 (30): w1, w0; of w3 (90): w2, w1."""
    labels = {"w0": "a", "w1": "a", "w2": "b", "w3": "b"}
    found = purity(on_a_line(0, 10, 30, 90), labels, count=2)
    assert found["purity"] == pytest.approx((1 + 1 + 0 + 1) / 8)
    # Of the other three words one has the same label, wherever the labels stand.
    assert found["chance"] == pytest.approx(1 / 3, abs=0.03)


def test_purity_of_two_bundles_is_one_and_rare_by_chance() -> None:
    angles = [*range(8), *range(90, 98)]
    labels = {f"w{n}": "low" if n < 8 else "high" for n in range(16)}
    found = purity(on_a_line(*angles), labels)
    assert found["purity"] == 1
    assert found["p"] < 0.01
    assert found["chance"] == pytest.approx(7 / 15, abs=0.02)
    mixed = {f"w{n}": "odd" if n % 2 else "even" for n in range(16)}
    assert purity(on_a_line(*angles), mixed)["p"] > 0.05


def test_parallel_pairs_answer_every_analogy_and_drawn_ones_few() -> None:
    draw = np.random.default_rng(2)
    pairs = [(f"he{n}", f"she{n}") for n in range(8)]
    men = draw.standard_normal((8, 40))
    both = np.concatenate([men, men + 2 * draw.standard_normal(40)]).astype(np.float32)
    words = [he for he, _ in pairs] + [she for _, she in pairs]
    found = pair_analogies(WordVectors(words, both, "parallel"), pairs)
    assert found["questions"] == 8 * 7 * 2
    assert found["held_back_questions"] == 16
    assert found["accuracy"] > 0.9
    assert found["held_back"] > 0.9
    assert found["chance"] == pytest.approx(1 / 13)
    drawn = WordVectors(words, draw.standard_normal((16, 40)).astype(np.float32), "drawn")
    assert pair_analogies(drawn, pairs)["accuracy"] < 0.4


def test_a_word_of_several_pieces_has_their_mean(translator: Translator) -> None:
    tokenizer = translator.tokenizers.source
    table = translator.model.source_embedding.table.weight.detach().numpy()  # type: ignore[attr-defined]
    ids = tokenizer.encode(["grandmother"])[0]
    assert len(ids) > 1
    found = composed_vectors(translator, "source", ["grandmother", "the"])
    assert found.matrix[0] == pytest.approx(np.mean([table[id] for id in ids], axis=0), abs=1e-6)
    assert found.matrix[1] == pytest.approx(table[tokenizer.encode(["the"])[0][0]])


def test_the_words_of_a_run(translator: Translator, tmp_path: Path) -> None:
    english, german = run_vectors(translator, "source"), run_vectors(translator, "target", ["Zeppelin"])
    assert {"pizza", "oven", "king", "conveyor belt", "it"} <= set(english.words)
    assert "The" not in english.words
    assert {"Pizza", "Ofen", "König", "Zeppelin"} <= set(german.words)
    assert "pizza" not in german.words
    text = tmp_path / "text"
    text.write_text("The pizza, the oven.\n", encoding="utf-8")
    assert run_vectors(translator, "source", ["Pizza"], text).words == ["The", "pizza", ",", "the", "oven", "."]
    assert all(not piece.startswith("\u2581") for piece in starting_pieces(translator.tokenizers.source))
    with pytest.raises(UsageError, match="--side 'sorce' is neither source nor target; did you mean 'source'"):
        run_vectors(translator, "sorce")
    with pytest.raises(UsageError, match="a blank word has no vector"):
        composed_vectors(translator, "source", ["the", ""])
    text.write_text("\n", encoding="utf-8")
    with pytest.raises(DragomanError, match="has no words"):
        run_vectors(translator, "source", (), text)


def test_untrained_vectors_share_what_pieces_share(translator: Translator) -> None:
    found = untrained_vectors(translator, "target", ["Wirt", "Wirtin", "Ofen"], 1).unit
    assert found[0] @ found[1] > found[0] @ found[2] + 0.2


def test_measures_of_a_run(translator: Translator) -> None:
    found = measure_words(translator, "source")
    assert found["words"] == 98
    assert found["class"]["purity"] > found["class"]["chance"] + 0.05
    assert found["gender"]["words"] == 66
    assert found["analogies"]["questions"] == 480
    assert found["analogies"]["chance"] == pytest.approx(1 / 95)
    assert found == measure_words(translator, "source")
    shown = "\n".join(as_lines(found))
    assert f"{found['class']['purity']:.1%}" in shown
    assert f"{found['analogies']['held_back_untrained']:.1%}" in shown


def test_a_run_on_other_text_is_not_measured(translator: Translator) -> None:
    from dataclasses import replace

    settings = translator.settings
    other = Translator(
        translator.model, translator.tokenizers, replace(settings, data=replace(settings.data, corpus="multi30k"))
    )
    with pytest.raises(DragomanError, match="give a run trained on the corpus pizzeria"):
        measure_words(other)
    assert run_vectors(other, "source").words == starting_pieces(translator.tokenizers.source)
