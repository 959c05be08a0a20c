"""The model card: what it says, that hubs can read it, and that a person's words are never lost."""

import ast
from pathlib import Path

import pytest
import yaml

from dragoman.config import EvaluationSettings
from dragoman.config.loading import build_settings
from dragoman.training.validation import Validation
from dragoman.training.watching.card import Side, Story, card, changed_settings, front_matter, plain, thinned
from dragoman.training.watching.card_file import languages, noted_hashes, sealed, untouched, write_card
from dragoman.training.watching.intervals import bleu_interval

FILES = {"data.source": "/some/where/a.en", "data.target": "/some/where/a.de"}
VALIDATIONS = [
    {"step": step, "validation_loss": 4 - step / 1000, "validation_bleu": step / 100, "seconds": step / 10,
     "target_tokens": 1000 * step}
    for step in range(100, 3100, 100)
]  # fmt: skip


def story(**others: object) -> Story:
    """A training that went well."""
    given = {
        "name": "mine",
        "settings": build_settings(
            "tiny", None, {"data.source": "/some/where/a.en", "data.target": "/some/where/a.de"}
        ),
        "languages": ("en", "de"),
        "texts": [Side("training", "a.en and a.de", 29_000, "abc"), Side("validation", "held out", 1000)],
        "parameters": 2_349_568,
        "vocabulary": "bpe, 8,000 joint tokens",
        "validations": VALIDATIONS,
        "best": {"step": 3000, "bleu": 30.0, "loss": 1.0},
        "interval": (28.9, 31.2),
        "reached": {"step": 3000, "target_tokens": 3_000_000, "seconds": 300.0},
        "ending": "finished",
        "clock": 600.0,
        "forecast": ["Forecast: 9 min, in truth 10 min (-10%)."],
    }
    return Story(**{**given, **others})  # type: ignore[arg-type]


def test_the_front_matter_is_what_hubs_read() -> None:
    text = card(story())
    assert text.startswith("---\n# license: fill in")
    values = yaml.safe_load(text.split("---\n")[1])
    assert values["language"] == ["en", "de"]
    assert values["pipeline_tag"] == "translation"
    assert values["metrics"] == ["bleu"]
    (model,) = values["model-index"]
    assert model["results"][0]["metrics"][0] == {"type": "bleu", "value": 30.0, "name": "validation BLEU"}
    hub = pytest.importorskip("huggingface_hub")
    read = hub.ModelCard(text)
    assert read.data.language == ["en", "de"]
    assert read.data.eval_results[0].metric_value == 30.0
    nothing = yaml.safe_load(front_matter(story(languages=None, best={})))
    assert "language" not in nothing
    assert "model-index" not in nothing


def test_the_card_tells_the_training() -> None:
    text = card(story())
    assert "translates English to German" in text
    assert "| training | a.en and a.de | 29,000 | `abc` |" in text
    assert "| validation | held out | 1,000 | not known |" in text
    assert "update 3,000: BLEU 30.00 (95 % interval 28.9 to 31.2), loss 1.000 nats a token" in text
    assert "| Updates | 3,000 |" in text
    assert "| Target tokens read | 3.0 million |" in text
    assert "| `model.d_model` | 128 |" in text
    assert "Forecast: 9 min, in truth 10 min" in text
    assert "dragoman translate mine input.txt" in text
    assert "/some/where" not in text
    assert text.count("| 3,000 |") == 2
    assert "Nothing was validated yet." in card(story(best={}, validations=[], interval=None))
    assert "translates from one language to another" in card(story(languages=None))


def test_what_was_really_reached_and_scored() -> None:
    stopped = card(story(reached={"step": 3017, "target_tokens": 3_017_000, "seconds": 301.7}, ending="stopped"))
    assert "| Updates | 3,017 |" in stopped
    assert "greedy translations of its first 1,000 sentences" in card(story(texts=[Side("validation", "v", 1001)]))
    assert "greedy translations of all its 40 sentences" in card(story(texts=[Side("validation", "v", 40)]))
    assert "Its weights are" not in stopped
    mean = [*VALIDATIONS, {**VALIDATIONS[-1], "mean": True}]
    averaged = card(story(weights="the mean of the last checkpoints, 5 at most", validations=mean))
    assert "Its weights are the mean of the last checkpoints, 5 at most." in averaged
    assert "| 3,000 (the mean) | 1.000 | 30.00 |" in averaged


def test_names_are_shown_letter_by_letter() -> None:
    odd = "my [run] | <b>*1*</b>\n# `x`"
    text = card(story(name=odd, texts=[Side("training", odd, 3), Side("validation", odd, 2)]))
    written = r"my \[run\] \| \<b\>\*1\*\</b\> \# \`x\`"
    assert f"\n# {written}\n" in text
    assert f"\n| training | {written} | 3 | not known |\n" in text
    assert "dragoman translate 'my [run] | <b>*1*</b>\n# `x`' input.txt" in text
    assert yaml.safe_load(text.split("---\n")[1])["model-index"][0]["name"] == odd
    code = text.partition("dragoman.load(")[2].partition(")\n")[0]
    assert ast.literal_eval(code) == odd
    assert plain("training.log_every is 5") == "training.log_every is 5"


def test_at_most_so_many_validations_are_listed() -> None:
    lines = thinned(VALIDATIONS)
    assert (len(lines), lines[0]["step"], lines[-1]["step"]) == (12, 100, 3000)
    assert thinned(VALIDATIONS[:3]) == VALIDATIONS[:3]


def test_settings_that_are_defaults_are_left_out() -> None:
    found = dict(changed_settings(build_settings("small", None, {"data.corpus": "pizzeria:en-de"})))
    assert found["`data.corpus`"] == "pizzeria:en-de"
    assert "`model.d_model`" not in found
    assert "`training.learning_rate`" not in found
    assert found["`model.dropout`"] == "0.25"


def test_what_a_person_wrote_is_never_lost(tmp_path: Path) -> None:
    first = write_card(tmp_path, "# One\n")
    assert first.name == "model-card.md"
    assert untouched(first)
    assert write_card(tmp_path, "# Two\n") == first
    assert first.read_text().startswith("# Two\n")
    edited = first.read_text().replace("# Two", "# Two, by hand")
    first.write_text(edited)
    assert not untouched(first)
    beside = write_card(tmp_path, "# Three\n")
    assert beside.name == "model-card.new.md"
    assert first.read_text() == edited
    assert beside.read_text() == sealed("# Three\n")
    first.write_text("# All mine\n")
    assert write_card(tmp_path, "# Four\n") == beside


def test_languages_are_known_from_names() -> None:
    def of(**data: str) -> tuple[str, str] | None:
        return languages(build_settings("tiny", None, {f"data.{name}": value for name, value in data.items()}))

    assert of(corpus="multi30k:de-en") == ("de", "en")
    assert of(corpus="pizzeria") == ("en", "de")
    assert of(corpus="hf:some/name") is None
    assert of(source="x/train.en.gz", target="train.de") == ("en", "de")
    assert of(source="a.src", target="a.tgt") is None
    assert of(source="source.txt", target="target.txt") is None
    assert of(tsv="pairs.tsv") is None
    assert of(source="train.in", target="train.up") is None


def test_hashes_and_intervals(tmp_path: Path) -> None:
    note = tmp_path / "data.json"
    assert noted_hashes(note) == {}
    note.write_text('{"files": [{"path": "a.en", "sha256": "12"}, {"path": "a.de", "sha256": null}]}')
    assert noted_hashes(note) == {"a.en": "12", "a.de": ""}
    note.write_text("[]")
    assert noted_hashes(note) == {}
    assert bleu_interval(None, EvaluationSettings()) is None
    texts = [f"the dog number {number} runs over the green field" for number in range(40)]
    others = [text.replace("green", "wide") if at % 2 else text for at, text in enumerate(texts)]
    found = bleu_interval(Validation(1.0, 0.0, [], others, texts), EvaluationSettings())
    assert found is not None
    assert 50 < found[0] < found[1] < 100
    chinese = [f"{text}。" for text in ("一个男人在街上骑自行车", "两只狗在雪地里玩耍", "三个女孩坐在长椅上") * 10]
    nearly = Validation(1.0, 0.0, [], [text.replace("在", "于") for text in chinese], chinese)
    by_signs, by_words = (bleu_interval(nearly, EvaluationSettings(tokenize=kind)) for kind in ("zh", "13a"))
    assert by_signs is not None
    assert by_words is not None
    assert by_words[1] < 10 < by_signs[0]
