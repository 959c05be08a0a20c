"""The kinds of faults that a check knows: one table for the search, the report and the documents."""

from dataclasses import dataclass

SIDES = ("source", "target")


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    what: str
    """What it means, as the report says it."""
    mend: str
    """What to do about it."""
    removes: bool = True
    """Whether cleaning leaves such pairs out; otherwise it is only told."""
    sided: bool = True
    """Whether it is a fault of one line, on either side; otherwise of the pair."""


KINDS = (
    Kind("torn", "a TSV line without exactly one tab", "put one tab between source and target", sided=False),
    Kind("not-utf8", "bytes that are not UTF-8", "find the file's true encoding; convert it with iconv"),
    Kind(
        "mojibake",
        "text once decoded wrongly (Ã¤ for ä), or with lost characters (�)",
        "go back to the original; or undo it: text.encode('cp1252').decode('utf-8')",
    ),
    Kind("control", "control or private-use characters", "remove them; they often come from PDF or OCR"),
    Kind("empty", "a line without text", "nothing: such pairs teach nothing"),
    Kind("long", "a very long line", "split it into sentences; training would leave it out"),
    Kind("markup", "HTML tags or entities", "extract plain text first"),
    Kind("symbols", "mostly digits and signs, few letters", "usually tables or codes: leave them out"),
    Kind("repeats", "one sign or word again and again", "usually noise: leave it out"),
    Kind(
        "script", "letters of another script than the rest of this side", "see whether the sides are swapped or mixed"
    ),
    Kind("language", "another language than the rest of this side", "see whether lines are untranslated or swapped"),
    Kind("copy", "the target repeats the source", "leave it out: it teaches to copy, not to translate", sided=False),
    Kind("ratio", "one side far too long for the other", "cut or joined sentences: align them again", sided=False),
    Kind(
        "shifted",
        "a stretch whose sides are shifted against each other",
        "put an empty line in where one is lost, and check again",
        sided=False,
    ),
    Kind("duplicate", "a pair that was there before", "keep one: repeats weigh more than the rest", sided=False),
    Kind("near-duplicate", "the same but for case, digits and signs", "keep one", sided=False),
    Kind("leak", "a line of the test files", "must go: the test would measure memory"),
    Kind("near-leak", "a line of the test files but for case, digits and signs", "should go"),
    Kind(
        "other-target",
        "a source that has other translations too",
        "nothing, if they are all good",
        removes=False,
        sided=False,
    ),
)
NAMES = tuple(kind.name for kind in KINDS)


def bit(name: str, side: int = 0) -> int:
    """The flag of a kind on the source (0) or target (1) side; faults of a pair use side 0."""
    return 1 << (2 * NAMES.index(name) + side)


def either(name: str) -> int:
    """Both sides' flags of a kind."""
    return bit(name, 0) | bit(name, 1)


def removing(kept: frozenset[str] = frozenset()) -> int:
    """The flags for which cleaning leaves a pair out, but for the kinds in `kept`."""
    mask = 0
    for kind in KINDS:
        if kind.removes and kind.name not in kept:
            mask |= either(kind.name)
    return mask


def reasons(flags: int) -> list[str]:
    """Flags as words, such as ``empty:target``."""
    found = []
    for kind in KINDS:
        for side, name in enumerate(SIDES):
            if flags & bit(kind.name, side):
                found.append(f"{kind.name}:{name}" if kind.sided else kind.name)
    return found
