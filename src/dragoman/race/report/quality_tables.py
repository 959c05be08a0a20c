"""The report's tables of quality, size and cost, and of how the trainings went."""

from collections.abc import Sequence
from statistics import mean
from typing import Any

from dragoman.race.logs import Json, Logs, TrainingLog
from dragoman.race.plan import Course
from dragoman.race.report.document import Table
from dragoman.race.report.method import COURSES
from dragoman.race.report.scores import Tested, against_transformer, every_pair, mean_score, measure_of_size
from dragoman.race.report.tables import WHO
from dragoman.race.report.wording import MISSING, fixed, interval, percent, probability, several, shown, signed, whole


def score_table(logs: Logs, quality: Json) -> Table:
    """BLEU and chrF of every training."""
    rows = [
        [
            shown(run["contestant"]),
            f"{run['seed']}",
            _score(run["bleu"]),
            _score(run["chrf"]),
            percent(run.get("exact_match"), 1),
        ]
        for run in _sorted(logs, quality)
    ]
    title = f"BLEU and chrF on {quality['corpus']}, {quality['split']} split"
    note = f"95 % bootstrap intervals over sentences. BLEU: {quality['signature']}."
    if "chrf_signature" in quality:
        note += f" chrF: {quality['chrf_signature']}."
    return Table(title, [WHO, "Seed", "BLEU", "chrF", "Exact match"], rows, note)


def _score(score: Json) -> str:
    return f"{fixed(score['score'], 2)} {interval(score['low'], score['high'], 2)}"


def mean_table(logs: Logs, quality: Json) -> Table:
    """What several trainings of a contestant come to: their mean, the worst and the best."""
    rows = []
    for name in logs.names:
        mine = [run for run in quality["runs"] if run["contestant"] == name]
        if mine:
            spans = [
                cell
                for metric in ("bleu", "chrf")
                for cell in (
                    fixed(mean_score(quality, name, metric), 2),
                    " to ".join(fixed(end(run[metric]["score"] for run in mine), 2) for end in (min, max)),
                )
            ]
            rows.append([shown(name), f"{len(mine)}", *spans])
    head = [WHO, "Trainings", "BLEU, mean", "worst to best", "chrF, mean", "worst to best"]
    return Table("Several trainings of each contestant", head, rows)


def _sorted(logs: Logs, quality: Json) -> list[Json]:
    """The runs, contestant by contestant."""
    return sorted(quality["runs"], key=lambda run: (logs.names.index(run["contestant"]), run["seed"]))


def paired_table(quality: Json) -> Table:
    """Every contestant against the Transformer: the tests that claim 5 is decided by."""
    rows = []
    for name, test in (tests := against_transformer(quality)).items():
        word = ("behind" if test.difference < 0 else "ahead") if test.significant else "no clear difference"
        rows.append([shown(name), _difference(test), probability(test.chance), probability(test.corrected), word])
    note = (
        "Paired bootstrap over the same sentences (Koehn 2004), of several trainings the mean. The correction "
        f"(Holm 1979) is for {several(len(tests), 'test')} at once: claim 5 is decided by these alone."
    )
    head = [WHO, "BLEU less the Transformer's", "p", "p, corrected", "It is"]
    return Table("Each contestant against the Transformer", head, rows, note)


def pairs_table(quality: Json) -> Table:
    """Every contestant against every other, BLEU and chrF."""
    pairs = every_pair(quality)
    rows = [
        [
            f"{shown(one.name)} less {shown(one.other)}",
            *(cell for test in (one.bleu, one.chrf) for cell in (_difference(test), probability(test.corrected))),
        ]
        for one in pairs
    ]
    note = (
        "Paired bootstrap over the same sentences (Koehn 2004), of several trainings the mean, with 95 % intervals of "
        f"the difference. Each score's p are corrected (Holm 1979) for {several(len(pairs), 'pair')} at once."
    )
    head = ["Pair", "BLEU, difference", "p, corrected", "chrF, difference", "p, corrected"]
    return Table("Each contestant against each other one", head, rows, note)


def _difference(test: Tested) -> str:
    return f"{signed(test.difference, 2)} {interval(test.low, test.high, 2)}"


def by_length_tables(logs: Logs, quality: Json) -> list[Table]:
    """BLEU and chrF by the source's length, the mean over a contestant's trainings."""
    return [_by_length_table(logs, quality, metric, called) for metric, called in (("bleu", "BLEU"), ("chrf", "chrF"))]


def _by_length_table(logs: Logs, quality: Json, metric: str, called: str) -> Table:
    runs = quality["runs"]
    buckets = runs[0]["by_length"]
    head = [WHO, *(_bucket(one) for one in buckets)]
    rows: list[Sequence[str]] = [["sentences", *(whole(one["sentences"]) for one in buckets)]]
    for name in logs.names:
        mine = [run["by_length"] for run in runs if run["contestant"] == name]
        if mine:
            means = [mean(one[metric] for one in bucket) for bucket in zip(*mine, strict=True)]
            rows.append([shown(name), *(fixed(score, 1) for score in means)])
    return Table(f"{called} by words of the source sentence", head, rows)


def learning_table(logs: Logs) -> Table | None:
    """Validation chrF by time and by tokens, a column a validation; none where no log of the main corpus has it."""
    main = [log for log in logs.trainings if log.course == logs.plan.main.name]
    found = [[line for line in log.lines if line.get("validation_chrf") is not None] for log in main]
    most = max(map(len, found), default=0)
    if not most:
        return None
    rows = [
        [shown(log.contestant), f"{log.seed}", *map(_learnt, lines), *[MISSING] * (most - len(lines))]
        for log, lines in zip(main, found, strict=True)
    ]
    note = "In brackets minutes of updates and millions of target tokens. The pictures show BLEU at the same moments."
    title = "Learning by time and by tokens: validation chrF"
    return Table(title, [WHO, "Seed", *(f"Validation {number + 1}" for number in range(most))], rows, note)


def _learnt(line: Json) -> str:
    minutes, millions = fixed(line["seconds"] / 60, 2), fixed(line["target_tokens"] / 1e6, 3)
    return f"{fixed(line['validation_chrf'], 1)} ({minutes} min, {millions} M)"


def _bucket(one: Json) -> str:
    return f"{one['from']} or more" if one["to"] is None else f"{one['from']} to {one['to']}"


def size_table(course: Course) -> Table:
    """Parameters beside the Transformer's, and the settings in which contestants differ, on one corpus."""
    contestants = course.contestants
    keys = sorted({key for one in contestants for key in one.settings})
    differ = {key for key in keys if len({repr(one.settings.get(key)) for one in contestants}) > 1}
    keys = [key for key in keys if key in differ and key != "model.family"]
    beside = measure_of_size(contestants)
    rows = [
        [shown(one.name), whole(one.parameters), f"{signed(100 * (one.parameters / beside.parameters - 1), 2)} %"]
        + [_setting(one.settings.get(key)) for key in keys]
        for one in contestants
    ]
    head = [WHO, "Parameters", f"Beside the {shown(beside.name)}", *keys]
    note = "Only the settings in which contestants differ."
    return Table(f"Parameters and settings, {COURSES[course.name]}", head, rows, note)


def _setting(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def cost_table(logs: Logs, quality: Json) -> Table:
    """What every training took."""
    rows = [
        [
            shown(run["contestant"]),
            f"{run['seed']}",
            whole(run["updates"]),
            whole(run["epochs"]),
            whole(run.get("target_tokens")),
            fixed(run["seconds"], 1),
            whole(run["peak_mib"]),
            whole(run["joules"]),
        ]
        for run in _sorted(logs, quality)
    ]
    note = "This processor does not tell its joules."
    if any(run["joules"] is not None for run in quality["runs"]):
        note = "Joules of the whole processor, whatever else it did; – where they are not known."
    head = [WHO, "Seed", "Updates", "Whole passes", "Target tokens", "Seconds of updates", "Peak memory, MiB", "Joules"]
    return Table("What each training took", head, rows, note)


def training_table(logs: Logs, course: str, called: str) -> Table:
    """How the trainings on one corpus went, from their own logs."""
    rows = []
    for log in logs.trainings:
        if log.course == course:
            last = log.last
            speed = last["target_tokens"] / last["seconds"] if last["seconds"] else None
            effort = [whole(last["step"]), whole(last["target_tokens"]), fixed(last["seconds"], 1), whole(speed)]
            rows.append([shown(log.contestant), f"{log.seed}", *effort, _loss(log), *_best(log)])
    head = [
        WHO, "Seed", "Updates", "Target tokens", "Seconds of updates", "Tokens a second", "Training loss",
        "Best validation BLEU", "at update",
    ]  # fmt: skip
    note = "From metrics.jsonl: the last line, the last training loss (nats a token) and the best validation."
    return Table(f"How the trainings went: {called}", head, rows, note)


def _loss(log: TrainingLog) -> str:
    """The last training loss."""
    return fixed(next((line["loss"] for line in reversed(log.lines) if line.get("loss") is not None), None), 3)


def _best(log: TrainingLog) -> list[str]:
    validated = [line for line in log.lines if line.get("validation_bleu") is not None]
    if not validated:
        return [MISSING, MISSING]
    best = max(validated, key=lambda line: float(line["validation_bleu"]))
    return [fixed(best["validation_bleu"], 2), whole(best["step"])]
