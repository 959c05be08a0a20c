"""The fused kernels against what they stand for: torch's own operations, and the layers' bare formulas."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit
from torch import Tensor, nn

from dragoman import kernels
from dragoman.batches.packed import NOTHING, Blocks, filled_up, pack_pair
from dragoman.batches.padded import PAD, pair_batch
from dragoman.config import ModelSettings
from dragoman.kernels.compiling import find_folder
from dragoman.kernels.dropout import add_dropped, relu_dropped
from dragoman.kernels.heads import LONG, Attention, attend
from dragoman.kernels.norm import branch_norm
from dragoman.kernels.numbers import exponential, kept, narrow, of_rank, rank, use_threads, widen
from dragoman.models.build import build_model
from dragoman.models.transformer import Transformer
from dragoman.training.loss import projected_loss

Gradients = tuple[Tensor, ...]


def values_and_gradients(
    function: Callable[..., Tensor | tuple[Tensor, ...]], *inputs: Tensor
) -> tuple[Gradients, Gradients]:
    """What a function gives, and the gradients of its outputs' weighted sum by its inputs."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    found = function(*leaves)
    outputs = found if isinstance(found, tuple) else (found,)
    torch.manual_seed(7)
    total = sum((output.double() * torch.randn(output.shape, dtype=torch.float64)).sum() for output in outputs)
    assert isinstance(total, Tensor)
    total.backward()
    return tuple(output.detach() for output in outputs), tuple(leaf.grad for leaf in leaves if leaf.grad is not None)


def assert_close(one: Gradients, other: Gradients, bound: float) -> None:
    """Errors relative to the largest value, at least 1."""
    assert len(one) == len(other) > 0
    for a, b in zip(one, other, strict=True):
        assert a.shape == b.shape
        largest = max(1.0, float(b.abs().max()))
        assert float((a.double() - b.double()).abs().max()) / largest <= bound


@njit
def _all(function_number: int, inputs: Any, out: Any) -> None:
    for at in range(len(inputs)):
        if function_number == 0:
            out[at] = exponential(inputs[at])
        else:
            out[at] = of_rank(rank(inputs[at]))


@njit
def _through(inputs: Any, held: Any, out: Any) -> None:
    for at in range(len(inputs)):
        held[at] = narrow(inputs[at], held)
        out[at] = widen(held[at])


@njit
def _ranks(inputs: Any, out: Any) -> None:
    for at in range(len(inputs)):
        out[at] = rank(inputs[at])


@njit
def _kept(number: int, seed: int, dropped: int, out: Any) -> None:
    for at in range(number):
        out[at] = kept(at, seed, dropped)


def draws(number: int, seed: int, dropped: int) -> Any:
    """Which values stay."""
    out = np.empty(number, bool)
    _kept(number, seed, dropped, out)
    return out


def test_the_exponential_is_exact_to_float32s_last_digits() -> None:
    inputs = np.concatenate([np.linspace(-87, 0, 100_001), [-1e30, -np.inf]]).astype(np.float32)
    out = np.empty_like(inputs)
    _all(0, inputs, out)
    wanted = np.exp(np.maximum(inputs.astype(np.float64), -87))
    assert np.abs(out / wanted - 1).max() < 1e-6


def test_bfloat16_rounds_as_torch_does() -> None:
    torch.manual_seed(1)
    inputs = torch.cat([torch.randn(5000) * 10.0**power for power in range(-30, 31, 6)] + [torch.tensor([0.0, -0.0])])
    inputs = torch.cat([inputs, torch.tensor([float("inf"), float("-inf"), 1.00390625, 1.01171875])])
    held, out = np.empty(len(inputs), np.uint16), np.empty(len(inputs), np.float32)
    _through(inputs.numpy(), held, out)
    assert torch.equal(torch.from_numpy(out), inputs.bfloat16().float())
    nothing = np.array([np.nan], np.float32)
    _through(nothing, held, out)
    assert np.isnan(out[0])


def test_ranks_keep_the_order_and_come_back() -> None:
    inputs = np.array([-np.inf, -3e38, -1.5, -1e-40, -0.0, 0.0, 1e-40, 2.0, 3e38, np.inf], np.float32)
    ranks, out = np.empty(len(inputs), np.int32), np.empty_like(inputs)
    _ranks(inputs, ranks)
    _all(1, inputs, out)
    assert list(ranks) == sorted(ranks)
    assert np.array_equal(out, inputs)


@pytest.mark.parametrize("dropped", [1, 26, 128, 230])
def test_dropout_keeps_the_share_it_says(dropped: int) -> None:
    number = 1_000_000
    first = draws(number, 123, dropped)
    share = 1 - dropped / 256
    spread = (share * (1 - share) / number) ** 0.5
    assert abs(first.mean() - share) < 5 * spread
    # Neighbours, rows of 256 and other seeds are independent: both kept as often as chance has it.
    for other in (
        np.roll(first, 1),
        np.roll(first, 256),
        draws(number, 124, dropped),
        draws(number, -(2**31), dropped),
    ):
        assert abs((first & other).mean() - share**2) < 0.002


def test_the_norm_at_a_branch_is_torchs() -> None:
    torch.manual_seed(2)
    norm = nn.LayerNorm(48)
    inputs = torch.randn(5, 7, 48) * 3, torch.randn(48), torch.randn(48)
    ours = values_and_gradients(lambda x, w, b: branch_norm(x, w, b, norm.eps), *inputs)
    plain = values_and_gradients(lambda x, w, b: (x * 1, nn.functional.layer_norm(x, (48,), w, b, norm.eps)), *inputs)
    assert_close(ours[0], plain[0], 1e-6)
    assert_close(ours[1], plain[1], 1e-6)


def test_without_dropout_sum_and_relu_are_torchs() -> None:
    torch.manual_seed(3)
    stream, found = torch.randn(4, 9, 32), torch.randn(4, 9, 32)
    for ours, plain, inputs in (
        (lambda x, y: add_dropped(x, y, 0), torch.add, (stream, found)),
        (lambda x: relu_dropped(x, 0), torch.relu, (found,)),
    ):
        one, other = values_and_gradients(ours, *inputs), values_and_gradients(plain, *inputs)
        assert_close(one[0] + one[1], other[0] + other[1], 1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_scales_what_stays_and_its_gradient_alike(dtype: torch.dtype) -> None:
    torch.manual_seed(4)
    stream, found = torch.zeros(40, 256), torch.ones(40, 256, dtype=dtype)
    (summed,), (_, gradient) = values_and_gradients(lambda x, y: add_dropped(x, y, 64), stream, found)
    assert set(summed.unique().tolist()) == {0.0, float(np.float32(256 / 192))}
    torch.manual_seed(7)
    coming = torch.randn(40, 256, dtype=torch.float64).float()
    wanted = (coming * summed).to(dtype)
    assert_close((gradient,), (wanted,), 1e-6 if dtype == torch.float32 else 1e-2)
    (thinned,), (inner,) = values_and_gradients(lambda x: relu_dropped(x, 64), torch.ones(40, 256, dtype=dtype))
    assert torch.equal(inner != 0, thinned != 0)
    assert abs(float((thinned != 0).float().mean()) - 0.75) < 0.02


def test_the_seed_is_torchs_and_the_threads_change_nothing() -> None:
    found = []
    for threads in (1, 2, 2):
        use_threads(threads)
        torch.manual_seed(5)
        found.append(add_dropped(torch.zeros(64, 64), torch.ones(64, 64), 100))
    again = add_dropped(torch.zeros(64, 64), torch.ones(64, 64), 100)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[1], found[2])
    assert not torch.equal(found[2], again)


def heads_by_torch(
    query: Tensor, key_value: Tensor | None, about: Attention, weights_kept: Tensor | None = None
) -> Tensor:
    """The same from the bare formula, sentence by sentence."""
    parts = query.chunk(3, -1) if key_value is None else (query, *key_value.chunk(2, -1))
    out = torch.zeros(len(query), parts[0].shape[1])
    for sentence in range(len(about.queries) - 1):
        rows = slice(int(about.queries[sentence]), int(about.queries[sentence + 1]))
        seen = slice(int(about.keys[sentence]), int(about.keys[sentence + 1]))
        q, k, v = (
            part[which].unflatten(-1, (about.heads, -1)).transpose(0, 1)
            for part, which in zip(parts, (rows, seen, seen), strict=True)
        )
        scores = q @ k.transpose(1, 2) * about.scale
        if about.causal:
            scores = scores.masked_fill(torch.ones(scores.shape[1:]).triu(1).bool(), float("-inf"))
        out[rows] = (scores.softmax(-1) @ v).transpose(0, 1).flatten(1)
    return out


@pytest.mark.parametrize("sentences", [1, 3, 21])
@pytest.mark.parametrize("causal", [False, True])
def test_the_heads_are_the_formulas(sentences: int, causal: bool) -> None:
    torch.manual_seed(6)
    queries = nn.functional.pad(torch.randint(1, 12, (sentences,)).cumsum(0), (1, 0))
    keys = nn.functional.pad(torch.randint(1, 19, (sentences,)).cumsum(0), (1, 0))
    behind = 3
    own = Attention(queries, queries, causal, 4, 0.25, 0)
    inputs = (torch.randn(int(queries[-1]) + behind, 3 * 64),)
    ours = values_and_gradients(lambda x: attend(x, None, own), *inputs)
    plain = values_and_gradients(lambda x: heads_by_torch(x, None, own), *inputs)
    assert_close(ours[0] + ours[1], plain[0] + plain[1], 1e-6)
    cross = Attention(queries, keys, False, 4, 0.25, 0)
    both = torch.randn(int(queries[-1]) + behind, 64), torch.randn(int(keys[-1]) + behind, 2 * 64)
    ours = values_and_gradients(lambda x, y: attend(x, y, cross), *both)
    plain = values_and_gradients(lambda x, y: heads_by_torch(x, y, cross), *both)
    assert_close(ours[0] + ours[1], plain[0] + plain[1], 1e-6)
    assert not ours[0][0][-behind:].any()


@pytest.mark.parametrize("causal", [False, True])
def test_long_sentences_give_the_same_by_the_flash_kernel(causal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(12)
    queries = nn.functional.pad(torch.randint(1, 40, (19,)).cumsum(0), (1, 0))
    keys = nn.functional.pad(torch.randint(1, 40, (19,)).cumsum(0), (1, 0))
    own, cross = Attention(queries, queries, causal, 4, 0.25, 0), Attention(queries, keys, False, 4, 0.25, 0)
    rows = (torch.randn(int(queries[-1]) + 5, 3 * 64),)
    both = torch.randn(int(queries[-1]) + 5, 64), torch.randn(int(keys[-1]) + 5, 2 * 64)
    short = [values_and_gradients(lambda x: attend(x, None, own), *rows)]
    short.append(values_and_gradients(lambda x, y: attend(x, y, cross), *both))
    monkeypatch.setitem(LONG, torch.float32, 8)
    flash = [values_and_gradients(lambda x: attend(x, None, own), *rows)]
    flash.append(values_and_gradients(lambda x, y: attend(x, y, cross), *both))
    for one, other in zip(flash, short, strict=True):
        assert_close(one[0] + one[1], other[0] + other[1], 1e-6)


def test_dropped_attention_weights_have_their_gradient() -> None:
    """By finite differences: the seed is the same, so the mask is."""
    torch.manual_seed(8)
    starts = torch.tensor([0, 5, 9])
    about = Attention(starts, starts, False, 2, 0.5, 100)
    rows, direction, weight = torch.randn(9, 24), torch.randn(9, 24), torch.randn(9, 8)

    def total(shift: float) -> Tensor:
        torch.manual_seed(9)
        return (attend((rows + shift * direction).requires_grad_(), None, about) * weight).sum()

    leaf = rows.clone().requires_grad_()
    torch.manual_seed(9)
    (attend(leaf, None, about) * weight).sum().backward()
    assert leaf.grad is not None
    slope = float((total(1e-2) - total(-1e-2)).detach() / 2e-2)
    assert float((leaf.grad * direction).sum()) == pytest.approx(slope, rel=2e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fused_loss_is_the_plain_one(dtype: torch.dtype) -> None:
    torch.manual_seed(10)
    targets = torch.randint(0, 500, (1300,))
    targets[-50:] = NOTHING
    inputs = torch.randn(1300, 32), torch.randn(500, 32)

    def loss(hidden: Tensor, weight: Tensor) -> Tensor:
        return projected_loss(hidden, weight, targets, 0.1, dtype)[0]

    with kernels.fused():
        ours = values_and_gradients(loss, *inputs)
    plain = values_and_gradients(loss, *inputs)
    torch_own = values_and_gradients(
        lambda h, w: nn.functional.cross_entropy(
            h @ w.T, targets, ignore_index=NOTHING, label_smoothing=0.1, reduction="sum"
        ),
        *inputs,
    )
    assert_close(ours[0] + ours[1], plain[0] + plain[1], 1e-6 if dtype == torch.float32 else 1e-2)
    assert_close(ours[0] + ours[1], torch_own[0] + torch_own[1], 2e-6 if dtype == torch.float32 else 2e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fused_agreement_is_the_plain_one(dtype: torch.dtype) -> None:
    torch.manual_seed(11)
    once = torch.randint(0, 500, (700,))
    targets = torch.cat([once, once, torch.full((10,), NOTHING)])
    inputs = torch.randn(1410, 32) / 3, torch.randn(500, 32)

    def loss(hidden: Tensor, weight: Tensor) -> Tensor:
        return projected_loss(hidden, weight, targets, 0.1, dtype, agreement=5.0)[0]

    with kernels.fused():
        ours = values_and_gradients(loss, *inputs)
    plain = values_and_gradients(loss, *inputs)
    assert_close(ours[0] + ours[1], plain[0] + plain[1], 5e-6 if dtype == torch.float32 else 1e-2)


def test_packing_takes_the_padding_out() -> None:
    batch = pair_batch([[5, 6, 7], [8]], [[9], [10, 11, 12, 13]])
    pair = pack_pair(batch)
    assert (
        pair.source.ids.tolist() == [[5, 6, 7, 3, 8, 3]]
        or pair.source.ids.tolist()[0][3] == pair.source.ids.tolist()[0][5]
    )
    assert pair.source.starts.tolist() == [0, 4, 6]
    assert pair.source.places.tolist()[0][:6] == [0, 1, 2, 3, 0, 1]
    assert pair.target.starts.tolist() == [0, 2, 7]
    real = pair.target_out[0] != NOTHING
    assert int(real.sum()) == 7
    assert torch.equal(pair.target_out[0][real], batch.target_out[batch.target_mask])
    assert (pair.target.ids[0][7:] == PAD).all()


def test_rows_come_in_few_lengths() -> None:
    lengths = {filled_up(number) for number in range(2049, 4097)}
    assert len(lengths) == 8
    assert all(number <= filled_up(number) <= number * 9 / 8 for number in range(16, 5000))
    assert [filled_up(number) for number in (1, 2, 15, 16, 17, 4096)] == [1, 2, 15, 16, 18, 4096]


MODELS = [
    {},
    {"norm": "post"},
    {"norm_kind": "rms"},
    {"similarity": "cosine"},
    {"similarity": "dot"},
    {"positions": "rotary"},
    {"positions": "learned"},
    {"positions": "none", "tie": "output"},
    {"activation": "swiglu"},
    {"activation": "gelu", "tie": "none"},
]


@pytest.mark.parametrize(
    "changed", MODELS, ids=lambda changed: ",".join(f"{k}={v}" for k, v in changed.items()) or "plain"
)
@pytest.mark.parametrize("fused", [True, False])
def test_a_packed_batch_gives_what_a_padded_one_does(changed: dict[str, Any], fused: bool) -> None:
    """Outputs and every parameter's gradient; packed rows by the bare formula too, under the mask written out."""
    values = {"d_model": 32, "d_ff": 48, "heads": 4, "encoder_layers": 2, "decoder_layers": 2, "dropout": 0.0}
    model = build_model(ModelSettings(**(values | changed)), 60, 60, seed=1)
    assert isinstance(model, Transformer)
    torch.manual_seed(11)
    sources = [torch.randint(4, 60, (length,)).tolist() for length in (3, 9, 1, 17)]
    targets = [torch.randint(4, 60, (length,)).tolist() for length in (5, 2, 8, 11)]
    batch = pair_batch(sources, targets)
    padded = model.hidden(batch)[batch.target_mask]
    weight = torch.randn_like(padded)
    (padded * weight).sum().backward()
    wanted = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    model.zero_grad()
    with kernels.fused(fused):
        packed = model.packed_hidden(pack_pair(batch))[0][: len(padded)]
    (packed * weight).sum().backward()
    found = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert_close((packed.detach(),), (padded.detach(),), 1e-5)
    assert_close(tuple(found), tuple(wanted), 1e-5)


def test_blocks_show_each_sentence_itself() -> None:
    blocks = Blocks(torch.tensor([0, 2, 3]), torch.tensor([0, 1, 4]))
    wanted = [[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 1, 1, 1, 0], [1, 0, 0, 0, 0]]
    assert blocks.mask(4, 5)[0, 0].int().tolist() == wanted


NOWHERE = """
from pathlib import Path
from dragoman.kernels.compiling import find_folder
find_folder(print)
from numba import config
from dragoman.text import cutting
from dragoman.kernels.numbers import first_row
print(first_row(1, 160), len(list(Path(config.CACHE_DIR).rglob("*.nbc"))))
print(config.CACHE_DIR)
"""


def test_where_no_folder_for_compiled_code_can_be_written_one_of_the_process_serves() -> None:
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": os.devnull + "/no"}
    command = [sys.executable, "-c", NOWHERE]
    done = subprocess.run(command, env=os.environ | nowhere, capture_output=True, text=True, check=True)
    said, found, folder = done.stdout.splitlines()
    assert said.startswith("no folder for compiled code can be written, so every start compiles anew")
    assert said.endswith("name a folder by the environment's NUMBA_CACHE_DIR")
    assert found == "10 1"
    assert not Path(folder).exists()


def test_nothing_is_said_where_compiled_code_has_a_folder() -> None:
    told: list[str] = []
    find_folder(told.append)
    assert told == []
