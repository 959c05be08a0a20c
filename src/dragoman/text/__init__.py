"""Strings to ids and back: normalisation, tokenizers, vocabularies. No tensors here."""

from dragoman.text.languages import Tokenizers
from dragoman.text.learning import learn_tokenizer, tokenizer_from_bytes
from dragoman.text.special import BOS, EOS, PAD, UNKNOWN
from dragoman.text.tokenizer import Tokenizer, line_seed

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "UNKNOWN",
    "Tokenizer",
    "Tokenizers",
    "learn_tokenizer",
    "line_seed",
    "tokenizer_from_bytes",
]
