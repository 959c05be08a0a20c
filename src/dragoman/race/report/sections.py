"""The report's sections on speed and memory."""

from dragoman.race.logs import Logs
from dragoman.race.report import charts, tables
from dragoman.race.report.document import Block, Chart, Charts, Section, Text
from dragoman.race.report.remembering import ENOUGH
from dragoman.race.report.wording import percent


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
            "Copying: a small model of each contestant, at the learning rate that one and the same search found for "
            f"it, learns to write {measure['kinds']} kinds of tokens in the order in which it read them; a blind guess "
            f"is right in {percent(measure['chance'], 1)}. One training of each. What counts is the distance up to "
            f"which at least {percent(ENOUGH)} of the tokens come back."
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


def pictures(*charts_: Chart | None) -> list[Block]:
    """The pictures that there are."""
    there = [chart for chart in charts_ if chart]
    return [Charts(there)] if there else []


def not_measured(name: str) -> Text:
    """Says that figures are missing."""
    return Text(f"Not measured: measures/{name}.json is missing.")
