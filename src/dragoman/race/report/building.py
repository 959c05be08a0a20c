"""The report of a race, made from its logs alone: the same logs give the same bytes."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dragoman.errors import DragomanError
from dragoman.race.folder import RaceFolder
from dragoman.race.logs import MEASURES, MEND, Logs, read_logs
from dragoman.race.report import sections, sections_of_gradients, sections_of_quality
from dragoman.race.report.claims import verdicts
from dragoman.race.report.document import Document, Judgement, Verdict
from dragoman.race.report.markdown import PICTURES, markdown, picture_file
from dragoman.race.report.method import (
    COURSES,
    budget_each,
    budget_whole,
    fairness,
    few_seeds,
    languages,
    machine,
    repeating,
    trained_once,
)
from dragoman.race.report.page import html
from dragoman.race.report.pictures import png
from dragoman.race.report.rules import rules
from dragoman.race.report.scores import measure_of_size
from dragoman.race.report.wording import family, listed, several, shown
from dragoman.runs.writing import replacing

TITLE = "Why Transformers? Five claims, tried"
TRIAL = "A trial: every measure was taken in small, which shows that a race works, not who wins."
TOLERANCE = 0.02
"""Share by which parameters may differ."""
_COUNTED: tuple[tuple[Judgement, str, str], ...] = (
    ("holds", "holds", "hold"),
    ("holds partly", "holds partly", "hold partly"),
    ("does not hold here", "does not hold here", "do not hold here"),
    ("not measured", "was not measured", "were not measured"),
)


def build(folder: Path) -> Path:
    """Writes report.html, report.md and pictures/*.png into a race's folder; gives the page.

    Raises:
        DragomanError: the folder is no race, a log is damaged, or the report cannot be written.
    """
    report = _document(read_logs(folder), folder)
    page = folder / "report.html"
    try:
        _draw(report, folder)
        for file, text in ((folder / "report.md", markdown(report)), (page, html(report))):
            with replacing(file) as aside:
                aside.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DragomanError(f"cannot write the report into {folder} ({error.strerror}): make it writable") from error
    return page


def _document(logs: Logs, folder: Path) -> Document:
    """The document; where a measure cannot be made sense of, it is the one without which the others can.

    Raises:
        DragomanError: a measure is damaged inside.
    """
    try:
        return document(logs)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        for name in logs.measures:
            others = {other: values for other, values in logs.measures.items() if other != name}
            with suppress(LookupError, TypeError, ValueError, AttributeError):
                document(replace(logs, measures=others))
                file, what = RaceFolder(folder).measure(name), f"{type(error).__name__}: {error}"
                raise DragomanError(f"{file} is damaged inside ({what}): {MEND}") from error
        raise


def _draw(report: Document, folder: Path) -> None:
    """Draws the pictures; those of an earlier report that this one lacks are removed."""
    pictures = folder / PICTURES
    pictures.mkdir(exist_ok=True)
    drawn = {folder / picture_file(chart): chart for chart in report.charts()}
    for file, chart in drawn.items():
        with replacing(file) as aside:
            png(chart, aside)
    for file in set(pictures.glob("*.png")) - set(drawn):
        file.unlink()


def document(logs: Logs) -> Document:
    """Everything that the report says."""
    plan, found = logs.plan, verdicts(logs)
    direction = languages(plan)
    families = listed(list(dict.fromkeys(shown(family(name)) for name in logs.names)))
    lead = (
        f"{families} on {plan.name}{f' ({direction})' if direction else ''}: equally many parameters, "
        f"{budget_each(plan)} each, {several(len(plan.seeds), 'seed')}.{' ' + TRIAL if plan.trial else ''}"
    )
    return Document(
        title=TITLE,
        lead=lead,
        facts=[
            ("Text", f"{plan.name}{f', {direction}' if direction else ''}"),
            ("Contestants", listed([shown(name) for name in logs.names])),
            ("Budget", f"{budget_each(plan)} each, {budget_whole(plan)}"),
            ("Seeds", listed([f"{seed}" for seed in plan.seeds])),
            ("Machine", machine(plan)),
            ("Date", plan.date),
        ],
        summary=summary(found),
        verdicts=found,
        cautions=cautions(logs),
        sections=[
            sections.training_speed(logs),
            sections.translating_speed(logs),
            sections_of_gradients.gradients(logs),
            sections.memory(logs),
            sections_of_quality.quality(logs),
            sections_of_quality.cost(logs),
            sections_of_quality.trainings(logs),
            rules(),
            fairness(plan),
            repeating(plan),
        ],
    )


def summary(found: list[Verdict]) -> str:
    """How many hold: 2 hold, 2 hold partly, 1 does not hold here."""
    judged = [verdict.judgement for verdict in found]
    counts = [(judged.count(judgement), one, more) for judgement, one, more in _COUNTED]
    return ", ".join(f"{count} {one if count == 1 else more}" for count, one, more in counts if count)


def cautions(logs: Logs) -> list[str]:
    """What is missing, and what rests on little."""
    plan, said = logs.plan, []
    if plan.trial:
        said.append(TRIAL)
    said += few_seeds(plan.seeds)
    said += trained_once(logs.measures)
    for name in MEASURES:
        if name not in logs.measures and (name != "pronouns" or plan.pizzeria):
            said.append(f"{name.replace('_', ' ').capitalize()} was not measured (measures/{name}.json is missing).")
    if not plan.pizzeria:
        said.append("Pronouns were not asked for: no contestant translates the pizzeria into German.")
    if untrained := logs.untrained():
        said.append(f"{several(len(untrained), 'training')} left no line in a log: {listed(untrained)}.")
    said += [
        f"{shown(one.contestant)}, seed {one.seed}, on the {COURSES[one.course]} was given up: {one.given_up}. It is "
        "judged by its best checkpoint."
        for one in logs.trainings
        if one.given_up
    ]
    said += _skipped(logs)
    said += _without_figures(logs)
    said += _unequal(logs)
    return said


def _skipped(logs: Logs) -> list[str]:
    """Contestants some of whose updates of the copy task came to nothing."""
    found = {name: logs.of("copying")[name] for name in logs.measured("copying")}
    return [
        f"{shown(name)} left out {one['skipped']:,} of its {several(one['updates'], 'update')} of the copy task, "
        "whose loss or gradient was no number."
        for name, one in found.items()
        if one.get("skipped")
    ]


def _without_figures(logs: Logs) -> list[str]:
    """Contestants that a measure has no figures of."""
    said = []
    runs = [run["contestant"] for run in logs.measures.get("quality", {}).get("runs", [])]
    curves = [curve["contestant"] for curve in logs.measures.get("gradients", {}).get("curves", [])]
    for name in logs.measures:
        there = {"quality": runs, "gradients": curves}.get(name) or logs.measured(name)
        absent = [shown(one) for one in logs.names if one not in there]
        if absent:
            said.append(f"{name.replace('_', ' ').capitalize()} has no figures of {listed(absent)}.")
    return said


def _unequal(logs: Logs) -> list[str]:
    """Contestants that are larger or smaller than they should be."""
    beside, said = measure_of_size(logs.plan.contestants), []
    apart = [
        shown(one.name)
        for one in logs.plan.contestants
        if abs(one.parameters - beside.parameters) > TOLERANCE * beside.parameters
    ]
    if apart:
        said.append(f"More than 2 % larger or smaller than the {shown(beside.name)}: {listed(apart)}.")
    return said
