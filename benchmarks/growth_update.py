"""One point of growth.py: dragoman's own update on random ids in sentences of one length.

    python -m benchmarks.growth_update --set model.d_model=512 --length 16 --seconds 5

Prints one line of JSON.
"""

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch

from benchmarks.peers.measuring import peak_mib
from dragoman.__main__ import begin_without_cache
from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.config import ModelSettings, Settings
from dragoman.config.loading import build_settings
from dragoman.models import hardware
from dragoman.models.build import build_model
from dragoman.text.special import FIRST_PIECE
from dragoman.training.optimizer import build_optimizer
from dragoman.training.preparing import on_this_machine
from dragoman.training.step import DTYPES, update

BATCHES = 4
"""Different batches, taken in turn."""
WARM_UP, FEWEST = 2, 3
"""Updates before the clock starts, and the fewest that are timed."""
RATE = 1e-5
"""The learning rate; its value costs nothing."""


def main() -> None:
    """Measures and tells."""
    begin_without_cache()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--set", action="append", default=[], metavar="key=value")
    parser.add_argument("--length", type=int, default=16, help="positions of each sentence, end mark included")
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    settings = on_this_machine(build_settings(options.preset, sets=options.set))
    rows = max(1, settings.batches.target_tokens // options.length)
    seconds, cores = update_seconds(settings, rows, options.length, options.seconds)
    # Before the products below, which are no part of training.
    peak = peak_mib()
    operations = arithmetic(settings.model, settings.text.vocabulary_size, rows, options.length)
    found = {
        "dtype": settings.training.dtype,
        "sentences": rows,
        "ms_an_update": 1e3 * seconds,
        "tokens_per_second": rows * options.length / seconds,
        "gflop_per_second": 1e-9 * operations / seconds,
        "gflop_per_second_of_products": product_speed(DTYPES[settings.training.dtype]),
        "peak_mib": peak,
        "cores_used": cores,
    }
    print(json.dumps(found))


def update_seconds(settings: Settings, rows: int, length: int, seconds: float) -> tuple[float, float]:
    """The median time of an update, over about so many seconds of updates; and how many cores these had.

    Fewer cores than threads: something else was running, and the time is not to be trusted.
    """
    use_threads(settings)
    size, training = settings.text.vocabulary_size, settings.training
    model = build_model(settings.model, size, size, training.seed).train()
    optimizer = build_optimizer(model, training)
    batches = [random_batch(rows, length, size, seed) for seed in range(BATCHES)]

    def run(number: int) -> float:
        return timed(lambda: update(model, optimizer, [batches[number % BATCHES]], training, RATE))

    for number in range(WARM_UP):
        run(number)
    times: list[float] = []
    begin, begin_worked = perf_counter(), process_time()
    while len(times) < FEWEST or sum(times) < seconds:
        times.append(run(WARM_UP + len(times)))
    return median(times), (process_time() - begin_worked) / (perf_counter() - begin)


def use_threads(settings: Settings) -> None:
    """Sets the process up as a training does."""
    if settings.training.kernels == "fused":
        from dragoman.kernels import numbers

        numbers.use_threads(settings.training.threads)
    torch.set_num_threads(settings.training.threads)
    hardware.keep_freed_memory()


def random_batch(rows: int, length: int, vocabulary: int, seed: int) -> PairBatch:
    """Sentences of `length` positions on both sides, end mark included; every learnt token is equally likely."""
    ids = np.random.default_rng(seed).integers(FIRST_PIECE, vocabulary, (2, rows, length - 1)).tolist()
    return pair_batch(ids[0], ids[1])


def arithmetic(model: ModelSettings, vocabulary: int, rows: int, length: int) -> int:
    """Floating-point operations of an update's matrix products, forward and backward, the masked ones included.

    A matrix with P numbers takes 2 P operations a position forward and twice that backward: by its input and by
    itself. Attention has two products of 2 d_model operations for each pair of query and key.
    """
    width = model.d_model
    feed_forward = (3 if model.activation == "swiglu" else 2) * width * model.d_ff
    encoder = model.encoder_layers * (4 * width**2 + feed_forward)
    decoder = model.decoder_layers * (8 * width**2 + feed_forward)
    attentions = model.encoder_layers + 2 * model.decoder_layers
    a_position = 2 * (encoder + decoder + width * vocabulary) + attentions * 4 * width * length
    return 3 * rows * length * a_position


def product_speed(dtype: torch.dtype, seconds: float = 0.3) -> float:
    """GFLOP/s of one large matrix product, 4096 x 1024 x 256, the best of some."""
    left, right = torch.ones(4096, 256, dtype=dtype), torch.ones(256, 1024, dtype=dtype)
    times = [timed(lambda: left @ right)]
    while sum(times) < seconds:
        times.append(timed(lambda: left @ right))
    return 1e-9 * 2 * 4096 * 1024 * 256 / min(times)


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = perf_counter()
    run()
    return perf_counter() - begin


if __name__ == "__main__":
    main()
