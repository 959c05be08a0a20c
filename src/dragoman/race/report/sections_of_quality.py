"""The report's sections on quality, size and cost, and how the trainings went."""

from dragoman.race.logs import Logs
from dragoman.race.report import quality_charts, quality_tables
from dragoman.race.report.document import Block, Section, Text
from dragoman.race.report.method import COURSES, budget_each
from dragoman.race.report.scores import against_transformer
from dragoman.race.report.sections import not_measured, pictures


def quality(logs: Logs) -> Section:
    """BLEU and chrF, paired tests, by length, by time, by tokens."""
    measure = logs.measures.get("quality")
    blocks: list[Block] = [
        Text(
            f"Each training had {budget_each(logs.plan)}. The test set was translated once, with the checkpoint that "
            "validated best."
        )
    ]
    blocks += pictures(
        quality_charts.bleu_chart(logs),
        quality_charts.length_chart(logs),
        quality_charts.learning_chart(logs, "time"),
        quality_charts.learning_chart(logs, "tokens"),
    )
    learnt = quality_tables.learning_table(logs)
    learning: list[Block] = [learnt] if learnt else []
    if measure is None:
        return Section("quality", "Quality for the same budget", [*blocks, *learning, not_measured("quality")])
    blocks.append(quality_tables.score_table(logs, measure))
    if len(logs.plan.seeds) > 1:
        blocks.append(quality_tables.mean_table(logs, measure))
    if against_transformer(measure):
        blocks.append(quality_tables.paired_table(measure))
    if measure["paired"]:
        blocks.append(quality_tables.pairs_table(measure))
    if measure["runs"] and measure["runs"][0]["by_length"]:
        blocks += quality_tables.by_length_tables(logs, measure)
    return Section("quality", "Quality for the same budget", [*blocks, *learning])


def cost(logs: Logs) -> Section:
    """Parameters, settings, memory, joules."""
    blocks: list[Block] = []
    for course in logs.plan.courses:
        blocks.append(quality_tables.size_table(course))
    measure = logs.measures.get("quality")
    blocks.append(quality_tables.cost_table(logs, measure) if measure else not_measured("quality"))
    return Section("size", "Size and cost", blocks)


def trainings(logs: Logs) -> Section:
    """The trainings' own logs."""
    there = [course.name for course in logs.plan.courses if any(log.course == course.name for log in logs.trainings)]
    blocks: list[Block] = [quality_tables.training_table(logs, name, COURSES[name]) for name in there]
    return Section("trainings", "How the trainings went", blocks or [Text("No training has begun.")])
