"""Checks the numbers in a race's report that stand in no table and no verdict: pictures' words, points, paragraphs."""

import re
from collections.abc import Callable
from typing import Any

from tests.unit.race_given import Race, called
from tests.unit.race_reading import Page, agrees, left_agrees, numbers

LEFT = re.compile(r"([A-Z][A-Za-z +]*?) \((.*?)\)")
AXES = {
    "Decoder": "decoder", "One-way encoder": "encoder", "Encoder": "encoder", "From end to end": "end-to-end",
    "End-to-end": "end-to-end", "Decoder of the translators": "translators", "Translators": "translators",
}  # fmt: skip
MOMENTS = {"before training": "start", "after training": "trained"}
CONSTANTS = {2.0, 5.0, 10.0, 50.0, 100.0, 95.0, 0.05, 1979.0, 2004.0}
"""Of the rules, of intervals, and the years of papers; every other number is the logs'."""


def check_words(race: Race, page: Page) -> None:
    """Checks everything that stands in no table and no verdict."""
    for alt in page.alts:
        title, _, told = alt.partition(". ")
        row = re.split(r"ends: |intervals\. ", told)[-1].removesuffix(".")
        entries = [entry.split(": ") for entry in row.split("; ")]
        expected = ends(race, title)
        assert len(entries) == len(expected), (alt, entries, expected)
        for (name, shown), (known, value) in zip(entries, expected, strict=True):
            assert name == known, alt
            matches = left_agrees(shown, value) if is_gradient(title) else agrees(shown.rstrip(" %"), value)
            assert matches, (alt, name, shown, value)
    for words in page.words:
        axis, _, rest = words.partition(", ")
        moment = rest.partition(":")[0]
        if axis in AXES and moment in MOMENTS:
            check_point(race, AXES[axis], MOMENTS[moment], rest)
        else:
            check_numbers(race, words)


def is_gradient(title: str) -> bool:
    return ("training" in title.partition(", ")[2] and title.partition(", ")[0] in AXES) or "clipping" in title


def main_curves(race: Race, axis: str, moment: str) -> list[tuple[str, float]]:
    """What became of each contestant's gradient, as it races."""
    return [
        (called(one["contestant"]), one["log10_norm"][-1] - one["log10_norm"][0])
        for one in race.curves(axis)
        if one["moment"] == moment and one["as_raced"] and one["clip"] is not False
    ]


def trials(race: Race, axis: str) -> list[tuple[str, float]]:
    """The plain RNN's curves by how it began and was trained."""
    found = []
    for one in race.curves(axis):
        if one["contestant"] == "rnn":
            when = {None: "before", True: "clipped", False: "not clipped"}[one["clip"]]
            found.append((f"{one['start']} {when}", one["log10_norm"][-1] - one["log10_norm"][0]))
    return found


def ends(race: Race, title: str) -> list[tuple[str, float]]:
    """The last values of a picture's curves, by its title."""
    first, _, rest = title.partition(", ")
    if first in AXES:
        return main_curves(race, AXES[first], MOMENTS[rest])
    if title.startswith("RNN, "):
        return trials(race, AXES[rest.partition(":")[0].capitalize()])
    return PICTURES[title](race)


def last_of(measure: str, value: Callable[[Any], float]) -> Callable[[Race], list[tuple[str, float]]]:
    return lambda race: [(called(name), value(found)) for name, found in race.of(measure)]


def by_length(race: Race) -> list[tuple[str, float]]:
    found = []
    for name in race.means("bleu"):
        scores = [run["by_length"][-1]["bleu"] for run in race.runs() if run["contestant"] == name]
        found.append((called(name), sum(scores) / len(scores)))
    return found


def learnt(race: Race) -> list[tuple[str, float]]:
    seed = race.plan["seeds"][0]
    logs = [(name, [one for one in race.lines("main", name, seed) if "validation_bleu" in one]) for name in race.names]
    return [(called(name), lines[-1]["validation_bleu"]) for name, lines in logs if lines]


PICTURES: dict[str, Callable[[Race], list[tuple[str, float]]]] = {
    "Speed of training": last_of("speed", lambda rows: rows[-1]["tokens_per_second"]),
    "Speed of translation": last_of("translation_speed", lambda rows: rows[-1]["tokens_per_second"]),
    "Dependent chain, training": last_of("chain", lambda found: found["training"][-1]),
    "Dependent chain, translating": last_of("chain", lambda found: found["translating"][-1]),
    "Copying": last_of("copying", lambda found: 100 * found["recall"][-1]),
    "Pronouns": last_of("pronouns", lambda rows: 100 * rows[-1]["right"]),
    "BLEU of each training, with 95 % intervals": lambda race: [
        (called(run["contestant"]), run["bleu"]["score"]) for run in race.runs()
    ],
    "BLEU by length of the source": by_length,
    "Learning by time": learnt,
    "Learning by tokens": learnt,
}


def check_point(race: Race, axis: str, moment: str, words: str) -> None:
    """Who vanishes, explodes and stays flat."""
    known = dict(main_curves(race, axis, moment))
    found = {}
    for word, group in re.findall(r"(vanishing|exploding|flat): (.*?)(?:;|\.$)", words):
        for name, shown in LEFT.findall(group.replace(" and ", ", ")):
            change = known[name]
            assert left_agrees(shown, change), (words, name, change)
            assert word == ("flat" if abs(change) < 2 else "vanishing" if change < 0 else "exploding")
            found[name] = word
    assert found.keys() == known.keys(), words


def check_numbers(race: Race, words: str) -> None:
    """Each number must be the plan's, one that a measure was made with, or one of the method's."""
    plan, copying = race.plan, race.measures.get("copying", {})
    pronouns, quality = race.measures.get("pronouns", {}), race.measures.get("quality", {})
    names = [quality.get(key, "") for key in ("signature", "chrf_signature", "corpus")]
    names.append(race.measures.get("gradients", {}).get("translators", {}).get("corpus", ""))
    names += [*plan["machine"].values(), *plan["versions"].values(), plan["date"], plan["name"], plan["preset"]]
    for known in sorted((one for one in names if isinstance(one, str)), key=len, reverse=True):
        words = words.replace(known, "")
    machine = [one for one in names if not isinstance(one, str)]
    values = [*CONSTANTS, *machine, *plan["seeds"], len(plan["seeds"]), *(one["each"] for one in plan["courses"])]
    values += [race.measures.get("speed", {}).get("target_tokens", 0), copying.get("kinds", 0)]
    values += [100 * copying.get("chance", 0), pronouns.get("trained_up_to", 0), *pronouns.get("distances", [[0]])[-1]]
    values += [one["repetitions"] for _, rows in race.of("speed") for one in rows]
    looked = race.measures.get("gradients", {}).get("plan", {})
    values += [looked.get(key, 0) for key in ("length", "sentences", "updates", "learnt_length")]
    translators = race.measures.get("gradients", {}).get("translators", {})
    values += [translators.get(key, 0) for key in ("sentences", "length", "seed")]
    told = [one for one in race.measures.get("gradients", {}).get("singular_values", []) if one["as_raced"]]
    values += [one[key] for one in told if one["clip"] is not False for key in ("largest", "radius", "per_step")]
    values += [plan["budget"]["total"]]
    values += [len(race.against_transformer()), len(race.tests()), untrained(race)]
    for number in numbers(re.sub(r"(main|pizzeria)/[a-z-]+-\d+", "", words)):
        assert any(agrees(number, float(value)) for value in values), (number, words)


def untrained(race: Race) -> int:
    """Trainings without a line."""
    found = [
        race.lines(course["name"], name, seed)
        for course in race.plan["courses"]
        for name in race.names
        for seed in course["seeds"]
    ]
    return found.count([])
