"""Follows a training from its first line to its model card: forecast, coach, verdict.

It stands between the loop and whoever is told; nothing that is computed depends on it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from time import monotonic

from dragoman.runs import Run, read_mark
from dragoman.training.facts import parameters
from dragoman.training.preparing import Prepared
from dragoman.training.reporting import Ending, Line, Reporter
from dragoman.training.safety.memory import peak_memory
from dragoman.training.validation import Validation
from dragoman.training.watching import forecast as forecasts
from dragoman.training.watching.card import Story, card
from dragoman.training.watching.card_file import languages, texts, write_card
from dragoman.training.watching.closing import closing
from dragoman.training.watching.coach import Advice, Situation, advise
from dragoman.training.watching.forecast import Forecast
from dragoman.training.watching.history import stretches
from dragoman.training.watching.intervals import bleu_interval
from dragoman.training.watching.words import duration


class Follower:
    """A reporter that tells another one more than it is told."""

    def __init__(
        self, run: Run, prepared: Prepared, forecast: Forecast | None, reporter: Reporter, elapsed: Callable[[], float]
    ):
        """`elapsed` gives the seconds by the clock since the command began, earlier starts included."""
        self._run, self._prepared, self._forecast, self._reporter = run, prepared, forecast, reporter
        self._elapsed, self._began = elapsed, monotonic()
        self._lines: list[Line] = list(run.read_metrics())
        self._first: tuple[float, float] | None = None
        self._share = 0.0
        self._advice: list[Advice] = []
        self._best: Validation | None = None
        if forecast is not None:
            forecasts.save(run, forecast)

    def preparing(self, message: str) -> None:
        """Hands it on."""
        self._reporter.preparing(message)

    def begin(self, facts: Mapping[str, str]) -> None:
        """Hands the facts on."""
        self._reporter.begin(facts)

    def update(self, line: Line, share: float) -> None:
        """Keeps the line and hands it on with the seconds that are left."""
        self._keep(line)
        self._first = self._first or (monotonic(), share)
        began, before = self._first
        spent = monotonic() - began, before
        left = forecasts.time_left(self._forecast, int(line["step"]), share, spent)
        self._share = share
        self._reporter.update(line if left is None else {**line, "seconds_left": round(left, 1)}, share)

    def validated(self, line: Line, validation: Validation, best: bool) -> None:
        """Hands the validation on, and the coach's advice where it has changed."""
        self._keep(line)
        self._best = validation if best else self._best
        self._reporter.validated(line, validation, best)
        seen = stretches(self._lines, self._prepared.settings.training.clip)
        if not seen:
            return
        before = [advice.verdict for advice in self._advice]
        self._advice = advise(seen, self._share, situation(self._prepared, self._forecast))
        for advice in self._advice:
            if advice.verdict not in before:
                self._reporter.advised(advice)

    def warned(self, message: str) -> None:
        """Hands it on."""
        self._reporter.warned(message)

    def advised(self, advice: Advice) -> None:
        """Hands it on."""
        self._reporter.advised(advice)

    def end(self, message: str, following: str = "") -> None:
        """Hands it on."""
        self._reporter.end(message, following)

    def close(self, ending: Ending) -> Ending:
        """Writes the model card and gives the ending with its next step; a card that fails costs nothing else."""
        settings, run, clock = self._prepared.settings, self._run.path, self._elapsed()
        seen = stretches(self._lines, settings.training.clip)
        mean = (self._best_mean() or {}).get("validation_bleu") or 0.0
        said = closing(seen, self._advice, settings, ending.finished, clock, ending.early, mean)
        name = quote(str(run))
        command = f"dragoman translate {name}" if ending.finished else f"dragoman train {name} --resume"
        ending = replace(ending, next=f"{said}: `{command}`")
        try:
            ended = f"{ending.message}; {said.removesuffix('; try it')}"
            path = write_card(run, card(self._story(ended, ending, clock)))
            if path.name != "model-card.md":
                self._reporter.warned(f"model-card.md was edited by hand and stays; the new one is {path}")
        except Exception as error:
            self._reporter.warned(f"no model card ({error or type(error).__name__}); the run itself is whole")
        return ending

    def _keep(self, line: Line) -> None:
        """Appends a line; where the training went back, those after it count no longer."""
        while self._lines and self._lines[-1].get("step", 0) > line["step"]:
            self._lines.pop()
        self._lines.append(line)

    def _story(self, ended: str, ending: Ending, clock: float) -> Story:
        prepared = self._prepared
        settings, tokenizers = prepared.settings, prepared.tokenizers
        kind, sizes = settings.text.kind, f"{tokenizers.source.size:,} source and {tokenizers.target.size:,} target"
        return Story(
            name=self._run.path.resolve().name,
            settings=settings,
            languages=languages(settings),
            texts=texts(prepared, self._run.path),
            parameters=parameters(prepared.model),
            vocabulary=f"{kind}, {f'{tokenizers.source.size:,} joint' if settings.text.joint else sizes} tokens",
            validations=[line for line in self._lines if "validation_loss" in line],
            best=read_mark(self._run, "best") or {},
            interval=bleu_interval(self._best, settings.evaluation),
            ending=ended,
            reached=ending.line,
            weights=self._weights(),
            clock=clock,
            forecast=self._truth(ending),
        )

    def _weights(self) -> str:
        """What the best checkpoint's weights are, where they are not simply the training's."""
        training = self._prepared.settings.training
        if self._best_mean():
            return f"the mean of the last checkpoints, {training.snapshots} at most"
        return f"a moving average that looks back over at most {training.average:,} updates" if training.average else ""

    def _best_mean(self) -> Line | None:
        """The line of the mean of several checkpoints, where that is the best; an earlier end's may not be any more."""
        best = (read_mark(self._run, "best") or {}).get("step")
        return next((line for line in self._lines if line.get("mean") and line["step"] == best), None)

    def _truth(self, ending: Ending) -> Sequence[str]:
        """How far off the forecast was."""
        forecast, seconds, peak = self._forecast, monotonic() - self._began, peak_memory()
        if forecast is None:
            return []
        memory = (
            f"memory {forecast.memory / 2**20:,.0f} MiB, in truth {peak / 2**20:,.0f} ({off(forecast.memory, peak)})"
        )
        if forecast.updates is None or not ending.finished or ending.early:
            return [f"Forecast: {memory}."]
        made = int(ending.line["step"]) - forecast.from_step
        training = self._prepared.settings.training
        if training.minutes or training.update_minutes:
            work = f"{forecast.updates:,} updates, in truth {made:,} ({off(forecast.updates, made)})"
        else:
            took = f"{duration(forecast.seconds)}, in truth {duration(seconds)}"
            work = f"{took} ({off(forecast.seconds, seconds)})"
        return [f"Forecast: {work}; {memory}."]


def situation(prepared: Prepared, forecast: Forecast | None) -> Situation:
    """What the coach knows besides the curves."""
    settings = prepared.settings
    return Situation(
        pairs=len(prepared.epochs.pairs),
        vocabulary=prepared.tokenizers.target.size,
        d_model=settings.model.d_model,
        dropout=settings.model.dropout,
        warmup_steps=settings.training.warmup_steps,
        learning_rate=settings.training.learning_rate,
        patience=settings.training.patience,
        schedule=settings.training.schedule,
        smallest_vocabulary=max(prepared.tokenizers.source.smallest, prepared.tokenizers.target.smallest),
        speed=forecast.tokens_per_second if forecast else None,
    )


def off(forecast: float, truth: float) -> str:
    """How far a forecast lies above (+) or below (-) the truth."""
    return f"{forecast / truth - 1:+.0%}" if truth else "nothing to compare"
