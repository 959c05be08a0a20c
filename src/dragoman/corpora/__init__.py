"""Where parallel text comes from: files, named corpora, the built-in pizzeria grammar; checks and splits."""

from dragoman.corpora.fetch import cache_folder, fetch
from dragoman.corpora.named import CorpusRow, corpus_list, load_named
from dragoman.corpora.opening import Corpus, open_corpus
from dragoman.corpora.parallel import ParallelText
from dragoman.corpora.reading import read_lines, read_pair, read_tsv

__all__ = [
    "Corpus",
    "CorpusRow",
    "ParallelText",
    "cache_folder",
    "corpus_list",
    "fetch",
    "load_named",
    "open_corpus",
    "read_lines",
    "read_pair",
    "read_tsv",
]
