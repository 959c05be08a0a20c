"""Who remembers longer: copying, pronouns and gradients of each LSTM against the RNN that is otherwise like it."""

from collections.abc import Sequence
from dataclasses import dataclass

from dragoman.race.logs import Logs
from dragoman.race.report.comparing import Outcome, Reading, Tally, apart, siblings, sign
from dragoman.race.report.curves import TENFOLD, curves, main_curve
from dragoman.race.report.document import Figure
from dragoman.race.report.wording import left, percent, shown

ENOUGH = 0.5
"""Share of the tokens that has to come back for a distance to count as remembered."""
Pair = tuple[str, str]


@dataclass(frozen=True)
class Remembering:
    """All comparisons of LSTM and RNN."""

    tally: Tally
    silent: Sequence[str]
    """Comparisons that cannot tell, and why."""
    missing: Sequence[str]
    """Measures that are not there."""


def remembering(logs: Logs) -> Remembering:
    """Compares each LSTM with the RNN that is otherwise like it."""
    pairs = siblings(logs.names, "lstm", "rnn")
    measures = {"copying": copying, "pronouns": pronouns, "gradients": gradients}
    found = {name: [one for pair in pairs if (one := compare(logs, pair))] for name, compare in measures.items()}
    every = [one for some in found.values() for one in some]
    return Remembering(
        Tally([one for one in every if isinstance(one, Outcome)]),
        [one for one in every if isinstance(one, str)],
        [name for name, some in found.items() if not some],
    )


def reach(distances: Sequence[int], recall: Sequence[float], enough: float = ENOUGH) -> int:
    """The distance up to which at least so large a share of the tokens comes back; 0 where it never does."""
    reached = 0
    for distance, share in zip(distances, recall, strict=True):
        if share < enough:
            break
        reached = distance
    return reached


def copying(logs: Logs, pair: Pair) -> Outcome | str | None:
    """Up to which distance at least half of the tokens come back; cannot tell where both or neither remember all."""
    reaches = _reaches(logs, pair)
    if reaches is None:
        return None
    mine, theirs = reaches
    if mine == theirs == 0:
        return f"copying {_which(pair)}, which neither learnt"
    if mine == theirs == logs.measures["copying"]["distances"][-1]:
        return f"copying {_which(pair)}, where both remember {mine} steps and more"
    return Outcome("copying", f"{_which(pair)} ({mine} : {theirs} steps)", sign(mine - theirs))


def pronouns(logs: Logs, pair: Pair) -> Outcome | str | None:
    """The right er, sie, es in the bucket of the longest distance; cannot tell where both only guess."""
    found = _farthest(logs, pair)
    if found is None:
        return None
    mine, theirs = found
    told = f"{_which(pair)} ({percent(mine.value)} : {percent(theirs.value)})"
    result = apart(mine, theirs)
    if result == 0 and max(mine.value, theirs.value) <= max(logs.measures["pronouns"]["shortcuts"].values()):
        return f"pronouns {told}, where neither beats the shortcuts"
    return Outcome("pronouns", told, result)


def gradients(logs: Logs, pair: Pair) -> Outcome | None:
    """By how many powers of ten the decoder's gradient changes over distance."""
    found = curves(logs.measures.get("gradients", {}))
    mine, theirs = (main_curve(found, name, "decoder") for name in pair)
    if mine is None or theirs is None:
        return None
    gain = abs(theirs.change) - abs(mine.change)
    told = f"{_which(pair)} ({left(mine.change)} : {left(theirs.change)})"
    return Outcome("gradients", told, sign(gain) if abs(gain) >= TENFOLD else 0)


def memory_figures(logs: Logs) -> list[Figure]:
    """The numbers of the first pair that was measured: copying and pronouns."""
    for pair in siblings(logs.names, "lstm", "rnn"):
        figures, names = [], " : ".join(map(shown, pair))
        reaches, farthest = _reaches(logs, pair), _farthest(logs, pair)
        if reaches is not None:
            numbers = " : ".join(map(str, reaches))
            figures.append(Figure(numbers, f"steps up to which half of the copied tokens come back, {names}"))
        if farthest is not None:
            low, high = logs.measures["pronouns"]["distances"][-1]
            numbers = " : ".join(percent(one.value) for one in farthest)
            figures.append(Figure(numbers, f"right er, sie, es {low} to {high} words after the noun, {names}"))
        if figures:
            return figures
    return []


def _reaches(logs: Logs, pair: Pair) -> tuple[int, int] | None:
    contestants = logs.of("copying")
    if not all(name in contestants for name in pair):
        return None
    distances = logs.measures["copying"]["distances"]
    mine, theirs = (reach(distances, contestants[name]["recall"]) for name in pair)
    return mine, theirs


def _farthest(logs: Logs, pair: Pair) -> tuple[Reading, Reading] | None:
    contestants = logs.of("pronouns")
    if not all(contestants.get(name) for name in pair):
        return None
    mine, theirs = (contestants[name][-1] for name in pair)
    return _reading(mine), _reading(theirs)


def _reading(row: dict[str, float]) -> Reading:
    return Reading(row["right"], row["low"], row["high"])


def _which(pair: Pair) -> str:
    """What both of a pair have or lack."""
    return "with attention" if pair[0].endswith("-attention") else "without attention"
