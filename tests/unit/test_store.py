"""The store on the disk: what is written comes back, whatever was killed, cut off or exchanged in between."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dragoman.batches import store as store_module
from dragoman.batches.epochs import Epoch, Epochs
from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.batches.store import PairStore, id_type, store_pairs, temporary_pairs
from dragoman.config import BatchSettings, DataSettings, PizzeriaSettings, TextSettings
from dragoman.corpora import Corpus, ParallelText, open_corpus
from dragoman.corpora.lines import Lines
from dragoman.corpora.mapping import GrowingFile
from dragoman.corpora.sealed import read_seal
from dragoman.corpora.stored import StoredCorpus, store_corpus
from dragoman.errors import DragomanError
from dragoman.text import Tokenizers, line_seed

COUNT = 700
ODD = ["Größe: 12 m²", "日本 語", "a\u2028b c", "  two  spaces ", "x\ry"]


def pairs_of_lines() -> tuple[list[str], list[str]]:
    draw = random.Random(3)
    words = ["the", "dog", "sees", "a", "cat", "and", "runs", "home", "again", "number"]
    source = [" ".join(draw.choices(words, k=draw.randint(1, 12))) + f" {n}" for n in range(COUNT)]
    target = [" ".join(draw.choices(words, k=draw.randint(1, 12))) + f" {n}" for n in range(COUNT)]
    for at, line in enumerate(ODD):
        source[100 * at + 7] = line
    source[300], target[301] = "", " "
    source[400] = source[401] = source[402]
    return source, target


@pytest.fixture
def data(tmp_path: Path) -> DataSettings:
    for name, lines in zip(("t.en", "t.de"), pairs_of_lines(), strict=True):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    return DataSettings(source=str(tmp_path / "t.en"), target=str(tmp_path / "t.de"), valid_lines=30)


@pytest.fixture(scope="module")
def tokenizers() -> Tokenizers:
    source, target = pairs_of_lines()
    return Tokenizers.learn(source, target, TextSettings(vocabulary_size=340), seed=1)


def stored(folder: Path, data: DataSettings, told: list[str] | None = None) -> StoredCorpus:
    tell = (lambda _: None) if told is None else told.append
    return store_corpus(folder, data, PizzeriaSettings(), 1, tell)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same(one: Corpus, other: Corpus) -> bool:
    sides = [(list(c.train.source), list(c.train.target), c.valid, c.name, c.dropped) for c in (one, other)]
    return sides[0] == sides[1]


def test_the_stored_text_is_the_text(tmp_path: Path, data: DataSettings) -> None:
    """Empty and held-out pairs left out, in both ways alike; the second time from the disk alone."""
    plain = open_corpus(data, PizzeriaSettings(), 1)
    first = stored(tmp_path / "store", data).corpus
    assert same(plain, first)
    assert len(plain.train) < COUNT - 30
    (tmp_path / "t.en").unlink()
    assert same(plain, stored(tmp_path / "store", data).corpus)


def test_lines_are_a_sequence(tmp_path: Path, data: DataSettings) -> None:
    lines = stored(tmp_path / "store", data).corpus.train.source
    assert isinstance(lines, Lines)
    plain = list(lines)
    assert lines == plain
    assert lines != [*plain[:-1], "another"]
    assert lines[5:9] == plain[5:9]
    assert lines[-1] == plain[-1]
    assert lines[9:5] == []
    assert lines.take([3, 1, 3]) == [plain[3], plain[1], plain[3]]
    kept = np.arange(len(plain)) % 3 == 0
    assert list(lines.where(kept)) == plain[::3]
    whole = Lines.open(tmp_path / "store", "train.source")
    assert whole[100:220] == pairs_of_lines()[0][100:220]
    with pytest.raises(IndexError):
        lines[len(plain)]


def test_a_named_corpus_is_stored_too(tmp_path: Path) -> None:
    data, settings = DataSettings(corpus="pizzeria:de-en"), PizzeriaSettings(train_pairs=60, valid_pairs=20)
    found = store_corpus(tmp_path / "store", data, settings, 1, lambda _: None)
    assert same(open_corpus(data, settings, 1), found.corpus)
    assert found.files == []


def test_ids_come_back(tmp_path: Path, data: DataSettings, tokenizers: Tokenizers) -> None:
    text = stored(tmp_path / "text", data).corpus.train
    pairs = store_pairs(tmp_path / "ids", text, tokenizers, 12)
    source, target = tokenizers.source.encode(list(text.source)), tokenizers.target.encode(list(text.target))
    fits = [n for n in range(len(text)) if len(source[n]) < 12 and len(target[n]) < 12]
    assert 0 < len(fits) < len(text)
    assert pairs.numbers.tolist() == fits
    assert pairs.sources == [source[n] for n in fits]
    assert list(pairs.targets) == [target[n] for n in fits]
    assert pairs.too_long == len(text) - len(fits)
    assert pairs.lines("target", np.array([4, 2])) == [text.target[fits[4]], text.target[fits[2]]]
    again = store_pairs(tmp_path / "ids", text, tokenizers, 12)
    assert again.sources == pairs.sources
    assert (tmp_path / "ids" / "source.ids").stat().st_size == 2 * sum(len(source[n]) for n in fits)


def test_an_id_takes_two_bytes_where_all_fit() -> None:
    assert [id_type(size).itemsize for size in (300, 65536, 65537)] == [2, 2, 4]


class Killed(BaseException):
    """Stands for the end of the process."""


def killing(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The write that brings the sum to `after` bytes is cut there, and nothing follows."""
    left = [after]
    append = GrowingFile.append

    def cut(self: GrowingFile, data: bytes | memoryview) -> None:
        if len(data) > left[0]:
            append(self, data[: left[0]])
            self.flush()
            raise Killed
        left[0] -= len(data)
        append(self, data)

    monkeypatch.setattr(GrowingFile, "append", cut)


def test_killed_at_any_byte_and_resumed_is_the_same_to_the_byte(
    tmp_path: Path, data: DataSettings, tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "PAIRS_AT_ONCE", 64)

    def build(folder: Path) -> None:
        text = stored(folder / "text", data)
        store_pairs(folder / "ids", text.corpus.train, tokenizers, 40, text.key)

    build(tmp_path / "whole")
    whole = {part: contents(tmp_path / "whole" / part) for part in ("text", "ids")}
    size = sum(len(content) for part in whole.values() for content in part.values())
    draw = random.Random(11)
    kills, resumed_later = 0, 0
    for trial in range(25):
        folder = tmp_path / f"killed{trial}"
        for _ in range(4):
            with monkeypatch.context() as patched:
                killing(patched, draw.randrange(size))
                try:
                    build(folder)
                except Killed:
                    kills += 1
                    resumed_later += (folder / "ids" / "journal.json").exists()
        build(folder)
        assert {part: contents(folder / part) for part in ("text", "ids")} == whole
        shutil.rmtree(folder)
    assert kills > 25
    assert resumed_later > 5


def test_a_resumed_tokenizing_does_not_begin_anew(
    tmp_path: Path, data: DataSettings, tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "PAIRS_AT_ONCE", 64)
    text = stored(tmp_path / "text", data).corpus.train
    encode = type(tokenizers.source).encode
    calls: list[int] = []

    def counted(self: object, lines: list[str]) -> list[list[int]]:
        if len(calls) == 6:
            raise Killed
        calls.append(len(lines))
        return encode(self, lines)  # type: ignore[arg-type]

    monkeypatch.setattr(type(tokenizers.source), "encode", counted)
    with pytest.raises(Killed):
        store_pairs(tmp_path / "ids", text, tokenizers, 40)
    monkeypatch.setattr(type(tokenizers.source), "encode", encode)
    calls.clear()
    note = json.loads((tmp_path / "ids" / "journal.json").read_text())
    assert note["facts"]["pairs"] == 3 * 64
    store_pairs(tmp_path / "ids", text, tokenizers, 40)


@pytest.mark.parametrize("damage", ["cut", "altered", "gone", "longer"])
@pytest.mark.parametrize("name", ["text/train.source.txt", "ids/target.ids"])
def test_a_damaged_store_is_told_and_made_anew(
    damage: str, name: str, tmp_path: Path, data: DataSettings, tokenizers: Tokenizers
) -> None:
    folder, told = tmp_path / "store", list[str]()

    def build() -> PairStore:
        text = stored(folder / "text", data, told)
        return store_pairs(folder / "ids", text.corpus.train, tokenizers, 40, text.key, told.append)

    before = build()
    whole = contents(folder / "ids"), contents(folder / "text")
    path = folder / name
    content = path.read_bytes()
    middle = len(content) // 2
    changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.unlink()
    if damage != "gone":
        path.write_bytes({"cut": content[:-5], "altered": changed, "longer": content + b"x"}[damage])
    again = build()
    assert len(told) == 1
    assert name.split("/")[1] in told[0]
    assert told[0].endswith(("the store is built anew", "tokenized anew"))
    assert (contents(folder / "ids"), contents(folder / "text")) == whole
    assert again.sources == before.sources


@pytest.mark.parametrize("part", ["text", "ids"])
def test_a_damaged_seal_is_told_and_made_anew(
    part: str, tmp_path: Path, data: DataSettings, tokenizers: Tokenizers
) -> None:
    told = list[str]()

    def build() -> PairStore:
        text = stored(tmp_path / "text", data, told)
        return store_pairs(tmp_path / "ids", text.corpus.train, tokenizers, 40, text.key, told.append)

    before = build()
    seal = tmp_path / part / "seal.json"
    whole = seal.read_bytes()
    for place in range(0, len(whole), 37):
        seal.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert build().sources == before.sources
        assert all(str(tmp_path / part) in message for message in told)
        assert len(told) <= 1  # 0: the format is another now, or the blanks between the words
        told.clear()
    seal.write_bytes(whole[:-9])
    build()
    assert told[0].startswith(f"{seal} is damaged; ")


def test_anothers_store_is_not_taken(tmp_path: Path, data: DataSettings, tokenizers: Tokenizers) -> None:
    text, told = stored(tmp_path / "text", data).corpus.train, list[str]()
    first = store_pairs(tmp_path / "ids", text, tokenizers, 40)
    other = Tokenizers.learn(text.source, text.target, TextSettings(vocabulary_size=320), seed=1)
    second = store_pairs(tmp_path / "ids", text, other, 40, tell=told.append)
    assert told == [f"{tmp_path / 'ids'} was made from another text or other settings; tokenized anew"]
    assert second.sources != first.sources
    with pytest.raises(DragomanError, match="another text or other settings"):
        read_seal(tmp_path / "ids", "another key")


def test_a_temporary_store_leaves_nothing(
    tmp_path: Path, tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source, target = pairs_of_lines()
    pairs = temporary_pairs(ParallelText(source, target, "text"), tokenizers, 256)
    assert list(tmp_path.iterdir()) == []
    assert pairs.sources[5] == tokenizers.source.encode([source[5]])[0]


def as_it_was(source: list[list[int]], target: list[list[int]], budget: int, seed: int) -> list[list[int]]:
    """The batches of a corpus that was held in lists: one pair after the other, as long as the batch holds it."""
    lengths = np.array([len(row) + 1 for row in source]), np.array([len(row) + 1 for row in target])
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(source))
    order = order[np.lexsort((lengths[0][order], lengths[1][order]))]
    batches: list[list[int]] = [[]]
    for pair in order.tolist():
        together = [*batches[-1], pair]
        widths = [max(int(side[each]) for each in together) for side in lengths]
        if len(together) > 1 and (len(together) * widths[1] > budget or len(together) * widths[0] > 2 * budget):
            together = [pair]
            batches.append([])
        batches[-1] = together
    return [batches[at] for at in draw.permutation(len(batches))]


def same_batch(one: PairBatch, other: PairBatch) -> bool:
    tensors = [(b.source.ids, b.source.lengths, b.target_in, b.target_out, b.target_lengths) for b in (one, other)]
    return all(a.dtype == b.dtype and a.equal(b) for a, b in zip(*tensors, strict=True))


@pytest.mark.parametrize("sampling", [0.0, 0.2])
def test_a_corpus_of_one_window_is_cut_as_it_was_in_memory(sampling: float, tokenizers: Tokenizers) -> None:
    source, target = pairs_of_lines()
    pairs = temporary_pairs(ParallelText(source, target, "text"), tokenizers, 40)
    kept = pairs.numbers.tolist()
    epochs = Epochs(pairs, tokenizers, BatchSettings(target_tokens=150), sampling, seed=9)
    for number in (0, 3):
        seeds = [line_seed(9, number, n) for n in kept]
        rows = [
            tokenizer.sample([lines[n] for n in kept], sampling, seeds)
            for tokenizer, lines in ((tokenizers.source, source), (tokenizers.target, target))
        ]
        expected = as_it_was(rows[0], rows[1], 150, line_seed(9, number, -1))
        epoch = epochs.epoch(number)
        assert [batch.tolist() for batch in epoch.batches] == expected
        for at, chosen in enumerate(expected):
            by_hand = pair_batch([rows[0][i] for i in chosen], [rows[1][i] for i in chosen])
            assert same_batch(epoch.batch(at), by_hand)
    epochs.close()


def test_no_sampled_cut_is_longer_than_a_sentence_may_be(tokenizers: Tokenizers) -> None:
    """Or a batch would hold what no other may, and learned positions would end."""
    source, target = pairs_of_lines()
    pairs = temporary_pairs(ParallelText(source, target, "text"), tokenizers, 40)
    longest = []
    for most in (40, 4000):
        epochs = Epochs(pairs, tokenizers, BatchSettings(target_tokens=5000, longest=most), 0.9, seed=9)
        longest.append(epochs.epoch(0).longest)
        epochs.close()
    assert longest[0] <= 40 < longest[1]


def windows_of(epochs: Epochs, number: int) -> Iterator[Epoch]:
    place = (number, 0)
    while place[0] == number:
        epoch = epochs.epoch(*place)
        yield epoch
        place = epoch.next


@pytest.mark.parametrize("sampling", [0.0, 0.2])
def test_windows_hold_every_pair_once_in_a_new_order(sampling: float, tokenizers: Tokenizers) -> None:
    source, target = pairs_of_lines()
    pairs = temporary_pairs(ParallelText(source, target, "text"), tokenizers, 40)
    settings = BatchSettings(target_tokens=150, window=128)
    epochs = Epochs(pairs, tokenizers, settings, sampling, seed=9)
    assert epochs.windows == -(-len(pairs) // 128)
    decoded, drawn = [], []
    for number in (0, 1):
        windows = list(windows_of(epochs, number))
        assert [window.window for window in windows] == list(range(epochs.windows))
        assert sum(window.part for window in windows) == pytest.approx(1)
        rows = [window.sources[i] for window in windows for batch in window.batches for i in batch]
        decoded.append(tokenizers.source.decode(rows))
        drawn.append([sum(map(len, window.batches)) for window in windows])
        assert max(drawn[-1]) - min(drawn[-1]) <= 1
        for window in windows:
            for at in range(len(window.batches)):
                batch = window.batch(at)
                assert len(batch.target_out) == 1 or batch.target_out.numel() <= 150
        assert windows[0].pass_batches == pytest.approx(sum(len(w.batches) for w in windows), rel=0.15)
        assert windows[0].pass_tokens[1] == pytest.approx(sum(w.tokens[1] for w in windows), rel=0.15)
    assert decoded[0] != decoded[1]
    whole = tokenizers.source.decode(list(pairs.sources))
    assert sorted(decoded[0]) == sorted(decoded[1]) == sorted(whole)
    epochs.close()


@pytest.mark.parametrize("sampling", [0.0, 0.2])
def test_any_window_is_found_at_once(sampling: float, tokenizers: Tokenizers) -> None:
    """A training that goes on there sees the batches that it would have seen."""
    source, target = pairs_of_lines()
    pairs = temporary_pairs(ParallelText(source, target, "text"), tokenizers, 40)
    settings = BatchSettings(target_tokens=150, window=100)
    walked = Epochs(pairs, tokenizers, settings, sampling, seed=4)
    all_windows = {(w.number, w.window): w for number in (0, 1, 2) for w in windows_of(walked, number)}
    for place in [(2, 3), (1, 0), (0, 5)]:
        fresh = Epochs(pairs, tokenizers, settings, sampling, seed=4)
        found, expected = fresh.epoch(*place), all_windows[place]
        assert len(found.batches) == len(expected.batches)
        assert all(same_batch(found.batch(at), expected.batch(at)) for at in range(len(found.batches)))
        fresh.close()
        after = fresh.epoch(*found.next)
        expected = all_windows.get(found.next, expected)
        if found.next in all_windows:
            assert all(same_batch(after.batch(at), expected.batch(at)) for at in range(len(after.batches)))
    walked.close()


def test_the_shares_of_real_tokens_by_hand(tokenizers: Tokenizers) -> None:
    source, target = ["dog", "dog dog dog"], ["cat cat", "cat cat"]
    pairs = temporary_pairs(ParallelText(source, target, "text"), tokenizers, 40)
    epoch = Epochs(pairs, tokenizers, BatchSettings(target_tokens=1000), 0.0, seed=1).epoch(0)
    lengths = [[len(row) + 1 for row in rows] for rows in (pairs.sources, pairs.targets)]
    assert len(epoch.batches) == 1
    assert epoch.tokens == (sum(lengths[0]), sum(lengths[1]))
    assert epoch.longest == max(*lengths[0], *lengths[1])
    assert epoch.real_shares == (sum(lengths[0]) / (2 * max(lengths[0])), 1.0)


MEMORY = """
import ctypes
import gc
import sys
from pathlib import Path
from dragoman.batches.epochs import Epochs
from dragoman.batches.store import store_pairs
from dragoman.config import BatchSettings, DataSettings, PizzeriaSettings
from dragoman.corpora.stored import store_corpus
from dragoman.text import Tokenizers

def resident():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon"))) * 1024

folder = Path(sys.argv[1])
tokenizers = Tokenizers.load(folder)

def first_batch(name):
    data = DataSettings(tsv=str(folder / f"{name}.tsv"), valid_tsv=str(folder / "small.tsv"))
    stored = store_corpus(folder / name / "text", data, PizzeriaSettings(), 1, lambda _: None)
    pairs = store_pairs(folder / name / "ids", stored.corpus.train, tokenizers, 256, stored.key)
    epochs = Epochs(pairs, tokenizers, BatchSettings(window=20_000), 0.0, 1)
    for window in range(3):
        epochs.epoch(0, window % epochs.windows).batch(0)
    return epochs

kept = first_batch("small")
kept = first_batch("middle")
before = len(kept.pairs), resident()
kept = first_batch("large")
print(resident() - before[1], len(kept.pairs) - before[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell how memory is used")
def test_memory_grows_by_few_bytes_a_pair(tmp_path: Path, tokenizers: Tokenizers) -> None:
    tokenizers.save(tmp_path)
    for name, count in (("small", 20_000), ("middle", 100_000), ("large", 400_000)):
        with (tmp_path / f"{name}.tsv").open("w", encoding="utf-8") as file:
            file.writelines(f"the dog {n}\tcat {n % 977}\n" for n in range(count))
    done = subprocess.run([sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=True)
    grown, pairs = map(int, done.stdout.split())
    print(f"{grown / pairs:.1f} bytes a pair")
    assert pairs == 300_000
    # Lists of strings and ids take more than 500. With millions of pairs it is at most 16 (`benchmarks/store.py`); of
    # these few the heap's own noise, some MiB either way, is the greater part.
    assert grown / pairs <= 40
