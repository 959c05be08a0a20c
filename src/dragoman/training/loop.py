"""The loop: updates, log lines, validations, checkpoints, until the budget is spent or somebody asks to stop."""

from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from dragoman.batches.epochs import Epoch, Epochs
from dragoman.config import Settings
from dragoman.models.transformer import Transformer
from dragoman.models.weights import named_weights
from dragoman.runs import Run, mark_best, mark_last, save_checkpoint
from dragoman.training.interrupt import Interrupt
from dragoman.training.optimizer import optimizer_tensors
from dragoman.training.progress import Budget, Progress
from dragoman.training.reporting import Ending, Logs, Reporter
from dragoman.training.schedule import learning_rate
from dragoman.training.step import Update, update
from dragoman.training.validation import Validator


class Loop:
    """Trains one model; everything it needs to go on later is in `progress` and the checkpoint."""

    def __init__(
        self,
        run: Run,
        model: Transformer,
        optimizer: torch.optim.Optimizer,
        data: tuple[Epochs, Validator],
        progress: Progress,
        budget: Budget,
        reporter: Reporter,
    ):
        self.run, self.model, self.optimizer, self.progress = run, model, optimizer, progress
        self.settings: Settings = run.settings
        self._epochs, self._validator = data
        self._budget, self._reporter = budget, reporter
        self._logs = Logs(run)
        self._logged = Progress(**vars(progress))
        self._saved_step = progress.step

    def train(self) -> Ending:
        """Trains to the end or to a signal."""
        epoch = self._epochs.epoch(self.progress.epoch)
        self.model.train()
        with Interrupt() as interrupt:
            try:
                while not interrupt.requested and not self._budget.over(self.progress, len(epoch.batches)):
                    epoch = self._advance(epoch)
                return self._stopped(interrupt.requested) if interrupt.requested else self._finished()
            finally:
                self._logs.close()
                self._epochs.close()

    def _advance(self, epoch: Epoch) -> Epoch:
        """One update with what is due after it; gives the epoch that the next update takes its batches from."""
        training = self.settings.training
        share = self._budget.share(self.progress, len(epoch.batches))
        result, rate = self._update(epoch, share)
        if self.progress.batch == len(epoch.batches):
            self.progress.epoch, self.progress.batch = self.progress.epoch + 1, 0
            epoch = self._epochs.epoch(self.progress.epoch)
        if self.progress.step % training.log_every == 0:
            self._log(result, rate, share)
        if self.progress.step % training.validate_every == 0:
            self._validate()
        return epoch

    def _update(self, epoch: Epoch, share: float) -> tuple[Update, float]:
        begin = perf_counter()
        progress, training = self.progress, self.settings.training
        rate = learning_rate(training, progress.step + 1, share)
        last = min(progress.batch + training.accumulate, len(epoch.batches))
        device = self.model.output.weight.device.type
        batches = [epoch.batch(number, device) for number in range(progress.batch, last)]
        result = update(self.model, self.optimizer, batches, training, rate)
        progress.step, progress.batch = progress.step + 1, last
        progress.source_tokens += result.source_tokens
        progress.target_tokens += result.target_tokens
        progress.seconds += perf_counter() - begin
        return result, rate

    def _log(self, result: Update, rate: float, share: float) -> None:
        seconds = self.progress.seconds - self._logged.seconds
        tokens = self.progress.target_tokens - self._logged.target_tokens
        line = self._line() | {
            "loss": result.loss,
            "learning_rate": rate,
            "gradient_norm": result.gradient_norm,
            "tokens_per_second": tokens / max(seconds, 1e-9),
        }
        self._logs.write(line)
        self._logged = Progress(**vars(self.progress))
        self._reporter.update(line, share)

    def _line(self) -> dict[str, Any]:
        names = ("step", "epoch", "seconds", "source_tokens", "target_tokens")
        return {name: getattr(self.progress, name) for name in names}

    def _validate(self) -> None:
        begin = perf_counter()
        result = self._validator.validate(self.model)
        progress = self.progress
        value = result.bleu if self.settings.training.best_by == "bleu" else -result.loss
        better = progress.best is None or value > progress.best
        progress.worse = 0 if better else progress.worse + 1
        if better:
            progress.best, progress.best_step = value, progress.step
        line = self._line() | {"validation_loss": result.loss, "validation_bleu": result.bleu}
        self._logs.write(line)
        self._save()
        if better:
            mark_best(self.run, progress.step, {"bleu": result.bleu, "loss": result.loss})
        self._reporter.validated(line, result, better)
        self._budget.validation_seconds = 1.15 * (perf_counter() - begin)

    def _save(self) -> None:
        self.progress.clock = self._budget.elapsed()
        tensors = optimizer_tensors(self.optimizer) | {"rng": torch.get_rng_state()}
        state = {"progress": self.progress.to_json()}
        keep = self.settings.training.keep
        save_checkpoint(self.run, self.progress.step, named_weights(self.model), tensors, state, keep)
        self._saved_step = self.progress.step

    def _stopped(self, why: str) -> Ending:
        if self.progress.step > self._saved_step:
            self._save()
        if self.progress.step == 0:
            return Ending(f"stopped by {why} before the first update; --resume starts over", finished=False)
        message = f"stopped by {why} at update {self.progress.step}; saved: go on with --resume"
        return Ending(message, finished=False)

    def _finished(self) -> Ending:
        if self.progress.step > self._saved_step or self.progress.best is None:
            self._validate()
        mark_last(self.run, self.progress.step, {"finished": True})
        kind = "BLEU" if self.settings.training.best_by == "bleu" else "loss"
        best = abs(self.progress.best or 0.0)
        message = (
            f"finished after {self.progress.step} updates, {self.progress.seconds:.0f} s of training; "
            f"best validation {kind} {best:.2f} at update {self.progress.best_step}"
        )
        return Ending(message, finished=True)


def restore_rng(tensors: dict[str, Tensor]) -> None:
    """Puts the random numbers back where the checkpoint left them; takes them out of `tensors`."""
    torch.set_rng_state(tensors.pop("rng"))
