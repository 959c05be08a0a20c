"""What a race is to be: decided once, before the first update, and kept as `race.json`."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from dragoman.config import Settings
from dragoman.config.faults import known_fields
from dragoman.config.loading import override
from dragoman.corpora.names import parse_name
from dragoman.errors import DragomanError
from dragoman.runs.writing import write_json

FORMAT = 1
"""The layout of the folder; a larger one needs a newer dragoman."""
Kind = Literal["minutes", "updates", "tokens"]
Values = dict[str, Any]
"""Settings by their dotted keys."""


@dataclass(frozen=True)
class Contestant:
    """One of those who race."""

    name: str
    settings: Values
    """What it has otherwise than the settings that all share; family, width, dropout and learning rate always."""
    parameters: int


@dataclass(frozen=True)
class Course:
    """One corpus that the contestants are trained on."""

    name: Literal["main", "pizzeria"]
    settings: dict[str, Values]
    """What all of its trainings share, section by section."""
    contestants: list[Contestant]
    seeds: list[int]
    each: float
    """What each training has of the budget: minutes of updates, updates, or target tokens."""
    pairs: dict[str, int]
    """Sentence pairs of `train`, `valid` and `test`."""
    vocabulary: int
    """Target tokens."""
    epoch_updates: int
    """Updates that a pass over the corpus takes."""
    epoch_seconds: dict[str, float]
    """Forecast: what a pass takes each contestant."""
    part_seconds: dict[str, float]
    """Forecast: what each contestant's training takes by the clock, validations included."""

    def of(self, name: str, seed: int, kind: Kind) -> Settings:
        """The settings of one training."""
        contestant = next(one for one in self.contestants if one.name == name)
        bound = {"minutes": "update_minutes", "updates": "steps", "tokens": "target_tokens"}[kind]
        each = self.each if kind == "minutes" else round(self.each)
        own = {"training.seed": seed, f"training.{bound}": each}
        return override(self.shared, None, contestant.settings | own)

    @property
    def corpus(self) -> str:
        """The corpus' whole name; empty where it is files."""
        name = self.settings["data"].get("corpus", "")
        return str(parse_name(name)) if name else ""

    @property
    def shared(self) -> Settings:
        """What all of its trainings share; the model is the Transformer's."""
        flat = {f"{part}.{name}": value for part, values in self.settings.items() for name, value in values.items()}
        return override(Settings(), None, flat)


@dataclass(frozen=True)
class RaceBudget:
    """What is shared out equally."""

    kind: Kind
    total: float
    """Of the whole race: minutes of training, or the updates or target tokens of all trainings together."""
    each: float
    """Of each training on the main corpus."""
    copying: float
    """Of each contestant's training on the copy task."""


@dataclass(frozen=True)
class Plan:
    """Everything that a race decides beforehand, and that its report says of how it was made."""

    corpus: Values
    """The data settings as they were given; see `docs/config.md`."""
    name: str
    """What reports call the corpus."""
    preset: str
    sets: list[str]
    """The `--set key=value` that were given."""
    budget: RaceBudget
    courses: list[Course]
    """The main corpus, and the pizzeria where that is another one."""
    languages: list[str]
    """Codes of source and target, empty where they are not known."""
    test: list[str]
    """The files of the test set; none where the corpus has one by name."""
    files: list[Values]
    """The text files that were given, with size and SHA-256."""
    versions: dict[str, str]
    machine: Values
    command: str
    date: str
    lengths: list[int] = field(default_factory=list)
    """Of the sentences that are timed, where they were given."""
    tuned: bool = False
    """Whether each has the learning rate and dropout that a search found for it (benchmarks/tune_families.py)."""
    trial: bool = False
    """Whether everything is measured in small, to try a race out."""
    format: int = field(default=FORMAT)

    @property
    def main(self) -> Course:
        """The corpus that quality is measured on."""
        return self.courses[0]

    @property
    def pizzeria(self) -> Course | None:
        """The course whose runs are asked for pronouns; None where no run knows English and German of the pizzeria."""
        return next((one for one in self.courses if one.corpus == "pizzeria:en-de"), None)

    @property
    def contestants(self) -> list[Contestant]:
        """Those who race, as they are on the main corpus."""
        return self.main.contestants

    @property
    def seeds(self) -> list[int]:
        """Of the trainings on the main corpus."""
        return self.main.seeds

    @property
    def test_files(self) -> list[Path]:
        """Source and target of the test set; none where the corpus has one by name."""
        return [Path(name) for name in self.test]

    def course(self, name: str) -> Course:
        """A course by its name."""
        return next(one for one in self.courses if one.name == name)

    def settings(self, course: str, name: str, seed: int) -> Settings:
        """The settings of one training."""
        return self.course(course).of(name, seed, self.budget.kind)

    def save(self, path: Path) -> None:
        """Writes `race.json` in one piece; those who race on the main corpus, and its seeds, stand at the top too."""
        main = {"seeds": self.seeds, "contestants": [asdict(one) for one in self.contestants]}
        write_json(path, asdict(self) | main)

    @staticmethod
    def load(path: Path) -> "Plan":
        """Reads what `save` wrote.

        Raises:
            DragomanError: it is damaged, or a newer dragoman wrote it.
        """
        try:
            values = json.loads(path.read_bytes())
            format = values["format"]
            if isinstance(format, int) and format > FORMAT:
                raise DragomanError(f"{path} was written by dragoman {values['versions']['dragoman']}: update dragoman")
            return _plan(values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DragomanError(f"{path} is damaged; begin the race anew in another folder") from error


def flat(settings: Settings) -> Values:
    """Settings by their dotted keys."""
    sections = asdict(settings)
    return {key: sections[key.partition(".")[0]][key.partition(".")[2]] for key in known_fields()}


def differing(settings: Settings, base: Settings) -> Values:
    """The settings that are others than in `base`."""
    before = flat(base)
    return {key: value for key, value in flat(settings).items() if value != before[key]}


def _plan(values: Values) -> Plan:
    names = {one.name for one in fields(Plan)}
    known = {name: value for name, value in values.items() if name in names}
    courses = [
        Course(**{**course, "contestants": [Contestant(**one) for one in course["contestants"]]})
        for course in values["courses"]
    ]
    if values["budget"]["kind"] not in get_args(Kind):
        raise ValueError("no such budget")
    if not courses or not all(course.contestants and course.seeds for course in courses):
        raise ValueError("nobody races")
    return Plan(**{**known, "budget": RaceBudget(**values["budget"]), "courses": courses})
