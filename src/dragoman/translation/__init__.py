"""Text in, text out."""

from dragoman.translation.results import Alternative, Scored, Translation
from dragoman.translation.stream import translate_stream
from dragoman.translation.translator import Translator

__all__ = ["Alternative", "Scored", "Translation", "Translator", "translate_stream"]
