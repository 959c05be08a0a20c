"""Reckons the five verdicts of a race anew, by plain loops, and checks every number in their words."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.race_given import Race, called, corrected
from tests.unit.race_reading import Said, agrees, left_agrees, numbers

FRACTION = re.compile(r"1/10[⁰¹²³⁴⁵⁶⁷⁸⁹]+|10[⁰¹²³⁴⁵⁶⁷⁸⁹]+ ×|1/[\d,]+")


@dataclass
class Expected:
    """What a verdict must say."""

    judgement: str
    figures: list[list[float]] = field(default_factory=list)
    """The numbers of each figure; of what is left of a gradient, its change."""
    values: list[float] = field(default_factory=list)
    """All numbers that its words may hold."""
    changes: list[float] = field(default_factory=list)
    """All changes of gradients that its words may hold."""


def check_verdicts(race: Race, verdicts: Sequence[Said]) -> None:
    """Checks judgements, figures and words."""
    assert len(verdicts) == len(JUDGES)
    for said, judge in zip(verdicts, JUDGES, strict=True):
        expected = judge(race)
        assert said.judgement == expected.judgement, (said, expected)
        if said.judgement == "not measured":
            assert not said.figures
            continue
        assert len(said.figures) == len(expected.figures), (said, expected)
        for (number, meaning), values in zip(said.figures, expected.figures, strict=True):
            check_figure(number, values, expected)
            check_words(meaning, expected)
        check_words(said.reason, expected)


def check_figure(number: str, values: list[float], expected: Expected) -> None:
    """The large number: a ratio, two numbers, or what is left of a gradient."""
    if values and values[0] in expected.changes:
        assert left_agrees(number, values[0]), (number, values)
        return
    found = numbers(number)
    assert len(found) == len(values), (number, values)
    assert all(agrees(one, value) for one, value in zip(found, values, strict=True)), (number, values)


def check_words(text: str, expected: Expected) -> None:
    """Every number must be one of those that were reckoned."""
    for fraction in FRACTION.findall(text):
        assert any(left_agrees(fraction, change) for change in expected.changes), (fraction, text)
    rest = [*expected.values, *(100 * 10**change for change in expected.changes if abs(change) < 1)]
    for number in numbers(FRACTION.sub("", text)):
        assert any(agrees(number, value) for value in rest), (number, text, rest)


def judgement(results: Sequence[int]) -> str:
    """All, some or none."""
    if not results:
        return "not measured"
    return "holds" if all(r == 1 for r in results) else "holds partly" if 1 in results else "does not hold here"


def counts(results: Sequence[int]) -> list[float]:
    """The numbers of comparisons that words may tell."""
    return [len(results), *(results.count(result) for result in (1, 0, -1))]


def of_family(race: Race, family: str) -> list[str]:
    return [name for name in race.names if name.split("-")[0] == family]


def pairs(race: Race) -> list[tuple[str, str]]:
    """Each LSTM with the RNN that is otherwise like it."""
    found = [(name, name.replace("lstm", "rnn")) for name in of_family(race, "lstm")]
    return [pair for pair in found if pair[1] in race.names]


def timed(race: Race, one: str, other: str) -> list[tuple[int, int, float]]:
    """Length, whether the first is slower (1) or faster (-1), and its speed beside the other's."""
    speed = dict(race.of("speed"))
    found = []
    for mine in speed.get(one, []):
        for theirs in speed.get(other, []):
            if mine["length"] == theirs["length"]:
                slower = mine["spread"][1] < theirs["spread"][0]
                faster = mine["spread"][0] > theirs["spread"][1]
                ratio = mine["tokens_per_second"] / theirs["tokens_per_second"]
                found.append((mine["length"], 1 if slower else -1 if faster else 0, ratio))
    return found


def first(race: Race) -> Expected:
    """Plain RNNs against the Transformer, and the chains."""
    rnns = [name for name in of_family(race, "rnn") if name in dict(race.of("speed"))]
    found = [entry for name in rnns for entry in timed(race, name, "transformer")]
    results = [result for _, result, _ in found]
    if not results:
        return Expected("not measured")
    last = timed(race, rnns[0], "transformer")[-1]
    expected = Expected(judgement(results), [[last[2]]], [*counts(results), *(length for length, _, _ in found)])
    chains = {name: one["training"] for name, one in race.of("chain")}
    if rnns[0] in chains and "transformer" in chains:
        mine, theirs = chains[rnns[0]], chains["transformer"]
        expected.figures.append([mine[-1], theirs[-1]])
        expected.values += [*race.measures["chain"]["lengths"], mine[0], mine[-1], theirs[0], theirs[-1]]
        as_told = theirs[-1] <= theirs[0] and all(chains[name][-1] > chains[name][0] for name in rnns)
        if expected.judgement == "holds" and not as_told:
            expected.judgement = "holds partly"
    return expected


def change(one: dict[str, Any]) -> float:
    return float(one["log10_norm"][-1] - one["log10_norm"][0])


def racing_curve(race: Race, name: str) -> dict[str, Any] | None:
    """The decoder's, as the contestant races: after training with clipping, before it where that is not there."""
    curves = race.measures.get("gradients", {}).get("curves", [])
    mine = [one for one in curves if (one["contestant"], one["axis"]) == (name, "decoder") and one["as_raced"]]
    trained = [one for one in mine if one["moment"] == "trained" and one["clip"] is not False]
    return next(iter([*trained, *(one for one in mine if one["moment"] == "start")]), None)


def second(race: Race) -> Expected:
    """Gradients of the plain RNNs."""
    curves = race.measures.get("gradients", {}).get("curves", [])
    mine = [one for one in curves if one["contestant"].startswith("rnn") and one["axis"] != "end-to-end"]
    if not mine:
        return Expected("not measured")
    fallen = [change(one) <= -2 for one in mine]
    grown = [change(one) >= 2 for one in mine]
    results = [int(fell or grew) for fell, grew in zip(fallen, grown, strict=True)]
    shown = [racing_curve(race, name) for name in (mine[0]["contestant"], "transformer")]
    there = [one for one in shown if one is not None]
    return Expected(
        judgement(results),
        [[change(one)] for one in there],
        [len(mine), sum(fallen), sum(grown), results.count(0), *(d for one in there for d in (span(one), 10))],
        [change(one) for one in there],
    )


def span(one: dict[str, Any]) -> int:
    return int(one["distances"][-1] - one["distances"][0])


def reached(race: Race, name: str) -> int:
    """The last distance before recall falls below a half for the first time."""
    reach = 0
    recall = dict(race.of("copying"))[name]["recall"]
    for distance, share in zip(race.measures["copying"]["distances"], recall, strict=True):
        if share < 0.5:
            return reach
        reach = distance
    return reach


def third(race: Race) -> Expected:
    """LSTM against RNN in copying, pronouns and gradients."""
    results: list[int] = []
    values: list[float] = []
    changes: list[float] = []
    figures: list[list[float]] = []
    copying, pronouns = dict(race.of("copying")), dict(race.of("pronouns"))
    for pair in pairs(race):
        of_pair: list[list[float]] = []
        if all(name in copying for name in pair):
            mine, theirs = (reached(race, name) for name in pair)
            of_pair.append([mine, theirs])
            if mine != theirs or mine not in (0, race.measures["copying"]["distances"][-1]):
                results.append((mine > theirs) - (mine < theirs))
        if all(name in pronouns for name in pair):
            one, other = (pronouns[name][-1] for name in pair)
            result = (one["low"] > other["high"]) - (one["high"] < other["low"])
            guessed = max(race.measures["pronouns"]["shortcuts"].values())
            if result or one["right"] > guessed or other["right"] > guessed:
                results.append(result)
            of_pair.append([100 * one["right"], 100 * other["right"]])
            values += race.measures["pronouns"]["distances"][-1]
        curves = [racing_curve(race, name) for name in pair]
        if curves[0] and curves[1]:
            both = [change(one) for one in curves if one]
            gain = abs(both[1]) - abs(both[0])
            results.append(0 if abs(gain) < 1 else 1 if gain > 0 else -1)
            changes += both
        values += [value for numbers_ in of_pair for value in numbers_]
        figures = figures or of_pair
    return Expected(judgement(results), figures, [*values, *counts(results)], changes)


def fourth(race: Race) -> Expected:
    """LSTM against RNN in speed."""
    found = [entry for pair in pairs(race) for entry in timed(race, *pair)]
    if not found:
        return Expected("not measured")
    results = [result for _, result, _ in found]
    shown = next(some for pair in pairs(race) if (some := timed(race, *pair)))
    lengths = [length for length, _, _ in found]
    return Expected(judgement(results), [[shown[0][2]], [shown[-1][2]]], [*counts(results), *lengths])


def fifth(race: Race) -> Expected:
    """The Transformer's BLEU against everybody else's, and its chain."""
    against = race.against_transformer()
    if not against:
        return Expected("not measured")
    chances = corrected({name: one["p"] for name, one in against.items()})
    if max(race.means("bleu").values()) < 1:
        return Expected("not measured")
    results = []
    for name, one in against.items():
        better = 1 if one["difference"] < 0 else -1
        results.append(better if chances[name] < 0.05 else 0)
    bleu = race.means("bleu")
    best = max(against, key=lambda name: bleu[name])
    between = [-against[best][key] for key in ("difference", "high", "low")]
    budget = race.plan["courses"][0]["each"]
    expected = Expected(
        judgement(results),
        [[bleu["transformer"], bleu[best]], between[:1]],
        [*counts(results), budget, 95, *between],
    )
    chain = dict(race.of("chain")).get("transformer")
    if chain:
        for what in ("training", "translating"):
            expected.values += [chain[what][0], chain[what][-1], *race.measures["chain"]["lengths"]]
        if expected.judgement == "holds" and chain["training"][-1] > chain["training"][0]:
            expected.judgement = "holds partly"
    assert called(best)
    return expected


JUDGES: tuple[Callable[[Race], Expected], ...] = (first, second, third, fourth, fifth)
