"""Maps: the plane against another library, the labels' places, the files."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from dragoman.errors import DragomanError, UsageError
from dragoman.inspection.label_places import covered, place_labels
from dragoman.inspection.lexicon import nouns, role_pairs
from dragoman.inspection.maps import MapPoint, draw_words, map_text, principal_components, word_map, words_to_show
from dragoman.text.vectors import WordVectors


def clusters() -> WordVectors:
    """Three bundles of ten words each, in twenty dimensions."""
    draw = np.random.default_rng(1)
    centres = np.repeat(np.eye(3, 20), 10, axis=0) * 5
    matrix = (centres + 0.3 * draw.standard_normal((30, 20))).astype(np.float32)
    return WordVectors([f"w{n}" for n in range(30)], matrix, "bundles")


def test_principal_components_are_those_of_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    points = (np.random.default_rng(0).standard_normal((40, 7)) * np.arange(1, 8)).astype(np.float32)
    ours, theirs = principal_components(points), decomposition.PCA(2, svd_solver="full").fit_transform(points)
    for axis in (0, 1):
        sign = np.sign(ours[0, axis] * theirs[0, axis])
        np.testing.assert_allclose(ours[:, axis], sign * theirs[:, axis], atol=1e-4)
        assert ours[np.abs(ours[:, axis]).argmax(), axis] > 0


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_bundles_stay_bundles(method: str) -> None:
    if method == "tsne":
        pytest.importorskip("sklearn", reason="t-SNE needs scikit-learn: pip install scikit-learn")
    points = word_map(clusters(), [f"w{n}" for n in range(30)], method)
    places = np.array([(point.x, point.y) for point in points])
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.diag([np.inf] * 30)
    nearest = distances.argmin(1)
    assert [near // 10 for near in nearest] == [n // 10 for n in range(30)]
    assert points == word_map(clusters(), [f"w{n}" for n in range(30)], method)


def test_three_words_are_enough_and_two_are_not() -> None:
    assert len(word_map(clusters(), ["w1", "w2", "w3"], "pca")) == 3
    if pytest.importorskip("sklearn"):
        assert len(word_map(clusters(), ["w1", "w2", "w3"], "tsne")) == 3
    with pytest.raises(UsageError, match="2 words make no map; give 3 or more"):
        word_map(clusters(), ["w1", "w2", "w2"])


def test_wrong_methods_words_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no method 'tnse'; did you mean 'tsne'"):
        word_map(clusters(), [], "tnse")
    with pytest.raises(DragomanError, match="'x' is not among the 30 words"):
        word_map(clusters(), ["w1", "w2", "x"])
    with pytest.raises(UsageError, match=r"cannot be a '\.gif' file; name it \.png or \.svg"):
        draw_words([], tmp_path / "map.gif", "")
    with pytest.raises(DragomanError, match="cannot write"):
        draw_words(word_map(clusters(), ["w1", "w2", "w3"]), tmp_path / "none" / "map.png", "")
    monkeypatch.setitem(__import__("sys").modules, "sklearn.manifold", None)
    with pytest.raises(DragomanError, match=r"t-SNE needs scikit-learn; install it: pip install scikit-learn"):
        word_map(clusters(), ["w1", "w2", "w3"], "tsne")


def test_a_table_with_the_grammars_nouns_shows_them() -> None:
    listed = [noun.word for noun in nouns("en")]
    words = ["the", "of", *listed[:60]]
    vectors = WordVectors(words, np.eye(len(words), dtype=np.float32), "a table")
    assert words_to_show(vectors) == listed[:60]
    points = {point.word: point for point in word_map(vectors, ["cake", "pizza", "the"])}
    assert (points["pizza"].kind, points["pizza"].gender) == ("food", "f")
    assert (points["the"].kind, points["the"].gender) == ("", "")
    plain = WordVectors(["a", "the", ",", "house", "x1"], np.eye(5, dtype=np.float32), "another")
    assert words_to_show(plain) == ["the", "house"]


def test_the_lexicon_in_both_languages() -> None:
    for language in ("en", "de"):
        known = nouns(language)
        assert len({noun.word for noun in known}) == len(known) == 98
        assert {noun.kind for noun in known} == {"food", "thing", "person"}
    assert ("king", "queen") in role_pairs("en")
    assert ("Kellner", "Kellnerin") in role_pairs("de")
    assert len(role_pairs("en")) == 16


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_pictures(kind: str, tmp_path: Path) -> None:
    points = [
        MapPoint("pizza", 0, 0, "food", "f"),
        MapPoint("$Öfen$ & <Herde>", 1, 2, "", ""),
        MapPoint("man", 2, 1, "person", "m"),
    ]
    path = tmp_path / f"map.{kind}"
    draw_words(points, path, "three $words")
    content = path.read_bytes()
    if kind == "png":
        assert content.startswith(b"\x89PNG")
    else:
        ElementTree.fromstring(content)
        assert b"pizza" in content


def covered_twice(boxes: NDArray[np.float64]) -> float:
    """Pixels that two boxes share, pair by pair, each counted by itself."""
    total = 0.0
    for number, (left, bottom, right, top) in enumerate(boxes):
        for other in boxes[:number]:
            width = min(right, other[2]) - max(left, other[0])
            height = min(top, other[3]) - max(bottom, other[1])
            total += max(0.0, width) * max(0.0, height)
    return total


def test_labels_of_a_crowd_do_not_cover_each_other() -> None:
    dots = np.random.default_rng(3).uniform(10, 790, (60, 2))
    sizes = np.full((60, 2), (40.0, 10.0))
    corners = place_labels(dots, sizes, 4, (0, 0, 800, 800))
    assert covered_twice(np.concatenate([corners, corners + sizes], axis=1)) == 0
    beside = dots + np.array([4, -5])
    assert covered_twice(np.concatenate([beside, beside + sizes], axis=1)) > 100
    assert corners.min() >= 0
    assert (corners + sizes).max() <= 800
    alone = place_labels(np.array([[50.0, 50.0]]), np.array([[40.0, 10.0]]), 4, (0, 0, 100, 100))
    assert alone[0] == pytest.approx([54, 45])


def test_shared_pixels_of_boxes() -> None:
    box = np.array([[0.0, 0, 4, 2]])
    assert covered(box, np.array([[3.0, 1, 9, 9], [4, 0, 9, 9], [1, 1, 2, 2]])).tolist() == [[1, 0, 1]]


def test_the_map_in_letters_shows_where_words_lie() -> None:
    points = [MapPoint("left", -1, 0, "", ""), MapPoint("right", 1, 0, "", ""), MapPoint("top", 0, 1, "", "")]
    assert map_text(points, columns=20, lines=3).splitlines() == ["        top", "", "left           right"]
    same = [MapPoint(word, 0, 0, "", "") for word in ("one", "two", "six", "ten")]
    shown = map_text(same, columns=10, lines=3).split()
    assert sorted(shown) == ["one", "six", "two"]
