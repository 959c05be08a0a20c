"""The report's sections on speed, gradients and memory."""

from dragoman.race.logs import Json, Logs
from dragoman.race.report import charts, tables
from dragoman.race.report.curves import AXES, MOMENTS, Curve, curves
from dragoman.race.report.document import Block, Chart, Charts, Points, Section, Text
from dragoman.race.report.remembering import ENOUGH
from dragoman.race.report.wording import left, listed, percent, shown

_AXIS_WORDS = {
    "decoder": "from a loss in the decoder back to its inputs",
    "encoder": "from an output of the one-way encoder back to its inputs",
    "end-to-end": "from a copied token's loss back to that token in the source",
}
_MOMENT_WORDS = {"start": "before training", "trained": "after training"}
_SINGULAR = (
    "Why: on its way back, each step of a plain RNN multiplies a gradient by one and the same matrix. Its largest "
    "singular value says how much longer one step can make a gradient at most, its largest eigenvalue how much longer "
    "each of many steps makes it. Encoder and decoder have one each, told beside what a step does in its curve."
)


def training_speed(logs: Logs) -> Section:
    """Speed of training by length and the dependent chain."""
    blocks: list[Block] = [
        Text(
            "A recurrent network reads word by word: each step waits for the one before it. Attention looks at all "
            "words at once. The first picture shows what that does to speed on this machine, the second how many "
            "matrix products have to wait for one another, however many cores there are."
        )
    ]
    blocks += pictures(charts.speed_chart(logs, "speed"), charts.chain_chart(logs, "training"))
    if "speed" in logs.measures:
        tokens = logs.measures["speed"]["target_tokens"]
        blocks.append(
            Text(
                f"Measured on drawn sentences that all have one length, {tokens:,} target tokens a batch, no padding. "
                "A speed is clearly lower where even its fastest repetition is below the other's slowest."
            )
        )
        blocks += [*tables.speed_tables(logs, "speed"), tables.parts_table(logs)]
    else:
        blocks.append(not_measured("speed"))
    return Section("training-speed", "Speed of training", [*blocks, *_chain(logs, "training")])


def translating_speed(logs: Logs) -> Section:
    """The same for translation."""
    blocks: list[Block] = [
        Text(
            "While translating, every family writes word by word, the Transformer too: a word can be chosen only when "
            "the one before it is known."
        )
    ]
    blocks += pictures(charts.speed_chart(logs, "translation_speed"), charts.chain_chart(logs, "translating"))
    if "translation_speed" in logs.measures:
        blocks.append(Text("Greedy search; every sentence is given as many tokens as its source has."))
        blocks += tables.speed_tables(logs, "translation_speed")
    else:
        blocks.append(not_measured("translation_speed"))
    return Section("translating-speed", "Speed of translation", [*blocks, *_chain(logs, "translating")])


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
    blocks.append(Points([line for axis in AXES for moment in MOMENTS for line in _words(found, axis, moment)]))
    if singular := measure.get("singular_values"):
        blocks += [Text(_SINGULAR), tables.singular_table(singular)]
    for axis in AXES:
        mine = [one for one in found if one.axis == axis]
        if mine:
            blocks += tables.gradient_tables(f"Gradients {_AXIS_WORDS[axis]}", mine)
    blocks.append(tables.trials_table(measure["trainings"]))
    return Section("gradients", "Gradients over distance", blocks)


def _gradient_models(plan: Json) -> Text:
    """Which models the gradients are looked at in."""
    return Text(
        "Looked at in small models that read one way, have no dropout and reckon in float64: "
        f"{plan['sentences']} drawn sentences of {plan['length']} positions. Trained means {plan['updates']} updates "
        f"of the copy task, on sentences of {plan['learnt_length']} positions at most."
    )


def memory(logs: Logs) -> Section:
    """The copy task and the pronouns by distance."""
    blocks: list[Block] = [
        Text(
            "What does a network still know of a word that it read long ago? Two trials: copying drawn tokens, and the "
            "German pronoun for “it”, which depends on a noun that stands ever further back."
        )
    ]
    blocks += pictures(charts.copying_chart(logs), charts.pronoun_chart(logs))
    return Section("memory", "Memory over distance", [*blocks, *_copying(logs), *_pronouns(logs)])


def _copying(logs: Logs) -> list[Block]:
    if "copying" not in logs.measures:
        return [not_measured("copying")]
    measure = logs.measures["copying"]
    return [
        Text(
            "Copying: a small model of each contestant, at the learning rate that short trials found for it, learns to "
            f"write {measure['kinds']} kinds of tokens in the order in which it read them; a blind guess is right in "
            f"{percent(measure['chance'], 1)}. One training of each. What counts is the distance up to which at least "
            f"{percent(ENOUGH)} of the tokens come back."
        ),
        tables.recall_table(logs, "recall"),
        tables.recall_table(logs, "forced"),
        tables.copying_effort_table(logs),
    ]


def _pronouns(logs: Logs) -> list[Block]:
    if "pronouns" not in logs.measures:
        return [not_measured("pronouns")]
    measure = logs.measures["pronouns"]
    blocks: list[Block] = [
        Text(
            "Pronouns: pizzeria sentences whose “it” means a noun up to "
            f"{measure['distances'][-1][1]} words before it; in training the distance was {measure['trained_up_to']} "
            "words at most. The shortcuts are what guessing without understanding gets right on the same sentences. "
            "Brackets: 95 % intervals."
        ),
        tables.pronoun_table(logs, "right"),
    ]
    return [*blocks, tables.pronoun_table(logs, "preferred")] if tables.has_preferred(logs) else blocks


def _chain(logs: Logs, what: str) -> list[Block]:
    return [tables.chain_table(logs, what)] if "chain" in logs.measures else [not_measured("chain")]


def _words(found: list[Curve], axis: str, moment: str) -> list[str]:
    """Who vanishes, explodes and stays flat on one axis at one moment, as they race."""
    mine = [one for one in found if (one.axis, one.moment, one.main) == (axis, moment, True)]
    groups = {word: [one for one in mine if one.word == word] for word in ("vanishing", "exploding", "flat")}
    told = [
        f"{word}: {listed([f'{shown(one.contestant)} ({left(one.change)})' for one in group])}"
        for word, group in groups.items()
        if group
    ]
    return [f"{axis.capitalize()}, {_MOMENT_WORDS[moment]}: {'; '.join(told)}."] if told else []


def pictures(*charts_: Chart | None) -> list[Block]:
    """The pictures that there are."""
    there = [chart for chart in charts_ if chart]
    return [Charts(there)] if there else []


def not_measured(name: str) -> Text:
    """Says that figures are missing."""
    return Text(f"Not measured: measures/{name}.json is missing.")
