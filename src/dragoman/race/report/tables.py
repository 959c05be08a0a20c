"""The report's tables of speed, chains, gradients and memory: every figure as it was measured."""

from collections.abc import Sequence

from dragoman.race.logs import Json, Logs
from dragoman.race.report.comparing import speeds
from dragoman.race.report.curves import Curve
from dragoman.race.report.document import Table
from dragoman.race.report.wording import MISSING, fixed, interval, left, percent, shown, whole

WHO = "Contestant"


def speed_tables(logs: Logs, measure: str) -> list[Table]:
    """Medians by length, and below them the slowest and the fastest repetition."""
    names, lengths = logs.measured(measure), logs.measures[measure]["lengths"]
    found = {name: speeds(logs.of(measure), name) for name in names}
    head = [WHO, *(f"{length} tokens" for length in lengths)]
    medians = [[whole(found[n][at].value) if at in found[n] else MISSING for at in lengths] for n in names]
    spreads = [
        [f"{whole(found[n][at].low)} to {whole(found[n][at].high)}" if at in found[n] else MISSING for at in lengths]
        for n in names
    ]
    what = "training" if measure == "speed" else "translating"
    repetitions = {row["repetitions"] for name in names for row in logs.of(measure)[name] if "repetitions" in row}
    note = f"Medians of {' or '.join(map(str, sorted(repetitions)))} repetitions." if repetitions else ""
    return [
        Table(f"Target tokens a second, {what}, by the sentences' length", head, _named(names, medians), note),
        Table(f"The slowest and the fastest repetition, {what}", head, _named(names, spreads)),
    ]


def parts_table(logs: Logs) -> Table:
    """Where an update's time goes."""
    names, lengths = logs.measured("speed"), logs.measures["speed"]["lengths"]
    rows = []
    for name in names:
        by_length = {row["length"]: row for row in logs.of("speed")[name]}
        parts = [by_length.get(length) for length in lengths]
        rows.append([_parts(part) for part in parts])
    note = "Forward pass with the loss / backward pass / clipping and the optimizer's step; medians."
    head = [WHO, *(f"{length} tokens" for length in lengths)]
    return Table("Milliseconds of an update: forward / backward / step", head, _named(names, rows), note)


def _parts(row: Json | None) -> str:
    if row is None or row.get("forward") is None:
        return MISSING
    return " / ".join(fixed(1000 * row[part], 1) for part in ("forward", "backward", "update"))


def chain_table(logs: Logs, what: str) -> Table:
    """Products that wait for one another, training or translating."""
    names = logs.measured("chain")
    head = [WHO, *(f"{length} positions" for length in logs.measures["chain"]["lengths"])]
    rows = [[whole(count) for count in logs.of("chain")[name][what]] for name in names]
    return Table(f"Matrix products that wait for one another, {what} one pair", head, _named(names, rows))


def gradient_tables(title: str, found: Sequence[Curve]) -> list[Table]:
    """The curves of one axis: the norm at three distances, what became of it, and the word for it.

    Curves over other distances have a table of their own.
    """
    groups: dict[tuple[int, ...], list[Curve]] = {}
    for one in found:
        groups.setdefault(one.distances, []).append(one)
    return [_gradient_table(title, distances, some) for distances, some in groups.items()]


def _gradient_table(title: str, distances: Sequence[int], found: Sequence[Curve]) -> Table:
    places = sorted({0, len(distances) // 2, len(distances) - 1})
    rows = [
        [
            one.told(),
            *(fixed(one.values[at], 2) for at in places),
            left(one.change),
            fixed(one.steps_a_power, 1),
            one.word,
        ]
        for one in found
    ]
    head = ["Curve", *(f"log₁₀ at {distances[at]}" for at in places), "What is left", "Positions to a tenth", "It is"]
    note = "log₁₀ of the norm, means over sentences and places; every distance is in measures/gradients.json."
    return Table(title, head, rows, note)


def singular_table(values: Sequence[Json]) -> Table:
    """The largest singular value of each recurrent matrix: of the encoder and of the decoder."""
    rows = []
    for one in values:
        moment = "before training" if one["moment"] == "start" else "after training"
        clip = {True: "on", False: "off", None: MISSING}[one["clip"]]
        told = [fixed(one["largest"], 3), fixed(one["radius"], 3), fixed(one["per_step"], 3)]
        rows.append([shown(one["contestant"]), one["side"], _start(one), moment, clip, *told])
    head = [WHO, "Side", "Start", "Moment", "Clipping", "Largest singular value", "Largest eigenvalue", "In the curve"]
    note = "How many times as long a step back makes a gradient: at most, in the long run, and with the tanh's slope."
    return Table("The recurrent matrix: how much a step can lengthen a gradient", head, rows, note)


def trials_table(trainings: Sequence[Json]) -> Table:
    """How the models were trained that gradients are looked at in."""
    rows = []
    for one in trainings:
        found = [whole(one["updates"]), fixed(one["loss"], 3), fixed(one["largest_norm"], 2)]
        rows.append([shown(one["contestant"]), _start(one), "on" if one["clip"] else "off", *found])
    head = [WHO, "Start", "Clipping", "Updates", "Last loss", "Largest norm of a whole gradient"]
    note = "Nats a token; the norm is taken before clipping. A training ends early where a gradient is no number."
    return Table("How the models were trained whose gradients these are", head, rows, note)


def _start(one: Json) -> str:
    """How the recurrent matrix began, of those that can begin in two ways."""
    return MISSING if one["start"] == "default" else str(one["start"])


def recall_table(logs: Logs, kind: str) -> Table:
    """The copy task by distance: `recall` (what it writes) or `forced` (each token after the right ones)."""
    names, distances = logs.measured("copying"), logs.measures["copying"]["distances"]
    rows = [[percent(share, 1) for share in logs.of("copying")[name][kind]] for name in names]
    title = {
        "recall": "Copying: tokens that come back, by steps since they were read",
        "forced": "The same where every token is asked for after the right ones",
    }[kind]
    return Table(title, [WHO, *(f"{distance} steps" for distance in distances)], _named(names, rows))


def copying_effort_table(logs: Logs) -> Table:
    """What each contestant learnt copying with."""
    found = logs.of("copying")
    rows = [
        [
            shown(name),
            whole(found[name]["parameters"]),
            whole(found[name]["updates"]),
            whole(found[name].get("target_tokens")),
            fixed(found[name]["seconds"], 1),
        ]
        for name in logs.measured("copying")
    ]
    return Table(
        "What copying was learnt with", [WHO, "Parameters", "Updates", "Target tokens", "Seconds of updates"], rows
    )


def pronoun_table(logs: Logs, kind: str) -> Table:
    """Pronouns by distance: `right` in translations, or `preferred` to the wrong ones in given translations."""
    measure, names = logs.measures["pronouns"], logs.measured("pronouns")
    low, high = ("low", "high") if kind == "right" else ("preferred_low", "preferred_high")
    rows = [[shown(name), *(_share(row, kind, low, high) for row in logs.of("pronouns")[name])] for name in names]
    if kind == "right":
        by_distance = measure.get("shortcuts_by_distance", {})
        rows += [[name.replace("-", " "), *(fixed(100 * one, 1) for one in by_distance[name])] for name in by_distance]
        counted = logs.of("pronouns")[names[0]] if names else []
        rows.append(["sentences", *(whole(row["sentences"]) for row in counted)])
    title = {
        "right": "Right er, sie, es in translations, percent, by words between the noun and “it”",
        "preferred": "The same where given translations are scored: the right pronoun is the likeliest",
    }[kind]
    return Table(title, [WHO, *(f"{first} to {last}" for first, last in measure["distances"])], rows)


def has_preferred(logs: Logs) -> bool:
    """Whether given translations were scored."""
    return any("preferred" in row for rows in logs.of("pronouns").values() for row in rows)


def _share(row: Json, kind: str, low: str, high: str) -> str:
    if row.get(kind) is None:
        return MISSING
    return f"{fixed(100 * row[kind], 1)} {interval(100 * row[low], 100 * row[high], 1)}"


def _named(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows with their contestants before them."""
    return [[shown(name), *row] for name, row in zip(names, rows, strict=True)]
