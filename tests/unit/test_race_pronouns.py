"""Pronouns by distance: balanced sentences, a slow twin, several trainings, who is refused."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from dragoman.config import Settings
from dragoman.corpora.pizzeria import generate, words
from dragoman.errors import DragomanError
from dragoman.race import pronouns
from dragoman.race.pronouns import DISTANCES, interval, measure_pronouns, stretched
from dragoman.race.quality import TrainedRun
from dragoman.runs import Run
from dragoman.translation.loading import load
from tests.unit.conftest import RUN, SETTINGS

GOLDEN = TrainedRun("transformer", 1, RUN)
DRAWN = 1000


def changed(path: Path, section: str, **values: object) -> TrainedRun:
    """A copy of the stored run with other settings."""
    shutil.copytree(RUN, path)
    run = Run.open(path)
    settings = run.settings
    run.save_settings(Settings(**{**vars(settings), section: replace(getattr(settings, section), **values)}))
    return TrainedRun("rnn", 1, path)


def test_the_sentences_reach_beyond_training_and_are_balanced() -> None:
    train = [pair.pronoun for pair in generate("train", SETTINGS) if pair.pronoun]
    buckets = stretched(SETTINGS, 40, DRAWN)
    assert [bucket.distance for bucket in buckets] == list(DISTANCES)
    seen = {(pronoun.antecedent, pronoun.predicate) for pronoun in train}
    for bucket in buckets:
        found = [pair.pronoun for pair in bucket.pairs if pair.pronoun]
        assert len(found) == len(bucket.pairs) <= 40
        assert sum(pronoun.position for pronoun in found) == len(found) / 2
        assert all(bucket.distance[0] <= pronoun.distance <= bucket.distance[1] for pronoun in found)
        assert not {(pronoun.antecedent, pronoun.predicate) for pronoun in found} & seen
    assert buckets[-1].distance[0] > max(pronoun.distance for pronoun in train)


def test_the_figures_are_those_of_a_plain_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pronouns, "DISTANCES", (DISTANCES[0], DISTANCES[-1]))
    told: list[str] = []
    run = replace(changed(tmp_path / "greedy", "search", beam=1), contestant="transformer")
    found = measure_pronouns([run], sentences=6, drawn=DRAWN, tell=told.append)
    assert told == ["pronouns of transformer, seed 1"]
    translator = load(run.path)
    buckets = stretched(SETTINGS, 6, DRAWN)
    assert found["distances"] == [list(bucket.distance) for bucket in buckets]
    rows = found["contestants"]["transformer"]
    for row, bucket in zip(rows, buckets, strict=True):
        right, preferred = [], []
        for pair in bucket.pairs:
            assert pair.pronoun is not None
            own = {"m": "er", "f": "sie", "n": "es"}[pair.pronoun.gender]
            text = translator.translate([pair.source])[0].text
            said = [word for word in words(text.lower()) if word in ("er", "sie", "es")]
            right.append(said[-1:] == [own])
            scores = {}
            for word in ("er", "sie", "es"):
                written = words(pair.target)
                written[pair.pronoun.target_index] = word
                line = " ".join(written).replace(" ,", ",").replace(" .", ".")
                if pair.target[0] != line[0] or ". " in line:
                    line = ". ".join(part[:1].upper() + part[1:] for part in line.split(". "))
                scores[word] = translator.score([pair.source], [line])[0].log_probability
            preferred.append(max(scores, key=lambda word: scores[word]) == own)
        assert row["sentences"] == len(bucket.pairs)
        assert row["right"] == np.mean(right)
        assert row["preferred"] == np.mean(preferred)
        assert (row["low"], row["high"]) == interval(row["right"], row["sentences"])
    assert found["trained_up_to"] == max(p.pronoun.distance for p in generate("train", SETTINGS) if p.pronoun)
    assert set(found["shortcuts"]) == set(found["shortcuts_by_distance"])
    for name in ("always-first-noun", "always-nearest-noun"):
        assert found["shortcuts"][name] == 0.5
        assert found["shortcuts_by_distance"][name] == [0.5] * len(buckets)
    assert found["shortcuts"]["best-guess-by-predicate"] < 0.45


def test_several_trainings_are_averaged_sentence_by_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = stretched(SETTINGS, 4, DRAWN)
    rights = {1: [True, True, False, False], 2: [True, False, False, False]}
    monkeypatch.setattr(pronouns, "_hits", lambda run, _: [np.array([rights[run.seed], [True] * 4]) for _ in buckets])
    found = measure_pronouns([GOLDEN, replace(GOLDEN, seed=2)], sentences=4, drawn=DRAWN)
    row = found["contestants"]["transformer"][0]
    assert (row["right"], row["sentences"], row["preferred"]) == (0.375, 4, 1)
    assert (row["low"], row["high"]) == interval(0.375, 4)
    assert (row["preferred_low"], row["preferred_high"]) == interval(1, 4)


@pytest.mark.parametrize(
    ("right", "sentences", "bounds"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_intervals_are_those_of_the_literature(right: int, sentences: int, bounds: tuple[float, float]) -> None:
    """Newcombe 1998, table I, method 3; and turned round."""
    assert interval(right / sentences, sentences) == pytest.approx(bounds, abs=5e-5)
    assert interval(1 - right / sentences, sentences) == pytest.approx((1 - bounds[1], 1 - bounds[0]), abs=5e-5)


def test_faults_end_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"^no runs to measure; give at least one run of pizzeria:en-de$"):
        measure_pronouns([])
    other = changed(tmp_path / "other", "data", corpus="multi30k:en-de")
    words = r"other was trained on multi30k:en-de, which does not say what \*it\* means; give a run of pizzeria:en-de$"
    with pytest.raises(DragomanError, match=words):
        measure_pronouns([other])
    files = changed(tmp_path / "files", "data", corpus="", source="a", target="b")
    with pytest.raises(DragomanError, match=r"files was trained on files, which does not say"):
        measure_pronouns([files])
    turned = changed(tmp_path / "turned", "data", corpus="pizzeria:de-en")
    with pytest.raises(DragomanError, match=r"turned was trained on pizzeria:de-en, which does not say"):
        measure_pronouns([turned])
    unlike = changed(tmp_path / "unlike", "pizzeria", fillers=3)
    words = r"unlike and .* were trained on different pizzeria sentences; give runs with the same pizzeria settings$"
    with pytest.raises(DragomanError, match=words):
        measure_pronouns([GOLDEN, unlike])
    assert asdict(Run.open(unlike.path).settings.pizzeria)["fillers"] == 3
