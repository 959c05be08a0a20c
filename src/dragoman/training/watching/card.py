"""The model card: what a run is, for whom and for what, in Markdown that model hubs read as it is."""

import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from dragoman import __version__
from dragoman.config import Settings
from dragoman.models import hardware
from dragoman.models.build import title
from dragoman.training.watching.words import LANGUAGES, big, count, duration

LICENCE = "# license: fill in the licence of your weights, and check what your corpus allows"
_MARKS = re.compile(r"[\\`*\[\]<>#|]|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown takes for markup; an underscore inside a word is none."""
ROWS = 12
"""Validations listed at most."""


@dataclass(frozen=True)
class Side:
    """One text that went in."""

    use: str
    name: str
    pairs: int
    sha256: str = ""
    """Of its files, where they are files; empty where not known."""


@dataclass(frozen=True)
class Story:
    """What a card tells; everything is known when a training ends."""

    name: str
    """Of the run."""
    settings: Settings
    languages: tuple[str, str] | None
    """Codes of source and target, where they are known."""
    texts: Sequence[Side]
    parameters: int
    vocabulary: str
    validations: Sequence[Mapping[str, Any]]
    """The validation lines of metrics.jsonl."""
    best: Mapping[str, Any]
    """What `best.json` says; empty where nothing was validated."""
    interval: tuple[float, float] | None
    """95 % bootstrap interval of the best validation's BLEU."""
    reached: Mapping[str, Any]
    """What a line of metrics.jsonl would begin with at the end."""
    ending: str
    """How the training ended, and the verdict."""
    clock: float
    """Seconds by the clock, validation included."""
    weights: str = ""
    """What the best checkpoint's weights are, where they are an average."""
    forecast: Sequence[str] = field(default_factory=tuple)
    """How far off the forecast was, line by line."""

    @property
    def direction(self) -> str:
        """The languages in words."""
        if self.languages is None:
            return "one language to another"
        source, target = (LANGUAGES.get(code, code) for code in self.languages)
        return f"{source} to {target}"


def card(story: Story) -> str:
    """The whole card."""
    parts = [
        f"---\n{front_matter(story)}---\n",
        f"# {plain(story.name)}\n",
        f"{_kind(story)} that translates {_article(story)}, trained with dragoman {__version__} on parallel sentences. "
        f"It has {story.parameters:,} parameters and translates sentence by sentence.\n",
        "## How to use it\n",
        _use(story),
        "## What it is for, and what not\n",
        _limits(story),
        "## Data\n",
        _table(("Use", "Text", "Pairs", "SHA-256"), [_text_row(side) for side in story.texts]),
        f"Vocabulary: {story.vocabulary}.\n",
        "## Scores\n",
        *_scores(story),
        "## Training\n",
        _table(("What", "Value"), _training_rows(story)),
        *(f"{line}\n" for line in story.forecast),
        "Settings that differ from the defaults:\n",
        _table(("Setting", "Value"), changed_settings(story.settings)),
    ]
    return "\n".join(part for part in parts if part)


def front_matter(story: Story) -> str:
    """The YAML block at the top, as model hubs read it; the licence is the owner's to fill in."""
    values: dict[str, Any] = {"language": list(story.languages)} if story.languages else {}
    values |= {
        "library_name": "dragoman",
        "pipeline_tag": "translation",
        "tags": ["translation", "dragoman", title(story.settings.model).split()[0].lower()],
        "metrics": ["bleu"],
    }
    if story.best.get("bleu") is not None:
        result = {
            "task": {"type": "translation", "name": "Translation"},
            "dataset": {"name": f"{_validation_name(story)} (validation)", "type": _validation_name(story)},
            "metrics": [{"type": "bleu", "value": round(float(story.best["bleu"]), 2), "name": "validation BLEU"}],
        }
        values["model-index"] = [{"name": story.name, "results": [result]}]
    return f"{LICENCE}\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}"


def changed_settings(settings: Settings) -> list[tuple[str, str]]:
    """Every setting that is not its default; files by their names alone."""
    ours, defaults = asdict(settings), asdict(Settings())
    found = []
    for part, values in ours.items():
        for name, value in values.items():
            if value != defaults[part][name]:
                shown = Path(value).name if part == "data" and name != "corpus" and isinstance(value, str) else value
                found.append((f"`{part}.{name}`", plain(f"{shown}")))
    return found


def machine() -> str:
    """The kind of machine that this is."""
    names = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    total = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal:")]
    memory = f", {total[0] / 2**20:.0f} GiB of memory" if total else ""
    return f"{names[0] if names else platform.machine()}, {platform.system()}{memory}"


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []


def _kind(story: Story) -> str:
    """What was trained, with its article."""
    kind = title(story.settings.model)
    return f"{'An' if kind[:1] in 'LR' else 'A'} {kind}"


def _article(story: Story) -> str:
    return story.direction if story.languages else f"from {story.direction}"


def _use(story: Story) -> str:
    run = quote(story.name)
    return (
        "```\n"
        f"dragoman translate {run} input.txt --out output.txt\n"
        f'echo "A sentence." | dragoman translate {run} -\n'
        f'dragoman inspect {run} "A sentence."\n'
        "```\n\n"
        "```python\n"
        "import dragoman\n\n"
        f"model = dragoman.load({json.dumps(story.name, ensure_ascii=False)})\n"
        'print(model.translate(["A sentence."])[0].text)\n'
        "```\n"
    )


def _limits(story: Story) -> str:
    train = next((side for side in story.texts if side.use == "training"), None)
    pairs = f"{train.pairs:,} pairs" if train else "its corpus"
    return (
        f"It has seen {pairs} and nothing else. It is for text of the same kind: on other subjects, other styles or "
        f"much longer sentences it will be worse, often much worse, than the scores below. It can leave words out, "
        f"invent some, and repeat what is wrong or unfair in its corpus; names and numbers deserve a second look. It "
        f"translates each sentence by itself and knows nothing of the one before. A person who knows both languages "
        f"should read what matters to somebody's health, rights or money.\n"
    )


def _text_row(side: Side) -> tuple[str, str, str, str]:
    return side.use, plain(side.name), f"{side.pairs:,}", f"`{side.sha256}`" if side.sha256 else "not known"


def _validation_name(story: Story) -> str:
    found = next((side.name for side in story.texts if side.use == "validation"), "validation text")
    data = story.settings.data
    return found if data.valid_source or data.valid_tsv else data.corpus or found


def _scores(story: Story) -> list[str]:
    if not story.best:
        return ["Nothing was validated yet.\n"]
    bleu, loss = story.best.get("bleu"), story.best.get("loss")
    valid = next((side.pairs for side in story.texts if side.use == "validation"), None)
    first, tokenize = story.settings.training.validation_sentences, story.settings.evaluation.tokenize
    whose = f"its first {first:,}" if valid is None or first < valid else f"all its {valid:,}"
    weights = f" Its weights are {story.weights}." if story.weights else ""
    between = f" (95 % interval {story.interval[0]:.1f} to {story.interval[1]:.1f})" if story.interval else ""
    shown = [
        f"Best checkpoint, update {story.best['step']:,}: BLEU {_number(bleu)}{between}, loss {_number(loss, 3)} nats "
        f"a token, on the validation text.{weights} BLEU is sacrebleu's ({tokenize}, with case) of greedy translations "
        f"of {whose} sentences. The checkpoint was chosen by "
        f"{'BLEU' if story.settings.training.best_by == 'bleu' else 'the loss'} on the same text, so a test text that "
        f"nothing was chosen by may score a little lower.\n"
    ]
    rows = [_validation_row(line) for line in thinned(story.validations)]
    return [*shown, _table(("Update", "Validation loss", "Validation BLEU"), rows)]


def _validation_row(line: Mapping[str, Any]) -> tuple[str, str, str]:
    update = f"{line['step']:,}{' (the mean)' if line.get('mean') else ''}"
    return update, _number(line.get("validation_loss"), 3), _number(line.get("validation_bleu"))


def thinned(lines: Sequence[Mapping[str, Any]], most: int = ROWS) -> list[Mapping[str, Any]]:
    """At most so many lines, evenly spread, the first and the last among them."""
    if len(lines) <= most:
        return list(lines)
    return [lines[round(at * (len(lines) - 1) / (most - 1))] for at in range(most)]


def _number(value: Any, digits: int = 2) -> str:
    return f"{float(value):.{digits}f}" if isinstance(value, int | float) else "not a number"


def _training_rows(story: Story) -> list[tuple[str, str]]:
    training, last = story.settings.training, story.reached
    return [
        ("How it ended", plain(story.ending)),
        ("Updates", f"{last.get('step', 0):,}"),
        ("Target tokens read", big(last.get("target_tokens", 0))),
        ("Time by the clock", duration(story.clock)),
        ("of it updates", duration(last.get("seconds", 0.0))),
        ("Machine", f"{machine()}, {count(training.threads, 'thread')}, {hardware.device()}, {training.dtype}"),
        ("Versions", _versions()),
    ]


def _versions() -> str:
    import torch

    return f"dragoman {__version__}, Python {platform.python_version()}, torch {torch.__version__}"


def plain(text: str) -> str:
    """A name as Markdown shows it letter by letter, in one line."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
