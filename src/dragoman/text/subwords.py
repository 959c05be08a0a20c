"""The kinds that SentencePiece learns (Kudo and Richardson 2018): bpe, unigram, character.

The file is a SentencePiece model with one more field at its end, a seal that other readers skip: a letter
for the kind and a digest, so that a damaged file is found out.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dragoman.config.settings import TextSettings
from dragoman.errors import DragomanError, UsageError
from dragoman.text.special import BOS, EOS, FIRST_PIECE, PAD, SPACE_MARK, UNKNOWN
from dragoman.text.tokenizer import Tokenizer, spelt_in_bytes

if TYPE_CHECKING:
    from dragoman.text.cutting import Cutter

NO_TEXT = "no text to learn a vocabulary from: give files that have at least one line with words"
_LETTERS = {"bpe": b"b", "unigram": b"u", "character": b"c"}
# Field 200 of the model, of 17 bytes; the format keeps the numbers from 200 on for such extensions.
_SEAL = b"\xc2\x0c\x11"
_SEAL_BYTES = len(_SEAL) + 17
# SentencePiece gives a meaning of its own to these, skips lines with them or cuts at them.
_NOT_LEARNT = str.maketrans(dict.fromkeys("\0\n\u2581\u2585", " "))
_LONGEST_LEARNT = 1000
_ENOUGH_FOR_ALL_CHARACTERS = 2_000_000
FEW = 5_000
"""Lines up to which they are cut one by one: a training that is short of memory still validates."""
_SIZE_THAT_WORKS = re.compile(r"set it to a value <= (\d+)|required_chars\. \d+ vs (\d+)")


class SubwordTokenizer(Tokenizer):
    """A SentencePiece model that gives every line back (identity) or its normal form (nfkc)."""

    def __init__(self, kind: str, proto: bytes) -> None:
        """Takes the kind (bpe, unigram, character) and the serialized model without seal."""
        import sentencepiece

        self._kind, self._proto = kind, proto
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=proto)
        self._normaliser = sentencepiece.SentencePieceNormalizer(
            model_proto=proto, escape_whitespaces=False, add_dummy_prefix=False
        )
        super().__init__(self._processor.id_to_piece(list(range(FIRST_PIECE, self._processor.get_piece_size()))))

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        parts = [self._parts(line) for line in lines]
        texts = [part for line in parts for part in line]
        # A list is cut by threads of the library's own, and a process to which no thread is granted is aborted by it.
        cuts = iter(self._processor.encode(texts) if len(texts) > FEW else map(self._processor.encode, texts))
        return [_joined([next(cuts) for _ in line]) for line in parts]

    def sample(self, lines: Sequence[str], share: float, seeds: Sequence[int]) -> list[list[int]]:
        if share == 0 or self._kind == "character":
            return self.encode(lines)
        parts = [self._parts(line) for line in lines]
        texts = [self._processor.normalize(part) for line in parts for part in line]
        own = [seed + (at << 32) for line, seed in zip(parts, seeds, strict=True) for at in range(len(line))]
        cuts = iter(self._cutter.cut(texts, share, own))
        return [_joined([next(cuts) for _ in line]) for line in parts]

    @cached_property
    def _cutter(self) -> "Cutter":
        from dragoman.text.cutting import Cutter

        learnt = list(range(FIRST_PIECE, self._processor.get_piece_size()))
        return Cutter(self._kind, self._processor.id_to_piece(learnt), self._processor.get_score(learnt))

    def to_bytes(self) -> bytes:
        return self._proto + _seal(_LETTERS[self._kind], self._proto)

    def _parts(self, line: str) -> list[str]:
        """Normalises a line, puts a space before it and cuts it where it holds SPACE_MARK itself."""
        # The processor applies the rules a second time, which one pass may need (U+0149 U+0301).
        text = self._normaliser.normalize(line)
        return f" {text}".split(SPACE_MARK) if text else [""]


def _joined(cuts: Sequence[list[int]]) -> list[int]:
    row = cuts[0]
    for cut in cuts[1:]:
        row = [*row, *spelt_in_bytes(SPACE_MARK), *cut]
    return row


def learn_subwords(lines: Sequence[str], settings: TextSettings) -> SubwordTokenizer:
    """Learns a vocabulary of exactly `settings.vocabulary_size` tokens; of kind character, at most that many.

    Raises:
        UsageError: the text has too few different pieces for that size, or too many characters.
        DragomanError: no text is left after normalisation.
    """
    if settings.kind == "character":
        proto = _trained(lines, settings, _ENOUGH_FOR_ALL_CHARACTERS)
        tokenizer = SubwordTokenizer(settings.kind, proto)
        if tokenizer.size > settings.vocabulary_size:
            raise _wrong_size(settings.vocabulary_size, tokenizer.size)
        return tokenizer
    size: int = max(settings.vocabulary_size, FIRST_PIECE + 1)
    tried: set[int] = set()
    while True:
        try:
            proto = _trained(lines, settings, size)
        except RuntimeError as error:
            found = _SIZE_THAT_WORKS.search(str(error))
            if found is None or size in tried:
                raise
            # Learnt once more, since the message promises that this size works.
            tried.add(size)
            size = int(found[1] or found[2])
        else:
            break
    if size != settings.vocabulary_size:
        raise _wrong_size(settings.vocabulary_size, size)
    return SubwordTokenizer(settings.kind, proto)


def subwords_from_bytes(data: bytes) -> SubwordTokenizer:
    """Reads what `to_bytes` wrote.

    Raises:
        ValueError: it is something else, or damaged.
    """
    proto, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
    for kind, letter in _LETTERS.items():
        if seal == _seal(letter, proto):
            return SubwordTokenizer(kind, proto)
    raise ValueError("the seal does not fit")


def _seal(letter: bytes, proto: bytes) -> bytes:
    return _SEAL + letter + hashlib.blake2b(letter + proto, digest_size=16).digest()


def _wrong_size(wanted: int, works: int) -> UsageError:
    setting = "text.vocabulary_size"
    if works < wanted:
        return UsageError(
            f"{setting}={wanted} is more than this text can fill; its largest is {works}: set {setting}={works} or less"
        )
    return UsageError(
        f"{setting}={wanted} is less than the special tokens, the 256 bytes and this text's characters; "
        f"its smallest is {works}: set {setting}={works} or more"
    )


def _trained(lines: Sequence[str], settings: TextSettings, size: int) -> bytes:
    import sentencepiece

    unified = settings.normalisation == "nfkc"
    model = io.BytesIO()
    options: dict[str, Any] = {
        "model_type": "char" if settings.kind == "character" else settings.kind,
        "vocab_size": size,
        "character_coverage": 1.0 if settings.kind == "character" else 0.9995,
        # A space must be a token, or it would be spelt in SPACE_MARK's bytes.
        "required_chars": SPACE_MARK,
        "byte_fallback": True,
        "normalization_rule_name": "nmt_nfkc" if unified else "identity",
        "remove_extra_whitespaces": unified,
        "add_dummy_prefix": unified,
        "max_sentence_length": 4 * _LONGEST_LEARNT + 1,
    }
    ids: dict[str, Any] = {"pad_id": PAD, "unk_id": UNKNOWN, "bos_id": BOS, "eos_id": EOS}
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_learnable(lines, "" if unified else " "),
            model_writer=model,
            minloglevel=2,
            num_threads=2,
            **options,
            **ids,
        )
    except RuntimeError as error:
        if "sentences_.empty()" in str(error) or "all_chars_count" in str(error):
            raise DragomanError(NO_TEXT) from None
        raise
    return model.getvalue()


def _learnable(lines: Sequence[str], prefix: str) -> Iterator[str]:
    """Gives the lines as `encode` will read them, long ones cut, which SentencePiece would leave out."""
    for line in lines:
        clean = line.translate(_NOT_LEARNT)
        for start in range(0, len(clean), _LONGEST_LEARNT):
            yield prefix + clean[start : start + _LONGEST_LEARNT]
