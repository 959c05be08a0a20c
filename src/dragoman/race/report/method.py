"""How a race was run, in words: the budget, what would be unfair, what it ran on, and how to repeat it."""

from collections.abc import Collection, Sequence

from dragoman.race.plan import Course, Plan
from dragoman.race.report.document import Block, Code, Points, Section, Table, Terms, Text
from dragoman.race.report.wording import fixed, listed, several, shown, whole
from dragoman.training.watching.words import LANGUAGES

COURSES = {"main": "main corpus", "pizzeria": "pizzeria"}


def budget_each(plan: Plan, course: Course | None = None) -> str:
    """What each training has: 7.0 minutes of training, 500 updates, 200,000 target tokens."""
    each = (course or plan.main).each
    if plan.budget.kind == "minutes":
        return f"{fixed(each, 1)} minutes of training"
    return f"{whole(each)} {'updates' if plan.budget.kind == 'updates' else 'target tokens'}"


def budget_whole(plan: Plan) -> str:
    """What all trainings have together, the copy task among them."""
    total = plan.budget.total
    if plan.budget.kind == "minutes":
        return f"{fixed(total, 1)} minutes in all, the other tasks included"
    return f"{whole(total)} {'updates' if plan.budget.kind == 'updates' else 'target tokens'} in all"


def few_seeds(seeds: Sequence[int]) -> list[str]:
    """What to say of so many seeds."""
    if len(seeds) >= 3:
        return []
    number = "One seed" if len(seeds) == 1 else "Two seeds"
    return [f"{number}: the interval tells of the test sentences, not of the luck of a training."]


def trained_once(measures: Collection[str]) -> list[str]:
    """What to say of measures for which each contestant is trained once, however many seeds there are."""
    once = [name for name in ("copying", "gradients") if name in measures]
    return [f"One training of each contestant: {listed(once)}."] if once else []


def languages(plan: Plan) -> str:
    """The direction in words; empty where it is not known."""
    names = [LANGUAGES.get(code, code) for code in plan.languages if code]
    return " to ".join(names) if len(names) == 2 else ""


def machine(plan: Plan) -> str:
    """What it ran on, in one line."""
    found = plan.machine
    return (
        f"{found['processor']}, {several(found['cores'], 'core')}, {several(found['threads'], 'thread')}, "
        f"{found['memory_gib']:g} GiB, {found['dtype']}, {found['kernels']} kernels"
    )


def fairness(plan: Plan) -> Section:
    """What would be unfair, and what is done about it; and what stays."""
    stays = [
        "This machine: on a graphics card, which computes far more at once, long dependent chains cost more than here.",
        "These programs: each family runs as fast as this project can make it, and others may make it faster.",
        "Equal parameters: an LSTM of the same size is narrower than an RNN; equal widths would be another race.",
        "This budget: who learns fast is ahead in a short race, and need not be in a long one.",
        "This corpus: its size, its subject and the length of its sentences.",
    ]
    return Section(
        "fairness",
        "What would be unfair",
        [
            Table(
                "What would be unfair, and what is done about it", ["It would be unfair to have", "So"], _avoided(plan)
            ),
            Text("What no care removes, and what another race may answer otherwise:"),
            Points(stays),
        ],
    )


def _avoided(plan: Plan) -> list[tuple[str, str]]:
    seeds = listed([f"{seed}" for seed in plan.seeds])
    return [
        (
            "A contestant that is larger",
            "All have the Transformer's number of parameters within 2 %; the tables of parameters show it.",
        ),
        (
            "Settings made for one family",
            "Learning rate and dropout of each were found by one and the same search on Multi30k's validation data, "
            "its rate on the pizzeria by the same search there, before any race; on the copy task each has a rate of "
            "its own."
            if plan.tuned
            else "Not avoided: learning rate or dropout of each is not what a search found for it.",
        ),
        (
            "More training for one",
            f"All have the same: {budget_each(plan)} each on the main corpus. {_counted(plan)}",
        ),
        (
            "Other words, another order",
            f"One vocabulary for all; the same seed ({seeds}) gives the same batches in the same order.",
        ),
        (
            "A slow way to compute one of them",
            "Recurrences run through torch's kernels for whole sequences, attention over all positions at once; dtype "
            "and threads are the same for all.",
        ),
        (
            "A machine that is busy just then",
            "Each repetition measures every contestant's speed once before the next repetition begins; how much "
            "repetitions differ is told.",
        ),
        (
            "Choices made on the test set",
            "Checkpoints are chosen by validation; each training translates the test set once.",
        ),
        (
            "Luck with the sentences",
            "95 % bootstrap intervals, and paired tests on the same sentences, corrected for their number.",
        ),
        ("Luck with a training", f"{several(len(plan.seeds), 'seed')} on the main corpus."),
    ]


def _counted(plan: Plan) -> str:
    """What the budget counts."""
    if plan.budget.kind == "minutes":
        return "Minutes count updates only: set-up, validation and saving are left out."
    return "Who needs less time for them has no advantage from that."


def corpora(plan: Plan) -> Table:
    """The courses: text, budget, seeds."""
    rows = [
        [
            COURSES[course.name],
            plan.name if course.name == "main" else "pizzeria:en-de",
            *(whole(course.pairs.get(split)) for split in ("train", "valid")),
            whole(course.vocabulary),
            whole(course.epoch_updates),
            budget_each(plan, course),
            listed([f"{seed}" for seed in course.seeds]),
        ]
        for course in plan.courses
    ]
    head = [
        "Course", "Text", "Training pairs", "Validation pairs", "Vocabulary", "Updates in a pass", "Each training has",
        "Seeds",
    ]  # fmt: skip
    return Table("What was trained on", head, rows)


def repeating(plan: Plan) -> Section:
    """Versions, machine, and the command."""
    names = listed([shown(one.name) for one in plan.contestants])
    facts = [
        ("Date", plan.date),
        ("Machine", machine(plan)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in sorted(plan.versions.items()))),
        ("Preset", plan.preset),
        ("Contestants", names),
    ]
    files = [[file["path"].rpartition("/")[2], whole(file["bytes"]), file["sha256"]] for file in plan.files]
    blocks: list[Block] = [corpora(plan), Terms(facts)]
    if files:
        blocks.append(Table("The text files", ["File", "Bytes", "SHA-256"], files))
    return Section(
        "repeating",
        "How to repeat it",
        [
            *blocks,
            Text("The race again:"),
            Code(plan.command),
            Text(
                "This report is computed from race.json, measures/ and the trainings' metrics.jsonl alone; with the "
                "versions above it comes out the same to the last byte:"
            ),
            Code("dragoman race OUT --report"),
        ],
    )
