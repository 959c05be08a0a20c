"""Faults that one line shows by itself."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from dragoman.corpora.checking.kinds import bit
from dragoman.corpora.scripts import IDEOGRAMS, SYLLABLES

LONGEST = 1_500
"""Characters of a line that is not yet very long."""
MOST_WORDS = 250
"""Words of a line that is not yet very long."""
FEWEST_LETTERS = 0.4
"""Share of letters among a line's signs, below which it is mostly symbols."""
_CONTINUED = "".join(bytes([code]).decode("cp1252", "replace").replace("�", chr(code)) for code in range(0x80, 0xC0))
"""What UTF-8's continuation bytes become when they are read as Windows-1252."""
_MOJIBAKE = re.compile(
    f"Ã[{_CONTINUED}]|Â[\x80-\xbf]|â[€\x80][{_CONTINUED}]|ðŸ|ï¿½|�"
    f"|(?:[ÄÅÎÏÐÑØÙ×][{_CONTINUED}]){{2}}|(?:[à-ï][{_CONTINUED}]{{2}}){{2}}"
)
_HINT = re.compile(f"[\xc2-\xf4][{_CONTINUED}]|\ufffd")
"""What every kind of mojibake has in it; far quicker to look for."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ue000-\uf8ff\ufdd0-\ufdef\ufeff\ufffe\uffff]")
_TAG = re.compile(
    r"</?(?:a|abbr|b|blockquote|body|br|button|center|code|div|em|font|form|h[1-6]|head|hr|html|i|img|input|li|link|meta"
    r"|ol|option|p|pre|script|select|small|span|strong|style|sub|sup|table|tbody|td|th|title|tr|tt|u|ul)"
    r"(?:\s[^<>]*)?/?>|<!--|-->|<!\[CDATA\[",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:nbsp|[aouAOU]uml|szlig|[a-zA-Z](?:acute|grave|circ|cedil|tilde)|[lr][sda]quo|bdquo|[nm]dash|hellip|copy|reg"
    r"|euro|middot|bull|#\d{2,6}|#x[0-9a-fA-F]{2,6});"
)
_ESCAPE = re.compile(r"&(?:amp|lt|gt|quot|apos);")
_UNESCAPED = re.compile(r"[\"']|&(?!(?:amp|lt|gt|quot|apos|#91|#93|#124);)")
_RUN = re.compile(r"([^\W\d_])\1{5,}|([^\s\w]|_)\2{9,}")
_MARKS = "".join(f"\\u{code:04x}" for code in range(0x10000) if unicodedata.category(chr(code)) in {"Mn", "Mc"})
"""Vowel signs and accents, which belong to the letter before them."""
_WORD = re.compile(f"[^\\W\\d_]+(?:[{_MARKS}\u200c\u200d]+[^\\W\\d_]*)*")
_UNSPACED = ((IDEOGRAMS, 2), (SYLLABLES, 4))
"""Letters of scripts that have no spaces between words, and how many of them make one."""
_BEYOND_LATIN = re.compile("[^\x00-\u024f\u1e00-\u1eff\u2000-\u2bff]")


@dataclass(frozen=True)
class Line:
    """What the checks need to know of a line."""

    text: str
    words: list[str]
    """Runs of letters with their marks, case folded."""
    letters: int
    flags: int
    """Faults, as flags of the source side."""

    def has_words(self, words: int, letters: int) -> bool:
        """Whether it has so many words, or letters; words that no spaces part are guessed from their letters."""
        if len(self.words) >= words or self.letters >= letters:
            return True
        return not self.text.isascii() and any(
            len(re.findall(script, self.text)) >= words * each for script, each in _UNSPACED
        )

    @property
    def says_something(self) -> bool:
        """Whether it has enough words for a likeness to mean something."""
        return self.has_words(3, 12)


def read_line(raw: bytes, escaped: bool, scripts: frozenset[str], stutters: bool = True) -> Line:
    """Decodes a line and looks for its faults.

    Args:
        raw: Its bytes.
        escaped: Whether this side writes signs as Moses does (&apos;), so that it is no fault.
        scripts: The scripts that this side is written in.
        stutters: Whether a sign may stand there many times in a row; a caller who knows that none does saves time.
    """
    flags = 0
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace").strip()
        flags = bit("not-utf8")
    if not text:
        return Line(text, [], 0, flags | bit("empty"))
    words = _WORD.findall(text.casefold())
    letters = sum(map(len, words))
    if not flags and not text.isascii():
        flags |= _odd_signs(text)
    if not text.isprintable() and _CONTROL.search(text):
        flags |= bit("control")
    if len(text) > LONGEST or text.count(" ") >= MOST_WORDS:
        flags |= bit("long")
    if ("<" in text or "&" in text or "-->" in text) and _has_markup(text, escaped):
        flags |= bit("markup")
    if letters < FEWEST_LETTERS * _signs(text):
        flags |= bit("symbols")
    if (stutters and _RUN.search(text)) or (len(words) >= 6 and len(set(words)) * 3 <= len(words)):
        flags |= bit("repeats")
    if scripts and foreign_script(text, scripts, letters):
        flags |= bit("script")
    return Line(text, words, letters, flags)


def has_escapes(text: str) -> bool:
    """Whether signs are written as Moses' tokenizer writes them."""
    return bool(_ESCAPE.search(text))


def has_unescaped(text: str) -> bool:
    """Whether signs stand there that Moses' tokenizer would have written otherwise."""
    return bool(_UNESCAPED.search(text))


def foreign_script(text: str, scripts: frozenset[str], letters: int) -> bool:
    """Whether more than half of a line's letters are of other scripts."""
    if text.isascii() or not _BEYOND_LATIN.search(text):
        return "LATIN" not in scripts and letters >= 12
    found = script_counts(text)
    foreign = sum(count for script, count in found.items() if script not in scripts)
    return foreign >= 3 and foreign * 2 > sum(found.values())


def script_counts(text: str) -> dict[str, int]:
    """Letters of each script in a text."""
    found: dict[str, int] = {}
    for sign in text:
        if script := _script(sign):
            found[script] = found.get(script, 0) + 1
    return found


@lru_cache(maxsize=1 << 16)
def _script(sign: str) -> str:
    """The script that a letter's Unicode name begins with; empty for other signs."""
    if not sign.isalpha():
        return ""
    first, *rest = unicodedata.name(sign, "UNKNOWN").split(" ")
    return rest[0] if first in ("FULLWIDTH", "HALFWIDTH") and rest else first


def _odd_signs(text: str) -> int:
    return bit("mojibake") if _HINT.search(text) and _MOJIBAKE.search(text) else 0


def _has_markup(text: str, escaped: bool) -> bool:
    return bool(_TAG.search(text) or _ENTITY.search(text) or (not escaped and _ESCAPE.search(text)))


def _signs(text: str) -> int:
    """Signs of a line without its spaces, and without marks that belong to letters."""
    signs = len(text) - text.count(" ")
    if text.isascii() or not _BEYOND_LATIN.search(text):
        return signs
    return signs - sum(unicodedata.category(sign)[0] == "M" for sign in text)
