"""The five claims that every text on Transformers makes, and the one sentence that decides about each."""

from collections.abc import Sequence
from dataclasses import dataclass

from dragoman.race.report.document import Figure, Judgement, Verdict


@dataclass(frozen=True)
class Claim:
    """What is said, and what decides about it."""

    number: int
    claim: str
    rule: str
    details: str
    """The anchor of the section with everything about it."""

    def judged(
        self, judgement: Judgement, reason: Sequence[str], figures: Sequence[Figure], cautions: Sequence[str] = ()
    ) -> Verdict:
        """The verdict."""
        return Verdict(
            number=self.number,
            claim=self.claim,
            judgement=judgement,
            reason=" ".join(reason),
            rule=self.rule,
            figures=figures,
            details=self.details,
            cautions=cautions,
        )

    def unknown(self, why: str) -> Verdict:
        """Nothing can be said."""
        return self.judged("not measured", [why], [])


ONE_AFTER_ANOTHER = Claim(
    1,
    "Reading word by word makes RNNs slow to train.",
    "Holds if the plain RNNs are slower than the Transformer at every length and only their chain of products grows "
    "with the sentence; partly if at some lengths; not if at none.",
    "training-speed",
)
GRADIENTS = Claim(
    2,
    "The gradients of RNNs vanish or explode over distance.",
    "Holds if every gradient curve of small plain RNNs (decoder, one-way encoder) falls or grows a hundredfold over "
    "the distances measured; partly if some do; not if none.",
    "gradients",
)
MEMORY = Claim(
    3,
    "LSTMs remember longer than RNNs.",
    "Holds if the LSTM is ahead of the RNN like it in every comparison that can tell (copying, pronouns, gradients; "
    "with and without attention); partly if in some; not if in none.",
    "memory",
)
SLOWER_STILL = Claim(
    4,
    "LSTMs train slower still than RNNs.",
    "Holds if, at equal parameters, the LSTMs are slower than the RNNs like them at every length; partly if at some "
    "lengths; not if at none.",
    "training-speed",
)
ALL_AT_ONCE = Claim(
    5,
    "Transformers take all words at once and translate better for the same budget.",
    "Holds if the Transformer's chain of products does not grow with the sentence in training and its BLEU is "
    "significantly above everybody else's; partly if above some; not if above none.",
    "quality",
)
