"""The page that pictures are drawn on: fonts that have every sign, sizes for print, files.

In an SVG text stays text, so whoever shows it picks the fonts. In a PNG a sign that no font here can draw becomes □.
"""

import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dragoman.errors import DragomanError

DPI = 200
LONGEST_SIDE = 9000
"""Pixels; a larger picture is drawn at fewer dots per inch."""
INK, QUIET = "#1b1b2b", "#6d6d7a"
LONGEST_LABEL = 24
"""Letters; a longer word is cut."""
_FONT = "DejaVu Sans"
_BOX = "□"
_PLACEHOLDERS = "Last Resort"
"""A family that draws every sign as a box with a picture of its script."""


class Page:
    """Where a figure goes, and what can be written on it."""

    def __init__(self, out: Path, missing: set[str]):
        self._out, self._missing = out, set() if _is_svg(out) else missing
        self._boxed = False

    def text(self, text: str) -> str:
        """The text as it can be drawn."""
        cut = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
        shown = "".join(_BOX if sign in self._missing or not sign.isprintable() else sign for sign in cut)
        self._boxed = self._boxed or shown != cut
        return shown

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Each text as it can be drawn."""
        return [self.text(text) for text in texts]

    def figure(self, width: float, height: float) -> Any:
        """An empty figure, in inches."""
        from matplotlib.figure import Figure

        return Figure(figsize=(width, height), facecolor="white")

    def save(self, figure: Any) -> str:
        """Writes the file; gives what is to be told about it.

        Raises:
            DragomanError: the file cannot be written.
        """
        dpi = min(DPI, LONGEST_SIDE / max(figure.get_size_inches()))
        # Without a date the same numbers give the same file.
        metadata = {"Date": None} if _is_svg(self._out) else None
        try:
            figure.savefig(self._out, dpi=dpi, metadata=metadata, bbox_inches="tight", pad_inches=0.15)
        except OSError as error:
            raise DragomanError(f"cannot write {self._out} ({error.strerror}); give another place") from error
        return f" ({_BOX} stands for what no font here can draw; an .svg keeps it)" if self._boxed else ""


@contextmanager
def page(texts: Sequence[str], out: Path) -> Iterator[Page]:
    """Sets up drawing for these texts and this file; the settings end with the `with` block."""
    import matplotlib

    families, missing = fonts_for({sign for text in texts for sign in text if sign.isprintable()})
    settings = {
        "font.family": families,
        "font.size": 9,
        "text.parse_math": False,
        "text.color": INK,
        "axes.edgecolor": QUIET,
        "axes.linewidth": 0.6,
        "xtick.color": INK,
        "ytick.color": INK,
        "svg.fonttype": "none",
        "svg.hashsalt": "dragoman",
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # An SVG keeps signs that this machine cannot draw; only their width is guessed.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield Page(out, missing)


def fonts_for(signs: set[str]) -> tuple[list[str], set[str]]:
    """The fonts that draw these signs, the usual one first, and the signs that no font of this machine draws."""
    from matplotlib import font_manager

    families = [_FONT]
    missing = signs - _drawn(font_manager.findfont(_FONT))
    for font in font_manager.fontManager.ttflist:
        if not missing:
            break
        plain = font.style == "normal" and font.weight in (400, "normal", "regular", "book")
        if plain and font.name not in families and not font.name.startswith(_PLACEHOLDERS):
            found = missing & _drawn(font.fname)
            if found:
                families.append(font.name)
                missing -= found
    # Marks that are invisible by themselves need no glyph.
    return families, {sign for sign in missing if unicodedata.category(sign) not in ("Cf", "Mn", "Me")}


def box(figure: Any, left: float, top: float, width: float, height: float) -> Any:
    """Axes at a place given in inches from the figure's upper left corner."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def _is_svg(out: Path) -> bool:
    return out.suffix.lower() == ".svg"


def _drawn(file: str) -> set[str]:
    from matplotlib import font_manager

    try:
        return {chr(code) for code in font_manager.get_font(file).get_charmap()}
    except (OSError, RuntimeError, UnicodeError):
        return set()
