"""What everyone trains on, written into a folder: one epoch's batches, and the corpus as text with its tokenizer.

python -m benchmarks.peers.material FOLDER
"""

import sys
from pathlib import Path

from benchmarks.peers import batches
from benchmarks.peers.batches import Batch
from benchmarks.peers.ours import SETTINGS
from dragoman.batches.epochs import Epochs
from dragoman.batches.padded import PairBatch
from dragoman.batches.store import temporary_pairs
from dragoman.config import Settings
from dragoman.config.loading import build_settings
from dragoman.corpora import Corpus, open_corpus
from dragoman.text import Tokenizer, Tokenizers
from dragoman.text.special import FIRST_BYTE

LANGUAGES = "en", "de"


def main() -> None:
    """Writes everything into the folder named on the command line."""
    folder = Path(sys.argv[1])
    corpus, tokenizers, epochs = opened(build_settings(sets=SETTINGS))
    write_text(folder, corpus, tokenizers.target)
    epoch = epochs.epoch(0)
    batches.save(folder / "batches.npz", [batch_of(epoch.batch(at)) for at in range(len(epoch.batches))])


def opened(settings: Settings) -> tuple[Corpus, Tokenizers, Epochs]:
    """Multi30k en-de, tokenized and cut into batches as the settings say."""
    seed = settings.training.seed
    corpus = open_corpus(build_settings(sets=["data.corpus=multi30k:en-de"]).data, settings.pizzeria, seed)
    lines = corpus.train.source, corpus.train.target
    tokenizers = Tokenizers.learn(*lines, settings.text, seed)
    pairs = temporary_pairs(corpus.train, tokenizers, settings.batches.longest)
    return corpus, tokenizers, Epochs(pairs, tokenizers, settings.batches, 0.0, seed)


def batch_of(pairs: PairBatch) -> Batch:
    """Our batch as everyone's."""
    source = pairs.source
    return Batch(source.ids, source.lengths, pairs.target_in, pairs.target_out, pairs.target_lengths)


def write_text(folder: Path, corpus: Corpus, tokenizer: Tokenizer) -> None:
    """Writes train.en, train.de, valid.en, valid.de, tokenizer.model (SentencePiece's format) and vocabulary.txt.

    The vocabulary has one token a line, without the four special ones, which every toolkit adds itself.
    """
    for split, text in (("train", corpus.train), ("valid", corpus.valid)):
        for language, lines in zip(LANGUAGES, (text.source, text.target), strict=True):
            joined = "".join(f"{line}\n" for line in lines)
            (folder / f"{split}.{language}").write_text(joined, encoding="utf-8")
    (folder / "tokenizer.model").write_bytes(tokenizer.to_bytes())
    pieces = tokenizer.pieces(range(FIRST_BYTE, tokenizer.size))
    (folder / "vocabulary.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")


if __name__ == "__main__":
    main()
