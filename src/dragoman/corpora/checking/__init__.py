"""What is wrong with a parallel corpus: the checks, the report, and the cleaned text."""

from dragoman.corpora.checking.check import Wishes, check
from dragoman.corpora.checking.kinds import KINDS, Kind
from dragoman.corpora.checking.pairs import FilePairs, Pairs, TextPairs, TsvPairs
from dragoman.corpora.checking.report import Example, Finding, Report

__all__ = [
    "KINDS",
    "Example",
    "FilePairs",
    "Finding",
    "Kind",
    "Pairs",
    "Report",
    "TextPairs",
    "TsvPairs",
    "Wishes",
    "check",
]
