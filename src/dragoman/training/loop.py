"""The loop: updates, log lines, validations, checkpoints, until the budget is spent or somebody asks to stop."""

from dataclasses import replace
from math import isfinite, log
from time import perf_counter

from dragoman.batches.epochs import Epoch, Epochs
from dragoman.errors import DragomanError
from dragoman.models.hardware import memory_of_its_own
from dragoman.runs import mark_last
from dragoman.runs.writing import finite
from dragoman.training.progress import Budget, Progress
from dragoman.training.reporting import Ending, Reporter
from dragoman.training.safety.interrupt import Interrupt
from dragoman.training.safety.logs import Logs
from dragoman.training.safety.recovery import go_back
from dragoman.training.safety.saving import Halted, Saver, Training, making_batches
from dragoman.training.safety.splitting import Pieces, enough_memory, undivided
from dragoman.training.schedule import learning_rate
from dragoman.training.step import Update, step
from dragoman.training.validation import Validation, Validator
from dragoman.training.watching.words import count, duration


class Loop:
    """Trains one model; everything it needs to go on later is in `training` and saved with each checkpoint."""

    def __init__(self, training: Training, data: tuple[Epochs, Validator], budget: Budget, reporter: Reporter):
        self._training, self._budget = training, budget
        self._run, self._settings = training.run, training.run.settings
        self._epochs, self._validator = data
        self._interrupt = Interrupt()
        self._reporter = reporter
        self._saver = Saver(training, budget.elapsed, self._reporter.warned)
        self._pieces = Pieces(training.progress.piece, self._reporter.warned)
        self._logs = Logs(training.run, training.progress.step, self._reporter.warned)
        self._logged = replace(training.progress)
        self._ignorance = log(len(training.model.output.weight))
        self._share = 0.0
        self._unsaved = -1
        """The update of the newest validation whose checkpoint could not be saved."""

    @property
    def progress(self) -> Progress:
        """How far the training is."""
        return self._training.progress

    def train(self) -> Ending:
        """Trains to the end or to a signal.

        Raises:
            DragomanError: it cannot go on; what was saved stays.
        """
        self._training.model.train()
        with self._interrupt as interrupt:
            try:
                epoch = self._epoch()
                self._share = self._budget.share(self.progress, len(epoch.batches))
                self._count_validations()
                if self._share < 1 and self._validation_is_due():
                    # Memory gave out for it before the checkpoint was saved that this training goes on from.
                    self._validate()
                while not interrupt.requested and not self._budget.over(self.progress, len(epoch.batches)):
                    epoch = self._advance(epoch)
                return self._stopped(interrupt.requested) if interrupt.requested else self._finished()
            except Halted:
                if self.progress.step > self._saver.step:
                    self._saver.try_to_save()
                raise
            finally:
                self._logs.close()
                self._epochs.close()

    def nobody_reads(self) -> None:
        """Asks the training to save and stop: the program that read its output has gone."""
        self._interrupt.requested = self._interrupt.requested or "a closed pipe"

    def _epoch(self) -> Epoch:
        with making_batches():
            self.progress.windows = self._epochs.windows
            return self._epochs.epoch(self.progress.epoch, self.progress.window)

    def _advance(self, epoch: Epoch) -> Epoch:
        """One update with what is due after it; gives the epoch that the next update takes its batches from."""
        settings, progress = self._settings.training, self.progress
        share = self._budget.share(progress, len(epoch.batches))
        result, rate = self._update(epoch, share)
        if trouble := progress.health.trouble():
            self._reporter.warned(go_back(self._training, trouble, self._logs))
            self._logged, self._saver.step = replace(self.progress), self.progress.step
            return self._epoch()
        at_end = progress.batch == len(epoch.batches)
        if at_end:
            (progress.epoch, progress.window), progress.batch = epoch.next, 0
        if progress.health.bad:
            self._tell_skipped()
        elif progress.step % settings.log_every == 0:
            self._log(result, rate, share)
        self._share = self._budget.share(progress, len(epoch.batches))
        if self._validation_is_due():
            self._validate()
        elif self._saver.due():
            self._saver.try_to_save()
        # Last, so that batches which cannot be made cost nothing of what this update is due.
        return self._epoch() if at_end else epoch

    def _validation_is_due(self) -> bool:
        """Whether the training has come to a validation that was not made yet; the closing one comes by itself."""
        settings, progress = self._settings.training, self.progress
        if progress.step <= progress.validated:
            return False
        if not settings.validations:
            return progress.step % settings.validate_every == 0
        return (progress.validations or 0) < int(self._share * settings.validations) < settings.validations

    def _count_validations(self) -> None:
        """Counts those that a training which goes on has behind it; its bounds may be others than before."""
        came, known = int(self._share * self._settings.training.validations), self.progress.validations
        just_made = self.progress.validated == self.progress.step
        self.progress.validations = came if known is None or just_made else min(known, came)

    def _update(self, epoch: Epoch, share: float) -> tuple[Update, float]:
        """One update, or its batches passed over where their loss or gradient is no finite number."""
        begin = perf_counter()
        progress, settings, training = self.progress, self._settings.training, self._training
        scheduled = learning_rate(settings, progress.step + 1, share)
        rate = scheduled * progress.health.share
        last = min(progress.batch + settings.accumulate, len(epoch.batches))
        device = training.model.output.weight.device.type
        with making_batches():
            batches = [epoch.batch(number, device) for number in range(progress.batch, last)]
        result = self._pieces.gradient(training.model, batches, settings)
        if progress.health.note(result.loss, result.gradient_norm, self._ignorance):
            with undivided(progress.step + 1, self._saver.step):
                step(training.optimizer, rate)
                training.moved(progress.step + 1, scheduled)
        else:
            training.optimizer.zero_grad(set_to_none=True)
        progress.step, progress.batch, progress.piece = progress.step + 1, last, self._pieces.most
        progress.source_tokens += result.source_tokens
        progress.target_tokens += result.target_tokens
        progress.seconds += perf_counter() - begin
        return result, rate

    def _log(self, result: Update, rate: float, share: float) -> None:
        seconds = self.progress.seconds - self._logged.seconds
        tokens = self.progress.target_tokens - self._logged.target_tokens
        line = self.progress.line() | {
            "loss": result.loss,
            "learning_rate": rate,
            "gradient_norm": result.gradient_norm,
            "tokens_per_second": tokens / max(seconds, 1e-9),
        }
        self._logs.write(line)
        self._logged = replace(self.progress)
        self._reporter.update(line, share)

    def _tell_skipped(self) -> None:
        health = self.progress.health
        self._logs.write(self.progress.line() | {"recovery": "skipped", "rate_share": health.share})
        self._reporter.warned(
            f"update {self.progress.step}: its loss or gradient is no finite number; the weights stay as they are, "
            f"and the learning rate is {health.share:g} of the schedule's for a while"
        )

    def _validate(self, last: bool = False) -> None:
        """Validates and saves."""
        begin = perf_counter()
        self._note(self._scores(), last)
        self._budget.validation_seconds = 1.15 * (perf_counter() - begin)

    def _scores(self) -> Validation:
        smaller = "training.validation_sentences or search.batch_tokens"
        with enough_memory("validate", smaller), self._training.shown(), memory_of_its_own():
            return self._validator.validate(self._training.model)

    def _note(self, result: Validation, last: bool) -> None:
        """Logs a validation and saves; a training that is not well has no new best, unless it ends here with none."""
        progress = self.progress
        before = replace(progress)
        better = self._judge(result, last)
        progress.validated = progress.step
        progress.validations = int(self._share * self._settings.training.validations)
        scores = {"validation_loss": result.loss, "validation_bleu": result.bleu, "validation_chrf": result.chrf}
        line = progress.line() | finite(scores)
        if progress.mean == progress.step > 0:
            line["mean"] = True
        self._logs.write(line)
        if last:
            self._saver.save()
        elif not self._saver.try_to_save():
            progress.best, progress.best_step, progress.best_scores = before.best, before.best_step, before.best_scores
            progress.worse = before.worse if better else progress.worse
            progress.refuge, better, self._unsaved = before.refuge, False, progress.step if better else -1
        self._saver.try_to_mark_best(better)
        self._reporter.validated(line, result, better)

    def _value(self, result: Validation) -> float:
        return result.bleu if self._settings.training.best_by == "bleu" else -result.loss

    def _judge(self, result: Validation, last: bool) -> bool:
        """Notes what a validation says about the training; whether it is the best so far."""
        progress, value = self.progress, self._value(result)
        good = isfinite(result.loss + result.bleu) and (progress.best is None or value > progress.best)
        better = good and (progress.health.well or (last and progress.best is None))
        if not progress.mean == progress.step > 0:
            # The mean of checkpoints comes when the training is over, and says nothing of patience.
            progress.worse = 0 if better else progress.worse + 1
        if better:
            progress.best, progress.best_step = value, progress.step
            progress.best_scores = {"bleu": result.bleu, "loss": result.loss}
        if progress.health.well and isfinite(result.loss):
            progress.refuge = progress.step
        return better

    def _try_mean(self) -> None:
        """Takes the mean of the last checkpoints' weights where it validates better than all before."""
        training, progress, before = self._training, self.progress, self._training.averages
        with enough_memory("average the last checkpoints", "model or training.snapshots"):
            try:
                if progress.mean == progress.step > 0 or not training.mean_of_snapshots():
                    return
            except DragomanError as error:
                damaged = str(error).partition("; ")[0]
                return self._reporter.warned(f"{damaged}; the mean of the last checkpoints is not tried")
        result = self._scores()
        if progress.health.well and progress.best is not None and self._value(result) > progress.best:
            progress.mean = progress.step
            self._note(result, last=True)
        else:
            training.averages = before

    def _stopped(self, why: str) -> Ending:
        if self.progress.step > self._saver.step:
            self._saver.save()
        message = f"stopped by {why} at update {self.progress.step}; saved: go on with --resume"
        return Ending(message, False, self.progress.line())

    def _finished(self) -> Ending:
        progress = self.progress
        if progress.step > progress.validated or progress.best is None or progress.step == self._unsaved:
            self._validate(last=True)
        elif progress.step > self._saver.step:
            self._saver.save()
        self._try_mean()
        self._training.mark_missed_best()
        early = self._budget.impatient(progress)
        mark_last(self._run, progress.step, {"finished": True, "early": early})
        kind = "BLEU" if self._settings.training.best_by == "bleu" else "loss"
        why = f" ({count(progress.worse, 'validation')} without a better one)" if early else ""
        message = (
            f"finished after {count(progress.step, 'update')}{why}, {duration(progress.seconds)} of training; "
            f"best validation {kind} {abs(progress.best or 0.0):.2f} at update {progress.best_step}"
        )
        return Ending(message, True, progress.line(), early)
