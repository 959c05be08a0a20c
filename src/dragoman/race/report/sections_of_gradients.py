"""The report's section on gradients: of the small models that claim 2 is judged by, and of the race's translators."""

from collections.abc import Sequence

from dragoman.race.logs import Json, Logs
from dragoman.race.report import charts, tables
from dragoman.race.report.curves import AXES, MOMENTS, Curve, curves
from dragoman.race.report.document import Block, Points, Section, Text
from dragoman.race.report.sections import not_measured, pictures
from dragoman.race.report.wording import left, listed, several, shown

_AXIS_WORDS = {
    "decoder": "from a loss in the decoder back to its inputs",
    "encoder": "from an output of the one-way encoder back to its inputs",
    "end-to-end": "from a copied token's loss back to that token in the source",
}
_MOMENT_WORDS = {"start": "before training", "trained": "after training"}
_SINGULAR = (
    "Why: on its way back, each step of a plain RNN multiplies a gradient by one and the same matrix. Its largest "
    "singular value says how much longer one step can make a gradient at most, its largest eigenvalue how much longer "
    "each of many steps makes it. Encoder and decoder have one each."
)


def gradients(logs: Logs) -> Section:
    """Gradients by distance, in pictures, tables and words."""
    found = curves(logs.measures.get("gradients", {}))
    blocks: list[Block] = [
        Text(
            "Training sends a gradient back from each loss to everything that led to it. If a step shortens it, a few "
            "dozen steps leave nothing of it, and nothing is learnt over that distance; if a step lengthens it, it "
            "explodes. The pictures show what is left of it by distance, each line on a logarithmic axis from its own "
            "value at the shortest distance; the shade is the middle half."
        )
    ]
    if not found:
        return Section("gradients", "Gradients over distance", [*blocks, not_measured("gradients")])
    measure = logs.measures["gradients"]
    blocks += [_gradient_models(measure["plan"]), *pictures(*charts.gradient_charts(logs))]
    blocks.append(
        Text(
            "In words, where a hundredfold change between the shortest and the longest distance is called vanishing or "
            "exploding, and anything less flat:"
        )
    )
    blocks.append(Points([line for axis in AXES for line in _words(axis, [one for one in found if one.axis == axis])]))
    blocks += _translators(logs, measure["translators"])
    if singular := measure.get("singular_values"):
        blocks += [_singular(singular), tables.singular_table(singular)]
    for axis in AXES:
        mine = [one for one in found if one.axis == axis]
        if mine:
            blocks += tables.gradient_tables(f"Gradients {_AXIS_WORDS[axis]}", mine)
    if raced := curves(measure["translators"]):
        blocks += tables.gradient_tables(f"Gradients in the race's translators, {_AXIS_WORDS['decoder']}", raced)
    blocks.append(tables.trials_table(measure["trainings"]))
    return Section("gradients", "Gradients over distance", blocks)


def _singular(values: Sequence[Json]) -> Text:
    """Why gradients vanish or explode, told in full for the first contestant, as it raced."""
    mine = [one for one in values if one["contestant"] == values[0]["contestant"] and one["as_raced"]]
    one = [one for one in mine if one["clip"] is not False][-1]
    when = "after training" if one["moment"] == "trained" else "before training"
    return Text(f"{_SINGULAR} For {shown(one['contestant'])}, {when}: {one['sentence']}.")


def _gradient_models(plan: Json) -> Text:
    """Which models the gradients are looked at in."""
    return Text(
        "Looked at first in small models, which claim 2 is judged by. They read one way, have no dropout and reckon in "
        f"float64: {plan['sentences']} drawn sentences of {plan['length']} positions. Trained means {plan['updates']} "
        f"updates of the copy task, on sentences of {plan['learnt_length']} positions at most."
    )


def _translators(logs: Logs, measure: Json) -> list[Block]:
    """The same in the models that raced, or why it is not there."""
    if measure["why"]:
        return [Text(f"The gradients of the race's own translators were not looked at: {measure['why']}.")]
    absent = [shown(name) for name in measure["without"]]
    said = Text(
        "The same in the race's own translators, which are larger and have learnt to translate: from a loss in the "
        f"decoder back to its inputs, on {several(measure['sentences'], 'sentence')} of {measure['corpus']}, "
        f"{measure['length']} target positions of each, in float64 and without dropout. Before training is how each "
        f"began, after training its best checkpoint, seed {measure['seed']}. Claim 2 is not judged by these: they show "
        "whether what was found in small goes for models that translate."
        f"{f' Without {listed(absent)}: no checkpoint, or a gradient that is no number.' if absent else ''}"
    )
    return [said, *pictures(*charts.translator_charts(logs)), Points(_words("translators", curves(measure)))]


def _words(what: str, found: Sequence[Curve]) -> list[str]:
    """Who vanishes, explodes and stays flat, at each moment, as they race."""
    lines = []
    for moment in MOMENTS:
        mine = [one for one in found if one.moment == moment and one.main]
        groups = {word: [one for one in mine if one.word == word] for word in ("vanishing", "exploding", "flat")}
        told = [
            f"{word}: {listed([f'{shown(one.contestant)} ({left(one.change)})' for one in group])}"
            for word, group in groups.items()
            if group
        ]
        lines += [f"{what.capitalize()}, {_MOMENT_WORDS[moment]}: {'; '.join(told)}."] if told else []
    return lines
