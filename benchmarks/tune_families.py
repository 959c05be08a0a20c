"""The learning rate and dropout of each of the race's contestants, found by one and the same small search.

    python benchmarks/tune_families.py --corpus multi30k:en-de --threads 1 --out runs/tune
    python benchmarks/tune_families.py --only lstm,transformer --rates 0.001 0.002 --updates 1500 --out runs/two

First every learning rate is tried at the middle dropout, and those beyond while the best one is the smallest or the
largest; then every other dropout at the best rate. Each trial makes the same number of updates on the same batches,
has the same number of parameters, and is judged by the BLEU of the validation set (greedy); no test set is ever looked
at. A search that was stopped goes on. Prints a Markdown table and writes every trial to OUT/tune.json; what is found
goes into src/dragoman/race/contestants.py.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dragoman import __version__
from dragoman.config import Settings
from dragoman.config.loading import override, write_settings
from dragoman.race.budget import Asked
from dragoman.race.contestants import FAMILIES, chosen, enter
from dragoman.race.machine import machine, versions
from dragoman.race.plan import Contestant
from dragoman.race.recipe import Question, Recipe, main_recipe
from dragoman.runs import RUN_FORMAT, Run, last_mark
from dragoman.runs.writing import write_json
from dragoman.training.preparing import prepare

BEYOND = 3
"""Rates at most that are tried beyond those given, each half or twice the one before."""
Trial = dict[str, Any]
Try = Callable[[Contestant, float, float], Trial]


@dataclass(frozen=True)
class Search:
    """What is tried."""

    out: Path
    recipe: Recipe
    contestants: Sequence[Contestant]
    rates: Sequence[float]
    dropouts: Sequence[float]
    updates: int

    @property
    def settings(self) -> Settings:
        """What all trials share."""
        return self.recipe.base

    def facts(self) -> dict[str, Any]:
        """What the log says of how it was made; a log with other facts is another search's."""
        return {
            "corpus": self.settings.data.corpus,
            "preset": self.recipe.preset,
            "sets": list(self.recipe.sets),
            "updates": self.updates,
            "rates": list(self.rates),
            "dropouts": list(self.dropouts),
            "machine": machine(self.settings.training),
            "versions": versions(),
        }


def main() -> None:
    """Searches and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="multi30k:en-de")
    parser.add_argument("--preset", default="race")
    parser.add_argument("--only", help="contestants by name, such as lstm,transformer")
    parser.add_argument("--updates", type=int, default=900)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.002, 0.004, 0.008])
    parser.add_argument("--dropouts", type=float, nargs="+", default=[0.1, 0.2, 0.3])
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core")
    parser.add_argument("--set", action="append", default=[], help="a setting of every trial")
    parser.add_argument("--out", type=Path, default=Path("runs/tune"))
    options = parser.parse_args()
    search = prepared(options)
    log = Log(search)
    for contestant in search.contestants:
        for trial in trials(search, contestant, log.trial):
            print(f"{trial['contestant']}: {said(trial)}", flush=True)
    print(f"\n{date.today()}, {search.settings.data.corpus}, {search.updates} updates; validation BLEU (greedy)\n")
    print(table(log.trials))


def prepared(options: argparse.Namespace) -> Search:
    """Learns the vocabulary and finds the contestants' widths, as a race does."""
    sets = [*options.set, f"training.threads={options.threads}"]
    question = Question({"data.corpus": options.corpus}, Asked("updates", options.updates), None, options.preset, sets)
    recipe = main_recipe(question)
    ready = prepare(recipe.base, None, None)
    sizes = ready.tokenizers.source.size, ready.tokenizers.target.size
    ready.epochs.close()
    contestants = enter(recipe.base, recipe.tuned, chosen(options.only), sizes)
    options.out.mkdir(parents=True, exist_ok=True)
    return Search(options.out, recipe, contestants, options.rates, options.dropouts, options.updates)


def trials(search: Search, contestant: Contestant, run: Try) -> Iterator[Trial]:
    """A contestant's trials: the rates at the middle dropout, then the other dropouts at the best rate."""
    middle = sorted(search.dropouts)[len(search.dropouts) // 2]
    made: list[Trial] = []
    waiting = sorted(search.rates)
    while waiting:
        made.append(run(contestant, waiting.pop(0), middle))
        yield made[-1]
        if not waiting and len(made) < len(search.rates) + BEYOND:
            waiting = beyond(made)
    best = max(made, key=judged)["learning_rate"]
    for dropout in search.dropouts:
        if dropout != middle:
            yield run(contestant, best, dropout)


def beyond(made: Sequence[Trial]) -> list[float]:
    """The next rate where the best one so far is the smallest or the largest; none where it lies between others."""
    best, tried = max(made, key=judged)["learning_rate"], [trial["learning_rate"] for trial in made]
    return [best / 2] if best == min(tried) else [best * 2] if best == max(tried) else []


def judged(trial: Trial) -> tuple[float, float]:
    """What makes one trial better than another: BLEU, and the loss where that is equal."""
    return trial["bleu"], -trial["loss"]


class Log:
    """The trials that were made, kept on the disk after each."""

    def __init__(self, search: Search):
        self._search, self._file = search, search.out / "tune.json"
        self.trials: list[Trial] = []
        if self._file.exists():
            found = json.loads(self._file.read_text(encoding="utf-8"))
            if found["facts"] != search.facts():
                sys.exit(f"{self._file} is the log of another search: give another --out")
            self.trials = found["trials"]

    def trial(self, contestant: Contestant, rate: float, dropout: float) -> Trial:
        """One training, or what is known of it already."""
        for one in self.trials:
            if (one["contestant"], one["learning_rate"], one["dropout"]) == (contestant.name, rate, dropout):
                return one
        made = train(self._search, contestant, rate, dropout)
        self.trials.append(made)
        best = {name: max(found, key=judged) for name, found in by_contestant(self.trials).items()}
        known = {"date": str(date.today()), "facts": self._search.facts(), "trials": self.trials, "best": best}
        write_json(self._file, known)
        return made


def train(search: Search, contestant: Contestant, rate: float, dropout: float) -> Trial:
    """Trains in a process of its own and reads what the closing validation found."""
    run = search.out / f"{contestant.name}-{rate:g}-{dropout:g}"
    own = {"training.learning_rate": rate, "model.dropout": dropout, "training.steps": search.updates}
    settings = override(search.settings, None, contestant.settings | own | {"training.validations": 1})
    config = search.out / f"{run.name}.yaml"
    write_settings(settings, config, RUN_FORMAT, __version__)
    command = [sys.executable, "-m", "dragoman", "train", str(run)]
    command += ["--resume"] if (run / "config.yaml").exists() else ["--config", str(config)]
    if not last_mark(Run(run)).get("finished"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and "does not converge" not in done.stderr:
            sys.exit(done.stderr.strip().rpartition("\n")[2])
    lines = Run(run).read_metrics()
    validations = [line for line in lines if "validation_loss" in line]
    last = validations[-1] if validations else {"validation_bleu": 0.0, "validation_loss": 1e9}
    return {
        "contestant": contestant.name,
        "learning_rate": rate,
        "dropout": dropout,
        "bleu": last["validation_bleu"],
        "loss": last["validation_loss"],
        "parameters": contestant.parameters,
        "d_model": contestant.settings["model.d_model"],
        "seconds": lines[-1]["seconds"] if lines else 0.0,
        "diverged": not validations,
    }


def by_contestant(made: Sequence[Trial]) -> dict[str, list[Trial]]:
    """The trials of each contestant, in the race's order."""
    names = [name for name in FAMILIES if any(trial["contestant"] == name for trial in made)]
    return {name: [trial for trial in made if trial["contestant"] == name] for name in names}


def table(made: Sequence[Trial]) -> str:
    """All trials as a Markdown table; the best of each contestant is bold."""
    lines = ["| Contestant | Learning rate | Dropout | BLEU | Loss | Seconds |", "|---|---|---|---|---|---|"]
    for name, found in by_contestant(made).items():
        best = max(found, key=judged)
        for trial in found:
            cells = [f"{trial['learning_rate']:g}", f"{trial['dropout']:g}", f"{trial['bleu']:.2f}"]
            cells = [f"**{cell}**" for cell in cells] if trial is best else cells
            lines.append(f"| {name} | {' | '.join(cells)} | {trial['loss']:.3f} | {trial['seconds']:.0f} |")
    return "\n".join(lines)


def said(trial: Trial) -> str:
    """A trial in one line."""
    tried = f"learning rate {trial['learning_rate']:g}, dropout {trial['dropout']:g}"
    return f"{tried}: BLEU {trial['bleu']:.2f}, loss {trial['loss']:.3f}, {trial['seconds']:.0f} s"


if __name__ == "__main__":
    main()
