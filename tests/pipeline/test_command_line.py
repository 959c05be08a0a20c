"""The whole command line on real Multi30k lines."""

import gzip
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sacrebleu
import yaml

from dragoman.translation.loading import load
from tests.pipeline.conftest import SMALL, Result, files, sets

Dragoman = Callable[..., Result]


def test_a_run_holds_what_is_promised(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {"config.yaml", "tokenizer.model", "metrics.jsonl", "tensorboard", "checkpoints", "best.json"} <= names
    assert any((trained / "tensorboard").iterdir())
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["format"] == 1
    assert config["training"]["dtype"] == "float32"
    for step in ("00000008", "00000016", "00000024"):
        inside = {path.name for path in (trained / "checkpoints" / step).iterdir()}
        assert inside == {"model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"}
    last = json.loads((trained / "last.json").read_text())
    assert (last["step"], last["finished"]) == (24, True)


def test_metrics_have_the_promised_names(trained: Path) -> None:
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    updates = [line for line in lines if "loss" in line]
    validations = [line for line in lines if "validation_loss" in line]
    assert [line["step"] for line in updates] == [4, 8, 12, 16, 20, 24]
    assert [line["step"] for line in validations] == [8, 16, 24]
    common = {"step", "epoch", "seconds", "source_tokens", "target_tokens"}
    assert common | {"loss", "learning_rate", "tokens_per_second"} <= updates[0].keys()
    assert common | {"validation_loss", "validation_bleu", "validation_chrf"} <= validations[0].keys()
    assert updates[-1]["loss"] < updates[0]["loss"]
    assert validations[-1]["validation_loss"] < validations[0]["validation_loss"]
    for name in common:
        values = [line[name] for line in lines]
        assert values == sorted(values)


def test_a_validations_scores_are_sacrebleus_of_the_same_translations(trained: Path, lines: Path) -> None:
    sources, references = ((lines / f"valid.{code}").read_text().splitlines()[:10] for code in ("en", "de"))
    found = [one.text for one in load(trained, checkpoint=24).translate(sources, beam=1)]
    last = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()][-1]
    assert last["validation_chrf"] == pytest.approx(sacrebleu.corpus_chrf(found, [references]).score)
    assert last["validation_bleu"] == pytest.approx(sacrebleu.corpus_bleu(found, [references]).score)
    assert last["validation_chrf"] > 1


def test_translate_a_file_in_order(trained: Path, lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    result = dragoman("translate", trained, lines / "valid.en", "--beam", 2)
    assert result.code == 0
    assert len(result.out.splitlines()) == 40
    out, packed = tmp_path / "out.de", tmp_path / "valid.en.gz"
    packed.write_bytes(gzip.compress((lines / "valid.en").read_bytes()))
    assert dragoman("translate", trained, packed, "--beam", 2, "--out", out).code == 0
    assert out.read_text() == result.out
    backwards = tmp_path / "backwards.en"
    backwards.write_text("".join(reversed((lines / "valid.en").read_text().splitlines(keepends=True))))
    again = dragoman("translate", trained, backwards, "--beam", 2)
    assert again.out.splitlines() == result.out.splitlines()[::-1]


def test_translate_standard_input_and_json(trained: Path, dragoman: Dragoman, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Two dogs play in the snow.\n\nA man.\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
    result = dragoman("translate", trained, "--json", "--n-best", 3)
    rows = [json.loads(line) for line in result.out.splitlines()]
    names = {"source", "text", "score", "tokens", "token_scores", "confidence", "alternatives", "warnings"}
    assert [row["source"] for row in rows] == text.splitlines()
    assert all(row.keys() == names for row in rows)
    assert rows[1]["text"] == ""
    assert len(rows[0]["alternatives"]) == 2
    assert 0 <= rows[0]["confidence"] <= 1
    assert rows[0]["score"] >= rows[0]["alternatives"][0]["score"]


def test_n_best_as_text(trained: Path, lines: Path, dragoman: Dragoman) -> None:
    rows = [
        row.split("\t") for row in dragoman("translate", trained, lines / "valid.en", "--n-best", 2).out.splitlines()
    ]
    assert len(rows) == 80
    assert [row[0] for row in rows[:4]] == ["1", "1", "2", "2"]
    assert all(float(first[1]) >= float(second[1]) for first, second in zip(rows[::2], rows[1::2], strict=True))


def test_evaluate(trained: Path, lines: Path, dragoman: Dragoman) -> None:
    options = ["--source", lines / "valid.en", "--reference", lines / "valid.de", "--beam", 1]
    values = json.loads(dragoman("evaluate", trained, *options, "--json").out)
    assert {"bleu", "chrf", "exact_match", "sentences", "seconds"} <= values.keys()
    assert values["sentences"] == 40
    for name in ("bleu", "chrf"):
        assert values[name].keys() == {"score", "low", "high", "signature"}
        assert 0 <= values[name]["low"] <= values[name]["score"] <= values[name]["high"] <= 100
    assert "tok:13a" in values["bleu"]["signature"]
    shown = dragoman("evaluate", trained, *options, "--baseline", trained)
    assert shown.code == 0
    assert "BLEU against" in shown.out
    assert "+0.00 [+0.00, +0.00], p = 1.000" in shown.out
    other = json.loads(dragoman("evaluate", trained, *options, "--tokenize", "none", "--lowercase", "--json").out)
    assert "tok:none" in other["bleu"]["signature"]
    assert "case:lc" in other["bleu"]["signature"]


def test_tokenized_references_are_told_once(trained: Path, lines: Path, tmp_path: Path, dragoman: Dragoman) -> None:
    parted = tmp_path / "parted.de"
    text = (lines / "valid.de").read_text("utf-8")
    parted.write_text(text.replace(".\n", " .\n"), "utf-8")
    options = ["--source", lines / "valid.en", "--beam", 1]
    told = "the references are tokenized already; published figures are by --tokenize none"
    shown = dragoman("evaluate", trained, *options, "--reference", parted)
    assert shown.code == 0
    assert shown.err.count(told) == 1
    assert "detokenize" not in shown.err
    assert told not in dragoman("evaluate", trained, *options, "--reference", parted, "--tokenize", "none").err
    assert told not in dragoman("evaluate", trained, *options, "--reference", lines / "valid.de").err


def test_evaluate_a_named_corpus(trained: Path, dragoman: Dragoman) -> None:
    values = json.loads(
        dragoman("evaluate", trained, "--corpus", "multi30k", "--split", "valid", "--beam", 1, "--json").out
    )
    assert values["sentences"] == 1014


def test_score_gives_log_probabilities(trained: Path, lines: Path, dragoman: Dragoman) -> None:
    result = dragoman("score", trained, "--source", lines / "valid.en", "--target", lines / "valid.de")
    scores = [float(line) for line in result.out.splitlines()]
    assert len(scores) == 40
    assert all(score < 0 for score in scores)
    first = json.loads(
        dragoman("score", trained, "--source", lines / "valid.en", "--target", lines / "valid.de", "--json")
        .out.splitlines()[0]
    )  # fmt: skip
    assert sum(first["token_scores"]) == pytest.approx(scores[0], abs=1e-3)


def test_translations_own_scores_agree_with_score(trained: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    import dragoman as package

    source = ["Two dogs play in the snow.", "A man sleeps."]
    translator = package.load(trained)
    found = translator.translate(source)
    rescored = translator.score(source, [row.text for row in found])
    for translation, scored in zip(found, rescored, strict=True):
        if translation.tokens == scored.tokens:
            assert sum(translation.token_scores) == pytest.approx(scored.log_probability, abs=1e-4)


def test_dry_run_trains_nothing(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    result = dragoman("train", tmp_path / "run", *files(lines), "--minutes", 1, "--dry-run", *sets(*SMALL))
    assert result.code == 0
    for word in ("encoder.0.feed_forward_residual.norm", "800 x 32", "±", "an epoch", "memory", "float32"):
        assert word in result.out
    assert not (tmp_path / "run").exists()
    values = json.loads(
        dragoman("train", tmp_path / "run", *files(lines), "--minutes", 1, "--dry-run", "--json", *sets(*SMALL)).out
    )
    assert sum(part["parameters"] for part in values["parts"]) == values["parameters"]


def test_train_refuses_a_taken_folder_and_says_when_finished(trained: Path, lines: Path, dragoman: Dragoman) -> None:
    refused = dragoman("train", trained, *files(lines), "--minutes", 1)
    assert refused.code == 1
    assert f"{trained} exists: add --resume to go on" in refused.err.replace("\n", " ")
    for more in ([], ["--minutes", 5], sets("training.steps=24", "training.epochs=90"), sets("training.steps=20")):
        finished = dragoman("train", trained, "--resume", *more)
        assert finished.code == 0
        said = finished.err.replace("\n", " ")
        assert "is finished (update 24); give a larger training.steps to train on" in said


def test_resume_ends_in_the_same_weights(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    settings = sets(
        *SMALL, "training.validate_every=5", "text.sampling=0.1", "model.dropout=0.2", "training.accumulate=2"
    )
    common = [*files(lines), "--preset", "tiny", *settings]
    assert dragoman("train", tmp_path / "whole", *common, "--set", "training.steps=15").code == 0
    assert dragoman("train", tmp_path / "halves", *common, "--set", "training.steps=15").code == 0
    halves = tmp_path / "halves"
    for step in (10, 15):
        shutil.rmtree(halves / "checkpoints" / f"{step:08d}")
    (halves / "last.json").write_text(json.dumps({"step": 5, "checkpoint": "checkpoints/00000005"}))
    (halves / "best.json").write_text(json.dumps({"step": 5, "checkpoint": "checkpoints/00000005"}))
    assert dragoman("train", halves, "--resume").code == 0
    weights = "checkpoints/00000015/model.safetensors"
    assert (halves / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()
    steps = [json.loads(line)["step"] for line in (halves / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


def test_train_from_another_run(trained: Path, lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    settings = sets("training.steps=1", "training.learning_rate=1e-9", "training.warmup_steps=0", "training.threads=1",
                    "training.dtype=float32", "search.longest_ratio=0.5", "model.dropout=0.3")  # fmt: skip
    result = dragoman("train", tmp_path / "tuned", *files(lines), "--from", trained, *settings)
    assert result.code == 0
    assert (tmp_path / "tuned" / "tokenizer.model").read_bytes() == (trained / "tokenizer.model").read_bytes()
    found = [dragoman("translate", run, lines / "valid.en", "--beam", 1).out for run in (trained, tmp_path / "tuned")]
    assert found[0] == found[1]


def test_from_a_run_without_a_best_checkpoint_or_with_another(
    trained: Path, lines: Path, dragoman: Dragoman, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the message offers works; a folder of which the shell is in is refused, one behind a link serves."""
    other = shutil.copytree(trained, tmp_path / "other")
    (other / "best.json").unlink()
    given = [*files(lines), "--from", other, *sets("training.steps=1", "training.threads=1", "training.dtype=float32")]
    refused = dragoman("train", tmp_path / "tuned", *given)
    assert refused.code == 1
    assert f"{other} has no best checkpoint yet: use --checkpoint 24" in refused.err
    assert dragoman("train", tmp_path / "tuned", *given, "--checkpoint", 24, "--dry-run").code == 0
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    inside = dragoman("train", ".", *given, "--checkpoint", 24)
    assert inside.code == 2
    assert "--from makes the folder . anew, and you are in it: choose another folder" in inside.err
    (tmp_path / "tuned").symlink_to("folder")
    monkeypatch.chdir(tmp_path)
    assert dragoman("train", "tuned", *given, "--checkpoint", 8).code == 0
    assert (tmp_path / "folder" / "config.yaml").is_file()


def test_resume_without_a_checkpoint_starts_over(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    settings = sets(*SMALL, "training.steps=2")
    assert dragoman("train", tmp_path / "run", *files(lines), *settings).code == 0
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    (tmp_path / "run" / "last.json").unlink()
    (tmp_path / "run" / "best.json").unlink()
    assert dragoman("train", tmp_path / "run", "--resume").code == 0
    assert (tmp_path / "run" / "checkpoints" / "00000002").is_dir()


def test_json_training_writes_json_lines_only(lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    settings = sets(*SMALL, "training.steps=2", "training.log_every=1")
    result = dragoman("train", tmp_path / "run", *files(lines), "--json", *settings)
    events = [json.loads(line)["event"] for line in result.out.splitlines()]
    assert [event for event in events if event != "advice"] == ["begin", "update", "update", "validation", "end"]
    assert "advice" in events, "a busy machine is a second advice"


def test_settings_and_corpora_are_listed(dragoman: Dragoman) -> None:
    rows = [json.loads(line) for line in dragoman("settings", "--json").out.splitlines()]
    by_name = {row["setting"]: row for row in rows}
    assert by_name["search.beam"]["default"] == 5
    assert by_name["training.log_every"]["default"] == 10
    assert all(row["meaning"] for row in rows)
    assert "search.beam" in dragoman("settings", "search.beam").out
    names = [json.loads(line)["name"] for line in dragoman("corpus", "list", "--json").out.splitlines()]
    assert "multi30k:en-de" in names
    assert "pizzeria:en-de" in names
    assert "needs no download" in dragoman("corpus", "fetch", "pizzeria").out


def test_version_and_help(dragoman: Dragoman) -> None:
    assert dragoman("--version").out.startswith("dragoman ")
    for verb in ("demo", "train", "translate", "evaluate", "score", "settings", "corpus"):
        assert dragoman(verb, "--help").code == 0


def test_other_scripts_and_languages(dragoman: Dragoman, tmp_path: Path) -> None:
    source = ["猫が好きです。", "犬は雪の中で遊ぶ。", "مرحبا بالعالم", "שלום עולם", "👩‍👩‍👧‍👦 🍕 yes!"] * 8
    target = ["I like cats.", "The dog plays in the snow.", "Hello world", "Peace, world", "Pizza 🍕 for all"] * 8
    (tmp_path / "s").write_text("".join(f"{line} {n}\n" for n, line in enumerate(source)), encoding="utf-8")
    (tmp_path / "t").write_text("".join(f"{line} {n}\n" for n, line in enumerate(target)), encoding="utf-8")
    small = [setting for setting in SMALL if not setting.startswith("text.vocabulary_size")]
    options = [
        "--source",
        tmp_path / "s",
        "--target",
        tmp_path / "t",
        *sets(*small, "text.vocabulary_size=380", "training.steps=2"),
    ]
    assert dragoman("train", tmp_path / "run", *options).code == 0
    result = dragoman("translate", tmp_path / "run", tmp_path / "s", "--beam", 1)
    assert result.code == 0
    assert len(result.out.splitlines()) == 40


@pytest.mark.parametrize("kind", ["unigram", "character", "word"])
@pytest.mark.parametrize("joint", ["true", "false"])
def test_every_kind_of_text(kind: str, joint: str, lines: Path, dragoman: Dragoman, tmp_path: Path) -> None:
    options = sets(
        *SMALL, f"text.kind={kind}", f"text.joint={joint}", "training.steps=1", "text.normalisation=identity"
    )
    tie = sets("model.tie=output") if joint == "false" else []
    assert dragoman("train", tmp_path / "run", *files(lines), *options, *tie).code == 0
    assert dragoman("translate", tmp_path / "run", lines / "valid.en", "--beam", 1).code == 0
