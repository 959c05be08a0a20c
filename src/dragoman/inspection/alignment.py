"""Which source word a target word comes from, read off the decoder's attention to the encoder's output.

Two conventions: a target token's row is the step that predicts it, or the step that reads it, one later.
Two weightings: the attention weight, or the length of what it brings, ||weight * value W_O|| (Kobayashi et al. 2020).
Shapes: H heads, J = H + 1 (each head, then all together), Q queries, K keys, D width of a head, M d_model.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from dragoman.errors import DragomanError
from dragoman.inspection.words import between_words, words_of
from dragoman.models.contract import TraceableModel
from dragoman.runs import Run
from dragoman.runs.writing import write_json
from dragoman.tracing import AttentionTrace, Trace

Convention = Literal["predicting", "reading"]
Weighting = Literal["plain", "norm"]
Link = tuple[int, int]
"""Source word, target word; both from 0."""
Projections = Mapping[str, NDArray[np.float32]]
"""W_O of each attention by its name in a trace, M outputs x M inputs."""
FILE = "alignment.json"


@dataclass(frozen=True)
class Choice:
    """Which attention tells a run's word links; it is made on the validation split."""

    layer: int
    head: int | None = None
    """None: all heads together."""
    convention: Convention = "predicting"
    weighting: Weighting = "plain"
    aer_valid: float | None = None
    """Alignment error rate (0-1) on the validation split; None where nothing was measured."""

    @property
    def attention(self) -> str:
        """The attention's name in a trace."""
        return f"decoder.{self.layer}.cross"


def read_choice(run_path: str | Path) -> Choice:
    """Gives the choice stored with a run, else the last layer, heads together, predicting step, plain weights.

    Raises:
        DragomanError: not a run, or its alignment.json is damaged.
    """
    run = Run.open(run_path)
    layers = run.settings.model.decoder_layers
    file = run.path / FILE
    try:
        choice = Choice(**json.loads(file.read_text(encoding="utf-8")))
        _check(choice, layers, run.settings.model.heads)
    except FileNotFoundError:
        return Choice(layer=layers - 1)
    except (OSError, TypeError, ValueError) as error:
        raise DragomanError(f"{file} is damaged; make it anew with `dragoman inspect {run_path} --measure`") from error
    return choice


def write_choice(run_path: str | Path, choice: Choice) -> None:
    """Stores the choice with the run.

    Raises:
        DragomanError: the run's folder cannot be written to.
    """
    file = Path(run_path) / FILE
    try:
        write_json(file, asdict(choice))
    except OSError as error:
        raise DragomanError(f"cannot write {file} ({error.strerror}); make the folder writable") from error


def _check(choice: Choice, layers: int, heads: int) -> None:
    head_fits = choice.head is None or choice.head in range(heads)
    words_fit = choice.convention in get_args(Convention) and choice.weighting in get_args(Weighting)
    if not (choice.layer in range(layers) and head_fits and words_fit):
        raise ValueError("no such attention")


def projections(model: TraceableModel[Any]) -> Projections:
    """Takes W_O of every attention from the model, which `weighting` norm asks for."""
    parts = {name: part for name, part in model.reporting().items() if name.endswith((".self", ".cross"))}
    return {name: part.get_parameter("output.weight").detach().float().cpu().numpy() for name, part in parts.items()}


def joined_heads(weights: Float[np.ndarray, "H Q K"]) -> Float[np.ndarray, "J Q K"]:
    """Each head's weights, then their mean."""
    return np.concatenate([weights, weights.mean(0, keepdims=True)])


def norms(attention: AttentionTrace, projection: Float[np.ndarray, "M M"]) -> Float[np.ndarray, "J Q K"]:
    """Length of what each key brings to each query: ||weight * value W_O|| by head, then of the heads' sum."""
    heads, _, width = attention.value.shape
    by_head = projection.T.reshape(heads, width, -1)
    brought = attention.value @ by_head
    each = attention.weights * np.linalg.norm(brought, axis=-1)[:, None]
    together = np.linalg.norm(np.einsum("hqk,hkm->qkm", attention.weights, brought), axis=-1)
    return np.concatenate([each, together[None]])


def strengths(attention: AttentionTrace, weighting: Weighting, projection: Any = None) -> Float[np.ndarray, "J Q K"]:
    """How strongly each query draws on each key, by head and then all together.

    Raises:
        DragomanError: norms are asked for without the projection.
    """
    if weighting == "plain":
        return joined_heads(attention.weights)
    if projection is None:
        raise DragomanError("norm weighting needs the output projections; give align(..., projections(model))")
    return norms(attention, projection)


def strongest(
    found: Float[np.ndarray, "J Q K"], words: tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]], step: Convention
) -> NDArray[np.int64]:
    """The source word that each target word draws on most, J x target words; `words` are source's and target's.

    The end mark is no word: it takes no link.
    """
    source, target = words
    later = int(step == "reading")
    rows = [[place + later for place in word] for word in target]
    best: NDArray[np.int64] = between_words(found, rows, source).argmax(-1)
    return best


def align(trace: Trace, choice: Choice, weights: Projections | None = None) -> list[Link]:
    """Links each target word of a trace with one source word; words are counted as `words_of` gives them.

    Args:
        weights: what `projections` gives; only norm weighting needs it.

    Raises:
        DragomanError: the trace has no such attention, or `weights` are missing.
    """
    attention = trace.attentions.get(choice.attention)
    if attention is None:
        raise DragomanError(f"this trace has no {choice.attention}; choose another layer")
    source, target = words_of(trace.source_tokens[:-1]), words_of(trace.target_tokens[:-1])
    if not source:
        return []
    found = strengths(attention, choice.weighting, (weights or {}).get(choice.attention))
    head = len(found) - 1 if choice.head is None else choice.head
    best = strongest(found[head : head + 1], (source, target), choice.convention)[0]
    return [(int(word), place) for place, word in enumerate(best) if target[place]]


def alignment_error_rate(
    links: Iterable[Iterable[Link]],
    sure: Iterable[Iterable[Link]],
    possible: Iterable[Iterable[Link]] | None = None,
) -> float:
    """AER = 1 - (|A and S| + |A and P|) / (|A| + |S|) over all sentences (Och and Ney 2003); 0 is best.

    Args:
        possible: links that are not wrong; the sure ones always belong to them.

    Raises:
        DragomanError: no link at all to compare.
    """
    sure_sets = [set(row) for row in sure]
    possible_sets = sure_sets if possible is None else [set(row) for row in possible]
    right = total = 0
    for found, certain, allowed in zip(map(set, links), sure_sets, possible_sets, strict=True):
        right += len(found & certain) + len(found & (allowed | certain))
        total += len(found) + len(certain)
    if not total:
        raise DragomanError("no links to compare; give sentences with words")
    return 1 - right / total
