"""How many matrix products must wait for one another: what no number of cores can shorten.

A product waits for another one where it needs its result. The longest chain of such products through a training pass
or a translation is found in autograd's own graph of the model's ordinary passes. Recurrences are written out for it
(`dragoman.layers.recurrent`), since torch's kernel for a whole sequence is one entry in the graph, though its steps
wait for one another all the same.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from dragoman.config import ModelSettings
from dragoman.layers.recurrent import written_out
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.race.speed import Tell
from dragoman.race.synthetic import drawn_pairs

LENGTHS = (8, 16, 32, 64, 128, 256)
PRODUCTS = frozenset(f"{name}Backward0" for name in ("Mm", "Addmm", "Bmm", "Baddbmm", "Mv", "Addmv", "Dot"))
"""What autograd calls the products of matrices and vectors."""
WITH_A_VECTOR = frozenset(f"{name}Backward0" for name in ("Mv", "Addmv", "Dot"))
"""Those whose gradient, backward, is a number times a vector: no product that sums anything."""
VOCABULARY = 300
"""Tokens; how many there are changes no chain."""
STACK = 2**28
"""Bytes: autograd takes a long graph apart by calls inside calls, for which a usual stack is too short."""


def measure_chain(
    contestants: Mapping[str, ModelSettings],
    lengths: Sequence[int] = LENGTHS,
    seed: int = 1,
    tell: Tell = lambda *_: None,
) -> dict[str, Any]:
    """The longest chains of products by sentence length (positions on either side, end mark included).

    Args:
        tell: is told of each contestant, and the share (0-1) that is over.

    Returns:
        `lengths`, and for each contestant a number a length: `training` (forward and backward pass) and `translating`
        (as many tokens as the source has, one after another).
    """
    found = {}
    for number, (name, settings) in enumerate(contestants.items()):
        model = build_model(settings, VOCABULARY, VOCABULARY, seed).eval()
        found[name] = {
            "training": [with_room(training_chain, model, length) for length in lengths],
            "translating": [with_room(translating_chain, model, length) for length in lengths],
        }
        tell(name, (number + 1) / len(contestants))
    return {"lengths": list(lengths), "contestants": found}


def with_room(chain: Callable[[TrainableModel[Any], int], int], model: TrainableModel[Any], length: int) -> int:
    """A chain that is looked for, and whose graph is taken apart again, in a thread with a long stack."""
    usual = threading.stack_size(STACK)
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(chain, model, length).result()
    finally:
        threading.stack_size(usual)


def training_chain(model: TrainableModel[Any], length: int) -> int:
    """Products that wait for one another in the forward and backward pass over a pair of this length.

    Backward each product of two matrices has two, side by side, that wait for the gradients of all later ones; so the
    way back is a chain through the same graph.
    """
    batch = drawn_pairs(1, length, VOCABULARY, seed=1)
    with torch.enable_grad(), written_out():
        scores = model.project(model.hidden(batch))
    return longest_chain(scores) + longest_chain(scores, PRODUCTS - WITH_A_VECTOR)


def translating_chain(model: TrainableModel[Any], length: int) -> int:
    """Products that wait for one another while a sentence of this length is translated into as many tokens.

    The tokens are given; what each step reads is made to wait for the scores before it, as in greedy search.
    """
    batch = drawn_pairs(1, length, VOCABULARY, seed=1)
    with torch.enable_grad(), written_out(), _waiting(model.target_embedding) as scores:
        state = model.start(model.encode(batch.source))
        for place in range(length):
            step, state = model.step(batch.target_in[:, place], state)
            scores.append(step.log_probabilities)
        return longest_chain(scores[-1])


@contextmanager
def _waiting(embedding: nn.Module) -> Iterator[list[Tensor]]:
    """Inside the block the embedding's output depends on the last of the scores that are put into the list."""
    scores: list[Tensor] = []

    def wait(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return output + 0 * scores[-1].max() if scores else output

    hook = embedding.register_forward_hook(wait)
    try:
        yield scores
    finally:
        hook.remove()


def longest_chain(end: Tensor, products: Collection[str] = PRODUCTS) -> int:
    """Products on the longest way through autograd's graph to `end`; 0 where it depends on none."""
    longest: dict[Any, int] = {}
    waiting = [end.grad_fn]
    while waiting:
        node = waiting[-1]
        before = [other for other, _ in node.next_functions if other is not None] if node is not None else []
        unknown = [other for other in before if other not in longest]
        if unknown:
            waiting.extend(unknown)
            continue
        waiting.pop()
        if node is not None:
            here = node.name() in products
            longest[node] = here + max((longest[other] for other in before), default=0)
    return longest[end.grad_fn] if end.grad_fn is not None else 0
