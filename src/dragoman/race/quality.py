"""How well each contestant translates what it never saw, and how it came there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from dragoman.config import EvaluationSettings
from dragoman.corpora import ParallelText
from dragoman.errors import DragomanError
from dragoman.evaluation import Bucket, Difference, Evaluation, Resampled, compare_resampled, evaluate, resampled
from dragoman.runs import Run, load_checkpoint


@dataclass(frozen=True)
class TrainedRun:
    """One training of the race, and what was noted about it outside its folder."""

    contestant: str
    seed: int
    path: Path
    """The run's folder."""
    peak_mib: float | None = None
    """The most memory that its process held, MiB."""
    joules: float | None = None
    """What the processor used while it trained; None where it does not tell."""


@dataclass(frozen=True)
class _Translated:
    """A run's translations of the test set and what else is told of it."""

    run: TrainedRun
    hypotheses: list[str]
    parameters: int
    settings: EvaluationSettings


def measure_quality(
    runs: Sequence[TrainedRun],
    text: ParallelText,
    split: str = "test",
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Translates the test set with each run's best checkpoint and scores it, beside its curve over the training.

    Scores are sacrebleu's (0-100) with 95 % bootstrap intervals; the paired tests of every contestant with every other
    take the mean over a contestant's trainings (`dragoman.evaluation.compare_trained`).

    Args:
        text: the test set; choices were made on the validation set.
        split: what the test set is called.
        tell: is told of each run before it is translated.

    Raises:
        DragomanError: no runs, or a run that trained nothing.
    """
    if not runs:
        raise DragomanError("no runs to measure; give at least one finished training")
    translated = []
    for run in runs:
        tell(f"translating {split} with {run.contestant}, seed {run.seed}")
        translated.append(_translate(run, text.source))
    found = [evaluate(one.hypotheses, text.target, text.source, one.settings) for one in translated]
    return {
        "split": split,
        "corpus": text.name,
        "sentences": len(text),
        "signature": found[0].bleu.signature,
        "chrf_signature": found[0].chrf.signature,
        "runs": [_run(one, scores) for one, scores in zip(translated, found, strict=True)],
        "paired": _paired(translated, text.target),
    }


def _translate(run: TrainedRun, sources: Sequence[str]) -> _Translated:
    from dragoman.translation.loading import load

    translator = load(run.path)
    hypotheses = [found.text for found in translator.translate(sources)]
    weights = load_checkpoint(Run.open(run.path), "best").model
    parameters = sum(tensor.numel() for tensor in weights.values())
    return _Translated(run, hypotheses, parameters, translator.settings.evaluation)


def _run(one: _Translated, scores: Evaluation) -> dict[str, Any]:
    lines = Run.open(one.run.path).read_metrics()
    if not lines:
        raise DragomanError(f"{one.run.path} has no lines in metrics.jsonl; train it anew")
    last = lines[-1]
    values = {name: asdict(score) for name, score in (("bleu", scores.bleu), ("chrf", scores.chrf))}
    return {
        "contestant": one.run.contestant,
        "seed": one.run.seed,
        **{name: {key: score[key] for key in ("score", "low", "high")} for name, score in values.items()},
        "exact_match": scores.exact_match,
        "by_length": [_bucket(bucket) for bucket in scores.by_length],
        "curve": curve(lines),
        "parameters": one.parameters,
        "peak_mib": one.run.peak_mib,
        "updates": last["step"],
        "seconds": last["seconds"],
        "epochs": last["epoch"],
        "target_tokens": last["target_tokens"],
        "joules": one.run.joules,
    }


def curve(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The validations of a training: BLEU and chrF (greedy) and loss by seconds of updates, target tokens and updates.

    A score is None where it was no number, chrF also in lines of before it was logged.
    """
    names = ("seconds", "target_tokens", "step")
    scores = ("bleu", "chrf", "loss")
    return [
        {name: line[name] for name in names} | {name: line.get(f"validation_{name}") for name in scores}
        for line in lines
        if "validation_loss" in line
    ]


def _bucket(bucket: Bucket) -> dict[str, Any]:
    """A bucket with its bounds in source words as numbers; the longest has no upper one."""
    fewest, _, most = bucket.label.removesuffix("+").partition("-")
    open_end = bucket.label.endswith("+")
    return {
        "from": int(fewest),
        "to": None if open_end else int(most or fewest),
        "sentences": bucket.sentences,
        "bleu": bucket.bleu,
        "chrf": bucket.chrf,
    }


def _paired(translated: Sequence[_Translated], references: Sequence[str]) -> list[dict[str, Any]]:
    """The scores of each contestant less those of each one before it, over the seeds that both were trained with."""
    # One settings for all: a paired test draws the same sentences for both.
    settings = translated[0].settings
    found: dict[str, dict[int, Resampled]] = {}
    for one in translated:
        found.setdefault(one.run.contestant, {})[one.run.seed] = resampled(one.hypotheses, references, settings)
    tests = []
    for other, name in combinations(found, 2):
        if seeds := sorted(found[name].keys() & found[other].keys()):
            test = compare_resampled([found[name][seed] for seed in seeds], [found[other][seed] for seed in seeds])
            scores = {"bleu": _plain(test.bleu), "chrf": _plain(test.chrf)}
            tests.append({"contestant": name, "other": other, "seeds": seeds, **scores})
    return tests


def _plain(found: Difference) -> dict[str, Any]:
    return {"difference": found.difference, "low": found.low, "high": found.high, "p": found.p_value}
