"""Whether a contestant still knows what *it* means when the noun stands further back than in any training sentence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from dragoman.config import PizzeriaSettings
from dragoman.corpora.names import parse_name
from dragoman.corpora.pizzeria import PizzeriaPair, Pronoun, generate, pronoun_accuracy, shortcut_scores
from dragoman.corpora.pizzeria.pronouns import MOST_FILLERS
from dragoman.errors import DragomanError
from dragoman.inspection.interventions import GENDERS, with_pronoun
from dragoman.race.quality import TrainedRun
from dragoman.runs import Run
from dragoman.translation import Translator

DISTANCES = ((4, 8), (9, 13), (14, 18), (19, 23), (24, 28), (29, 34))
"""Fewest and most words between the noun and *it* in each bucket."""
SENTENCES = 200
"""In each bucket, as far as there are so many."""
DRAWN = 6000
"""Test pairs that the buckets are filled from."""


@dataclass(frozen=True)
class Stretched:
    """Test sentences of one bucket; in half of them *it* means the first noun, in half the second."""

    distance: tuple[int, int]
    pairs: list[PizzeriaPair]


def measure_pronouns(
    runs: Sequence[TrainedRun],
    sentences: int = SENTENCES,
    drawn: int = DRAWN,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The share of right er, sie, es by the distance between noun and *it*, with 95 % intervals (Wilson 1927).

    `right` counts translations; `preferred` counts gold translations that are likelier than the same with either wrong
    pronoun (contrastive pairs, Müller et al. 2018), whatever the contestant makes of the rest of the sentence. Of
    several trainings it is the mean, sentence by sentence.

    Args:
        sentences: in each bucket, as far as `drawn` test pairs hold so many.
        tell: is told of each run before it is measured.

    Raises:
        DragomanError: no runs, or runs that were not trained on one pizzeria corpus into German.
    """
    settings = _settings(runs)
    train = generate("train", settings)
    buckets = stretched(settings, sentences, drawn)
    hits: dict[str, list[list[NDArray[np.bool_]]]] = {}
    for run in runs:
        tell(f"pronouns of {run.contestant}, seed {run.seed}")
        hits.setdefault(run.contestant, []).append(_hits(run, buckets))
    pairs = [pair for bucket in buckets for pair in bucket.pairs]
    return {
        "distances": [list(bucket.distance) for bucket in buckets],
        "contestants": {name: _by_bucket(trained) for name, trained in hits.items()},
        "shortcuts": shortcut_scores(train, pairs),
        "shortcuts_by_distance": _by_shortcut([shortcut_scores(train, bucket.pairs) for bucket in buckets]),
        "trained_up_to": max(_pronoun(pair).distance for pair in train if pair.pronoun),
    }


def _settings(runs: Sequence[TrainedRun]) -> PizzeriaSettings:
    """The corpus that all runs were trained on."""
    if not runs:
        raise DragomanError("no runs to measure; give at least one run of pizzeria:en-de")
    found = [(run, Run.open(run.path).settings) for run in runs]
    for run, settings in found:
        corpus = settings.data.corpus
        if not corpus or str(parse_name(corpus)) != "pizzeria:en-de":
            raise DragomanError(
                f"{run.path} was trained on {corpus or 'files'}, which does not say what *it* means; "
                "give a run of pizzeria:en-de"
            )
        if settings.pizzeria != found[0][1].pizzeria:
            raise DragomanError(
                f"{run.path} and {runs[0].path} were trained on different pizzeria sentences; "
                "give runs with the same pizzeria settings"
            )
    return found[0][1].pizzeria


def stretched(settings: PizzeriaSettings, sentences: int, drawn: int) -> list[Stretched]:
    """Test sentences with as many fillers as the grammar has, by distance; buckets that stay empty are left out.

    Antecedent and predicate never met in a training with these settings. In each bucket *it* means the first noun as
    often as the second, so that a guess by place is right in half of them.
    """
    far = replace(settings, fillers=MOST_FILLERS, test_pairs=drawn)
    pairs = [pair for pair in generate("test", far) if pair.pronoun and not pair.pronoun.ambiguous]
    buckets = [Stretched(bounds, _balanced(pairs, bounds, sentences)) for bounds in DISTANCES]
    return [bucket for bucket in buckets if bucket.pairs]


def _balanced(pairs: Sequence[PizzeriaPair], bounds: tuple[int, int], sentences: int) -> list[PizzeriaPair]:
    first, second = (
        [
            pair
            for pair in pairs
            if bounds[0] <= _pronoun(pair).distance <= bounds[1] and _pronoun(pair).position == position
        ]
        for position in (0, 1)
    )
    each = min(len(first), len(second), sentences // 2)
    return first[:each] + second[:each]


def _hits(run: TrainedRun, buckets: Sequence[Stretched]) -> list[NDArray[np.bool_]]:
    """For each bucket whether the run's translation has the right pronoun, and whether it prefers it: 2 x N."""
    from dragoman.translation.loading import load

    translator = load(run.path)
    return [
        np.stack([_right(translator, bucket.pairs), _preferred(translator, bucket.pairs) > 0]) for bucket in buckets
    ]


def _right(translator: Translator, pairs: Sequence[PizzeriaPair]) -> NDArray[np.bool_]:
    found = translator.translate([pair.source for pair in pairs])
    return np.array([pronoun_accuracy([pair], [one.text]) == 1 for pair, one in zip(pairs, found, strict=True)])


def _preferred(translator: Translator, pairs: Sequence[PizzeriaPair]) -> Float[np.ndarray, "N"]:
    """By how much (nats) each gold translation is likelier than the likelier one with a wrong pronoun."""
    sources = [pair.source for pair in pairs]
    scores = {
        gender: translator.score(sources, [with_pronoun(pair, gender).target for pair in pairs]) for gender in GENDERS
    }
    return np.array(
        [
            scores[_pronoun(pair).gender][row].log_probability
            - max((scores[g][row].log_probability for g in GENDERS if g != _pronoun(pair).gender), default=-inf)
            for row, pair in enumerate(pairs)
        ]
    )


def _by_bucket(trained: Sequence[Sequence[NDArray[np.bool_]]]) -> list[dict[str, Any]]:
    """A contestant's figures; `trained` are its trainings' hits by bucket."""
    rows = []
    for of_bucket in zip(*trained, strict=True):
        sentences = len(of_bucket[0][0])
        right, preferred = (float(share) for share in np.mean(of_bucket, axis=(0, 2)))
        row = {"right": right, "sentences": sentences, "preferred": preferred}
        row["low"], row["high"] = interval(right, sentences)
        row["preferred_low"], row["preferred_high"] = interval(preferred, sentences)
        rows.append(row)
    return rows


def interval(share: float, sentences: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): it doubts 0 and 1 too, of which resampling is sure."""
    z = NormalDist().inv_cdf(0.975)
    centre = share + z**2 / (2 * sentences)
    spread = z * sqrt(share * (1 - share) / sentences + (z / sentences) ** 2 / 4)
    low, high = ((centre + sign * spread) / (1 + z**2 / sentences) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def _by_shortcut(of_buckets: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {name: [scores[name] for scores in of_buckets] for name in of_buckets[0]}


def _pronoun(pair: PizzeriaPair) -> Pronoun:
    assert pair.pronoun is not None
    return pair.pronoun
