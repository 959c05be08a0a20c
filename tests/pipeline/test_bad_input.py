"""Bad input gets one clear line and the mend, never a traceback, and loses nothing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.conftest import SMALL, Result, files, sets

Dragoman = Callable[..., Result]


def fails(result: Result, code: int, *words: str) -> None:
    """One line on stderr with these words, and the exit code."""
    line = result.err.removesuffix("\n")
    assert result.code == code
    assert line.startswith("error: ")
    assert "\n" not in line
    for word in words:
        assert word in line


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_missing_file(dragoman: Dragoman, tmp_path: Path) -> None:
    result = dragoman(
        "train", tmp_path / "r", "--source", tmp_path / "no.en", "--target", tmp_path / "no.de", "--minutes", 1
    )
    fails(result, 1, "no such file", "no.en")
    assert not (tmp_path / "r").exists()


def test_unequal_counts_are_both_said(dragoman: Dragoman, tmp_path: Path) -> None:
    source, target = write(tmp_path / "s", "a", "b", "c"), write(tmp_path / "t", "x", "y")
    result = dragoman("train", tmp_path / "r", "--source", source, "--target", target, "--minutes", 1)
    fails(result, 1, "3", "2", "lines")


def test_not_utf8_says_the_line(dragoman: Dragoman, trained: Path, tmp_path: Path) -> None:
    bad = tmp_path / "latin1"
    bad.write_bytes(b"eins\nzwei\n" + "Käse\n".encode("latin-1"))
    target = write(tmp_path / "t", "1", "2", "3")
    result = dragoman("train", tmp_path / "r", "--source", bad, "--target", target, "--minutes", 1)
    fails(result, 1, "line 3", "UTF-8", "latin1")
    translated = dragoman("translate", trained, bad, "--beam", 1)
    assert translated.code == 1
    assert "line 3 is not UTF-8" in translated.err
    assert len(translated.out.splitlines()) == 2


@pytest.mark.parametrize("content", [[], ["", " ", ""]])
def test_empty_corpus(content: list[str], dragoman: Dragoman, tmp_path: Path) -> None:
    source, target = write(tmp_path / "s", *content), write(tmp_path / "t", *content)
    result = dragoman("train", tmp_path / "r", "--source", source, "--target", target, "--minutes", 1)
    fails(result, 1, "corpus")
    assert not (tmp_path / "r").exists()


def test_empty_lines_and_a_10000_word_line_are_left_out_aloud(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "s", tmp_path / "t"
    source.write_text((lines / "train.en").read_text() + "\n" + "dog " * 10_000 + "\nA dog.\n", encoding="utf-8")
    target.write_text((lines / "train.de").read_text() + "leer\n" + "Hund " * 10_000 + "\n\n", encoding="utf-8")
    result = dragoman(
        "train", tmp_path / "r", "--source", source, "--target", target, *sets(*SMALL, "training.steps=1")
    )
    assert result.code == 0
    told = " ".join(result.err.split())
    assert "2 empty" in told
    assert "1 longer than 256 tokens" in told
    assert "570 pairs to train on, 30 to validate on" in told
    assert "are left out" not in told


def test_many_pairs_that_are_too_long_are_warned_of(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    result = dragoman("train", tmp_path / "r", *files(lines), *sets(*SMALL, "training.steps=1", "batches.longest=20"))
    assert result.code == 0
    told = " ".join(result.err.split())
    kept, long = (int(re.search(rf"(\d+) {what}", told)[1]) for what in ("pairs to train on", "longer than 20 tokens"))  # type: ignore[index]
    assert kept + long == 600
    assert f"{long} of 600 pairs are longer than batches.longest=20 tokens and are left out; raise it, or cut" in told
    assert f"It has seen {kept} pairs" in (tmp_path / "r" / "model-card.md").read_text()


def test_a_10000_word_line_is_translated_in_parts(dragoman: Dragoman, trained: Path, tmp_path: Path) -> None:
    write(tmp_path / "long", "A dog.", "dog " * 10_000, "A cat.")
    result = dragoman("translate", trained, tmp_path / "long", "--beam", 1)
    assert result.code == 0
    assert len(result.out.splitlines()) == 3
    assert "line 2: cut into" in result.err


def test_a_corpus_smaller_than_a_batch(dragoman: Dragoman, tmp_path: Path) -> None:
    source = write(tmp_path / "s", *(f"number {n}" for n in range(8)))
    target = write(tmp_path / "t", *(f"Zahl {n}" for n in range(8)))
    small = [*SMALL[1:], "text.vocabulary_size=285", "training.steps=2"]
    assert dragoman("train", tmp_path / "r", "--source", source, "--target", target, *sets(*small)).code == 0


def test_a_vocabulary_larger_than_the_text(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    result = dragoman("train", tmp_path / "r", *files(lines), "--minutes", 1, "--set", "text.vocabulary_size=50000")
    fails(result, 2, "text.vocabulary_size=50000 is more than this text can fill", "set text.vocabulary_size=")


def test_validation_text_of_which_no_pair_fits(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    """Its loss would be that of nothing."""
    long = write(tmp_path / "long", "dog " * 300)
    given = ["--source", lines / "train.en", "--target", lines / "train.de", *sets(*SMALL, "training.steps=1")]
    result = dragoman("train", tmp_path / "r", *given, "--valid-source", long, "--valid-target", long)
    fails(result, 1, "every validation pair is longer than batches.longest=256 tokens; raise it, or give shorter ones")
    assert not (tmp_path / "r").exists()


def test_a_model_larger_than_the_memory(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    huge = sets(*SMALL, "model.d_model=2000000000", "training.steps=1")
    fails(dragoman("train", tmp_path / "r", *files(lines), *huge), 1, "not enough memory for a model", "model.d_model")
    assert not (tmp_path / "r").exists()


def test_misspelt_names_get_the_nearest(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    path = tmp_path / "r"
    fails(dragoman("train", path, *files(lines), "--set", "search.beams=3"), 2, "did you mean 'search.beam'?")
    fails(dragoman("train", path, *files(lines), "--preset", "smal"), 2, "did you mean 'small'?")
    fails(dragoman("train", path, "--corpus", "multi30", "--minutes", 1), 2, "multi30k")
    fails(dragoman("settings", "beams"), 2, "no setting's name holds beams")
    fails(dragoman("translate", path, "--bean", 3), 2, "--bean")
    fails(dragoman("trian"), 2, "trian")


def test_all_faults_at_once(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    wrong = sets("model.heads=3", "text.joint=false", "search.beam=five", "modell.d_ff=1")
    result = dragoman("train", tmp_path / "r", *files(lines), "--minutes", 1, *wrong)
    fails(result, 2, "model.d_model", "model.tie", "search.beam", "modell")


def test_nothing_ends_the_training(dragoman: Dragoman, lines: Path, tmp_path: Path) -> None:
    fails(dragoman("train", tmp_path / "r", *files(lines)), 2, "nothing ends the training", "training.minutes")


def test_contradicting_options(dragoman: Dragoman, trained: Path, lines: Path, tmp_path: Path) -> None:
    fails(dragoman("train", trained, "--resume", "--preset", "tiny"), 2, "leave --preset away")
    from_ = ["train", tmp_path / "r", *files(lines), "--from", trained, "--minutes", 1]
    fails(dragoman(*from_, "--set", "model.d_ff=8"), 2, "--from takes shape and vocabulary", "model.d_ff=8")
    text = lines / "valid.en"
    fails(dragoman("train", trained, "--resume", "--dry-run"), 2, "leave --dry-run and --from away")
    fails(dragoman("train", trained, "--checkpoint", 8), 2, "add --resume")
    fails(dragoman("evaluate", trained), 2, "give --source and --reference, or --corpus")
    fails(dragoman("evaluate", trained, "--corpus", "pizzeria", "--source", "x"), 2, "not both")
    fails(
        dragoman("evaluate", trained, "--tokenize", "13b"),
        2,
        "'13b' is none of 13a, intl, zh, char, none; did you mean '13a'?",
    )
    fails(dragoman("evaluate", trained, "--corpus", "pizzeria", "--split", "tset"), 2, "did you mean 'test'?")
    fails(dragoman("score", trained, "--source", "x"), 2, "--source and --target")
    fails(dragoman("translate", trained, "--checkpoint", "bset"), 2, "neither best nor last nor a step")
    fails(dragoman("translate", trained, text, "--n-best", 3, "--beam", 2), 2, "raise the beam to at least 3")
    fails(dragoman("translate", trained, text, "--beam", 0), 2, "choose 1 (greedy) or more")


def test_a_resumed_training_keeps_its_settings(dragoman: Dragoman, trained: Path, lines: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.en"
    given = sets("model.d_ff=128", "training.threads=2", "training.steps=30")
    asked = ["--source", other, "--corpus", "pizzeria", *given]
    fails(
        dragoman("train", trained, "--resume", *asked),
        2,
        f"data.source is {lines / 'train.en'} in the run, {other} was given",
        "data.corpus is empty in the run, pizzeria was given",
        "model.d_ff is 64 in the run, 128 was given",
        "training.threads is 1 in the run, 2 was given",
        "start a new run",
    )


@pytest.mark.parametrize(("line", "said"), [("no tab", "no tab in the line"), ("a\tb\tc", "2 tabs in the line")])
def test_a_tsv_with_one_column_or_three(line: str, said: str, dragoman: Dragoman, tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.tsv", "a\tb", "c\td"), write(tmp_path / "bad.tsv", "a\tb", line)
    for given in (["--tsv", bad], ["--tsv", good, "--valid-tsv", bad]):
        result = dragoman("train", tmp_path / "r", *given, "--minutes", 1)
        fails(result, 1, f"bad.tsv, line 2: {said}; put exactly one tab between source and target")
        assert not (tmp_path / "r").exists()


def test_not_a_run(dragoman: Dragoman, tmp_path: Path, lines: Path) -> None:
    for verb in (["translate"], ["evaluate", "--corpus", "pizzeria"], ["score", "--tsv", "x.tsv"]):
        result = dragoman(verb[0], lines, *verb[1:])
        if verb[0] != "score":
            fails(result, 1, "is not a run")
    fails(dragoman("train", lines, *files(lines), "--minutes", 1, *sets(*SMALL)), 1, "is not empty and not a run")
    fails(dragoman("translate", tmp_path / "nothing"), 1, "no run at")
    fails(dragoman("train", tmp_path / "nothing", "--resume"), 1, "no run at")


def test_a_run_of_a_newer_version(dragoman: Dragoman, trained: Path, tmp_path: Path) -> None:
    newer = shutil.copytree(trained, tmp_path / "newer")
    config = (newer / "config.yaml").read_text()
    (newer / "config.yaml").write_text(config.replace("format: 1", "format: 9", 1) + "later: {x: 1}\n")
    fails(dragoman("translate", newer), 1, "run format 9", "update dragoman")
    fails(dragoman("train", newer, "--resume"), 1, "run format 9", "update dragoman")


@pytest.mark.parametrize("damage", ["truncated", "tampered", "missing"])
def test_a_damaged_checkpoint_is_named_and_another_offered(
    damage: str, dragoman: Dragoman, trained: Path, lines: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(trained, tmp_path / "copy")
    best = json.loads((copy / "best.json").read_text())["step"]
    weights = copy / "checkpoints" / f"{best:08d}" / "model.safetensors"
    content = weights.read_bytes()
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(content[:-100] if damage == "truncated" else content[:-1] + bytes([content[-1] ^ 1]))
    other = next(step for step in (24, 16, 8) if step != best)
    fails(dragoman("translate", copy), 1, "model.safetensors", f"use --checkpoint {other}")
    mended = dragoman("translate", copy, lines / "valid.en", "--checkpoint", other, "--beam", 1)
    assert mended.code == 0


def test_a_damaged_tokenizer(dragoman: Dragoman, trained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / "copy")
    (copy / "tokenizer.model").write_bytes((copy / "tokenizer.model").read_bytes()[:500])
    fails(dragoman("translate", copy), 1, "tokenizer.model")


def test_a_full_disk_keeps_the_checkpoint_before(lines: Path, tmp_path: Path) -> None:
    """The file size limit stands for the disk: the second checkpoint's optimizer file does not fit."""
    settings = sets(*SMALL, "training.steps=4", "training.validate_every=2", "training.keep=2")
    code = (
        "import resource, signal, sys\n"
        "from dragoman.cli.main import run\n"
        "from dragoman.training.safety import saving\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "first = saving.save_checkpoint\n"
        "def save(run_, step, *rest):\n"
        "    if step > 2: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "    return first(run_, step, *rest)\n"
        "saving.save_checkpoint = save\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    path = tmp_path / "r"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", str(path), *files(lines), *settings],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot save checkpoint 4" in done.stderr
    assert "checkpoint 2 is still the newest" in done.stderr
    assert [entry.name for entry in (path / "checkpoints").iterdir()] == ["00000002"]
    again = subprocess.run(
        [sys.executable, "-m", "dragoman", "train", str(path), "--resume"], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0
    assert (path / "checkpoints" / "00000004").is_dir()


def start_training(path: Path, lines: Path) -> subprocess.Popen[str]:
    """Starts a long training in another process and waits for its first update."""
    settings = sets(*SMALL, "training.steps=100000", "training.log_every=1")
    process = subprocess.Popen(
        [sys.executable, "-m", "dragoman", "train", str(path), *files(lines), *settings],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (path / "metrics.jsonl").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_a_second_training_is_refused(
    number: signal.Signals, dragoman: Dragoman, lines: Path, tmp_path: Path
) -> None:
    path = tmp_path / "r"
    process = start_training(path, lines)
    fails(dragoman("train", path, "--resume"), 1, "is being trained by another process", str(process.pid))
    os.kill(process.pid, number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "go on with --resume" in " ".join(told.split())
    step = json.loads((path / "last.json").read_text())["step"]
    assert dragoman("train", path, "--resume", "--set", f"training.steps={step + 1}").code == 0
    assert json.loads((path / "last.json").read_text())["step"] == step + 1


def test_translations_never_take_the_place_of_their_text(dragoman: Dragoman, trained: Path, tmp_path: Path) -> None:
    text = write(tmp_path / "my.en", "A dog.", "A cat.")
    (tmp_path / "link").symlink_to(text)
    for out in (text, tmp_path / "link"):
        result = dragoman("translate", trained, text, "--out", out)
        fails(result, 1, f"{out} is the text that is read, and writing would empty it; give --out another name")
    command = [sys.executable, "-m", "dragoman", "translate", str(trained), "--out", str(text)]
    with text.open() as redirected:
        told = subprocess.run(command, stdin=redirected, capture_output=True, text=True, check=False)
    assert (told.returncode, "is the text that is read" in " ".join(told.stderr.split())) == (1, True)
    assert text.read_text() == "A dog.\nA cat.\n"


def test_an_unwritable_place(dragoman: Dragoman, trained: Path, lines: Path, tmp_path: Path) -> None:
    blocker = write(tmp_path / "file", "not a folder")
    fails(dragoman("train", blocker / "r", *files(lines), *sets(*SMALL, "training.steps=1")), 1, "cannot make")
    fails(dragoman("translate", trained, lines / "valid.en", "--out", blocker / "o"), 1, "cannot write")
    fails(dragoman("translate", trained, tmp_path / "missing"), 1, "no such file")
