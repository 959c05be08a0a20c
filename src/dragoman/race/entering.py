"""One course before the budget is shared out: its vocabulary, the contestants' widths, and how fast each is."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from typing import Literal

from dragoman.config.loading import override
from dragoman.errors import DragomanError
from dragoman.models.build import build_model
from dragoman.race.budget import Pass
from dragoman.race.contestants import enter
from dragoman.race.plan import Contestant, Course, Kind
from dragoman.race.recipe import Recipe
from dragoman.training.preparing import Prepared, prepare
from dragoman.training.watching.probe import Pace, probe

PROBED = 0.5
"""Seconds of timed passes behind each forecast."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Entered:
    """A course, all but its share of the budget."""

    name: Literal["main", "pizzeria"]
    recipe: Recipe
    contestants: list[Contestant]
    paces: dict[str, Pace]
    whole: Pass
    vocabulary: int
    pairs: dict[str, int]

    def course(self, kind: Kind, seeds: list[int], each: float) -> Course:
        """The course as the plan has it."""
        base = self.recipe.base
        tokens = self.whole.tokens / self.whole.updates
        updates = {
            name: {"minutes": 60 * each / pace.update_seconds(tokens), "updates": each, "tokens": each / tokens}[kind]
            for name, pace in self.paces.items()
        }
        seconds = {
            name: updates[name] * pace.update_seconds(tokens) + base.training.validations * pace.validation_seconds
            for name, pace in self.paces.items()
        }
        return Course(
            name=self.name,
            settings=asdict(base),
            contestants=self.contestants,
            seeds=seeds,
            each=each,
            pairs=self.pairs,
            vocabulary=self.vocabulary,
            epoch_updates=self.whole.updates,
            epoch_seconds=dict(self.whole.seconds),
            part_seconds=seconds,
        )


def enter_course(
    name: Literal["main", "pizzeria"], title: str, recipe: Recipe, names: Sequence[str], place: Path, tell: Tell
) -> Entered:
    """Learns a course's vocabulary into `place`, finds the contestants' widths, and times each.

    Args:
        title: what its corpus is called.
        tell: is told what takes long.

    Raises:
        DragomanError: the corpus cannot be used, or a contestant does not fit.
    """
    base = recipe.base
    tell(f"reading {title} and learning its vocabulary")
    place.mkdir(parents=True, exist_ok=True)
    prepared = prepare(base, None, None, place, tell)
    try:
        sizes = prepared.tokenizers.source.size, prepared.tokenizers.target.size
        tell(f"finding equal widths for {', '.join(names)}")
        contestants = enter(base, recipe.tuned, names, sizes)
        tell("timing a few passes of each")
        paces = {one.name: _pace(prepared, recipe, one, sizes) for one in contestants}
        epoch = prepared.epochs.epoch(0)
        updates, tokens = ceil(epoch.pass_batches / base.training.accumulate), epoch.pass_tokens[1]
        seconds = {one: updates * pace.update_seconds(tokens / updates) for one, pace in paces.items()}
        pairs = {"train": len(prepared.corpus.train), "valid": len(prepared.corpus.valid)}
        return Entered(name, recipe, contestants, paces, Pass(title, updates, tokens, seconds), sizes[1], pairs)
    finally:
        prepared.epochs.close()
        # Each training has a store of its own.
        shutil.rmtree(place / "store", ignore_errors=True)


def _pace(prepared: Prepared, recipe: Recipe, contestant: Contestant, sizes: tuple[int, int]) -> Pace:
    """Times a contestant's passes.

    Raises:
        DragomanError: there is too little memory for them.
    """
    settings = override(recipe.base, None, contestant.settings)
    model = build_model(settings.model, *sizes, settings.training.seed).to(prepared.model.output.weight.device)
    try:
        return probe(replace(prepared, settings=settings, model=model), seconds=PROBED)
    except (MemoryError, RuntimeError) as error:
        raise DragomanError(
            f"{contestant.name} does not fit into memory ({error}); lower batches.target_tokens or model.d_model"
        ) from error
