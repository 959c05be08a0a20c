"""What a training consists of; saving it, and putting it back as it was saved."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import Any

import torch

from dragoman.errors import DragomanError, lacks_memory
from dragoman.models.contract import TrainableModel
from dragoman.models.weights import load_weights, named_weights
from dragoman.runs import (
    Checkpoint,
    Run,
    checkpoint_steps,
    forget_best,
    load_checkpoint,
    mark_best,
    read_mark,
    save_checkpoint,
)
from dragoman.training.averaging import Averages, mean_of
from dragoman.training.optimizer import optimizer_tensors, restore_optimizer
from dragoman.training.progress import Progress
from dragoman.training.safety.logs import folder_gone
from dragoman.training.safety.settings_record import settings_record

OWN = "own."
"""Before the names of the training's own weights, saved beside the optimizer where the model is an average."""


class Halted(DragomanError):
    """The training cannot go on, but its weights are good: they are saved before it ends."""


@dataclass
class Training:
    """All that changes from update to update."""

    run: Run
    model: TrainableModel[Any]
    optimizer: torch.optim.AdamW
    progress: Progress
    averages: Averages | None = None
    """What is validated, saved as the model and used, where there are any."""

    @property
    def held(self) -> int:
        """Bytes of the optimizer's moments and of the averages, as far as they are there yet."""
        averages = self.averages.values if self.averages else []
        return sum(tensor.nbytes for tensor in (*optimizer_tensors(self.optimizer).values(), *averages))

    def shown(self) -> AbstractContextManager[None]:
        """The model has the weights that it is to be used with inside the `with` block."""
        return self.averages.shown() if self.averages else nullcontext()

    def moved(self, step: int, rate: float) -> None:
        """Update `step`, for which the schedule has this learning rate, has moved the weights."""
        settings = self.run.settings.training
        # Small steps jump about less, and the weights behind them are better than those before. Tried for wsd alone.
        share = rate / settings.learning_rate if settings.schedule == "wsd" else 1.0
        if self.averages:
            self.averages.note(step, share)

    def save(self) -> None:
        """Saves a checkpoint.

        Raises:
            DragomanError: it cannot be written.
        """
        progress = self.progress
        training, tensors = self.run.settings.training, optimizer_tensors(self.optimizer)
        tensors["rng"] = torch.get_rng_state()
        if self.averages:
            tensors |= {OWN + name: weight for name, weight in named_weights(self.model).items()}
        with self.shown():
            weights = named_weights(self.model)
        self.run.flush_metrics()
        state = {"progress": progress.to_json(), "settings": settings_record(self.run.settings)}
        # The best one too: `best.json`, by which it is known, may not have been written yet.
        best = [] if progress.best is None else [progress.best_step]
        spared = {progress.refuge, *best, *self._snapshots()}
        save_checkpoint(self.run, progress.step, weights, tensors, state, training.keep, spared)

    def restore(self, checkpoint: Checkpoint, weights: bool = True) -> None:
        """Puts back what `save` saved; the weights only where the model does not have them yet."""
        if weights:
            load_weights(self.model, checkpoint.model)
        tensors = dict(checkpoint.optimizer or {})
        own = {name.removeprefix(OWN): tensors.pop(name) for name in list(tensors) if name.startswith(OWN)}
        if self.averages:
            self.averages.begin()
        if own:
            load_weights(self.model, own)
        if "rng" in tensors:
            torch.set_rng_state(tensors.pop("rng"))
        restore_optimizer(self.optimizer, tensors)
        self.progress = Progress.from_json(checkpoint.state["progress"])

    def _snapshots(self) -> list[int]:
        """Steps of the last checkpoints whose mean is tried, the present one among them.

        Those of the other validations alone: what a stop or the clock had saved would make the end depend on them.
        """
        training, last = self.run.settings.training, self.progress.step
        before = [
            step for step in checkpoint_steps(self.run) if 0 < step < last and step % training.validate_every == 0
        ]
        return [*before, last][-training.snapshots :] if training.snapshots else []

    def mean_of_snapshots(self) -> bool:
        """Makes the mean of the last checkpoints' weights the averages; says whether there are several."""
        steps = self._snapshots()
        if len(steps) < 2:
            return False
        own = named_weights(self.model)
        own = {name: weight.clone() for name, weight in own.items()}
        load_weights(self.model, mean_of([load_checkpoint(self.run, step).model for step in steps]))
        self.averages = Averages(self.model, span=0)
        load_weights(self.model, own)
        return True

    def mark_best(self) -> None:
        """Points `best.json` to the best checkpoint."""
        mark_best(self.run, self.progress.best_step, dict(self.progress.best_scores))

    def mark_missed_best(self) -> None:
        """The same where it was missed: a kill came after the best checkpoint was saved, or the disk was full.

        Or where it points to an update that this training, which went back, has not made yet; then nothing is the best
        any more if the best one before has gone.
        """
        try:
            mark = read_mark(self.run, "best") or {"step": -1}
        except DragomanError:
            mark = {"step": -1}
        progress, marked = self.progress, mark["step"]
        there = bool(progress.best_scores) and progress.best_step in checkpoint_steps(self.run)
        # The mean of checkpoints is saved under the update of the last validation, and has other scores.
        older = marked == progress.best_step and not mark.items() >= progress.best_scores.items()
        if there and (older or not progress.best_step <= marked <= progress.step):
            self.mark_best()
        elif marked > progress.step:
            progress.best, progress.best_step, progress.best_scores = None, 0, {}
            forget_best(self.run)


class Saver:
    """Saves a training now and then; one that cannot be saved goes on, and is tried again."""

    def __init__(self, training: Training, elapsed: Callable[[], float], warn: Callable[[str], None]):
        """`elapsed` is the training's clock."""
        self._training, self._elapsed, self._warn = training, elapsed, warn
        self._minutes = training.run.settings.training.save_minutes
        self._tried = monotonic()
        self.step = training.progress.step
        """The newest update that is saved."""

    def due(self) -> bool:
        """Whether `training.save_minutes` are over since the last checkpoint."""
        return 0 < 60 * self._minutes <= monotonic() - self._tried

    def save(self) -> None:
        """Saves a checkpoint.

        Raises:
            DragomanError: it cannot be written.
        """
        self._tried = monotonic()
        training = self._training
        training.progress.clock = self._elapsed()
        training.save()
        self.step = training.progress.step

    def try_to_save(self) -> bool:
        """Saves a checkpoint, or warns that it cannot; says which.

        Raises:
            DragomanError: the run's folder is gone.
        """
        try:
            self.save()
        except DragomanError as error:
            self._failed(error)
            return False
        return True

    def try_to_mark_best(self, better: bool) -> None:
        """Points `best.json` to the best checkpoint where this is a better one or it was missed; or warns.

        Raises:
            DragomanError: the run's folder is gone.
        """
        try:
            if better:
                self._training.mark_best()
            else:
                self._training.mark_missed_best()
        except DragomanError as error:
            self._failed(error)

    def _failed(self, error: DragomanError) -> None:
        if not self._training.run.path.is_dir():
            raise folder_gone(self._training.run) from error
        what, _, mend = str(error).rpartition(": ")
        self._warn(f"{what}: the training goes on and will try again; meanwhile {mend.partition(', then ')[0]}")


@contextmanager
def making_batches() -> Iterator[None]:
    """Turns whatever goes wrong while batches are made, in a background thread too, into one clear line.

    Raises:
        Halted: something went wrong.
    """
    try:
        yield
    except DragomanError as error:
        raise Halted(str(error)) from error
    except Exception as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        mend = "free memory" if lacks_memory(error) else "see that the corpus is in its place"
        raise Halted(
            f"the next batches could not be made ({what}); what was trained is saved: {mend}, then add --resume"
        ) from error
