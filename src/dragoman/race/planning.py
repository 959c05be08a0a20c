"""Makes a race's plan: the text, the courses, and the budget shared out."""

from collections.abc import Mapping, Sequence
from datetime import date

from dragoman.race import material
from dragoman.race.budget import Asked, Pass, check_enough, each_of, seeds_of, shared_out
from dragoman.race.contestants import TUNED
from dragoman.race.entering import Tell, enter_course
from dragoman.race.folder import RaceFolder
from dragoman.race.machine import machine, versions
from dragoman.race.measuring import check_sizes
from dragoman.race.plan import Plan
from dragoman.race.recipe import Question, main_recipe, pizzeria_recipe


def make_plan(folder: RaceFolder, question: Question, tell: Tell) -> Plan:
    """Decides everything that a race needs before it begins; takes a minute.

    Raises:
        UsageError: the question contradicts itself, or the budget is too small for a pass over the corpus.
        DragomanError: the corpus cannot be used, or a model or a sentence does not fit.
    """
    folder.clear()
    asked, names, given = question.asked, question.names, main_recipe(question)
    data, training = given.base.data, given.base.training
    text = material.divided(folder.data("main"), given.base, question.test)
    main = given.on(text.data)
    entered = [enter_course("main", material.title(data), main, names, folder.data("main"), tell)]
    if material.title(text.data) != material.PIZZERIA:
        place = folder.data("pizzeria")
        entered.append(enter_course("pizzeria", material.PIZZERIA, pizzeria_recipe(main), names, place, tell))
    passes: dict[str, Pass] = {one.name: one.whole for one in entered}
    seeds = seeds_of(asked, passes, len(names))
    check_enough(asked, passes, seeds, names)
    each = each_of(asked, seeds, len(names))
    plan = Plan(
        corpus=question.data | ({"test": [str(path) for path in question.test]} if question.test else {}),
        name=material.title(data),
        preset=given.preset,
        sets=list(question.sets),
        budget=shared_out(asked, seeds, len(names)),
        courses=[one.course(asked.kind, seeds[one.name], each[one.name]) for one in entered],
        languages=material.language_pair(given.base),
        test=[str(path) for path in text.test or ()],
        files=material.fingerprints(data, question.test),
        versions=versions(),
        machine=machine(training),
        command=_repeating(question.command, asked, seeds),
        date=str(date.today()),
        lengths=list(question.lengths),
        tuned=not any(text.partition("=")[0] in TUNED for text in question.sets),
        trial=question.trial,
    )
    check_sizes(plan)
    return plan


def _repeating(command: str, asked: Asked, seeds: Mapping[str, Sequence[int]]) -> str:
    """The command with the seeds that a race by the clock chose for itself, where all courses have as many."""
    counts = {len(numbers) for numbers in seeds.values()}
    chosen = asked.kind == "minutes" and asked.seeds is None and len(counts) == 1
    return f"{command} --seeds {counts.pop()}" if chosen else command
