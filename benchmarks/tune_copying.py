"""The learning rate of each of the race's contestants on the copy task, found by one and the same small search.

    python benchmarks/tune_copying.py --updates 800
    python benchmarks/tune_copying.py --only lstm,transformer --rates 0.002 0.005

Every trial makes the same number of updates on the same batches and is judged by the mean share of right tokens over
all distances, greedy and forced, in sequences that the race does not test. While the best rate is the smallest or the
largest, one more is tried beyond it. Prints a line a trial and a Markdown table; what is found goes into
src/dragoman/race/copying.py.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import fmean

import torch

from dragoman.config import ModelSettings, TrainingSettings
from dragoman.kernels.numbers import use_threads
from dragoman.models.build import build_model
from dragoman.race.contestants import chosen, shapes
from dragoman.race.copying import SHAPE, CopyBudget, CopyTask, recall, train

BEYOND = 2
"""Rates at most that are tried beyond those given."""
VALIDATION = 1000
"""Added to the task's seed for the sequences that trials are judged by."""


@dataclass(frozen=True)
class Trial:
    """One training."""

    name: str
    rate: float
    written: float
    """Mean share (0-1) of right tokens over the distances, greedy."""
    forced: float
    seconds: float

    @property
    def score(self) -> float:
        """What trials are judged by."""
        return (self.written + self.forced) / 2

    def said(self) -> str:
        """One line."""
        return f"{self.rate:g}: {self.written:.1%} greedy, {self.forced:.1%} forced, {self.seconds:.0f} s"


def main() -> None:
    """Searches and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="contestants by name, such as lstm,transformer")
    parser.add_argument("--updates", type=int, default=800)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 0.002, 0.004, 0.008])
    parser.add_argument("--attention", choices=("additive", "dot"), default="additive")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    use_threads(options.threads)
    task = CopyTask()
    size = task.vocabulary
    found = shapes(replace(SHAPE, attention=options.attention), chosen(options.only), (size, size))
    made: list[Trial] = []
    for name, shape in found.items():
        for trial in search(name, shape, options.rates, options.updates, task):
            print(f"{name}, d_model {shape.d_model}, {trial.said()}", flush=True)
            made.append(trial)
    print(f"\n{date.today()}, {options.updates} updates; mean of greedy and forced recall over all distances\n")
    print(table(made))


def search(name: str, shape: ModelSettings, rates: Sequence[float], updates: int, task: CopyTask) -> Iterator[Trial]:
    """Tries each rate, and those beyond while the best one lies at the edge."""
    made: list[Trial] = []
    waiting = sorted(rates)
    while waiting:
        made.append(tried(name, shape, waiting.pop(0), updates, task))
        yield made[-1]
        if not waiting and len(made) < len(rates) + BEYOND:
            waiting = beyond(made)


def beyond(made: Sequence[Trial]) -> list[float]:
    """The next rate where the best one is the smallest or the largest of several; none where it is not."""
    best, rates = max(made, key=lambda trial: trial.score).rate, [trial.rate for trial in made]
    if len(rates) < 2 or min(rates) < best < max(rates):
        return []
    return [best / 2 if best == min(rates) else best * 2]


def tried(name: str, shape: ModelSettings, rate: float, updates: int, task: CopyTask) -> Trial:
    """Trains once and looks at other sequences than the race does."""
    model = build_model(shape, task.vocabulary, task.vocabulary, task.seed)
    settings = TrainingSettings(learning_rate=rate, kernels="fused", dtype="float32")
    spent = train(model, settings, CopyBudget(updates=updates), task)
    found = recall(model, replace(task, seed=task.seed + VALIDATION))
    return Trial(name, rate, fmean(found["recall"]), fmean(found["forced"]), spent.seconds)


def table(made: Sequence[Trial]) -> str:
    """Markdown: a row a contestant, a column a rate, the best of each row in bold."""
    rates = sorted({trial.rate for trial in made})
    lines = [f"| contestant | {' | '.join(f'{rate:g}' for rate in rates)} |", "|---" * (len(rates) + 1) + "|"]
    for name in dict.fromkeys(trial.name for trial in made):
        scores = {trial.rate: trial.score for trial in made if trial.name == name}
        best = max(scores.values())
        told = [f"{scores[rate]:.1%}" if rate in scores else "" for rate in rates]
        cells = [f"**{text}**" if scores.get(rate) == best else text for rate, text in zip(rates, told, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
