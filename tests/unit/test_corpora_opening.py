"""What a training run reads: cleaning, the hold-out, and every contradiction at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.config import DataSettings, PizzeriaSettings
from dragoman.corpora import Corpus, ParallelText, open_corpus
from dragoman.corpora.opening import hold_out
from dragoman.errors import DragomanError, UsageError


def files(folder: Path, source: list[str], target: list[str], stem: str = "t") -> tuple[str, str]:
    paths = folder / f"{stem}.en", folder / f"{stem}.de"
    for path, lines in zip(paths, (source, target), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(paths[0]), str(paths[1])


def numbered(count: int) -> tuple[list[str], list[str]]:
    return [f"sentence {n}" for n in range(count)], [f"Satz {n}" for n in range(count)]


def opened(data: DataSettings, seed: int = 1) -> Corpus:
    return open_corpus(data, PizzeriaSettings(), seed)


def test_files_with_validation_files(tmp_path: Path) -> None:
    source, target = files(tmp_path, ["a", " ", "c", "d"], ["A", "B", "", "D"])
    valid_source, valid_target = files(tmp_path, ["x", ""], ["X", "Y"], "v")
    corpus = opened(DataSettings(source=source, target=target, valid_source=valid_source, valid_target=valid_target))
    assert (corpus.train.source, corpus.train.target) == (["a", "d"], ["A", "D"])
    assert (corpus.valid.source, corpus.valid.target) == (["x"], ["X"])
    assert (corpus.name, corpus.dropped) == ("t.en + t.de", 3)


def test_a_tsv_for_each(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a\tA\nb\tB\n")
    (tmp_path / "v.tsv").write_text("x\tX\n")
    corpus = opened(DataSettings(tsv=str(tmp_path / "t.tsv"), valid_tsv=str(tmp_path / "v.tsv")))
    assert (corpus.train.target, corpus.valid.source) == (["A", "B"], ["x"])


def test_without_validation_text_a_spread_of_pairs_is_held_out(tmp_path: Path) -> None:
    source, target = files(tmp_path, *numbered(1000))
    corpus = opened(DataSettings(source=source, target=target, valid_lines=20))
    assert (len(corpus.train), len(corpus.valid)) == (980, 20)
    assert not set(corpus.train.source) & set(corpus.valid.source)
    held = [int(line.split()[1]) for line in corpus.valid.source]
    assert [number // 50 for number in held] == list(range(20))
    assert [line.split()[1] for line in corpus.valid.target] == [str(number) for number in held]
    same, other = (opened(DataSettings(source=source, target=target, valid_lines=20), seed) for seed in (1, 2))
    assert same == corpus
    assert other.valid != corpus.valid


def test_at_most_a_twentieth_is_held_out(tmp_path: Path) -> None:
    source, target = files(tmp_path, *numbered(100))
    assert len(opened(DataSettings(source=source, target=target)).valid) == 5
    source, target = files(tmp_path, *numbered(2))
    corpus = opened(DataSettings(source=source, target=target))
    assert (len(corpus.train), len(corpus.valid)) == (1, 1)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=200), st.integers(1, 30), st.integers(0, 9))
def test_no_held_out_sentence_stays_in_training(numbers: list[int], wanted: int, seed: int) -> None:
    text = ParallelText([f"s{n}" for n in numbers], [f"t{i}" for i in range(len(numbers))], "drawn")
    count = max(1, min(wanted, len(text) // 20))
    if len(set(numbers)) <= count:  # the hold-out may have them all
        return
    train, valid = hold_out(text, wanted, seed)
    assert not set(train.source) & set(valid.source)
    assert len(valid) == count
    assert set(train.source) | set(valid.source) == set(text.source)


def test_text_without_words_is_refused(tmp_path: Path) -> None:
    nothing = files(tmp_path, [], [], "nothing")
    with pytest.raises(DragomanError, match=r"the corpus is empty \(nothing\.en.*; give at least 2 pairs"):
        opened(DataSettings(source=nothing[0], target=nothing[1]))
    blank = files(tmp_path, ["", " ", "\t"], ["", "x", ""], "blank")
    with pytest.raises(DragomanError, match=r"no pair with words on both sides \(blank\.en.*; give at least 2 pairs"):
        opened(DataSettings(source=blank[0], target=blank[1]))
    good = files(tmp_path, *numbered(9))
    with pytest.raises(DragomanError, match="the validation text is empty"):
        opened(DataSettings(source=good[0], target=good[1], valid_source=nothing[0], valid_target=nothing[1]))


def test_a_corpus_too_small_to_hold_out_is_refused(tmp_path: Path) -> None:
    source, target = files(tmp_path, ["a", ""], ["A", "B"])
    with pytest.raises(DragomanError, match="has only 1 pair to train on; give at least 2 pairs, or validation files"):
        opened(DataSettings(source=source, target=target))
    source, target = files(tmp_path, ["a"] * 50, ["A"] * 50)
    with pytest.raises(DragomanError, match="besides repetitions of those held out for validation; give more pairs"):
        opened(DataSettings(source=source, target=target))


def test_no_validation_at_all_is_refused(tmp_path: Path) -> None:
    source, target = files(tmp_path, *numbered(50))
    with pytest.raises(UsageError, match=r"there is no validation text; set data\.valid_lines to 1 or more"):
        opened(DataSettings(source=source, target=target, valid_lines=0))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DataSettings(), "nothing to train on; give a corpus, source and target, or tsv"),
        (DataSettings(source="a"), "source without target; give both"),
        (DataSettings(target="a"), "target without source; give both"),
        (DataSettings(tsv="a", valid_target="b"), "valid_target without valid_source; give both"),
        (
            DataSettings(corpus="pizzeria", source="a", target="b"),
            "more than one training text (corpus, source and target); give one of them",
        ),
        (
            DataSettings(corpus="pizzeria", tsv="a"),
            "more than one training text (corpus, tsv); give one of them",
        ),
        (
            DataSettings(valid_tsv="v", valid_source="a"),
            "nothing to train on; give a corpus, source and target, or tsv; more than one validation text "
            "(valid_tsv, valid_source and valid_target); give one of them; "
            "valid_source without valid_target; give both",
        ),
    ],
)
def test_contradictions_are_named_all_at_once(data: DataSettings, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        opened(data)
    assert str(caught.value) == said
    assert caught.value.exit_code == 2
