"""What reporting costs while nobody records: the calls of one forward pass, timed alone, over that pass.

python benchmarks/trace_cost.py --preset small
python benchmarks/trace_cost.py --preset small --sentences 270 --training  # over one update of a training
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor, nn

from dragoman.batches.padded import pair_batch
from dragoman.config.loading import build_settings
from dragoman.models.build import build_model
from dragoman.tracing import recording, report
from dragoman.training.optimizer import build_optimizer
from dragoman.training.preparing import on_this_machine
from dragoman.training.step import update


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--sentences", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=15)
    parser.add_argument("--training", action="store_true", help="a whole update instead of a forward pass")
    options = parser.parse_args()
    settings = on_this_machine(build_settings(options.preset))
    model = build_model(settings.model, 8000, 8000, seed=1).eval()
    row = list(range(300, 300 + options.tokens))
    batch = pair_batch([row] * options.sentences, [row] * options.sentences)
    with torch.inference_mode():
        with recording() as recorder:
            model(batch)
        calls = [values for part in model.reporting().values() for values in recorder.of(part)]
        reports = min(timed(lambda: report_all(model, calls)) for _ in range(200))
        whole = min(timed(lambda: model(batch)) for _ in range(50))
    what = "a forward pass"
    if options.training:
        optimizer = build_optimizer(model.train(), settings.training)
        whole = min(timed(lambda: update(model, optimizer, [batch], settings.training, 1e-5)) for _ in range(50))
        what = "an update"
    print(
        f"{what} of {options.preset}, {options.sentences} sentences of {options.tokens} tokens: {len(calls)} reports, "
        f"{1e6 * reports:.1f} us of {1e3 * whole:.2f} ms: {reports / whole:.3%}"
    )


def report_all(model: nn.Module, calls: list[dict[str, Tensor]]) -> None:
    """What one forward pass reports, without the pass."""
    for values in calls:
        report(model, **values)


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = perf_counter()
    run()
    return perf_counter() - begin


if __name__ == "__main__":
    main()
