"""Where the time of a training's updates goes, and how much of it is arithmetic that nobody can leave out.

The same updates are made again and again: once to warm up, three times by the clock alone, once under torch's profiler,
once while their matrix products are noted. Shares are the profiler's; times are the clock's. Then every product that
was noted is made alone. No weight is kept.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

from dragoman.batches.epochs import Epoch
from dragoman.errors import DragomanError
from dragoman.training.optimizer import build_optimizer
from dragoman.training.preparing import Prepared
from dragoman.training.profiling.groups import REST, SortedTimes, batches_named, parts_named, profiler, sorted_times
from dragoman.training.profiling.products import Call, Product, Recorder, peak, seconds_alone
from dragoman.training.schedule import learning_rate
from dragoman.training.step import DTYPES, update

UPDATES = 20
"""Updates that are measured."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Group:
    """One kind of work in a step."""

    name: str
    share: float
    """Of the step's time."""
    seconds: float
    """A step."""
    calls: float
    """A step; how often the work is taken up."""
    alone: float | None = None
    """Seconds a step that its matrix products take alone; None where it has none."""


@dataclass(frozen=True)
class ProductTime:
    """Equal matrix products of the measured updates."""

    name: str
    dtype: str
    count: float
    """A step."""
    gigaflop: float
    """Of one."""
    seconds: float
    """Of one, alone."""


@dataclass(frozen=True)
class Profile:
    """Where a training step's time goes; all numbers are means over the measured updates."""

    corpus: str
    dtype: str
    kernels: str
    threads: int
    updates: int
    target_tokens: float
    """Real ones in a step."""
    step_seconds: float
    """By the clock, without profiler: each update's median of three."""
    spread: float
    """How much longer the slowest of the three passes took than the fastest, as a share of the fastest."""
    profiled_seconds: float
    """The same updates under the profiler."""
    groups: list[Group]
    """The largest first."""
    products: list[ProductTime]
    """The most expensive first."""
    inevitable_seconds: float
    """A step's matrix products, each timed alone."""
    gigaflop: float
    """Of a step's matrix products."""
    peak_gigaflops: float
    """A second, in a product of 4096 x 256 by 256 x 1024."""
    memory: int
    """The process' peak, in bytes, before the profiler began."""

    @property
    def tokens_per_second(self) -> float:
        """Real target tokens."""
        return self.target_tokens / self.step_seconds

    @property
    def inevitable_share(self) -> float:
        """The part of a step's time that its products would take alone."""
        return self.inevitable_seconds / self.step_seconds

    @property
    def gigaflops(self) -> float:
        """Reached a second, over the whole step."""
        return self.gigaflop / self.step_seconds

    def to_json(self) -> dict[str, Any]:
        """All fields by name, and what follows from them."""
        derived = ("tokens_per_second", "inevitable_share", "gigaflops")
        return asdict(self) | {name: getattr(self, name) for name in derived}


class _Updates:
    """The updates that are measured, made as the training makes them, batches included."""

    def __init__(self, prepared: Prepared, epoch: Epoch, count: int):
        self._prepared, self._epoch = prepared, epoch
        self._training = prepared.settings.training
        self._optimizer = build_optimizer(prepared.model, self._training)
        each, batches = self._training.accumulate, len(epoch.batches)
        self.numbers = [range(first, min(first + each, batches)) for first in range(0, batches, each)][:count]
        self._made = 0
        self.target_tokens = 0

    def make(self) -> list[float]:
        """Makes all updates once; gives the seconds of each."""
        times = []
        self.target_tokens = 0
        for numbers in self.numbers:
            begin = perf_counter()
            with batches_named():
                batches = [self._epoch.batch(number) for number in numbers]
            self._made += 1
            rate = learning_rate(self._training, self._made, 0.0)
            result = update(self._prepared.model, self._optimizer, batches, self._training, rate)
            times.append(perf_counter() - begin)
            self.target_tokens += result.target_tokens
        return times


@dataclass(frozen=True)
class _Measured:
    """What the passes over the same updates gave."""

    plain: list[list[float]]
    """Seconds of each update, pass by pass."""
    profiled: float
    """Seconds of all updates under the profiler."""
    times: SortedTimes
    calls: list[Call]
    memory: int


def profile_training(prepared: Prepared, updates: int = UPDATES, tell: Tell = lambda _: None) -> Profile:
    """Measures so many updates, or as many as an epoch has; the model has learnt a little afterwards.

    Args:
        tell: is told what is being done, in words.

    Raises:
        DragomanError: the training would not run on the processor.
    """
    if prepared.model.output.weight.device.type != "cpu":
        raise DragomanError("--profile measures a processor; set CUDA_VISIBLE_DEVICES= to hide the other device")
    epoch = prepared.epochs.epoch(0)
    # With sampling the next epoch is cut in the background; it must not run beside what is timed.
    prepared.epochs.close()
    torch.manual_seed(prepared.settings.training.seed)
    prepared.model.train()
    made = _Updates(prepared, epoch, updates)
    measured = _measure(made, prepared, tell)
    distinct = Counter(product for call in measured.calls for product in call)
    tell(f"timing {len(distinct):,} different matrix products, each alone")
    alone = {product: seconds_alone(product) for product in distinct}
    return _profile(prepared, made, measured, distinct, alone)


def _measure(made: _Updates, prepared: Prepared, tell: Tell) -> _Measured:
    """Passes by the clock alone stand before, between and after the others, so that a drift of the machine shows."""
    tell(f"warming up: {len(made.numbers)} updates")
    made.make()
    tell("timing the same updates, profiling them, noting their matrix products")
    plain = [made.make()]
    memory = peak_memory()
    with profiler() as watched, parts_named(prepared.model):
        profiled = sum(made.make())
    plain.append(made.make())
    with Recorder() as recorder:
        made.make()
    plain.append(made.make())
    return _Measured(plain, profiled, sorted_times(list(watched.events() or [])), recorder.calls, memory)


def _profile(
    prepared: Prepared, made: _Updates, measured: _Measured, counts: Counter[Product], alone: Mapping[Product, float]
) -> Profile:
    training, steps = prepared.settings.training, len(made.numbers)
    step = sum(median(times) for times in zip(*measured.plain, strict=True)) / steps
    passes = [sum(times) for times in measured.plain]
    return Profile(
        corpus=prepared.corpus.name,
        dtype=training.dtype,
        kernels=training.kernels,
        threads=torch.get_num_threads(),
        updates=steps,
        target_tokens=made.target_tokens / steps,
        step_seconds=step,
        spread=max(passes) / min(passes) - 1,
        profiled_seconds=measured.profiled / steps,
        groups=_groups(measured, steps, step, alone),
        products=_listed(counts, steps, alone),
        inevitable_seconds=sum(count * alone[product] for product, count in counts.items()) / steps,
        gigaflop=sum(count * product.flop for product, count in counts.items()) / steps / 1e9,
        peak_gigaflops=peak(DTYPES[training.dtype]) / 1e9,
        memory=measured.memory,
    )


def _groups(measured: _Measured, steps: int, step: float, alone: Mapping[Product, float]) -> list[Group]:
    """Shares of the time under the profiler; what no operation took is the rest."""
    times = measured.times
    seconds = dict(times.seconds)
    seconds[REST] = seconds.get(REST, 0.0) + measured.profiled - sum(seconds.values())
    apart: dict[str, float] = defaultdict(float)
    # Both passes make the same updates, so their products come in the same order.
    if len(times.products) == len(measured.calls):
        for name, call in zip(times.products, measured.calls, strict=True):
            apart[name] += sum(alone[product] for product in call) / steps
    found = []
    for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
        share = spent / measured.profiled
        calls = 0.0 if name == REST else times.calls[name] / steps
        found.append(Group(name, share, share * step, calls, apart.get(name)))
    return found


def _listed(counts: Counter[Product], steps: int, alone: Mapping[Product, float]) -> list[ProductTime]:
    """The products, those first that take most of a step."""
    order = sorted(counts, key=lambda product: -counts[product] * alone[product])
    return [
        ProductTime(
            str(product),
            str(product.matrices[0].dtype).removeprefix("torch."),
            counts[product] / steps,
            product.flop / 1e9,
            alone[product],
        )
        for product in order
    ]


def peak_memory() -> int:
    """The most bytes of memory that this process has had so far."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = [line.split() for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        if lines:
            return int(lines[0][1]) * 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
