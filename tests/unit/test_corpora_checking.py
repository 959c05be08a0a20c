"""The checks of a parallel corpus: each kind on lines made by hand, and what must not be called a fault."""

import gzip
import io
import os
import random
import re
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from dragoman.corpora import ParallelText
from dragoman.corpora.checking import FilePairs, Report, TextPairs, TsvPairs, Wishes, check, pairs, scanning
from dragoman.corpora.checking.cleaning import clean
from dragoman.corpora.checking.columns import ColumnFiles, Columns
from dragoman.corpora.checking.hashing import digest
from dragoman.corpora.checking.kinds import KINDS, NAMES, bit, reasons, removing
from dragoman.corpora.checking.language import guess_language, identify, learn_letters, wrong_language
from dragoman.corpora.checking.lengths import learn_ratios
from dragoman.corpora.checking.lines import read_line
from dragoman.corpora.checking.scanning import is_copy
from dragoman.corpora.checking.shifts import _likeliest
from dragoman.corpora.checking.stutters import stuttering
from dragoman.errors import DragomanError

LATIN = frozenset({"LATIN"})


def faults(text: str | bytes, scripts: frozenset[str] = LATIN, escaped: bool = False) -> set[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return {reason.partition(":")[0] for reason in reasons(read_line(raw, escaped, scripts).flags)}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Größe".encode("latin-1"), "not-utf8"),
        (b"cut \xe2\x82", "not-utf8"),
        ("GrÃ¶ÃŸe", "mojibake"),
        ("Itâ€™s here", "mojibake"),
        ("20Â°C warm today", "mojibake"),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚ world", "mojibake"),
        ("lost � sign", "mojibake"),
        ("a\x07b in a word", "control"),
        ("bullet \uf0b7 first", "control"),
        ("two\u2028lines", "control"),
        ("", "empty"),
        ("  \u00a0 ", "empty"),
        ("word " * 251, "long"),
        ("Click <b>here</b> now", "markup"),
        ('<a href="x">link</a> to it', "markup"),
        ("black &amp; white", "markup"),
        ("a&nbsp;b in text", "markup"),
        ("12.50 | 13.70 | 14", "symbols"),
        ("@@", "symbols"),
        ("nooooooooo way", "repeats"),
        ("see page ................ five", "repeats"),
        ("the the the the the the the", "repeats"),
        ("Привет, мир и все", "script"),
    ],
)
def test_a_faulty_line(line: str | bytes, kind: str) -> None:
    assert kind in faults(line)


@pytest.mark.parametrize(
    "line",
    [
        "Größe: 12 m² – „schön“, sagte sie …",
        "CAFÉ” and «NIÑA» and “SÃO PAULO”",
        "L’âge d’or à Paris, été comme hiver",
        "if a < b and c > d then stop",
        "AT&T and R&D were here",
        "Yes.",
        "It costs 1,000 dollars.",
        "very, very, very good indeed",
        "see pages 3...4",
        "The letter Ω is Greek",
        "soft\u00adhyphen",
    ],
)
def test_a_good_line(line: str) -> None:
    assert faults(line) == set()


def test_stuttering_lines_are_found_as_one_by_one() -> None:
    draw = random.Random(2)
    lines = ["".join(draw.choices("aäक.", k=draw.randint(0, 3)) * draw.randint(1, 8)) for _ in range(400)]
    found = stuttering([line.encode() for line in lines])
    slow = {place for place, line in enumerate(lines) if re.search(r"(.)\1{5}", line)}
    assert slow <= found
    assert len(slow) > 20
    assert stuttering([]) == stuttering([b""]) == set()


def test_other_scripts_and_conventions_are_no_faults() -> None:
    hindi = "यह एक अच्छा वाक्य है और इसमें मात्राएँ हैं।"
    assert faults(hindi, frozenset({"DEVANAGARI"})) == set()
    assert faults("これは日本語の文です。", frozenset({"HIRAGANA", "CJK", "KATAKANA"})) == set()
    assert faults("می‌خواهم بروم", frozenset({"ARABIC"})) == set()
    assert faults("it &apos;s black &amp; white", escaped=True) == set()
    assert faults("an untranslated English line", frozenset({"CYRILLIC"})) == {"script"}


TAMIL = (
    "இந்தப் பிரகடனத்தில் கூறப்பட்டுள்ள எல்லா உரிமைகளுக்கும் சுதந்திரங்களுக்கும் ஒவ்வொருவரும் உரித்துடையவர் இனம் நிறம் பால் மொழி மதம் "
    "அரசியல் அல்லது வேறு கருத்து தேசிய அல்லது சமூகத் தோற்றம் ஆதனம் பிறப்பு அல்லது பிற அந்தஸ்து என்பன போன்ற எத்தகைய வேறுபாடுமின்றி"
)


def test_vowel_signs_belong_to_their_words() -> None:
    line = read_line(TAMIL.encode(), False, frozenset({"TAMIL"}))
    assert line.words == TAMIL.casefold().split()
    assert line.flags == 0
    assert read_line("e\u0301te\u0301 می\u200cخواهم".encode(), False, frozenset()).words == [
        "e\u0301te\u0301",
        "می\u200cخواهم",
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("我今天早上去学校上课。", True),
        ("谢谢。", False),
        ("ฉันไปโรงเรียนทุกวันตอนเช้า", True),
        ("ขอบคุณ", False),
        ("Yes, please.", False),
        ("This is the first.", True),
    ],
)
def test_words_are_guessed_where_no_spaces_part_them(line: str, says: bool) -> None:
    assert read_line(line.encode(), False, frozenset()).has_words(4, 20) is says


def test_a_leak_in_a_language_without_spaces(tmp_path: Path) -> None:
    lines = ["我今天早上去学校上课。", "他昨天晚上在家里看书。", "谢谢。"]
    test = tmp_path / "test.zh"
    test.write_text(f"{lines[0]}\n{lines[2]}\n", "utf-8")
    report = check(FilePairs(*files_of(tmp_path, ["one", "two", "three"], lines)), Wishes(against=[test]))
    assert counts(report)["leak"] == 1


def test_the_table_of_kinds() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert 2 * len(KINDS) <= 64
    assert reasons(bit("empty", 1) | bit("copy")) == ["empty:target", "copy"]
    assert removing() & bit("other-target") == 0
    assert removing(frozenset({"copy"})) & bit("copy") == 0


@pytest.mark.parametrize(
    ("source", "target", "copied"),
    [
        ("The dog runs home.", "the dog runs home", True),
        ("A man in a red shirt rides a horse today", "A man in a blue shirt rides a horse today", True),
        ("LibreOffice", "LibreOffice", False),
        ("A man rides a horse", "Ein Mann reitet ein Pferd", False),
        ("12", "12", False),
    ],
)
def test_copies(source: str, target: str, copied: bool) -> None:
    lines = [read_line(side.encode(), False, LATIN) for side in (source, target)]
    assert is_copy(*lines) is copied


def test_ratios_follow_the_corpus() -> None:
    draw = np.random.default_rng(1)
    source = draw.integers(20, 120, 2000)
    target = np.maximum(1, source * 3 * np.exp(draw.normal(0, 0.1, 2000))).astype(int)
    ratios = learn_ratios(np.stack([source, target], axis=1).astype(np.uint16))
    assert ratios.odd(np.array([[50, 150], [50, 50], [50, 450], [0, 9]], dtype=np.uint16)).tolist() == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("count", [5, 40, 99, 400])
def test_few_pairs_of_languages_of_unequal_lengths(count: int) -> None:
    """As of Chinese and English: four times as many letters, and nothing odd about it."""
    draw = np.random.default_rng(2)
    source = draw.integers(8, 60, count)
    target = (source * 4.2 * np.exp(draw.normal(0, 0.12, count))).astype(int)
    lengths = np.stack([source, target], axis=1).astype(np.uint16)
    assert not learn_ratios(lengths).odd(lengths).any()
    if count > 10:
        assert learn_ratios(lengths).odd(np.array([[30, 20], [10, 600]], dtype=np.uint16)).all()


def test_the_likeliest_way_is_the_best_of_all() -> None:
    """Against every way through three states and seven places."""
    odds = np.random.default_rng(3).normal(0, 9, (7, 3))
    ways = np.stack(np.meshgrid(*[range(3)] * 7, indexing="ij"), axis=-1).reshape(-1, 7)
    steps = np.concatenate([np.ones((len(ways), 1), dtype=int), ways], axis=1)
    totals = odds[np.arange(7), ways].sum(axis=1) - 11.0 * (np.diff(steps, axis=1) != 0).sum(axis=1)
    assert _likeliest(odds, 1).tolist() == ways[totals.argmax()].tolist()


def test_languages_are_told_apart(captions: ParallelText) -> None:
    english, german = ([line.encode() for line in side] for side in (captions.source, captions.target))
    assert guess_language(english[:100]) == "en"
    assert guess_language(german[:100]) == "de"
    letters = learn_letters(german, english)
    french = "Un homme avec un chapeau rouge traverse la rue devant le magasin."
    lines = [french.encode(), english[7], german[7]]
    judged = zip(lines, *letters.judge(lines), strict=True)
    found = [wrong_language(line.decode(), "de", float(usual), float(margin)) for line, usual, margin in judged]
    assert found == ["fr", "en", ""]
    assert wrong_language(english[7].decode(), "", -9.0, -1.0) == "the other side's"
    assert wrong_language(german[7].decode(), "", 0.0, 1.0) == ""
    assert next(iter(identify(french))) == "fr"


@pytest.fixture(scope="session")
def captions(data: Path) -> ParallelText:
    """3,000 real pairs without faults."""
    sides = []
    for language in ("en", "de"):
        with gzip.open(data / "multi30k" / f"train.{language}.gz", "rt", encoding="utf-8") as file:
            sides.append([line.rstrip("\n") for _, line in zip(range(3000), file, strict=False)])
    clean = [i for i in range(3000) if "&amp;" not in sides[0][i]]
    return ParallelText([sides[0][i] for i in clean], [sides[1][i] for i in clean], "captions")


def counts(report: Report) -> dict[str, int]:
    return {found.kind.name: found.count for found in report.findings if found.kind.removes}


def test_entities_are_markup_though_there_are_many(captions: ParallelText) -> None:
    """Moses' tokenizer writes every such sign so; a page of the web some, and others as they are."""
    source, target = list(captions.source[:2000]), list(captions.target[:2000])
    for at in range(0, 2000, 25):
        source[at] = source[at].replace(" ", " &amp; ", 1)
        source[at + 1] = f'"{source[at + 1]}'
        source[at + 2] = source[at + 2].replace(" ", " 'old' ", 1)
    report = check(TextPairs(ParallelText(source, target, "web")))
    assert counts(report).get("markup") == 80
    moses = [line.replace("'", "&apos;").replace('"', "&quot;") for line in source]
    assert "markup" not in counts(check(TextPairs(ParallelText(moses, target, "moses"))))


def test_kept_faults_do_not_hide_a_wrong_language(captions: ParallelText) -> None:
    source, target = list(captions.source[:2000]), list(captions.target[:2000])
    for at in range(0, 2000, 100):
        target[at] = f"<b>{source[at + 50]}</b>"
    text = TextPairs(ParallelText(source, target, "tags"))
    assert check(text, Wishes(keep=frozenset({"markup"}))).kept <= 2000 - 18
    assert check(text, Wishes(keep=frozenset({"markup", "language"}))).kept >= 2000 - 3


def test_japanese_in_one_of_its_scripts_is_japanese() -> None:
    lines = [f"これはそのほんです{'よ' * (at % 5)}" for at in range(500)]
    lines[50], lines[150] = "コーヒーメーカー", "東京大学病院前"
    texts = [f"This is sentence number {at} of them" for at in range(500)]
    assert "script" not in counts(check(TextPairs(ParallelText(texts, lines, "ja"))))
    lines[250] = "Кофе и молоко"
    assert counts(check(TextPairs(ParallelText(texts, lines, "ja"))))["script"] == 1


def test_clean_pairs_stay(captions: ParallelText) -> None:
    report = check(TextPairs(captions))
    assert report.languages == ("en", "de")
    assert len(captions) - report.kept <= 3
    assert report.stretches == []


def test_repetitions_and_leaks(captions: ParallelText, tmp_path: Path) -> None:
    source, target = list(captions.source[:500]), list(captions.target[:500])
    source += [source[3], source[4].upper(), source[5]]
    target += [target[3], target[4].upper() + "!", "Etwas ganz anderes steht in dieser Zeile."]
    source[3] = f"{source[3]}\x07"  # its first form is faulty: the later one must stay
    tests = tmp_path / "test.en"
    tests.write_text(f"{source[10]}\n{source[11].lower()}\n", encoding="utf-8")
    report = check(TextPairs(ParallelText(source, target, "x")), Wishes(against=[tests]))
    assert counts(report) == {"control": 1, "near-duplicate": 2, "leak": 1, "near-leak": 1}
    assert {f.kind.name: [e.line for e in f.examples] for f in report.findings} == {
        "control": [4],
        "near-duplicate": [4, 502],
        "leak": [11],
        "near-leak": [12],
        "other-target": [6, 503],
    }
    again = check(TextPairs(ParallelText(source * 2, target * 2, "x")))
    assert counts(again)["duplicate"] + counts(again)["near-duplicate"] == 503 + 2


@pytest.mark.parametrize("shift", [1, -2, 5])
def test_a_shifted_stretch(captions: ParallelText, shift: int) -> None:
    target = list(captions.target)
    part = target[1000:1200]
    target[1000:1200] = part[-shift:] + part[:-shift]
    report = check(TextPairs(ParallelText(captions.source, target, "x")))
    [stretch] = report.stretches
    assert stretch.shift == shift
    assert abs(stretch.first - 1000 - max(0, -shift)) <= 4
    assert abs(stretch.last - 1199 + max(0, shift)) <= 4


def test_unequal_files_are_told_where(captions: ParallelText, tmp_path: Path) -> None:
    files = files_of(tmp_path, captions.source, [*captions.target[:1500], *captions.target[1501:]])
    report = check(FilePairs(*files))
    assert report.counts == (len(captions), len(captions) - 1)
    [note] = report.notes
    assert "a line is missing in the target" in note
    line = int(note.partition("near line ")[2].partition(",  ")[0].split(", from")[0].replace(",", ""))
    assert abs(line - 1501) <= 4
    whole = check(FilePairs(*files_of(tmp_path, captions.source, captions.target[:-1])))
    assert "the lines before do not look shifted" in whole.notes[0]
    half = check(FilePairs(*files_of(tmp_path, captions.source, captions.target[: len(captions) // 3])))
    assert "a shift by so many was not looked for: are these the right two files?" in half.notes[0]


def test_a_corpus_shifted_from_its_first_line_on(captions: ParallelText) -> None:
    report = check(TextPairs(ParallelText(captions.source[:-1], captions.target[1:], "x")))
    [stretch] = report.stretches
    assert (stretch.shift, stretch.first) == (-1, 0) or (stretch.shift == -1 and stretch.first < 5)
    assert stretch.last > len(captions) - 10


def files_of(folder: Path, source: object, target: object) -> tuple[Path, Path]:
    paths = folder / "x.en", folder / "x.de"
    for path, lines in zip(paths, (source, target), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")  # type: ignore[attr-defined]
    return paths


def test_workers_change_nothing(captions: ParallelText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "LARGE", 100)
    monkeypatch.setattr(pairs, "CHUNK", 300)
    target = [line if i % 50 else "" for i, line in enumerate(captions.target)]
    text = FilePairs(*files_of(tmp_path, captions.source, target))
    reports = [check(text, Wishes(workers=workers, clean=tmp_path / str(workers))) for workers in (1, 2)]
    assert reports[0] == reports[1]
    for ending in ("en", "de", "removed.tsv"):
        assert (tmp_path / f"1.{ending}").read_bytes() == (tmp_path / f"2.{ending}").read_bytes()


def test_long_lines_stay_in_bounds(captions: ParallelText, tmp_path: Path) -> None:
    def peak(lines: int) -> int:
        sides = [[" ".join(side[:400])] * lines for side in (captions.source, captions.target)]
        text = FilePairs(*files_of(tmp_path, *sides))
        tracemalloc.start()
        found = check(text, Wishes(("en", "de"), workers=1))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (found.pairs, max(len(one.examples[0].source) for one in found.findings)) == (lines, 1000)
        return used

    identify("loads what the library knows of languages")
    few = peak(120)
    assert (tmp_path / "x.en").stat().st_size > 120 * 20_000
    assert peak(360) < 1.1 * few


def _die(_: object) -> None:
    os._exit(9)


def test_a_dead_worker_is_one_line(captions: ParallelText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "LARGE", 100)
    monkeypatch.setattr(scanning, "_begin", _die)
    with pytest.raises(DragomanError, match="a worker process ended before its work did"):
        check(FilePairs(*files_of(tmp_path, captions.source, captions.target)), Wishes(workers=2))


def test_a_worker_that_dies_while_the_next_is_started(captions: ParallelText, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise ValueError("bad value(s) in fds_to_keep")

    monkeypatch.setattr(scanning, "LARGE", 100)
    monkeypatch.setattr("dragoman.corpora.checking.scanning.ProcessPoolExecutor.submit", closed)
    with pytest.raises(DragomanError, match="a worker process ended before its work did"):
        check(TextPairs(captions), Wishes(workers=2))


def test_tsv_lines_without_one_tab(captions: ParallelText, tmp_path: Path) -> None:
    path = tmp_path / "x.tsv.gz"
    rows = [f"{source}\t{target}" for source, target in zip(captions.source[:50], captions.target[:50], strict=True)]
    rows[7], rows[9] = "no tab in here", rows[9] + "\tmore"
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    report = check(TsvPairs(path), Wishes(clean=tmp_path / "out"))
    assert counts(report)["torn"] == 2
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines() == [*rows[:7], rows[8], *rows[10:]]
    removed = (tmp_path / "out.removed.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[:2] for line in removed] == [["8", "torn,empty:target"], ["10", "torn"]]


def test_a_file_that_grows_meanwhile(captions: ParallelText, tmp_path: Path) -> None:
    text = FilePairs(*files_of(tmp_path, captions.source[:50], captions.target[:50]))

    def grow(stage: str, done: int, total: int) -> None:
        if stage == "reading":
            files_of(tmp_path, captions.source[:60], captions.target[:60])

    with pytest.raises(DragomanError, match="changed while it was read"):
        check(text, Wishes(advance=grow))


def test_the_documents_list_every_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "corpus-check.md").read_text(encoding="utf-8")
    rows = [f"| `{kind.name}` | {kind.what} | {kind.mend} |" for kind in KINDS]
    assert [line for line in page.splitlines() if line in rows] == rows


def test_empty_and_tiny_files(tmp_path: Path) -> None:
    report = check(FilePairs(*files_of(tmp_path, [], [])))
    assert (report.pairs, report.kept, report.findings) == (0, 0, [])
    report = check(FilePairs(*files_of(tmp_path, ["Yes."], ["Ja.", "Nein."])))
    assert (report.pairs, report.kept) == (1, 1)
    assert "the target 2" in report.notes[0]


def test_line_ends_and_marks(tmp_path: Path) -> None:
    source, target = tmp_path / "a.en", tmp_path / "a.de"
    source.write_bytes(b"\xef\xbb\xbfone good line\r\ntwo good lines")
    target.write_bytes(b"eine gute Zeile\r\nzwei gute Zeilen\n")
    assert check(FilePairs(source, target), Wishes(clean=tmp_path / "out")).kept == 2
    assert (tmp_path / "out.en").read_bytes() == b"one good line\ntwo good lines\n"


def test_endings() -> None:
    assert FilePairs(Path("a/train.en.gz"), Path("b/train.de")).endings == ("en", "de")
    assert FilePairs(Path("a.txt"), Path("b.txt")).endings == ("src", "tgt")


def test_digests_are_the_same_everywhere() -> None:
    assert digest("dragoman").hex() == "e59c5adb02cdcdb5"


def numbered(*numbers: int) -> Columns:
    """Pairs whose numbers are these, and one more on the other side."""
    one = np.array(numbers, dtype=np.uint64)
    two = np.stack([one, one + 1], axis=1)
    return Columns(one, one, one, one, two.astype(np.uint16), two.astype(np.uint32), two.astype(np.uint8))


def test_columns_are_read_back_in_parts() -> None:
    with ColumnFiles() as columns:
        assert columns.pairs == 0
        assert columns.read("lengths").shape == (0, 2)
        columns.append(numbered(1, 2, 3))
        columns.append(numbered(4, 5))
        assert columns.read("source").tolist() == [1, 2, 3, 4, 5]
        assert columns.read("flags", slice(2, 4)).tolist() == [3, 4]
        assert columns.read("digits", slice(2, 4)).tolist() == [[3, 4], [4, 5]]
        assert columns.read("ends", slice(4, 99)).tolist() == [[5, 6]]
        assert columns.blocks(2) == [slice(0, 2), slice(2, 4), slice(4, 5)]


def test_a_full_folder_for_temporary_files_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    words = r"cannot write temporary files into {} \({}\); free some space there, or set TMPDIR to another folder$"
    with ColumnFiles() as columns:
        columns._files["source"] = Full()
        with pytest.raises(DragomanError, match=words.format(tempfile.gettempdir(), "No space left on device")):
            columns.append(numbered(1))
    monkeypatch.setattr(tempfile, "tempdir", "/none")
    with pytest.raises(DragomanError, match=words.format("/none", "No such file or directory")):
        ColumnFiles()


def test_a_folder_that_cannot_be_written_to_is_said_though_nothing_can_be_cleared_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    text = TextPairs(ParallelText(["a"], ["b"], "one"))
    files = [tmp_path / name for name in ("x.src", "x.tgt", "x.removed.tsv")]
    with pytest.raises(DragomanError, match=r"cannot write .* \(Read-only file system\); free the disk, or choose"):
        clean(text, files, lambda _: np.zeros(1, np.uint64), 0)


def test_random_bytes_never_break_it(tmp_path: Path) -> None:
    draw = random.Random(4)
    paths = tmp_path / "x.en", tmp_path / "x.de"
    for path in paths:
        path.write_bytes(b"\n".join(draw.randbytes(40).replace(b"\n", b"") for _ in range(300)))
    report = check(FilePairs(*paths), Wishes(clean=tmp_path / "out"))
    assert report.kept <= 3
