"""Checks every number of a race's report against its logs, which are read and reckoned anew here.

Each table has a rule that says what its cells must show; a table without a rule is a fault. The verdicts are reckoned
again in `race_verdicts`.
"""

import re
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from dragoman.race.logs import read_logs
from dragoman.race.report.building import document
from tests.unit.race_given import Race, called, corrected, curve_name
from tests.unit.race_points import check_points
from tests.unit.race_reading import Found, Left, Page, cell_agrees, markdown_tables, markdown_verdicts, numbers
from tests.unit.race_verdicts import check_verdicts
from tests.unit.race_words import check_words

Row = tuple[str, list[Any]]
"""A row's name, and what its cells show."""


def check(folder: Path) -> list[str]:
    """Checks the page and the Markdown against each other and against the logs; gives the tables' titles."""
    race, text = Race(folder), (folder / "report.md").read_text(encoding="utf-8")
    html = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    tables = markdown_tables(text)
    assert page.tables == tables
    assert page.verdicts == markdown_verdicts(text)
    check_verdicts(race, page.verdicts)
    check_words(race, page)
    check_points(race, document(read_logs(folder)).charts(), html)
    for table in tables:
        check_table(race, table)
    return [table.title for table in tables]


def check_table(race: Race, table: Found) -> None:
    """Compares all cells of a table."""
    rules = [rule for pattern, rule in RULES.items() if re.fullmatch(pattern, table.title)]
    assert len(rules) == 1, f"{len(rules)} rules for the table {table.title!r}"
    head, rows = rules[0](race, table)
    assert [row[0] for row in table.rows] == [name for name, _ in rows], table.title
    assert len(table.head) == len(head) + 1
    for shown, value in zip(table.head[1:], head, strict=True):
        assert cell_agrees(shown, value), (table.title, shown, value)
    for row, (name, values) in zip(table.rows, rows, strict=True):
        assert len(row) == len(values) + 1, (table.title, row, values)
        for shown, value in zip(row[1:], values, strict=True):
            assert cell_agrees(shown, value), (table.title, name, shown, value)


Rule = Callable[[Race, Found], tuple[list[Any], list[Row]]]


def speed(measure: str, cell: Callable[[dict[str, Any]], Any]) -> Rule:
    """Figures by length."""

    def rule(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
        lengths = race.measures[measure]["lengths"]
        rows = []
        for name, entries in race.of(measure):
            by_length = {entry["length"]: entry for entry in entries}
            rows.append((called(name), [cell(by_length[at]) if at in by_length else None for at in lengths]))
        return [[length] for length in lengths], rows

    return rule


def chain(what: str) -> Rule:
    """Products in a row."""

    def rule(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
        lengths = race.measures["chain"]["lengths"]
        return [[one] for one in lengths], [(called(name), found[what]) for name, found in race.of("chain")]

    return rule


def gradients(axis: str) -> Rule:
    """Norms at three distances, what is left, and the word."""

    def rule(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
        curves = race.curves(axis)
        distances = curves[0]["distances"]
        places = sorted({0, len(distances) // 2, len(distances) - 1})
        rows = []
        for one in curves:
            change = one["log10_norm"][-1] - one["log10_norm"][0]
            word = "flat" if abs(change) < 2 else "vanishing" if change < 0 else "exploding"
            norms = [[one["log10_norm"][at]] for at in places]
            steps = abs((distances[-1] - distances[0]) / change)
            rows.append((curve_name(one), [*norms, Left(change), [steps], word]))
        heads: list[Any] = [f"log₁₀ at {distances[at]}" for at in places]
        return [*heads, "What is left", "Positions to a tenth", "It is"], rows

    return rule


def singular(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
    """The recurrent matrices."""
    rows: list[Row] = []
    for one in race.measures["gradients"]["singular_values"]:
        moment = {"start": "before training", "trained": "after training"}[one["moment"]]
        clip = {None: "–", True: "on", False: "off"}[one["clip"]]
        values = [one["side"], one["start"], moment, clip, one["largest"], one["radius"], one["per_step"]]
        rows.append((called(one["contestant"]), values))
    return ["Side", "Start", "Moment", "Clipping", "Largest singular value", "Largest eigenvalue", "In the curve"], rows


def gradient_trainings(race: Race, table: Found) -> tuple[list[Any], list[Row]]:
    """How the gradients' models were trained."""
    rows: list[Row] = []
    for one in race.measures["gradients"]["trainings"]:
        clip = "on" if one["clip"] else "off"
        start = "–" if one["start"] == "default" else one["start"]
        rows.append((called(one["contestant"]), [start, clip, one["updates"], one["loss"], one["largest_norm"]]))
    return list(table.head[1:]), rows


def recall(kind: str) -> Rule:
    """The copy task, percent."""

    def rule(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
        rows = [(called(name), [100 * share for share in found[kind]]) for name, found in race.of("copying")]
        return [[distance] for distance in race.measures["copying"]["distances"]], rows

    return rule


def copying_effort(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
    """What copying was learnt with."""
    keys = ("parameters", "updates", "target_tokens", "seconds")
    rows = [(called(name), [found[key] for key in keys]) for name, found in race.of("copying")]
    return ["Parameters", "Updates", "Target tokens", "Seconds of updates"], rows


def pronouns(kind: str, low: str, high: str) -> Rule:
    """Pronouns, percent with intervals."""

    def rule(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
        measure = race.measures["pronouns"]
        rows: list[Row] = [
            (called(name), [[100 * row[key] for key in (kind, low, high)] for row in buckets])
            for name, buckets in race.of("pronouns")
        ]
        if kind == "right":
            for name, shares in measure["shortcuts_by_distance"].items():
                rows.append((name.replace("-", " "), [100 * share for share in shares]))
            rows.append(("sentences", [row["sentences"] for row in race.of("pronouns")[0][1]]))
        return [list(bounds) for bounds in measure["distances"]], rows

    return rule


def scores(race: Race, table: Found) -> tuple[list[Any], list[Row]]:
    """Every training's scores."""
    quality = race.measures["quality"]
    assert table.title == f"BLEU and chrF on {quality['corpus']}, {quality['split']} split"
    rows = [
        (
            called(run["contestant"]),
            [
                run["seed"],
                *([run[metric][key] for key in ("score", "low", "high")] for metric in ("bleu", "chrf")),
                100 * run["exact_match"],
            ],
        )
        for run in race.runs()
    ]
    return ["Seed", "BLEU", "chrF", "Exact match"], rows


def several(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
    """Means, worst and best."""
    rows = []
    for name in race.means("bleu"):
        cells: list[Any] = [len(race.plan["seeds"])]
        for metric in ("bleu", "chrf"):
            found = [run[metric]["score"] for run in race.runs() if run["contestant"] == name]
            cells += [mean(found), [min(found), max(found)]]
        rows.append((called(name), cells))
    return ["Trainings", "BLEU, mean", "worst to best", "chrF, mean", "worst to best"], rows


def paired(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
    """Tests against the Transformer."""
    against = race.against_transformer()
    chances = corrected({name: one["p"] for name, one in against.items()})
    rows: list[Row] = []
    for name, one in against.items():
        word = "behind" if one["difference"] < 0 else "ahead"
        word = word if chances[name] < 0.05 else "no clear difference"
        between = [one["difference"], one["low"], one["high"]]
        rows.append((called(name), [between, one["p"], chances[name], word]))
    return ["BLEU less the Transformer's", "p", "p, corrected", "It is"], rows


def pairs(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
    """Tests of all pairs, corrected for all of them."""
    tests = {f"{called(one['contestant'])} less {called(one['other'])}": one for one in race.tests()}
    families = {
        metric: corrected({pair: one[metric]["p"] for pair, one in tests.items()}) for metric in ("bleu", "chrf")
    }
    rows: list[Row] = []
    for pair, one in tests.items():
        cells: list[Any] = []
        for metric, chances in families.items():
            cells += [[one[metric][key] for key in ("difference", "low", "high")], chances[pair]]
        rows.append((pair, cells))
    return ["BLEU, difference", "p, corrected", "chrF, difference", "p, corrected"], rows


def by_length(metric: str) -> Rule:
    """A score by the source's length."""

    def rule(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
        buckets = race.runs()[0]["by_length"]
        rows: list[Row] = [("sentences", [one["sentences"] for one in buckets])]
        for name in race.means("bleu"):
            mine = [run["by_length"] for run in race.runs() if run["contestant"] == name]
            rows.append((called(name), [mean(run[at][metric] for run in mine) for at in range(len(buckets))]))
        return [[one["from"]] + ([] if one["to"] is None else [one["to"]]) for one in buckets], rows

    return rule


def learning(race: Race, table: Found) -> tuple[list[Any], list[Row]]:
    """chrF at each validation, with minutes and millions of tokens."""
    rows: list[Row] = []
    for name in race.names:
        for seed in race.plan["seeds"]:
            if lines := race.lines("main", name, seed):
                seen = [line for line in lines if "validation_chrf" in line]
                cells = [[one["validation_chrf"], one["seconds"] / 60, one["target_tokens"] / 1e6] for one in seen]
                rows.append((called(name), [seed, *cells, *[None] * (len(table.head) - 2 - len(cells))]))
    return ["Seed", *([number + 1] for number in range(len(table.head) - 2))], rows


def size(course: str) -> Rule:
    """Parameters and the settings that differ."""

    def rule(race: Race, table: Found) -> tuple[list[Any], list[Row]]:
        found = next(one for one in race.plan["courses"] if one["name"] == course)["contestants"]
        sizes = {one["name"]: one["parameters"] for one in found}
        beside = "transformer" if "transformer" in sizes else found[0]["name"]
        keys = table.head[3:]
        rows: list[Row] = []
        for one in found:
            settings = [one["settings"].get(key) for key in keys]
            share = 100 * (one["parameters"] / sizes[beside] - 1)
            rows.append((called(one["name"]), [one["parameters"], [share], *settings]))
        return ["Parameters", f"Beside the {called(beside)}", *keys], rows

    return rule


def cost(race: Race, _: Found) -> tuple[list[Any], list[Row]]:
    """What trainings took."""
    keys = ("seed", "updates", "epochs", "target_tokens", "seconds", "peak_mib", "joules")
    heads = "Seed, Updates, Whole passes, Target tokens, Seconds of updates, Peak memory; MiB, Joules"
    rows = [(called(run["contestant"]), [run[key] for key in keys]) for run in race.runs()]
    return [head.replace(";", ",") for head in heads.split(", ")], rows


def trainings(course: str) -> Rule:
    """The trainings' own logs."""

    def rule(race: Race, table: Found) -> tuple[list[Any], list[Row]]:
        rows = []
        seeds = next(one["seeds"] for one in race.plan["courses"] if one["name"] == course)
        for name in race.names:
            for seed in seeds:
                if lines := race.lines(course, name, seed):
                    last = lines[-1]
                    best = max(
                        (line for line in lines if "validation_bleu" in line), key=lambda x: x["validation_bleu"]
                    )
                    loss = [line["loss"] for line in lines if "loss" in line][-1]
                    begin = [last[key] for key in ("step", "target_tokens", "seconds")]
                    pace = last["target_tokens"] / last["seconds"]
                    rows.append((called(name), [seed, *begin, pace, loss, best["validation_bleu"], best["step"]]))
        return list(table.head[1:]), rows

    return rule


def has_each(race: Race, course: dict[str, Any]) -> str:
    """What each training of a course has of the budget."""
    kind = race.plan["budget"]["kind"]
    unit = {"minutes": "minutes of training", "updates": "updates", "tokens": "target tokens"}[kind]
    return f"{course['each']:,.{1 if kind == 'minutes' else 0}f} {unit}"


def unfair(race: Race, table: Found) -> tuple[list[Any], list[Row]]:
    """What the plan decides is reckoned from it; all other words have no number but the method's."""
    plan = race.plan
    seeds = " and ".join(", ".join(str(seed) for seed in plan["seeds"]).rsplit(", ", 1))
    counted = {
        "minutes": "Minutes count updates only: set-up, validation and saving are left out.",
        "updates": "Who needs less time for them has no advantage from that.",
    }
    tuned = {
        True: "Learning rate and dropout of each were found by one and the same search on Multi30k's validation data, "
        "its rate on the pizzeria by the same search there, before any race; on the copy task each has a rate of its "
        "own.",
        False: "Not avoided: learning rate or dropout of each is not what a search found for it.",
    }
    expected = {
        "Settings made for one family": tuned[plan["tuned"]],
        "More training for one": f"All have the same: {has_each(race, plan['courses'][0])} each on the main corpus. "
        + counted["minutes" if plan["budget"]["kind"] == "minutes" else "updates"],
        "Other words, another order": f"One vocabulary for all; the same seed ({seeds}) gives the same batches in the "
        "same order.",
        "Luck with a training": f"{len(plan['seeds'])} seed{'s' * (len(plan['seeds']) > 1)} on the main corpus.",
    }
    said = {row[0]: row[1] for row in table.rows}
    assert expected.keys() <= said.keys()
    others = {name: numbers(words) for name, words in said.items() if name not in expected}
    figures = {name: found for name, found in others.items() if found}
    assert figures == {"A contestant that is larger": ["2"], "Luck with the sentences": ["95"]}
    return ["So"], [(name, [expected.get(name, words)]) for name, words in said.items()]


def corpora(race: Race, table: Found) -> tuple[list[Any], list[Row]]:
    """The courses."""
    rows: list[Row] = []
    for one in race.plan["courses"]:
        name = race.plan["name"] if one["name"] == "main" else "pizzeria:en-de"
        counts = [one["pairs"]["train"], one["pairs"]["valid"], one["vocabulary"], one["epoch_updates"]]
        called_ = {"main": "main corpus", "pizzeria": "pizzeria"}[one["name"]]
        rows.append((called_, [name, *counts, has_each(race, one), list(one["seeds"])]))
    return list(table.head[1:]), rows


def files(race: Race, table: Found) -> tuple[list[Any], list[Row]]:
    """The text files."""
    rows: list[Row] = [(Path(one["path"]).name, [one["bytes"], one["sha256"]]) for one in race.plan["files"]]
    return list(table.head[1:]), rows


RULES: dict[str, Rule] = {
    "Target tokens a second, training, .*": speed("speed", lambda one: one["tokens_per_second"]),
    "The slowest and the fastest repetition, training": speed("speed", lambda one: list(one["spread"])),
    "Milliseconds of an update: .*": speed(
        "speed", lambda one: [1000 * one[part] for part in ("forward", "backward", "update")]
    ),
    "Matrix products that wait for one another, training one pair": chain("training"),
    "Target tokens a second, translating, .*": speed("translation_speed", lambda one: one["tokens_per_second"]),
    "The slowest and the fastest repetition, translating": speed("translation_speed", lambda one: list(one["spread"])),
    "Matrix products that wait for one another, translating one pair": chain("translating"),
    "The recurrent matrix: .*": singular,
    "Gradients from a loss in the decoder .*": gradients("decoder"),
    "Gradients from an output of the one-way encoder .*": gradients("encoder"),
    "Gradients from a copied token's loss .*": gradients("end-to-end"),
    "Gradients in the race's translators, .*": gradients("translators"),
    "How the models were trained whose gradients these are": gradient_trainings,
    "Copying: tokens that come back, .*": recall("recall"),
    "The same where every token is asked for after the right ones": recall("forced"),
    "What copying was learnt with": copying_effort,
    "Right er, sie, es in translations, percent, .*": pronouns("right", "low", "high"),
    "The same where given translations are scored: .*": pronouns("preferred", "preferred_low", "preferred_high"),
    "BLEU and chrF on .*": scores,
    "Several trainings of each contestant": several,
    "Each contestant against the Transformer": paired,
    "Each contestant against each other one": pairs,
    "BLEU by words of the source sentence": by_length("bleu"),
    "chrF by words of the source sentence": by_length("chrf"),
    "Learning by time and by tokens: validation chrF": learning,
    "Parameters and settings, main corpus": size("main"),
    "Parameters and settings, pizzeria": size("pizzeria"),
    "What each training took": cost,
    "How the trainings went: main corpus": trainings("main"),
    "How the trainings went: pizzeria": trainings("pizzeria"),
    "What would be unfair, .*": unfair,
    "What was trained on": corpora,
    "The text files": files,
}
