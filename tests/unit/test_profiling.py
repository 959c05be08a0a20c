"""Where a step's time goes: products noted and timed, operations sorted, the table and the picture."""

import ast
import resource
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dragoman.batches.packed import filled_up
from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.config import BatchSettings, DataSettings, ModelSettings, Settings, TextSettings, TrainingSettings
from dragoman.models.build import build_model
from dragoman.models.contract import TrainableModel
from dragoman.training.optimizer import build_optimizer
from dragoman.training.preparing import prepare
from dragoman.training.profiling.groups import (
    ATTENTION,
    BATCHES,
    EMBEDDINGS,
    FEED_FORWARD,
    NORMS,
    OPTIMIZER,
    OUTPUT,
    OWNERS,
    PRODUCTS,
    PROJECTIONS,
    REST,
    SOFTMAX,
    SUMS,
    SortedTimes,
    batches_named,
    parts_named,
    profiler,
    sorted_times,
)
from dragoman.training.profiling.picture import draw, table
from dragoman.training.profiling.products import Layout, Product, Recorder, seconds_alone
from dragoman.training.profiling.profiler import Group, ProductTime, Profile, peak_memory, profile_training
from dragoman.training.step import update

ROWS = [[5, 6, 7], [8], [9, 10, 11, 12, 13], [14, 15], [16], [17, 18, 19]]
Kernels = Literal["fused", "plain"]


def small() -> TrainableModel[Any]:
    shape = ModelSettings(d_model=16, d_ff=32, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.1)
    return build_model(shape, 30, 30, seed=1).train()


def batch() -> PairBatch:
    return pair_batch(ROWS, ROWS)


def one_update(model: TrainableModel[Any], kernels: Kernels) -> None:
    settings = TrainingSettings(dtype="float32", kernels=kernels)
    update(model, build_optimizer(model, settings), [batch()], settings, 1e-3)


def watched(model: TrainableModel[Any], kernels: Kernels) -> tuple[SortedTimes, list[int]]:
    """An update's times by group, and the FLOP of its products in their order."""
    one_update(model, kernels)
    with profiler() as seen, parts_named(model):
        with batches_named():
            batch()
        one_update(model, kernels)
    with Recorder() as recorder:
        one_update(model, kernels)
    return sorted_times(list(seen.events() or [])), [product.flop for call in recorder.calls for product in call]


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(3, 5), torch.zeros(3, 5).T, torch.zeros(2, 3, 5), torch.zeros(2, 3, 5).transpose(1, 2),
     torch.zeros(7, dtype=torch.bfloat16).expand(4, 7), torch.zeros(0, 5)],
)  # fmt: skip
def test_a_stand_in_has_the_layout_of_the_tensor(tensor: Tensor) -> None:
    layout = Layout.of(tensor)
    made = layout.tensor()
    assert (made.shape, made.stride(), made.dtype) == (tensor.shape, tensor.stride(), tensor.dtype)


def test_packed_layouts_are_those_of_torch() -> None:
    assert Layout.packed((4, 2, 3, 5), torch.float32) == Layout.of(torch.zeros(4, 2, 3, 5))
    assert Layout.packed((2, 3, 5), torch.float32, turned=True) == Layout.of(torch.zeros(2, 5, 3).transpose(1, 2))


def test_a_linear_map_has_three_products() -> None:
    layer, inputs = nn.Linear(4, 3), torch.randn(6, 4, requires_grad=True)
    with Recorder() as recorder:
        layer(inputs).sum().backward()
    assert [product.flop for call in recorder.calls for product in call] == [2 * 6 * 4 * 3] * 3
    assert [str(call[0].operator) for call in recorder.calls] == ["aten.addmm.default"] + ["aten.mm.default"] * 2


def test_products_inside_of_an_own_function_are_seen_both_ways() -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(context: torch.autograd.function.FunctionCtx, left: Tensor, right: Tensor) -> Tensor:
            context.save_for_backward(left, right)
            return 2 * left @ right

        @staticmethod
        def backward(context: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[Tensor, Tensor]:
            left, right = context.saved_tensors  # type: ignore[attr-defined]
            out = torch.empty_like(left)
            torch.mm(gradients[0], 2 * right.T, out=out)
            return out, 2 * left.T @ gradients[0]

    left, right = torch.randn(3, 4, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    with Recorder() as recorder:
        product: Tensor = Twice.apply(left, right)
        product.sum().backward()
    assert [call[0].flop for call in recorder.calls] == [2 * 3 * 4 * 5] * 3
    assert [str(call[0].operator) for call in recorder.calls] == ["aten.mm.default", "aten.mm.out", "aten.mm.default"]
    assert all(seconds_alone(call[0]) > 0 for call in recorder.calls)


def test_fused_attention_counts_as_two_products_and_five() -> None:
    queries, keys, heads, width = 6, 9, 2, 8
    query = torch.randn(3, heads, queries, width, requires_grad=True)
    key, value = (torch.randn(3, heads, keys, width, requires_grad=True) for _ in range(2))
    with Recorder() as recorder:
        nn.functional.scaled_dot_product_attention(query, key, value).sum().backward()
    assert [len(call) for call in recorder.calls] == [2, 5]
    flop = 2 * 3 * heads * queries * keys * width
    assert [product.flop for call in recorder.calls for product in call] == [flop] * 7
    assert all(seconds_alone(product) > 0 for call in recorder.calls for product in set(call))


@pytest.mark.parametrize("kernels", ["plain", "fused"])
def test_the_arithmetic_of_an_update_is_what_torch_counts(kernels: Kernels) -> None:
    model = small()
    with Recorder() as recorder:
        one_update(model, kernels)
    with FlopCounterMode(display=False) as counter:
        one_update(model, kernels)
    assert sum(product.flop for call in recorder.calls for product in call) == counter.get_total_flops() > 0


def test_a_larger_product_takes_longer_alone() -> None:
    times = []
    for size in (16, 512):
        square = Layout.packed((size, size), torch.float32)
        times.append(seconds_alone(Product(torch.ops.aten.mm.default, (square, square))))
    assert 0 < 20 * times[0] < times[1]


def test_products_are_sorted_by_their_place() -> None:
    found, flop = watched(small(), "plain")
    # Forward once, backward twice: four maps in each of three attentions; two in each of two networks; one chunk of
    # the loss, and the sum of its rows.
    assert Counter(found.products) == {PROJECTIONS: 3 * 12, FEED_FORWARD: 3 * 4, OUTPUT: 3 + 1, ATTENTION: 3 * 6}
    assert len(flop) == len(found.products)
    by_group: dict[str, int] = defaultdict(int)
    for group, each in zip(found.products, flop, strict=True):
        by_group[group] += each
    tokens, positions = sum(len(row) + 1 for row in ROWS), 6 * 6
    assert by_group[PROJECTIONS] == 3 * 12 * 2 * positions * 16 * 16
    assert by_group[FEED_FORWARD] == 3 * 4 * 2 * positions * 16 * 32
    assert by_group[OUTPUT] == 3 * 2 * tokens * 16 * 30 + 2 * tokens * 16
    assert by_group[ATTENTION] == 3 * 6 * 2 * 6 * 6 * 6 * 16


def test_products_between_fused_passes_are_sorted_too() -> None:
    found, flop = watched(small(), "fused")
    assert set(found.products) == set(PRODUCTS[:4])
    counts = Counter(found.products)
    assert (counts[FEED_FORWARD], counts[ATTENTION]) == (3 * 4, 3 * 6)
    wide = sum(each for group, each in zip(found.products, flop, strict=True) if group == FEED_FORWARD)
    positions = filled_up(sum(len(row) + 1 for row in ROWS))
    assert wide == 3 * 4 * 2 * positions * 16 * 32


@pytest.mark.parametrize("kernels", ["plain", "fused"])
def test_every_kind_of_work_is_found(kernels: Kernels) -> None:
    model = small()
    found, _ = watched(model, kernels)
    wanted = {*PRODUCTS[:4], SOFTMAX, NORMS, SUMS, EMBEDDINGS, OPTIMIZER, BATCHES, REST}
    assert wanted <= found.seconds.keys()
    assert all(found.seconds[name] > 0 for name in wanted)
    assert found.calls[BATCHES] == 1
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_dropout_and_norms_keep_their_gradients_beside_them() -> None:
    """In a model that is all norm and dropout nearly everything is theirs, backward too."""
    from dragoman.layers.dropout import Dropout

    model = nn.Sequential(nn.LayerNorm(256), Dropout(0.2))
    inputs = torch.randn(512, 256, requires_grad=True)
    model(inputs).sum().backward()
    with profiler() as seen, parts_named(model):
        model(inputs).sum().backward()
    found = sorted_times(list(seen.events() or []))
    names = {event.name for event in seen.events() or []}
    assert {"aten::native_layer_norm_backward", "aten::random_"} <= names
    assert found.seconds[SUMS] > 0
    assert found.seconds[NORMS] > 0
    assert SOFTMAX not in found.seconds


def test_every_function_of_ours_has_its_group() -> None:
    package = Path(__file__).parents[2] / "src" / "dragoman"
    named = {
        node.name
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith("autograd.Function") for base in node.bases)
    }
    assert named
    assert named <= OWNERS.keys()


@pytest.fixture
def texts(tmp_path: Path) -> DataSettings:
    """Files with 60 pairs to train on, and the first ten of them to validate on."""
    words = list("abcdefghij")
    lines = [" ".join(words[(row + at) % 10] for at in range(2 + row % 7)) for row in range(60)]
    for name, chosen in (("train", lines), ("valid", lines[:10])):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in chosen), encoding="utf-8")
    train, valid = str(tmp_path / "train"), str(tmp_path / "valid")
    return DataSettings(source=train, target=train, valid_source=valid, valid_target=valid)


def test_a_profile_adds_up(texts: DataSettings) -> None:
    settings = Settings(
        data=texts,
        text=TextSettings(kind="word", vocabulary_size=300),
        model=ModelSettings(d_model=16, d_ff=32, heads=2, encoder_layers=1, decoder_layers=1),
        batches=BatchSettings(target_tokens=60),
        training=TrainingSettings(dtype="float32", kernels="plain", threads=1, accumulate=2, steps=1),
    )
    prepared = prepare(settings, None, None)
    told: list[str] = []
    found = profile_training(prepared, 2, told.append)
    epoch = prepared.epochs.epoch(0)
    tokens = sum(int(epoch.batch(number).target_lengths.sum()) for number in range(4))
    assert found.updates == 2
    assert found.target_tokens == tokens / 2
    assert found.spread >= 0
    assert sum(group.share for group in found.groups) == pytest.approx(1)
    assert sum(group.seconds for group in found.groups) == pytest.approx(found.step_seconds)
    assert found.groups == sorted(found.groups, key=lambda group: -group.share)
    assert sum(each.count * each.gigaflop for each in found.products) == pytest.approx(found.gigaflop)
    assert sum(each.count * each.seconds for each in found.products) == pytest.approx(found.inevitable_seconds)
    alone = sum(group.alone for group in found.groups if group.alone is not None)
    assert alone == pytest.approx(found.inevitable_seconds)
    assert {group.name for group in found.groups if group.alone is not None} == set(PRODUCTS[:4])
    assert 0 < found.inevitable_share < 1
    assert 0 < found.gigaflops < found.peak_gigaflops
    assert found.to_json()["tokens_per_second"] == pytest.approx(tokens / 2 / found.step_seconds)
    assert len(told) == 3


def test_the_peak_of_memory_is_the_systems_count() -> None:
    taken = torch.ones(2**22)
    assert peak_memory() == pytest.approx(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, rel=0.01)
    assert peak_memory() > taken.nbytes


FOUND = Profile(
    corpus="corpus", dtype="bfloat16", kernels="fused", threads=2, updates=20, target_tokens=2000.0,
    step_seconds=0.25, spread=0.02, profiled_seconds=0.26,
    groups=[Group(FEED_FORWARD, 0.6, 0.15, 36.0, 0.12), Group(NORMS, 0.3, 0.075, 31.0), Group(REST, 0.1, 0.025, 0.0)],
    products=[ProductTime("mm: (2 x 3) (3 x 4)", "bfloat16", 36.0, 1.0, 0.12 / 36)],
    inevitable_seconds=0.12, gigaflop=50.0, peak_gigaflops=900.0, memory=2**30 * 3 // 2,
)  # fmt: skip


def test_the_table_in_words() -> None:
    assert table(FOUND).splitlines() == [
        "| What | share | ms a step | alone, ms | calls a step |",
        "|---|---:|---:|---:|---:|",
        "| products: feed-forward | 60.0% | 150.0 | 120.0 | 36 |",
        "| norms | 30.0% | 75.0 |  | 31 |",
        "| the rest: Python, waiting | 10.0% | 25.0 |  |  |",
        "| a step | 100.0% | 250.0 |  |  |",
        "",
        "- corpus, bfloat16, fused kernels, threads: 2; 20 updates, 2,000 target tokens each, 8,000 a second",
        "- three passes over them differ by 2.0%; under the profiler they are 4.0% slower",
        "- inevitable arithmetic: 48.0% of the step (120.0 ms: its matrix products, each timed alone)",
        "- 50.0 GFLOP a step, 200 GFLOP/s; a large product reaches 900 GFLOP/s here",
        "- memory: 1.50 GiB at the peak",
    ]


def test_a_busy_machine_is_told_of() -> None:
    assert "differ by 2.0%;" in table(FOUND)
    assert "differ by 40.0% (something else is running: measure again);" in table(replace(FOUND, spread=0.4))


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    from matplotlib import image

    draw(FOUND, tmp_path / "profile.png")
    pixels = image.imread(tmp_path / "profile.png")
    assert pixels.shape[1] > 1000
    dark = abs(pixels[..., :3] - torch.tensor([0x57, 0x38, 0x8F]).numpy() / 255).max(-1) < 0.01
    light = abs(pixels[..., :3] - torch.tensor([0xC3, 0xB6, 0xE0]).numpy() / 255).max(-1) < 0.01
    # Of the one product's bar four fifths are the time alone.
    assert dark.sum() / (dark.sum() + light.sum()) == pytest.approx(0.8, abs=0.02)
