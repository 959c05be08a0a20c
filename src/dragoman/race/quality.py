"""How well each contestant translates what it never saw, and how it came there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dragoman.config import EvaluationSettings
from dragoman.corpora import ParallelText
from dragoman.errors import DragomanError
from dragoman.evaluation import Bucket, Difference, Evaluation, compare_trained, evaluate
from dragoman.runs import Run, load_checkpoint

BASELINE = "transformer"
"""The contestant that every other one is compared with."""


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

    Scores are sacrebleu's (0-100) with 95 % bootstrap intervals; the paired test against the Transformer takes the
    mean over a contestant's trainings (`dragoman.evaluation.compare_trained`).

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
        "against_transformer": _against_baseline(translated, text.target),
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
    """The validations of a training: BLEU (greedy) and loss by seconds of updates, target tokens and updates."""
    names = ("seconds", "target_tokens", "step")
    return [
        {name: line[name] for name in names} | {"bleu": line["validation_bleu"], "loss": line["validation_loss"]}
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


def _against_baseline(translated: Sequence[_Translated], references: Sequence[str]) -> dict[str, Any]:
    """Every other contestant's mean scores less the Transformer's, over the seeds that both were trained with."""
    found: dict[str, dict[int, _Translated]] = {}
    for one in translated:
        found.setdefault(one.run.contestant, {})[one.run.seed] = one
    baseline = found.pop(BASELINE, {})
    pairs = {
        name: [(by_seed[s], baseline[s]) for s in sorted(by_seed.keys() & baseline.keys())]
        for name, by_seed in found.items()
    }
    return {name: _difference(both, references) for name, both in pairs.items() if both}


def _difference(both: Sequence[tuple[_Translated, _Translated]], references: Sequence[str]) -> dict[str, Any]:
    """The paired test of a contestant's trainings against the Transformer's."""
    texts, theirs = ([pair[side].hypotheses for pair in both] for side in (0, 1))
    compared = compare_trained(texts, theirs, references, both[0][1].settings)
    return _plain(compared.bleu) | {"chrf": _plain(compared.chrf), "seeds": [pair[0].run.seed for pair in both]}


def _plain(found: Difference) -> dict[str, Any]:
    return {"difference": found.difference, "low": found.low, "high": found.high, "p": found.p_value}
