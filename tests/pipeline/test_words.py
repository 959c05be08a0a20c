"""`dragoman words` and `model.embeddings`, by the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from tests.pipeline.conftest import SMALL, Result, sets

Dragoman = Callable[..., Result]
RUN = Path(__file__).parents[1] / "golden" / "run"
AXES = {
    "king": "1 1 0 0", "queen": "1 0 1 0", "man": "0 1 0 0", "woman": "0 0 1 0", "prince": "0.9 0.9 0.1 0",
    "oven": "0 0 0 1", "pizza": "0.1 0 0 1",
}  # fmt: skip
PIZZERIA = [
    "pizzeria.train_pairs=200", "pizzeria.valid_pairs=20", "text.vocabulary_size=450", *SMALL[1:], "search.beam=1",
]  # fmt: skip


@pytest.fixture
def axes(tmp_path: Path) -> Path:
    """A GloVe file of seven words: royal, male, female, kitchen."""
    path = tmp_path / "axes.txt"
    path.write_text("".join(f"{word} {row}\n" for word, row in AXES.items()), encoding="utf-8")
    return path


def objects(result: Result) -> list[dict[str, object]]:
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def test_neighbours_and_analogies_of_a_file(dragoman: Dragoman, axes: Path) -> None:
    near = dragoman("words", axes, "near", "oven", "--count", 1)
    assert (near.code, near.out, near.err) == (0, "0.995  pizza\n", "")
    found = objects(dragoman("words", axes, "analogy", "king", "man", "woman", "--json"))
    assert [row["word"] for row in found] == ["queen", "prince", "pizza", "oven"]
    assert found[0].keys() == {"word", "cosine"}


def test_a_run_and_a_word_of_several_pieces(dragoman: Dragoman) -> None:
    result = dragoman("words", RUN, "near", "grandmother", "--count", 3, "--json")
    assert len(objects(result)) == 3
    assert "grandmother: the mean of its pieces' vectors (" in result.err
    unknown = dragoman("words", RUN, "near", "Zeppelinn", "--side", "target")
    assert unknown.code == 0
    assert "Zeppelinn: not among the run's words; the mean of its pieces' vectors" in unknown.err
    assert len(unknown.out.splitlines()) == 10


def test_maps(dragoman: Dragoman, axes: Path, tmp_path: Path) -> None:
    picture = tmp_path / "map.svg"
    points = objects(dragoman("words", RUN, "map", "--out", picture, "--json"))
    assert len(points) == 98
    assert points[0].keys() == {"word", "x", "y", "kind", "gender"}
    assert picture.read_bytes().startswith(b"<?xml")
    letters = dragoman("words", axes, "map", "king", "queen", "oven")
    assert {"king", "queen", "oven"} == set(letters.out.split())


def test_measure(dragoman: Dragoman, axes: Path) -> None:
    found = objects(dragoman("words", RUN, "measure", "--side", "target", "--json"))[0]
    assert found.keys() == {"side", "words", "class", "gender", "sex", "analogies"}
    assert "king - man + woman" in dragoman("words", RUN, "measure").out
    assert dragoman("words", axes, "measure").err.startswith("error: measure looks at a run's own words")


WRONG = {
    "naer oven": "'naer' is none of near, analogy, map, measure; did you mean 'near'?",
    "near": "near takes 1 word(s), not 0; write: near WORD",
    "analogy king man": "analogy takes 3 word(s), not 2; write: analogy A B C (A - B + C)",
    "near oven --count 0": "--count is 0; ask for 1",
    "near oven --out x.png": "--out is for map's picture",
    "near oven --side source": "--side and --text choose the words of a run",
    "map --out map.pdf": "cannot be a '.pdf' file",
    "map --method tnse": "did you mean 'tsne'?",
}


@pytest.mark.parametrize("question", WRONG)
def test_wrong_usage(question: str, dragoman: Dragoman, axes: Path) -> None:
    result = dragoman("words", axes, *question.split())
    assert (result.code, result.out) == (2, "")
    assert WRONG[question] in result.err
    assert len(result.err.splitlines()) == 1


def test_what_is_missing_or_broken(dragoman: Dragoman, axes: Path, tmp_path: Path) -> None:
    missing = dragoman("words", axes, "near", "pizzza")
    assert (missing.code, missing.out) == (1, "")
    assert "'pizzza' is not among the 7 words of axes.txt; did you mean 'pizza'?" in missing.err
    axes.write_text("a 1 2\nb 1\n", encoding="utf-8")
    assert "axes.txt, line 2: 1 numbers instead of 2" in dragoman("words", axes, "near", "a").err
    assert "no run and no file at golve; did you mean 'glove'?" in dragoman("words", "golve", "near", "a").err
    nowhere = dragoman("words", tmp_path / "none", "near", "a")
    assert nowhere.code == 1
    assert "none; give a run's folder, a file of word vectors, or glove" in nowhere.err
    assert "is not a run" in dragoman("words", tmp_path, "near", "a").err


def rows(run: Path) -> NDArray[np.float32]:
    last = json.loads((run / "last.json").read_text())["step"]
    tensors = load_file(run / "checkpoints" / f"{last:08d}" / "model.safetensors")
    return next(value for name, value in tensors.items() if "source_embedding" in name)


def test_a_training_starts_from_word_vectors_and_never_reads_them_again(
    dragoman: Dragoman, axes: Path, tmp_path: Path
) -> None:
    run, plain = tmp_path / "run", tmp_path / "plain"
    train = ["train", "--corpus", "pizzeria", "--preset", "tiny"]
    settings = sets(*PIZZERIA, "training.steps=1", "training.learning_rate=1e-9")
    given = sets(f"model.embeddings={axes}", "model.embeddings_side=source")
    begun = dragoman(*train, run, *settings, *given)
    assert begun.code == 0, begun.err
    told = " ".join(begun.err.split())
    assert "embeddings axes.txt, 4 numbers a word; " in told
    assert "learnt pieces (" in told
    assert dragoman(*train, plain, *settings).code == 0
    changed = (np.abs(rows(run) - rows(plain)) > 1e-6).any(1)
    assert 0 < changed.sum() < len(changed)
    assert np.linalg.norm(rows(run)[changed], axis=1) == pytest.approx(np.ones(changed.sum()), abs=1e-4)

    axes.unlink()
    resumed = dragoman("train", run, "--resume", "--set", "training.steps=2")
    assert resumed.code == 0, resumed.err
    assert np.linalg.norm(rows(run)[changed], axis=1) == pytest.approx(np.ones(changed.sum()), abs=1e-4)
    ending = sets("training.steps=1", "training.threads=1", "training.dtype=float32", "search.beam=1")
    small = sets("pizzeria.train_pairs=200", "pizzeria.valid_pairs=20", "training.learning_rate=1e-9")
    on = dragoman("train", tmp_path / "on", "--corpus", "pizzeria", "--from", run, *ending, *small)
    assert on.code == 0, on.err
    assert "embeddings" not in on.err
    np.testing.assert_allclose(rows(tmp_path / "on"), rows(run), atol=1e-5)


def test_dry_run_tells_the_share_and_a_missing_file_is_told_of_first(
    dragoman: Dragoman, axes: Path, tmp_path: Path
) -> None:
    train = ["train", tmp_path / "run", "--corpus", "pizzeria", *sets(*PIZZERIA, "training.steps=1")]
    shown = dragoman(*train, "--dry-run", "--json", "--set", f"model.embeddings={axes}")
    assert "of 190 learnt pieces" in json.loads(shown.out)["embeddings"]
    missing = dragoman(*train, "--set", "model.embeddings=none.txt")
    assert missing.code == 1
    assert missing.err.strip().startswith("error: no such file: none.txt; give word2vec")
    assert not (tmp_path / "run").exists()
