"""Our layers against torch.nn's with the same weights, in float32: outputs and gradients."""

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from dragoman.batches.padded import PairBatch, pair_batch
from dragoman.config import ModelSettings
from dragoman.layers.attention import MultiHeadAttention, causal_mask, similarity
from dragoman.models.build import build_model
from dragoman.models.transformer import Transformer
from tests.parity.closeness import relative_error

LIMIT = 1e-5
WIDTH, HEADS, INNER = 32, 4, 64


def batch() -> PairBatch:
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randint(4, 50, (length,), generator=generator).tolist() for length in (9, 4, 7, 1, 12, 8, 2, 11)]
    return pair_batch(rows[:4], rows[4:])


def pour_attention(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    theirs.in_proj_weight.data = torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]).detach().clone()
    theirs.in_proj_bias.data = torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]).detach().clone()
    theirs.out_proj.load_state_dict(ours.output.state_dict())


def pour_rest(ours: nn.Module, theirs: nn.Module) -> None:
    theirs.get_submodule("linear1").load_state_dict(ours.get_submodule("feed_forward.inner").state_dict())
    theirs.get_submodule("linear2").load_state_dict(ours.get_submodule("feed_forward.outer").state_dict())


def twin(model: Transformer, norm: str, activation: str) -> nn.Transformer:
    """torch.nn's Transformer with our model's weights; it always ends in norms, which post-norm does not."""
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, INNER, 0.0, activation, batch_first=True, norm_first=norm == "pre")
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
    theirs = nn.Transformer(
        WIDTH, HEADS, 2, 2, INNER, 0.0, activation, encoder, batch_first=True, norm_first=norm == "pre"
    )  # fmt: skip
    for ours, layer in zip(model.encoder, theirs.encoder.layers, strict=True):
        pour_attention(ours.get_submodule("attention"), layer.get_submodule("self_attn"))  # type: ignore[arg-type]
        pour_rest(ours, layer)
        pour_norms(ours, layer, ["attention", "feed_forward"])
    for ours, layer in zip(model.decoder, theirs.decoder.layers, strict=True):
        pour_attention(ours.get_submodule("self_attention"), layer.get_submodule("self_attn"))  # type: ignore[arg-type]
        pour_attention(ours.get_submodule("cross_attention"), layer.get_submodule("multihead_attn"))  # type: ignore[arg-type]
        pour_rest(ours, layer)
        pour_norms(ours, layer, ["self", "cross", "feed_forward"])
    if norm == "pre":
        theirs.encoder.norm.load_state_dict(model.encoder_norm.state_dict())
        theirs.decoder.norm.load_state_dict(model.decoder_norm.state_dict())
    else:
        theirs.encoder.norm = theirs.decoder.norm = None
    return theirs


def pour_norms(ours: nn.Module, theirs: nn.Module, names: list[str]) -> None:
    for number, name in enumerate(names, 1):
        state = ours.get_submodule(f"{name}_residual.norm").state_dict()
        theirs.get_submodule(f"norm{number}").load_state_dict(state)


def run_theirs(theirs: nn.Transformer, source: Tensor, target: Tensor, pairs: PairBatch) -> Tensor:
    hidden: Tensor = theirs(
        source,
        target,
        tgt_mask=~causal_mask(target.shape[1])[0, 0],
        src_key_padding_mask=~pairs.source.mask,
        memory_key_padding_mask=~pairs.source.mask,
    )
    return hidden


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_whole_stack(norm: Literal["pre", "post"], activation: Literal["relu", "gelu"]) -> None:
    settings = ModelSettings(
        d_model=WIDTH, d_ff=INNER, heads=HEADS, encoder_layers=2, decoder_layers=2, dropout=0.0,
        norm=norm, activation=activation,
    )  # fmt: skip
    model = build_model(settings, 50, 50, seed=1)
    assert isinstance(model, Transformer)
    randomise_biases_and_norms(model)
    theirs = twin(model, norm, activation)
    pairs = batch()
    ours_hidden = model.hidden(pairs)[pairs.target_mask]
    places = torch.arange(20)[None]
    source = model.source_embedding(pairs.source.ids, places[:, : pairs.source.ids.shape[1]]).detach()
    target = model.target_embedding(pairs.target_in, places[:, : pairs.target_in.shape[1]]).detach()
    theirs_hidden = run_theirs(theirs, source, target, pairs)[pairs.target_mask]
    assert relative_error(ours_hidden, theirs_hidden) < LIMIT
    weights = torch.randn(ours_hidden.shape, generator=torch.Generator().manual_seed(2))
    (ours_hidden * weights).sum().backward()
    (theirs_hidden * weights).sum().backward()
    for name, found, expected in gradients(model, theirs):
        assert relative_error(found, expected) < LIMIT, name


def gradients(model: Transformer, theirs: nn.Transformer) -> list[tuple[str, Tensor, Tensor]]:
    """Ours beside theirs, every map and norm of both stacks."""
    found: list[tuple[str, Tensor, Tensor]] = []
    stacks = [
        (model.encoder, theirs.encoder.layers, {"attention": "self_attn"}),
        (model.decoder, theirs.decoder.layers, {"self_attention": "self_attn", "cross_attention": "multihead_attn"}),
    ]
    for ours_stack, theirs_stack, attentions in stacks:
        for ours, layer in zip(ours_stack, theirs_stack, strict=True):
            mine = {name: p.grad for name, p in ours.named_parameters()}
            other = {name: p.grad for name, p in layer.named_parameters()}
            for name, theirs_name in attentions.items():
                joined = torch.cat([grad(mine, f"{name}.{part}.weight") for part in ("query", "key", "value")])
                found.append((name, joined, grad(other, f"{theirs_name}.in_proj_weight")))
                biases = torch.cat([grad(mine, f"{name}.{part}.bias") for part in ("query", "key", "value")])
                found.append((name, biases, grad(other, f"{theirs_name}.in_proj_bias")))
                found.append((name, grad(mine, f"{name}.output.weight"), grad(other, f"{theirs_name}.out_proj.weight")))
            for name, theirs_name in {"inner": "linear1", "outer": "linear2"}.items():
                for kind in ("weight", "bias"):
                    ours_one = grad(mine, f"feed_forward.{name}.{kind}")
                    found.append((name, ours_one, grad(other, f"{theirs_name}.{kind}")))
            last = len(attentions) + 1
            found.append(("norm", grad(mine, "feed_forward_residual.norm.weight"), grad(other, f"norm{last}.weight")))
    return found


def grad(gradients: dict[str, Tensor | None], name: str) -> Tensor:
    value = gradients[name]
    assert value is not None
    return value


def randomise_biases_and_norms(model: Transformer) -> None:
    """First values of 0 and 1 would hide a bias or a norm in the wrong place."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(noise, alpha=0.1 if "norm" in name else 0.02)


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention(causal: bool) -> None:
    torch.manual_seed(0)
    ours = MultiHeadAttention(HEADS, WIDTH, similarity("scaled-dot", HEADS, WIDTH // HEADS), drop=0.0)
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    pour_attention(ours, theirs)
    x = torch.randn(3, 11, WIDTH)
    mask = causal_mask(11) if causal else None
    output, attended = ours.attend(x, ours.keys_values(x), mask)
    expected, weights = theirs(x, x, x, attn_mask=None if mask is None else ~mask[0, 0], average_attn_weights=False)
    assert relative_error(output, expected) < LIMIT
    assert relative_error(attended.weights, weights) < LIMIT
