"""Learning a vocabulary, its size, its sampled cuts, its files and what can be wrong with them."""

import functools
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.config.settings import TextSettings
from dragoman.errors import DragomanError, UsageError
from dragoman.text import Tokenizer, Tokenizers, learn_tokenizer, line_seed, tokenizer_from_bytes
from dragoman.text.learning import sampled

Kind = Literal["bpe", "unigram", "character", "word"]
Rule = Literal["identity", "nfkc"]

RULES: tuple[Rule, ...] = ("identity", "nfkc")
KINDS: tuple[Kind, ...] = ("bpe", "unigram", "character", "word")
ANIMALS = ["dog", "cat", "horse", "bird", "squirrel", "elephant", "hedgehog", "butterfly"]
VERBS = ["plays", "sleeps", "waits", "jumps", "quarrels", "wanders"]
PLACES = ["snow", "garden", "street", "kitchen", "mountain", "library"]
ENGLISH = [f"the {a} {v} with a {a} in the {p}." for a in ANIMALS for v in VERBS for p in PLACES]
TIERE = ["Hund", "Kätzchen", "Vögel", "Eichhörnchen", "Schmetterling"]
ORTE = ["Schnee", "Garten", "Bibliothek", "Gebirge"]
GERMAN = [f"{a} ▁ und {b} spielen  gern im {c}!" for a in TIERE for b in TIERE for c in ORTE]


@functools.cache
def ready(kind: Kind, rule: Rule = "nfkc") -> Tokenizer:
    return learn_tokenizer(ENGLISH, TextSettings(kind=kind, vocabulary_size=300, normalisation=rule), seed=1)


def learnt(kind: Kind, size: int, lines: list[str] = ENGLISH) -> Tokenizer:
    return learn_tokenizer(lines, TextSettings(kind=kind, vocabulary_size=size), seed=1)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_seed_draws_one_cut_and_an_epoch_another(kind: Kind) -> None:
    cutter = ready(kind)
    first, again, other = (
        cutter.sample(ENGLISH, 0.3, [line_seed(1, epoch, line) for line in range(len(ENGLISH))]) for epoch in (1, 1, 2)
    )
    assert first == again
    assert sum(one != two for one, two in zip(first, other, strict=True)) > len(ENGLISH) / 2
    assert cutter.decode(first) == cutter.decode(other) == ENGLISH


@pytest.mark.parametrize("kind", KINDS)
def test_share_zero_is_encode(kind: Kind) -> None:
    cutter = ready(kind)
    assert cutter.sample(ENGLISH, 0.0, range(len(ENGLISH))) == cutter.encode(ENGLISH)


@pytest.mark.parametrize("kind", ["character", "word"])
def test_kinds_with_one_cut_sample_it(kind: Kind) -> None:
    cutter = ready(kind)
    assert cutter.sample(ENGLISH, 0.5, range(len(ENGLISH))) == cutter.encode(ENGLISH)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_sampled_cut_depends_on_its_own_seed_alone(kind: Kind) -> None:
    cutter = ready(kind)
    seeds = [0, 2**32 - 1, 2**32, 2**70, *range(4, len(ENGLISH))]
    together = cutter.sample(ENGLISH, 0.3, seeds)
    backwards = zip(reversed(ENGLISH), reversed(seeds), strict=True)
    assert [cutter.sample([line], 0.3, [seed])[0] for line, seed in backwards] == together[::-1]
    assert len({str(cutter.sample(["a hedgehog"], 0.5, [2**32 - 1])) for _ in range(20)}) == 1
    elsewhere: list[list[int]] = []
    thread = threading.Thread(target=lambda: elsewhere.extend(cutter.sample(ENGLISH, 0.3, seeds)))
    thread.start()
    thread.join()
    assert elsewhere == together


def test_a_larger_share_drops_more_merges() -> None:
    cutter = ready("bpe")
    tokens = [sum(map(len, cutter.sample(ENGLISH, share, range(len(ENGLISH))))) for share in (0.0, 0.1, 0.5, 0.9)]
    assert tokens == sorted(set(tokens))


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    line=st.text(st.sampled_from("the dogplyin▁\0 \t👩\u200d雪é"), max_size=40),
    share=st.floats(0, 0.99),
    seed=st.integers(0, 2**64),
)
def test_a_sampled_cut_decodes_to_the_same_line(kind: Kind, line: str, share: float, seed: int) -> None:
    for rule in RULES:
        cutter = ready(kind, rule)
        assert cutter.decode(cutter.sample([line], share, [seed])) == cutter.decode(cutter.encode([line]))


def test_line_seed_is_stable_and_spread() -> None:
    assert line_seed(1, 2, 3) == 247416202
    seeds = {line_seed(s, e, n) for s in range(10) for e in range(10) for n in range(100)}
    assert len(seeds) > 9_990
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize("kind", KINDS)
def test_learning_twice_gives_the_same_bytes(kind: Kind) -> None:
    assert learnt(kind, 300).to_bytes() == ready(kind).to_bytes()


def test_the_sample_is_even_deterministic_and_reads_once() -> None:
    def lines() -> Iterator[str]:
        for number in range(2000):
            yield f"line {number}"
            yield "  "

    first = sampled(lines(), 500, seed=1)
    assert first == sampled(lines(), 500, seed=1)
    assert first != sampled(lines(), 500, seed=2)
    assert len(set(first)) == 500
    quarters = Counter(int(line.split()[1]) // 500 for line in first)
    assert all(90 < quarters[quarter] < 160 for quarter in range(4))
    assert sampled(iter(["a", "", "b"]), 5, seed=1) == ["a", "b"]


def test_lines_like_documents_are_sampled_by_their_beginning() -> None:
    words, letters = ["word " * 1_000_000] * 20, ["x" * 1_000_000] * 20
    assert {len(line) for line in sampled(words + letters, 40, seed=1)} == {1_999, 2_000}
    assert all(set(line.split()) == {"word"} for line in sampled(words, 40, seed=1))


def test_the_vocabulary_comes_from_the_sample_alone() -> None:
    choice = TextSettings(kind="word", vocabulary_size=100_000, sample_lines=20)
    cutter = learn_tokenizer((f"word{'abcdefghij'[n % 10] * (n // 10 + 1)}" for n in range(500)), choice, seed=1)
    assert cutter.size == 260 + 20


def test_a_long_line_is_learnt_too() -> None:
    cutter = learnt("bpe", 310, [" ".join(["extraordinary circumstances"] * 5000), "a few other words"])
    assert cutter.pieces(cutter.encode(["extraordinary"])[0]) == ["▁extraordinary"]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "character"])
def test_a_space_is_a_token_even_where_it_is_rare(kind: Kind) -> None:
    cutter = learnt(kind, 265, ["㌀" * 1000])
    assert cutter.decode(cutter.encode(["a b"])) == ["a b"]
    assert "▁" in cutter.pieces(cutter.encode(["a b"])[0])


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_too_large_a_vocabulary_names_the_largest(kind: Kind) -> None:
    with pytest.raises(UsageError, match=r"vocabulary_size=8000 is more than this text can fill") as caught:
        learnt(kind, 8000)
    message = str(caught.value)
    found = re.search(r"; its largest is (\d+): set text.vocabulary_size=\1 or less$", message)
    assert found is not None, message
    assert learnt(kind, int(found[1])).size == int(found[1])
    with pytest.raises(UsageError, match=f"its largest is {found[1]}"):
        learnt(kind, int(found[1]) + 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 100, 260])
def test_too_small_a_vocabulary_names_the_smallest(kind: Kind, size: int) -> None:
    with pytest.raises(UsageError, match=f"text.vocabulary_size={size} is less than the special tokens") as caught:
        learnt(kind, size)
    found = re.search(r"; its smallest is (\d+): set text.vocabulary_size=\1 or more$", str(caught.value))
    assert found is not None, str(caught.value)
    assert learnt(kind, int(found[1])).size == int(found[1])
    if kind != "word":
        assert learnt(kind, int(found[1]) + 5).smallest == int(found[1])


@pytest.mark.parametrize("kind", ["character", "word"])
def test_characters_and_words_take_what_there_is(kind: Kind) -> None:
    assert 260 < learnt(kind, 8000).size < 330


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lines", [[], ["", "  ", "\t"]])
def test_no_text_is_said(kind: Kind, lines: list[str]) -> None:
    with pytest.raises(DragomanError, match=r"^no text to learn a vocabulary from: give files that have"):
        learnt(kind, 300, lines)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "character"])
def test_text_of_removed_characters_alone_is_no_text(kind: Kind) -> None:
    with pytest.raises(DragomanError, match=r"^no text to learn a vocabulary from"):
        learnt(kind, 300, ["\x01\x02"])


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_bring_the_tokenizer_back(kind: Kind) -> None:
    before = ready(kind)
    after = tokenizer_from_bytes(before.to_bytes())
    assert after.to_bytes() == before.to_bytes()
    assert after.size == before.size
    assert after.encode(GERMAN) == before.encode(GERMAN)
    seeds = range(len(GERMAN))
    assert after.sample(GERMAN, 0.2, seeds) == before.sample(GERMAN, 0.2, seeds)


def test_the_file_is_a_sentencepiece_model() -> None:
    cutter = ready("bpe")
    plain = sentencepiece.SentencePieceProcessor(model_proto=cutter.to_bytes())
    assert [plain.pad_id(), plain.unk_id(), plain.bos_id(), plain.eos_id()] == [0, 1, 2, 3]
    assert plain.encode(ENGLISH) == cutter.encode(ENGLISH)
    assert plain.decode(cutter.encode(ENGLISH)) == ENGLISH


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_is_saved_and_loaded(tmp_path: Path, kind: Kind, joint: bool) -> None:
    size = 298 if kind == "unigram" else 305
    choice = TextSettings(kind=kind, vocabulary_size=size, joint=joint, normalisation="identity")
    pair = Tokenizers.learn(ENGLISH, iter(GERMAN), choice, seed=1)
    Tokenizers.learn(ENGLISH, GERMAN, TextSettings(kind="word", joint=not joint), seed=1).save(tmp_path / "run")
    pair.save(tmp_path / "run")
    names = ["tokenizer.model"] if joint else ["tokenizer.source.model", "tokenizer.target.model"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == names
    loaded = Tokenizers.load(tmp_path / "run")
    assert loaded.joint == pair.joint == joint
    assert loaded.source.encode(ENGLISH) == pair.source.encode(ENGLISH)
    assert loaded.target.decode(loaded.target.encode(GERMAN)) == GERMAN
    assert (loaded.source.encode(GERMAN) == loaded.target.encode(GERMAN)) == joint


def test_a_whole_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_size))
    Tokenizers.learn(ENGLISH, GERMAN, TextSettings(kind="word"), seed=1).save(tmp_path)
    assert flushed == [(tmp_path / "tokenizer.model").stat().st_size]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_named(tmp_path: Path, kind: Kind) -> None:
    data = ready(kind).to_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    for damaged in (
        b"",
        b"{}",
        b"[1]",
        b"{",
        b"no tokenizer",
        data[:middle],
        data[:-1],
        data + b"x",
        flipped,
    ):
        path = tmp_path / "tokenizer.model"
        path.write_bytes(damaged)
        expected = f"^{re.escape(str(path))}: damaged, or not a tokenizer that dragoman wrote: copy it anew"
        with pytest.raises(DragomanError, match=expected):
            Tokenizers.load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DragomanError, match=r"tokenizer\.model is missing: copy the whole folder of the run"):
        Tokenizers.load(tmp_path)
    Tokenizers.learn(ENGLISH, GERMAN, TextSettings(kind="word", joint=False), seed=1).save(tmp_path)
    (tmp_path / "tokenizer.target.model").unlink()
    with pytest.raises(DragomanError, match=r"tokenizer\.target\.model is missing: copy the whole folder"):
        Tokenizers.load(tmp_path)


def test_a_folder_in_the_files_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").mkdir()
    with pytest.raises(DragomanError, match=r"tokenizer\.model cannot be read .*: mend that, or copy the run anew"):
        Tokenizers.load(tmp_path)


def test_text_imports_neither_torch_nor_sentencepiece() -> None:
    code = "import sys, dragoman.text; print({'torch', 'sentencepiece'} & sys.modules.keys())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
