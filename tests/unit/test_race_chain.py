"""The longest chain of products: small graphs by hand, the Transformer's by hand, and a twin that watches them run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dragoman.config import ModelSettings
from dragoman.layers.recurrent import written_out
from dragoman.models.build import build_model
from dragoman.race.chain import LENGTHS, VOCABULARY, longest_chain, measure_chain, training_chain, translating_chain
from dragoman.race.synthetic import drawn_pairs
from dragoman.search.hypothesis import best_tokens

SMALL = ModelSettings(d_model=8, d_ff=16, heads=2, encoder_layers=2, decoder_layers=2, dropout=0.0)
ONE = replace(SMALL, encoder_layers=1, decoder_layers=1)
CONTESTANTS = {
    "transformer": SMALL,
    "deep": replace(SMALL, encoder_layers=3, decoder_layers=1, similarity="cosine"),
    "rnn": replace(ONE, family="rnn", attention="none"),
    "gru-attention": replace(SMALL, family="gru", attention="dot"),
    "lstm": replace(SMALL, family="lstm", attention="none", bidirectional=False),
    "lstm-attention": replace(ONE, family="lstm", attention="additive"),
    "feeding": replace(ONE, family="rnn", attention="additive", input_feeding=True),
}
PRODUCTS = {"mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot"}


class Watcher(TorchDispatchMode):
    """Notes for each piece of memory how many products its numbers had to wait for, whatever torch runs."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0
        self._waited: dict[int, int] = {}
        self._kept: list[Any] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        waited = self.waited(tensors([args, options]))
        found = func(*args, **options)
        waited += str(func.overloadpacket).removeprefix("aten.") in PRODUCTS
        self.note(tensors([found]), waited)
        return found

    def waited(self, inputs: list[Tensor]) -> int:
        return max((self._waited.get(one.untyped_storage().data_ptr(), 0) for one in inputs), default=0)

    def note(self, outputs: list[Tensor], waited: int) -> None:
        for one in outputs:
            storage = one.untyped_storage()
            # Kept, so that no other storage takes its place in memory.
            self._kept.append(storage)
            place = storage.data_ptr()
            self._waited[place] = max(waited, self._waited.get(place, 0))
            self.longest = max(self.longest, waited)


def tensors(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    return [one for value in values for one in tensors(value)] if isinstance(values, list | tuple) else []


def test_small_graphs_by_hand() -> None:
    a = torch.ones(2, 2, requires_grad=True)
    assert longest_chain(a) == 0
    assert longest_chain(a + a) == 0
    assert longest_chain(a @ a) == 1
    assert longest_chain((a @ a) @ (a @ a)) == 2
    long = a
    for _ in range(5):
        long = torch.tanh(long @ a) + a @ a
    assert longest_chain(long) == 5
    assert longest_chain(torch.stack([a @ a, long, a])) == 5


def test_chains_as_long_as_books_are_found() -> None:
    a = torch.ones(1, 1, requires_grad=True)
    long = a
    for _ in range(20_000):
        long = long @ a
    assert longest_chain(long) == 20_000


def test_the_transformers_chain_by_hand() -> None:
    """A layer's products: projection, scores, context, output for each attention; two for the feed-forward part."""
    encoder, later_decoder = 4 + 2, 4 + 4 + 2
    # The first decoder layer's own attention does not wait for the encoder; its keys of the memory do.
    first_decoder, output = 4 + 2, 1
    found = measure_chain(CONTESTANTS, [4, 16])
    assert found["lengths"] == [4, 16]
    forward = 2 * encoder + first_decoder + later_decoder + output
    assert found["contestants"]["transformer"]["training"] == [2 * forward] * 2
    forward = 3 * encoder + first_decoder + output
    assert found["contestants"]["deep"]["training"] == [2 * forward] * 2
    # Each later token waits for the one before, through all decoder layers and the output.
    step = 2 * later_decoder + output
    # At first the past is an empty part of the memory's keys, so that own attention waits for the encoder as well.
    first = 2 * encoder + 1 + 3 + 4 + 2 + later_decoder + output
    assert found["contestants"]["transformer"]["translating"] == [first + 3 * step, first + 15 * step]


def test_the_lengths_of_a_race_are_measured() -> None:
    """At the longest one autograd's graph of a translation is too long to be taken apart on a usual stack."""
    told: list[tuple[str, float]] = []
    models = {"transformer": replace(SMALL, encoder_layers=3, decoder_layers=3), "rnn": CONTESTANTS["rnn"]}
    found = measure_chain(models, tell=lambda *given: told.append(given))
    assert found["lengths"] == list(LENGTHS) == [8, 16, 32, 64, 128, 256]
    assert found["contestants"]["rnn"]["training"] == [2 * (2 * length + 1) for length in LENGTHS]
    assert found["contestants"]["transformer"]["training"] == [2 * (3 * 6 + 6 + 2 * 10 + 1)] * len(LENGTHS)
    step = 3 * (4 + 4 + 2) + 1
    translating = found["contestants"]["transformer"]["translating"]
    assert [count - translating[0] for count in translating] == [step * (length - 8) for length in LENGTHS]
    assert told == [("transformer", 0.5), ("rnn", 1.0)]


def test_recurrences_chains_by_hand() -> None:
    """A step is one product that waits for the step before; a layer begins where the one below has ended."""
    lengths = [1, 4, 16]
    found = measure_chain(CONTESTANTS, lengths)["contestants"]
    # One layer each: the encoder's L steps, the decoder's L, the output. Translating, each token waits for the output
    # before, goes into the state and comes out again.
    assert found["rnn"]["training"] == [2 * (2 * length + 1) for length in lengths]
    assert found["rnn"]["translating"] == [3 * length for length in lengths]
    # Two layers each: the second decoder layer begins where both the first one and the second encoder layer have ended.
    assert found["lstm"]["training"] == [2 * (3 * length + 1) for length in lengths]
    # Besides: the look at the source behind the decoder's last step: query, score, context, its projection. The score
    # is a product with one vector, whose gradient is none.
    assert found["lstm-attention"]["training"] == [2 * (2 * length + 4 + 1) - 1 for length in lengths]
    # Fed into the next step, that look is waited for at each of them.
    assert found["feeding"]["training"] == [2 * (length + 5 * length + 1) - length for length in lengths]


@pytest.mark.parametrize("name", CONTESTANTS)
@pytest.mark.parametrize("length", [2, 5])
def test_a_training_pass_that_is_watched(name: str, length: int) -> None:
    model = build_model(CONTESTANTS[name], VOCABULARY, VOCABULARY, seed=1)
    batch = drawn_pairs(1, length, VOCABULARY, seed=1)
    with Watcher() as watcher, written_out():
        model.project(model.hidden(batch)).log_softmax(-1).sum().backward()
    assert training_chain(model, length) == watcher.longest


@pytest.mark.parametrize("name", CONTESTANTS)
def test_a_translation_that_is_watched(name: str) -> None:
    length = 5
    model = build_model(CONTESTANTS[name], VOCABULARY, VOCABULARY, seed=1).eval()
    batch = drawn_pairs(1, length, VOCABULARY, seed=1)
    with torch.no_grad(), Watcher() as watcher, written_out():
        state, token = model.start(model.encode(batch.source)), batch.target_in[:, 0]
        for _ in range(length):
            step, state = model.step(token, state)
            token = best_tokens(step.log_probabilities, 1)[1][:, 0]
    assert translating_chain(model, length) == watcher.longest


def test_nothing_stays_behind() -> None:
    model = build_model(CONTESTANTS["deep"], VOCABULARY, VOCABULARY, seed=1)
    translating_chain(model, 3)
    assert not model.target_embedding._forward_hooks
