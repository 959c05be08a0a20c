"""Whether *it* was understood: the right er, sie or es on the pizzeria, beside what shortcuts reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dragoman.config import PizzeriaSettings
from dragoman.corpora.pizzeria import generate, pronoun_accuracy, shortcut_scores


@dataclass(frozen=True)
class PronounScores:
    """Shares (0-1) of the sentences with a pronoun."""

    accuracy: float
    sentences: int
    shortcuts: dict[str, float]
    """What guessing without understanding gets right on the same sentences."""

    def to_json(self) -> dict[str, Any]:
        """The figures by their names."""
        return {
            "pronoun_accuracy": self.accuracy,
            "pronouns": self.sentences,
            "shortcuts": self.shortcuts,
        }


def score_pronouns(
    split: Literal["train", "valid", "test"], settings: PizzeriaSettings, hypotheses: Sequence[str]
) -> PronounScores:
    """Scores the German translations of a whole pizzeria split, in its order."""
    pairs = generate(split, settings)
    chosen = [(pair, text) for pair, text in zip(pairs, hypotheses, strict=True) if pair.pronoun is not None]
    with_pronoun = [pair for pair, _ in chosen]
    return PronounScores(
        pronoun_accuracy(with_pronoun, [text for _, text in chosen]),
        len(chosen),
        shortcut_scores(generate("train", settings), pairs),
    )
