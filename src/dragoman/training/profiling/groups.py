"""Which of a step's groups each operation belongs to: the one place that knows names, torch's and our own.

The profiler gives every operation with those that it ran inside of. A part of the model is known by a range that
`parts_named` opens around it. An operation of the backward pass is put beside the forward operation that it belongs
to, which the autograd engine numbers alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.autograd.profiler import record_function

from dragoman.layers.alignment import Alignment, AttentionalVector
from dragoman.layers.attention import MultiHeadAttention
from dragoman.layers.dropout import Dropout
from dragoman.layers.embedding import Embedding
from dragoman.layers.feed_forward import FeedForward, GatedFeedForward
from dragoman.layers.recurrent import Recurrence
from dragoman.layers.residual import Residual
from dragoman.training.profiling.products import OPERATORS

PROJECTIONS, ATTENTION = "products: attention's projections", "products: attention's own"
FEED_FORWARD, OUTPUT = "products: feed-forward", "products: output projection"
CELLS, OTHER_PRODUCTS = "products: cells", "products: elsewhere"
GATES = "cells: gates, fused layers"
SOFTMAX, NORMS, SUMS = "softmax, masks, loss rows", "norms", "dropout, activations, sums"
EMBEDDINGS, COPIES, OPTIMIZER = "embeddings", "copies and casts", "optimizer with clipping"
BATCHES, REST = "making batches", "the rest: Python, waiting"
PRODUCTS = (PROJECTIONS, ATTENTION, FEED_FORWARD, OUTPUT, CELLS, OTHER_PRODUCTS)

PARTS: dict[type[nn.Module], str] = {
    MultiHeadAttention: "attention", Alignment: "attention", AttentionalVector: "attention", Recurrence: "cells",
    FeedForward: "feed-forward", GatedFeedForward: "feed-forward",
    Residual: "residual", Embedding: "embedding", Dropout: "dropout", nn.LayerNorm: "norm", nn.RMSNorm: "norm",
}  # fmt: skip
_PLACE = "dragoman: "

OWNERS = {
    "_AddDropped": SUMS, "_ReluDropped": SUMS, "_BranchNorm": NORMS, "_Attend": SOFTMAX,
    "_Split": SOFTMAX, "_Merge": SOFTMAX, "_ProjectedLoss": SOFTMAX,
    f"{_PLACE}cells": GATES, f"{_PLACE}dropout": SUMS, f"{_PLACE}norm": NORMS, f"{_PLACE}embedding": EMBEDDINGS,
}  # fmt: skip
"""Whatever happens inside of these, products aside, is theirs: our own passes, and parts that do one thing."""
BY_NAME = {
    name: group
    for group, names in {
        SOFTMAX: "softmax _softmax _softmax_backward_data masked_fill masked_fill_",
        NORMS: "native_layer_norm native_layer_norm_backward rms_norm",
        SUMS: "add add_ sum relu threshold_backward gelu gelu_backward silu silu_backward",
        EMBEDDINGS: "embedding embedding_dense_backward",
        COPIES: "copy_ _to_copy to clone contiguous cat",
        OPTIMIZER: "_foreach_norm _foreach_mul_ _foreach_mul linalg_vector_norm _fused_adamw_",
    }.items()
    for name in (f"aten::{short}" for short in names.split())
}
BY_PLACE = {f"{_PLACE}attention": SOFTMAX, f"{_PLACE}feed-forward": SUMS, f"{_PLACE}residual": SUMS}
"""Where the name says nothing."""
PRODUCT_PLACES = {
    f"{_PLACE}attention": PROJECTIONS, f"{_PLACE}feed-forward": FEED_FORWARD, f"{_PLACE}cells": CELLS,
    "_ProjectedLoss": OUTPUT,
}  # fmt: skip
_BACKWARD = "autograd::engine::evaluate_function: "
_BATCHED = ("aten::bmm", "aten::baddbmm", "aten::_scaled_dot_product")


@contextmanager
def parts_named(model: nn.Module) -> Iterator[None]:
    """Opens a range around every known part of the model while the `with` block lasts."""
    opened: list[record_function] = []

    def enter(name: str, *_: Any) -> None:
        opened.append(record_function(_PLACE + name))
        opened[-1].__enter__()

    def leave(*_: Any) -> None:
        opened.pop().__exit__(None, None, None)

    with ExitStack() as hooks:
        for module in model.modules():
            if type(module) in PARTS:
                hooks.callback(module.register_forward_pre_hook(partial(enter, PARTS[type(module)])).remove)
                hooks.callback(module.register_forward_hook(leave).remove)
        yield


def batches_named() -> record_function:
    """The range around the making of batches."""
    return record_function(_PLACE + "batches")


class Sorter:
    """Puts operations into groups."""

    def __init__(self, events: Sequence[Any]):
        self._forward: dict[int, Any] = {}
        for event in sorted(events, key=lambda event: event.time_range.start):
            if event.sequence_nr >= 0 and not any(_is_backward(each) for each in _inside_of(event)):
                # Operations that need no gradient share the number of the next that does: the last one is it.
                self._forward[event.sequence_nr] = event

    def group(self, event: Any) -> str:
        """The group of one operation."""
        own = list(_inside_of(event))
        names = [each.name for each in own]
        places = names + [each.name for each in self._forward_of(own)]
        product = self.product(event)
        if product is not None:
            return _product_group(product.name, places)
        if f"{_PLACE}batches" in names:
            return BATCHES
        if any(name.startswith("Optimizer.") for name in names):
            return OPTIMIZER
        if _is_bookkeeping(names[0]):
            return REST
        return (
            _first(OWNERS, map(_plain, places if _is_inside_node(names) else names))
            or _first(BY_NAME, names)
            or _first(BY_PLACE, places)
            or REST
        )

    @staticmethod
    def product(event: Any) -> Any | None:
        """The matrix product that an operation is or works for."""
        found = [each for each in _inside_of(event) if each.name in OPERATORS]
        return found[-1] if found else None

    def _forward_of(self, own: Sequence[Any]) -> Iterator[Any]:
        """The forward operation that a backward one belongs to, and what that ran inside of."""
        nodes = [each for each in own if _is_backward(each)]
        forward = self._forward.get(nodes[0].sequence_nr) if nodes else None
        return _inside_of(forward) if forward is not None else iter(())


def _inside_of(event: Any) -> Iterator[Any]:
    """The operation itself, the one it ran inside of, and so on."""
    while event is not None:
        yield event
        event = event.cpu_parent


def _is_backward(event: Any) -> bool:
    return bool(event.name.startswith(_BACKWARD))


def _is_inside_node(names: Sequence[str]) -> bool:
    """Whether an operation is a gradient's formula, rather than the adding up of gradients between formulas."""
    return len(names) < 2 or not names[1].startswith(_BACKWARD) or not names[0].startswith("aten::")


def _is_bookkeeping(name: str) -> bool:
    """Whether this is a part's own Python, or torch's engine between one gradient and the next."""
    return name.startswith((_PLACE, "autograd::", "torch::autograd::")) or name.endswith("Backward0")


def _plain(name: str) -> str:
    """One of our functions by the name that its forward pass has."""
    return name.removesuffix("Backward")


def _first(table: dict[str, str], names: Iterable[str]) -> str | None:
    return next((table[name] for name in names if name in table), None)


def _product_group(name: str, places: Sequence[str]) -> str:
    place = _first(PRODUCT_PLACES, map(_plain, places))
    if place == PROJECTIONS and name.startswith(_BATCHED):
        return ATTENTION
    return place or OTHER_PRODUCTS


@dataclass(frozen=True)
class SortedTimes:
    """What the profiler saw, by group."""

    seconds: dict[str, float]
    calls: dict[str, int]
    """How often the group's work was taken up, coming from another's."""
    products: list[str]
    """The group of every matrix product, in the order that they were made in."""


def sorted_times(events: Sequence[Any]) -> SortedTimes:
    """Adds up the operations' own times: what an operation ran inside of it is not counted with it."""
    sorter = Sorter(events)
    seconds: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    groups = {id(event): sorter.group(event) for event in events}
    for event in events:
        group, parent = groups[id(event)], event.cpu_parent
        seconds[group] += event.self_cpu_time_total / 1e6
        calls[group] += parent is None or groups.get(id(parent)) != group
    in_order = sorted(events, key=lambda event: event.time_range.start)
    products = [groups[id(event)] for event in in_order if sorter.product(event) is event]
    return SortedTimes(dict(seconds), dict(calls), products)


def profiler() -> torch.profiler.profile:
    """Torch's profiler of this processor's operations."""
    return torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True)
