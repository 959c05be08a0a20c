"""`dragoman corpus check` as its users meet it: real captions with faults put in, and input that cannot be used."""

import errno
import gzip
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.corpus_noise import Material, spoil
from dragoman.corpora.checking import pairs
from tests.pipeline.conftest import Result

Dragoman = Callable[..., Result]


@pytest.fixture(scope="session")
def noisy(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with noisy.en, noisy.de, test.en, test.de, and the fault of each pair."""
    folder = tmp_path_factory.mktemp("noisy")
    texts = {}
    for split in ("train", "test_2016_flickr"):
        for language in ("en", "de", "fr"):
            with gzip.open(data / "multi30k" / f"{split}.{language}.gz", "rt", encoding="utf-8") as file:
                texts[split, language] = [line.rstrip("\n") for _, line in zip(range(4000), file, strict=False)]
    train, test = (
        list(zip(texts[split, "en"], texts[split, "de"], strict=True)) for split in ("train", "test_2016_flickr")
    )
    found = spoil(Material(train, texts["train", "fr"], test), 0.01, seed=11)
    for side, language in enumerate(("en", "de")):
        (folder / f"noisy.{language}").write_bytes(b"".join(pair[side] + b"\n" for pair in found.pairs))
        (folder / f"test.{language}").write_text("".join(f"{pair[side]}\n" for pair in test), encoding="utf-8")
    return folder, found.kinds


def fails(result: Result, code: int, *words: str) -> None:
    line = result.err.strip()
    assert (result.code, result.out) == (code, "")
    assert line.startswith("error: ")
    assert "\n" not in line
    assert all(word in line for word in words), line


def test_what_was_put_in_is_found(dragoman: Dragoman, noisy: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, kinds = noisy
    files = [folder / "noisy.en", folder / "noisy.de"]
    tests = ["--against", folder / "test.en", "--against", folder / "test.de"]
    result = dragoman("corpus", "check", *files, *tests, "--clean", tmp_path / "out", "--json")
    assert (result.code, result.err) == (0, "")
    *events, verdict = [json.loads(line) for line in result.out.splitlines()]
    assert {kind for kind in kinds if kind} <= {event["kind"] for event in events if event["event"] == "fault"}
    assert (verdict["source_language"], verdict["target_language"]) == ("en", "de")
    rows = (tmp_path / "out.removed.tsv").read_text(encoding="utf-8").split("\n")[:-1]
    named = {int(row.split("\t")[0]) - 1: row.split("\t")[1] for row in rows}
    faulty = {place for place, kind in enumerate(kinds) if kind}
    assert len(faulty & named.keys()) >= 0.97 * len(named)
    assert len(faulty & named.keys()) >= 0.97 * len(faulty)
    for kind in set(kinds) - {""}:
        places = [place for place, one in enumerate(kinds) if one == kind]
        assert sum(kind in named.get(place, "") for place in places) >= 0.8 * len(places), kind
    kept = [(tmp_path / f"out.{language}").read_bytes().split(b"\n")[:-1] for language in ("en", "de")]
    assert len(kept[0]) == len(kept[1]) == verdict["kept"] == len(kinds) - len(named)
    lines = files[0].read_bytes().split(b"\n")
    assert kept[0] == [lines[place] for place in range(len(kinds)) if place not in named]


def test_the_table_and_the_verdict(dragoman: Dragoman, noisy: tuple[Path, list[str]]) -> None:
    folder, kinds = noisy
    result = dragoman("corpus", "check", folder / "noisy.en", folder / "noisy.de", "--keep", "copy")
    assert result.code == 0
    assert "copy (kept)" in result.out
    assert f"of {len(kinds):,} pairs would be kept" in result.out.splitlines()[-1]


def test_text_cannot_steer_the_terminal(dragoman: Dragoman, tmp_path: Path) -> None:
    for name in ("a.en", "a.de"):
        (tmp_path / name).write_text("[red]a \x1b[31m bold[/red] [/b] line\n", encoding="utf-8")
    result = dragoman("corpus", "check", tmp_path / "a.en", tmp_path / "a.de")
    assert result.code == 0
    assert "\x1b" not in result.out
    assert "[red]a <1b>[31m bold[/red] [/b] line" in result.out


def test_what_is_no_text_file(dragoman: Dragoman, tmp_path: Path) -> None:
    good = tmp_path / "good.en"
    good.write_text("one line\n", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"some text\n" * 99)[:-9])
    (tmp_path / "wide").write_bytes("ein Text\n".encode("utf-16"))
    (tmp_path / "empty.gz").touch()
    for name, words in {
        "missing": "no such file",
        ".": "is a folder",
        "pipe": "is a pipe or device",
        "cut.gz": "not a whole gzip file",
        "empty.gz": "not a whole gzip file",
        "wide": "iconv -f utf-16",
    }.items():
        fails(dragoman("corpus", "check", good, tmp_path / name), 1, words)
        fails(dragoman("corpus", "check", good, good, "--against", tmp_path / name), 1, words)
        fails(dragoman("corpus", "check", "--tsv", tmp_path / name), 1, words)
    for place in ("/dev/zero", tmp_path / "pipe"):
        words = f"{place} is a pipe or device; a check reads more than once: save it as a file first"
        fails(dragoman("corpus", "check", place, good), 1, words)


def test_a_tsv_with_one_column_or_three(dragoman: Dragoman, tmp_path: Path) -> None:
    tsv = tmp_path / "pairs.tsv"
    tsv.write_text("a dog\tein Hund\nno tab\none\teins\tuno\na cat\teine Katze\n", encoding="utf-8")
    result = dragoman("corpus", "check", "--tsv", tsv, "--clean", tmp_path / "out", "--json")
    assert (result.code, result.err) == (0, "")
    faults = [json.loads(line) for line in result.out.splitlines()]
    torn = next(fault for fault in faults if fault.get("kind") == "torn")
    assert torn["count"] == 2
    told = dragoman("corpus", "check", "--tsv", tsv).out
    assert "a TSV line without exactly one tab; put one tab between source and target" in told
    assert "3: one | eins<09>uno" in told
    assert "2 of 4 pairs would be kept" in told
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8") == "a dog\tein Hund\na cat\teine Katze\n"


def test_wrong_usage(dragoman: Dragoman, tmp_path: Path) -> None:
    good = tmp_path / "good.en"
    good.write_text("one line\n", encoding="utf-8")
    fails(dragoman("corpus", "check"), 2, "give SRC and TGT")
    fails(dragoman("corpus", "check", good), 2, "give SRC and TGT")
    fails(dragoman("corpus", "check", good, good, "--tsv", good), 2, "give SRC and TGT")
    fails(dragoman("corpus", "check", good, good, "--keep", "copie"), 2, "did you mean 'copy'?")
    fails(dragoman("corpus", "check", "--corpus", "multi30q"), 2, "did you mean 'multi30k'?")
    for option in ("--source-language", "--target-language"):
        said = "'german' is no language's code; give two or three letters, such as en"
        fails(dragoman("corpus", "check", good, good, option, "german"), 2, said)
    # Large letters serve; so does a code that the language guesser does not know.
    told = dragoman("corpus", "check", good, good, "--source-language", "EN", "--target-language", "xx").out
    assert "good.en + good.en: 1 pair, en to unknown" in told
    assert "1 of 1 pair would be kept" in told


def test_an_endless_line_is_not_read(dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "LINE_LIMIT", 1000)
    for name, line in (("a.en", 1001), ("a.de", 1000)):
        (tmp_path / name).write_text(f"good\n{'x' * line}", encoding="utf-8")
    fails(dragoman("corpus", "check", tmp_path / "a.en", tmp_path / "a.de"), 1, "a.en, line 2 is longer than 1,000")
    assert dragoman("corpus", "check", tmp_path / "a.de", tmp_path / "a.de").code == 0


def test_a_gibibyte_in_one_line_and_a_small_gzip_file_of_it(dragoman: Dragoman, tmp_path: Path) -> None:
    good = tmp_path / "good.en"
    good.write_text("one\ntwo\n", encoding="utf-8")
    (tmp_path / "hole").write_bytes(b"one\n")
    os.truncate(tmp_path / "hole", 2**30)
    (tmp_path / "zeros.gz").write_bytes(gzip.compress(b"one\n" + bytes(2**25)))
    for name in ("hole", "zeros.gz"):
        words = f"{name}, line 2 is longer than 16,777,216 bytes; give a text file with one sentence a line"
        fails(dragoman("corpus", "check", good, tmp_path / name), 1, words)
        fails(dragoman("corpus", "check", "--tsv", tmp_path / name), 1, words)


def test_nothing_is_overwritten(dragoman: Dragoman, tmp_path: Path) -> None:
    for name in ("a.en", "a.de", "out.de"):
        (tmp_path / name).write_text("one good line\n", encoding="utf-8")
    call = ["corpus", "check", tmp_path / "a.en", tmp_path / "a.de", "--clean"]
    fails(dragoman(*call, tmp_path / "out"), 1, "out.de is there already")
    fails(dragoman(*call, tmp_path / "none" / "out"), 1, "no such folder")
    for folder in (tmp_path, ".", "..", "/", ""):
        fails(dragoman(*call, folder), 1, "is a folder; give the beginning of the files' names")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.de", "a.en", "out.de"]


def test_a_full_disk(dragoman: Dragoman, tmp_path: Path) -> None:
    for name in ("a.en", "a.de"):
        (tmp_path / name).write_text("one good line, and a long one\n" * 1000, encoding="utf-8")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Enough for what is noted of each pair, too little for the pairs.
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        result = dragoman("corpus", "check", tmp_path / "a.en", tmp_path / "a.de", "--clean", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    fails(result, 1, f"{os.strerror(errno.EFBIG)}); free the disk, or choose another place")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.de", "a.en"]


def test_cells_of_a_spreadsheet(dragoman: Dragoman, tmp_path: Path) -> None:
    cells = [f'"sentence {number} is here"\t"hier ist Satz {number}"\n' for number in range(50)]
    for name, share in (("all", 50), ("few", 10)):
        plain = [cell.replace('"', "") for cell in cells[share:]]
        (tmp_path / f"{name}.tsv").write_text("".join(cells[:share] + plain), encoding="utf-8")
        result = dragoman("corpus", "check", "--tsv", tmp_path / f"{name}.tsv")
        assert ("nearly every line stands in quotation marks" in " ".join(result.out.split())) is (name == "all")


def test_cleaning_leaves_other_files_alone(dragoman: Dragoman, tmp_path: Path) -> None:
    for name in ("a.en", "a.de", "out.en.part"):
        (tmp_path / name).write_text(f"one good line of {name}\n" * 3, encoding="utf-8")
    (tmp_path / "out.de.part").symlink_to(tmp_path / "a.de")
    assert dragoman("corpus", "check", tmp_path / "a.en", tmp_path / "a.de", "--clean", tmp_path / "out").code == 0
    assert (tmp_path / "out.en.part").read_text() == "one good line of out.en.part\n" * 3
    assert (tmp_path / "a.de").read_text() == "one good line of a.de\n" * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.de", "a.en", "out.de", "out.de.part", "out.en", "out.en.part", "out.removed.tsv",
    ]  # fmt: skip


def test_named_corpora(dragoman: Dragoman) -> None:
    result = dragoman("corpus", "check", "--corpus", "pizzeria:en-de", "--split", "valid")
    assert result.code == 0
    assert "500 of 500 pairs would be kept" in result.out
