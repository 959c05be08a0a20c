"""Names and numbers as the report writes them."""

from math import isfinite

MISSING = "–"
"""What stands where there is no figure."""
MOST_EXACT = 5
"""Powers of ten from which a factor is told as such a power."""
_FAMILIES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "transformer": "Transformer"}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def shown(contestant: str) -> str:
    """A contestant as people call it: `lstm-attention` is LSTM + attention."""
    family, _, rest = contestant.partition("-")
    return _FAMILIES.get(family, family) + (f" + {rest}" if rest else "")


def family(contestant: str) -> str:
    """What a contestant is built of: rnn, gru, lstm or transformer."""
    return contestant.partition("-")[0]


def whole(value: float | None) -> str:
    """A number without digits after the point."""
    return MISSING if value is None else f"{value:,.0f}"


def fixed(value: float | None, digits: int) -> str:
    """A number with so many digits after the point."""
    return MISSING if value is None else f"{_rounded(value, digits):,.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int) -> str:
    """A difference, always with its sign."""
    return MISSING if value is None else f"{_rounded(value, digits):+,.{digits}f}".replace("-", "−")


def _rounded(value: float, digits: int) -> float:
    """So that nothing is called minus zero."""
    return round(value, digits) + 0.0


def percent(share: float | None, digits: int = 0) -> str:
    """A share (0-1) in percent."""
    return MISSING if share is None else f"{100 * share:.{digits}f} %"


def interval(low: float | None, high: float | None, digits: int) -> str:
    """A 95 % interval in brackets; nothing where it is unknown."""
    return "" if low is None or high is None else f"[{fixed(low, digits)}, {fixed(high, digits)}]"


def ratio(one: float, other: float) -> str:
    """How many times one number is the other."""
    if not other:
        return MISSING
    times = one / other
    return f"{times:,.0f} ×" if times >= 10 else f"{times:.2f} ×"


def power(exponent: float) -> str:
    """Ten to a whole power: 10⁻⁶."""
    return "10" + f"{exponent:.0f}".translate(_RAISED)


def left(change: float) -> str:
    """What is left of something whose logarithm to base 10 changed so much: 1/31, 25 %, 40 ×, 10¹² ×."""
    size = abs(change)
    if not isfinite(size):
        return "beyond all numbers" if change > 0 else "nothing"
    if size >= MOST_EXACT:
        return f"{power(size)} ×" if change > 0 else f"1/{power(size)}"
    if size < 1:
        return percent(10**change)
    return f"{10**size:,.0f} ×" if change > 0 else f"1/{10**size:,.0f}"


def probability(value: float | None) -> str:
    """A p-value."""
    if value is None:
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def listed(words: list[str]) -> str:
    """Words in a row: a, b and c."""
    return " and ".join(", ".join(words).rsplit(", ", 1))


def several(number: int, thing: str, things: str = "") -> str:
    """A number of things, one or several."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
