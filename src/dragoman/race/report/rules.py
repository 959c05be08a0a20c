"""What the verdicts' rules mean by their words."""

from dragoman.race.report.curves import HUNDREDFOLD, TENFOLD
from dragoman.race.report.document import Section, Terms
from dragoman.race.report.remembering import ENOUGH
from dragoman.race.report.scores import SIGNIFICANT
from dragoman.race.report.wording import percent, whole

_TERMS = [
    (
        "Slower, faster",
        "Even the fastest repetition of one is below the slowest of the other; else the two are level. A comparison is "
        "one contestant at one length.",
    ),
    (
        "Chain",
        "The most matrix products that have to wait for one another in a pass over one pair; no number of cores makes "
        "it shorter.",
    ),
    (
        "Vanish, explode",
        f"From the shortest distance to the longest the gradient's norm falls or grows {whole(10**HUNDREDFOLD)} times "
        "at least; with less it stays flat.",
    ),
    (
        "Ahead in copying",
        f"At least {percent(ENOUGH)} of the tokens come back up to a longer distance. Where both come to the longest "
        "distance, or neither to the shortest, the comparison cannot tell.",
    ),
    (
        "Ahead in pronouns",
        "At the longest distance the 95 % interval of the right er, sie, es lies above the other's. Where it does not, "
        "and neither beats the best shortcut, the comparison cannot tell.",
    ),
    (
        "Ahead in gradients",
        "From the shortest distance to the longest the decoder's gradient falls or grows at least "
        f"{whole(10**TENFOLD)} times less than the other's, after training where that was measured.",
    ),
    (
        "Significantly",
        f"Paired bootstrap over the test sentences, p below {SIGNIFICANT:g} after Holm's correction for the tests "
        "against the Transformer, which alone decide. The table of all pairs is corrected for all of them, so that its "
        "p are larger.",
    ),
]


def rules() -> Section:
    """The section."""
    return Section("rules", "What decides", [Terms(_TERMS)])
