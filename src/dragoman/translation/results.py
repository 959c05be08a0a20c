"""What translating and scoring give back."""

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Alternative:
    """Another translation of the same line."""

    text: str
    score: float
    """As `Translation.score`."""


@dataclass(frozen=True)
class Translation:
    """One line's translation and how sure the model is of it."""

    source: str
    text: str
    score: float
    """Log-probability divided by the length penalty; the mean over the parts where a line was cut."""
    tokens: list[str]
    """The target's pieces, without EOS."""
    token_scores: list[float]
    """Natural-log probability of each token, EOS last; a line that was cut has an EOS after each part."""
    confidence: float
    """0 to 1: e to the mean of `token_scores`, so the geometric mean of the probabilities; 1 if empty."""
    alternatives: list[Alternative]
    """The other n-best, best first; for a line that was cut the n-th best of every part."""
    warnings: list[str]
    """What a reader should know: the line was cut into parts, the translation stopped at the length limit."""

    def to_json(self) -> dict[str, Any]:
        """Gives the fields as `translate --json` prints them."""
        return asdict(self)


@dataclass(frozen=True)
class Scored:
    """How likely the model finds a given translation."""

    source: str
    target: str
    tokens: list[str]
    """The target's pieces, without EOS."""
    token_scores: list[float]
    """Natural-log probability of each token, EOS last."""

    @property
    def log_probability(self) -> float:
        """Sum of the token scores."""
        return sum(self.token_scores)

    @property
    def per_token(self) -> float:
        """Mean of the token scores, EOS counted."""
        return self.log_probability / len(self.token_scores)

    @property
    def perplexity(self) -> float:
        """e to the negative mean: 1 is certain, the vocabulary's size is a blind guess."""
        try:
            return math.exp(-self.per_token)
        except OverflowError:
            return math.inf

    def to_json(self) -> dict[str, Any]:
        """Gives the fields as `score --json` prints them."""
        return {
            **asdict(self),
            "log_probability": self.log_probability,
            "per_token": self.per_token,
            "perplexity": self.perplexity,
        }


def confidence(token_scores: list[float]) -> float:
    """Gives e to the mean of natural-log probabilities (their geometric mean); 1 where there are none."""
    return math.exp(sum(token_scores) / len(token_scores)) if token_scores else 1.0
