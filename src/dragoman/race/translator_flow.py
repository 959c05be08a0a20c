"""How much of a gradient arrives in the race's own translators: decoder inputs s < t, on real sentences.

Beside the small models of `gradient_flow`, these are the shapes that race, as they began and as they ended: each
contestant's best checkpoint on the main corpus. Measured without dropout, in float64.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.corpora import ParallelText
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.models.weights import load_weights
from dragoman.race import gradient_norms as norms
from dragoman.race.gradient_flow import decoder_norms, spread
from dragoman.race.quality import TrainedRun
from dragoman.race.speed import Tell
from dragoman.runs import Run, load_checkpoint
from dragoman.text import Tokenizers

LEAST = 8
"""Target tokens that a sentence needs, so that there is a distance worth telling."""


@dataclass(frozen=True)
class Looked:
    """How much is looked at."""

    sentences: int = 8
    """Those with the longest targets, as many tokens of each as the shortest of them has."""
    longest: int = 64
    """Target tokens of a sentence at most."""
    places: int = 12
    """Positions t in a sentence, evenly spread; each costs a backward pass."""


def measure_translators(
    runs: Sequence[TrainedRun], text: ParallelText, looked: Looked | None = None, tell: Tell = lambda *_: None
) -> dict[str, Any]:
    """The length of d(loss at target position t) / d(decoder's input at s), by t - s, before and after the training.

    Args:
        runs: one training of each contestant, all with one vocabulary.
        text: sentences that nothing was trained on.

    Returns:
        `curves` as in `measure_gradients`, with `corpus`, `seed`, the number of `sentences`, and the `length` of each
        in target positions; `without`, the contestants that have no checkpoint, or one of which no gradient is a
        number; `why`, what is said where nothing could be looked at.
    """
    looked = looked or Looked()
    found: dict[str, Any] = {"corpus": text.name, "curves": [], "without": [], "why": ""}
    chosen: _Chosen | None = None
    for number, one in enumerate(runs):
        try:
            tokenizers = Tokenizers.load(one.path)
            chosen = chosen or _chosen(tokenizers, text, looked)
            curves = _curves(one, tokenizers, chosen, looked)
        except DragomanError:
            curves = []
        found["curves"] += curves
        found["without"] += [] if curves else [one.contestant]
        tell(f"translator of {one.contestant}", (number + 1) / len(runs))
    found |= {"seed": runs[0].seed if runs else 0, "sentences": 0, "length": 0}
    if chosen is None:
        return found | {"why": "no training on the main corpus has a checkpoint"}
    found |= {"sentences": len(chosen.sources), "length": chosen.length}
    if chosen.length < LEAST:
        short = f"the sentences are too short: even the longest have {chosen.length} target tokens of {LEAST} needed"
        return found | {"without": [], "why": short}
    return found if found["curves"] else found | {"why": "no training on the main corpus has a checkpoint"}


@dataclass(frozen=True)
class _Chosen:
    """Sentences as tokens; of the targets as many as `length` are looked at."""

    sources: list[list[int]]
    targets: list[list[int]]
    length: int

    @property
    def batch(self) -> PairBatch:
        """The sentences, their targets equally long."""
        return pair_batch(self.sources, [target[: self.length] for target in self.targets])


def _chosen(tokenizers: Tokenizers, text: ParallelText, looked: Looked) -> _Chosen:
    sources, targets = tokenizers.source.encode(text.source), tokenizers.target.encode(text.target)
    # Equally long ones in the text's order, so that the choice is always the same.
    order = sorted(range(len(targets)), key=lambda at: -min(len(targets[at]), looked.longest))[: looked.sentences]
    shortest = min((len(targets[at]) for at in order), default=0)
    return _Chosen(
        [list(sources[at]) for at in order], [list(targets[at]) for at in order], min(shortest, looked.longest)
    )


def _curves(run: TrainedRun, tokenizers: Tokenizers, chosen: _Chosen, looked: Looked) -> list[dict[str, Any]]:
    """A contestant's two curves; none where the sentences are too short, or a gradient is no number."""
    if chosen.length < LEAST:
        return []
    batch, places, found = chosen.batch, spread(chosen.length, looked.places), []
    for moment, model in _moments(run, tokenizers):
        curve = norms.curve(norms.by_distance(decoder_norms(model, batch, places), places))
        if not _is_finite(curve):
            return []
        about = {"contestant": run.contestant, "start": "default", "moment": moment, "clip": None, "as_raced": True}
        found.append(about | {"axis": "decoder"} | curve)
    return found


def _moments(run: TrainedRun, tokenizers: Tokenizers) -> Iterator[tuple[str, TrainableModel[Any]]]:
    """The model as its training began, and as its best checkpoint has it."""
    opened = Run.open(run.path)
    best, settings = load_checkpoint(opened, "best"), opened.settings
    for moment in ("start", "trained"):
        sizes = tokenizers.source.size, tokenizers.target.size
        model = build_model(settings.model, *sizes, settings.training.seed)
        if moment == "trained":
            load_weights(model, best.model)
        yield moment, model.double().eval()


def _is_finite(curve: Mapping[str, Sequence[float]]) -> bool:
    return all(isfinite(value) for values in curve.values() for value in values)
