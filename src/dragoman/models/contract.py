"""What every translator model can do; search, training, evaluation and inspection know nothing else.

A row is one hypothesis under construction. After `start` there is one row a sentence; `reorder` repeats, drops and
permutes rows. All that a row remembers lives in the state, nothing in the module, so one model serves many searches.

Shapes: B sentences, R rows, S source positions, T target positions, V target vocabulary, M d_model, N target tokens.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from dragoman.batches.padded import PairBatch, SourceBatch
from dragoman.layers.embedding import Embedding

State = TypeVar("State")
"""What a model needs to go on with its rows; opaque to everybody else."""


@dataclass(frozen=True)
class Step:
    """One step of decoding."""

    log_probabilities: Float[Tensor, "R V"]
    """Natural logarithm of each next token's probability."""
    attention: Float[Tensor, "R S"] | None = None
    """Weights over the source, averaged over heads in the last layer; None where it was not asked for."""


@runtime_checkable
class TranslationModel(Protocol[State]):
    """The contract."""

    has_attention: bool
    """Whether `step` can give attention over the source."""

    def encode(self, source: SourceBatch) -> Any:
        """Reads the source once; gives the memory, one entry a sentence."""
        ...

    def start(self, memory: Any) -> State:
        """Gives the state before the first token: one row a sentence, in order."""
        ...

    def step(self, tokens: Int[Tensor, "R"], state: State, attention: bool = False) -> tuple[Step, State]:
        """Reads one more token of every row (BOS first) and scores the next one; the old state stays usable."""
        ...

    def reorder(self, state: State, rows: Int[Tensor, "N"]) -> State:
        """Gives the state whose row n is the old row `rows[n]`; rows may be dropped or repeated."""
        ...

    def join(self, first: State, second: State) -> State:
        """Gives the state with the rows of both, `first`'s before `second`'s; they may be at different lengths."""
        ...


@runtime_checkable
class ScoringModel(TranslationModel[State], Protocol[State]):
    """What scoring given translations asks besides: all target positions at once."""

    def hidden(self, batch: PairBatch) -> Float[Tensor, "B T M"]:
        """The decoder's last layer at each target position, before the projection."""
        ...

    def project(self, hidden: Float[Tensor, "... M"]) -> Float[Tensor, "... V"]:
        """Logits over the target vocabulary."""
        ...


@runtime_checkable
class TraceableModel(ScoringModel[State], Protocol[State]):
    """What a trace asks besides: which parts report what they compute (`dragoman.tracing`)."""

    def reporting(self) -> dict[str, nn.Module]:
        """The parts that report while somebody records, by the names that a trace has for them."""
        ...


class TrainableModel(nn.Module, TraceableModel[State]):
    """What training asks besides: a torch module with these parts, which gives the rows that the loss is made of."""

    source_embedding: Embedding
    target_embedding: Embedding
    output: nn.Linear
    """The projection to the target vocabulary; it has no bias."""

    @abstractmethod
    def rows(self, batch: PairBatch) -> tuple[Float[Tensor, "N M"], Int[Tensor, "N"]]:
        """The decoder's output at every real target position, sentence by sentence, and the token to be predicted.

        Rows may follow that belong to no sentence; what is to be predicted there is negative.
        """

    def project(self, hidden: Float[Tensor, "... M"]) -> Float[Tensor, "... V"]:
        """Logits over the target vocabulary."""
        logits: Tensor = self.output(hidden)
        return logits

    def forward(self, batch: PairBatch) -> Float[Tensor, "B T V"]:
        """Logits at every target position."""
        return self.project(self.hidden(batch))
