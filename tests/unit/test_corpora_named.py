"""Named corpora: names, splits, the list, the real Multi30k, and datasets of the hub's library."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dragoman.config import DataSettings, PizzeriaSettings
from dragoman.corpora import corpus_list, load_named, open_corpus, read_lines
from dragoman.corpora.fetch import files_of, find_file
from dragoman.corpora.names import KINDS, parse_name
from dragoman.errors import DragomanError, UsageError

ROOT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("DRAGOMAN_CORPORA") or ROOT.parent / "shared" / "data")
needs_multi30k = pytest.mark.skipif(
    not (CORPORA / "multi30k").is_dir(),
    reason="needs the folder ../shared/data/multi30k, or DRAGOMAN_CORPORA",
)
SMALL = PizzeriaSettings(train_pairs=50, valid_pairs=20, test_pairs=1000)


@pytest.fixture
def multi30k_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_CORPORA", str(CORPORA))
    monkeypatch.setenv("DRAGOMAN_CACHE", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("multi30k", "multi30k:en-de"),
        ("multi30k-tok:de-fr", "multi30k-tok:de-fr"),
        ("pizzeria", "pizzeria:en-de"),
        ("pizzeria:de-en", "pizzeria:de-en"),
        ("hf:someone/some-set", "hf:someone/some-set"),
        ("hf:someone/some-set:de-en", "hf:someone/some-set:de-en"),
    ],
)
def test_names_mean_a_corpus_and_a_direction(name: str, meant: str) -> None:
    assert str(parse_name(name)) == meant


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("multi30", "no corpus is named 'multi30'; did you mean 'multi30k'?"),
        ("piseria:en-de", "no corpus is named 'piseria'; did you mean 'pizzeria'?"),
        ("wikipedia", "no corpus is named 'wikipedia'; known: hf, multi30k, multi30k-tok, pizzeria"),
        ("multi30k:en-fe", "multi30k has no language pair 'en-fe'; did you mean 'en-fr'?"),
        ("pizzeria:xx", "pizzeria has no language pair 'xx'; known: de-en, en-de"),
        ("hf:", "'hf:' does not name a dataset; write hf:NAME or hf:NAME:SOURCE-TARGET"),
        ("hf:set:german", "'hf:set:german' does not name a dataset; write hf:NAME"),
    ],
)
def test_a_wrong_name_gets_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_named(name, "train")
    assert str(caught.value).startswith(said)


@needs_multi30k
@pytest.mark.usefixtures("multi30k_here")
class TestMulti30k:
    @pytest.mark.parametrize(
        ("split", "count"),
        [
            ("train", 29_000),
            ("valid", 1014),
            ("val", 1014),
            ("test", 1000),
            ("test2016", 1000),
            ("test_2016_flickr", 1000),
        ],
    )
    def test_splits_have_their_published_sizes(self, split: str, count: int) -> None:
        assert len(load_named("multi30k:en-de", split)) == count

    def test_directions_mirror_each_other(self) -> None:
        there, back = load_named("multi30k:en-fr", "valid"), load_named("multi30k:fr-en", "valid")
        assert (there.source, there.target) == (back.target, back.source)
        assert there.name == "multi30k:en-fr valid"
        assert "Des gens" in " ".join(there.target)

    def test_the_tokenized_form_is_lower_cased(self) -> None:
        text = load_named("multi30k-tok", "test")
        assert text.source[0] == "a man in an orange hat starring at something ."
        assert all(line == line.lower() for line in [*text.source, *text.target])

    def test_a_wrong_split_gets_the_nearest(self) -> None:
        with pytest.raises(UsageError, match="multi30k:en-de has no split 'tset'; did you mean 'test'"):
            load_named("multi30k", "tset")
        with pytest.raises(UsageError, match="pizzeria:en-de has no split 'test2016'; did you mean 'test'"):
            load_named("pizzeria", "test2016")

    def test_all_of_it_is_opened_for_training(self) -> None:
        corpus = open_corpus(DataSettings(corpus="multi30k"), SMALL, seed=1)
        assert (corpus.name, len(corpus.train), len(corpus.valid)) == ("multi30k:en-de", 29_000, 1014)
        assert corpus.dropped == 0

    def test_the_pinned_hashes_are_those_of_the_files(self) -> None:
        files = {
            file
            for kind in ("multi30k", "multi30k-tok")
            for p in KINDS[kind]
            for file in files_of(parse_name(f"{kind}:{p}"))
        }
        assert len(files) == 18
        for file in files:
            path = find_file(file)
            assert path is not None
            text = "\n".join([*read_lines(path), ""]).encode()
            assert hashlib.sha256(text).hexdigest() == file.sha256

    def test_the_list_says_where_it_is(self) -> None:
        rows = {row.name: row for row in corpus_list()}
        assert rows["multi30k:en-de"].present
        assert rows["multi30k:en-de"].where == str(CORPORA / "multi30k")
        for split, count in rows["multi30k-tok:fr-de"].pairs.items():
            assert len(load_named("multi30k-tok:fr-de", split)) == count


def test_the_list_names_every_corpus_and_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRAGOMAN_CORPORA", raising=False)
    monkeypatch.setenv("DRAGOMAN_CACHE", str(tmp_path))
    rows = {row.name: row for row in corpus_list()}
    assert [name for name in rows if not name.startswith("hf:")] == [f"{k}:{p}" for k in KINDS for p in KINDS[k]]
    assert not rows["multi30k:en-de"].present
    assert rows["multi30k:en-de"].where.endswith("yet: dragoman corpus fetch multi30k:en-de")
    assert rows["pizzeria:de-en"].present
    assert "pip install datasets" in rows["hf:NAME:SOURCE-TARGET"].where


def test_pizzeria_is_generated_in_both_directions() -> None:
    there = load_named("pizzeria", "valid", SMALL)
    back = load_named("pizzeria:de-en", "val", SMALL)
    assert len(there) == 20
    assert (there.source, there.target) == (back.target, back.source)
    corpus = open_corpus(DataSettings(corpus="pizzeria"), SMALL, seed=1)
    assert (len(corpus.train), len(corpus.valid)) == (50, 20)


def test_without_the_library_the_mend_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DragomanError, match=r"needs the datasets library; install it with: pip install datasets"):
        load_named("hf:someone/some-set", "train")


PAIRS = [("a dog", "ein Hund"), ("two\nlines", "zwei\r\nZeilen"), ("a cat", "eine Katze")]


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library with its caches in the test's folder and no way to the network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    library = pytest.importorskip("datasets", reason="needs the extra `hub`: pip install datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "hf-cache")
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    library.disable_progress_bars()
    return library


def saved(datasets: Any, folder: Path, rows: list[dict[str, Any]], splits: list[str]) -> str:
    datasets.DatasetDict({split: datasets.Dataset.from_list(rows) for split in splits}).save_to_disk(str(folder))
    return f"hf:{folder}"


def test_a_translation_column(datasets: Any, tmp_path: Path) -> None:
    rows = [{"translation": {"en": en, "de": de}} for en, de in PAIRS]
    name = saved(datasets, tmp_path / "set", rows, ["train", "validation", "test"])
    text = load_named(f"{name}:de-en", "valid")
    assert text.source == ["ein Hund", "zwei Zeilen", "eine Katze"]
    assert text.target == ["a dog", "two lines", "a cat"]
    assert load_named(name, "train").source[0] in ("a dog", "ein Hund")
    corpus = open_corpus(DataSettings(corpus=f"{name}:en-de"), SMALL, seed=1)
    assert (len(corpus.train), len(corpus.valid)) == (3, 3)
    with pytest.raises(UsageError, match="has no language 'dr'; known: de, en"):
        load_named(f"{name}:en-dr", "train")
    with pytest.raises(UsageError, match="has no split 'tran'; did you mean 'train'"):
        load_named(name, "tran")


def test_the_translation_feature_with_its_languages(datasets: Any, tmp_path: Path) -> None:
    features = datasets.Features({"translation": datasets.Translation(languages=["de", "en"])})
    rows = [{"translation": {"en": en, "de": de}} for en, de in PAIRS]
    data = datasets.DatasetDict({"train": datasets.Dataset.from_list(rows, features=features)})
    data.save_to_disk(str(tmp_path / "set"))
    assert load_named(f"hf:{tmp_path / 'set'}", "train").source[0] == "ein Hund"


def test_a_configuration_for_each_language_pair(datasets: Any, tmp_path: Path) -> None:
    card = "---\nconfigs:\n"
    for pair, line in (("de-en", "ein Hund,a dog"), ("fr-en", "un chien,a dog")):
        card += f"- config_name: {pair}\n  data_files:\n  - split: train\n    path: {pair}.csv\n"
        (tmp_path / f"{pair}.csv").write_text(f"{pair.replace('-', ',')}\n{line}\n", encoding="utf-8")
    (tmp_path / "README.md").write_text(f"{card}---\n", encoding="utf-8")
    assert load_named(f"hf:{tmp_path}:en-de", "train").target == ["ein Hund"]
    assert load_named(f"hf:{tmp_path}:fr-en", "train").source == ["un chien"]
    with pytest.raises(UsageError, match="has no configuration 'ft-en'; did you mean 'fr-en'"):
        load_named(f"hf:{tmp_path}:ft-en", "train")
    with pytest.raises(UsageError, match=r"has the configurations de-en, fr-en; name one, as in hf:.*:de-en"):
        load_named(f"hf:{tmp_path}", "train")


def test_two_columns_and_no_validation(datasets: Any, tmp_path: Path) -> None:
    rows = [{"id": str(n), "en": en, "de": de} for n, (en, de) in enumerate([*PAIRS, (None, "leer")])]
    name = saved(datasets, tmp_path / "set", rows, ["train"])
    with pytest.raises(UsageError, match=r"has the columns id, en, de; name two, as in .*:en-de"):
        load_named(name, "train")
    corpus = open_corpus(DataSettings(corpus=f"{name}:en-de"), SMALL, seed=1)
    assert (len(corpus.train), len(corpus.valid), corpus.dropped) == (2, 1, 1)


def test_a_folder_of_text_tables(datasets: Any, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "train.csv").write_text("en,de\na dog,ein Hund\na cat,eine Katze\n", encoding="utf-8")
    (folder / "test.csv").write_text("en,de\na cow,eine Kuh\n", encoding="utf-8")
    assert load_named(f"hf:{folder}:en-de", "train").target == ["ein Hund", "eine Katze"]
    assert load_named(f"hf:{folder}", "test").source == ["a cow"]


def test_a_dataset_without_known_splits_is_refused(datasets: Any, tmp_path: Path) -> None:
    name = saved(datasets, tmp_path / "set", [{"en": "a", "de": "b"}], ["extra"])
    with pytest.raises(DragomanError, match="has the splits extra; give a dataset with a split named train"):
        load_named(name, "train")
    only_test = saved(datasets, tmp_path / "test", [{"en": "a", "de": "b"}], ["test"])
    with pytest.raises(DragomanError, match="has no split named train; give another corpus to train on"):
        open_corpus(DataSettings(corpus=only_test), SMALL, seed=1)


def test_a_dataset_that_is_not_there_is_one_line(datasets: Any, tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"cannot open hf:.*none \(.+\); check its name and the network") as caught:
        load_named(f"hf:{tmp_path / 'none'}", "train")
    assert "\n" not in str(caught.value)
