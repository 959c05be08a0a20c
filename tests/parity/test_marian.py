"""The whole model against Hugging Face's MarianMTModel with the same weights, in float32: logits and gradients.

Marian keeps its sines in the first half of a position's vector and its cosines in the second, the paper has them
in turn. So every axis of width d_model is permuted; axes inside heads and feed-forward stay as they are.
"""

import pytest
import torch
from torch import Tensor

from dragoman.batches.padded import PAD, pair_batch
from dragoman.config import ModelSettings
from dragoman.models.build import build_model
from dragoman.models.transformer import Transformer
from tests.parity.closeness import relative_error

LIMIT = 1e-5
WIDTH, HEADS, INNER, VOCABULARY = 32, 4, 64, 60
ORDER = torch.cat([torch.arange(0, WIDTH, 2), torch.arange(1, WIDTH, 2)])
ATTENTION = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}


def marian() -> torch.nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.MarianConfig(
        vocab_size=VOCABULARY, d_model=WIDTH, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=INNER, decoder_ffn_dim=INNER,
        activation_function="relu", dropout=0.0, attention_dropout=0.0, activation_dropout=0.0,
        scale_embedding=True, max_position_embeddings=64, pad_token_id=PAD, decoder_start_token_id=2,
        eos_token_id=3, bos_token_id=2, share_encoder_decoder_embeddings=True, tie_word_embeddings=True,
        attn_implementation="eager",
    )  # fmt: skip
    model: torch.nn.Module = transformers.MarianMTModel(config).eval()
    return model


def names(ours: str) -> str:
    """Marian's name for a weight of ours."""
    stack, number, rest = ours.split(".", 2)
    part, _, last = rest.rpartition(".")
    self_attention = "attention" if stack == "encoder" else "self_attention"
    self_residual = "attention_residual" if stack == "encoder" else "self_residual"
    for mine, theirs in {
        f"{self_residual}.norm": "self_attn_layer_norm",
        "cross_residual.norm": "encoder_attn_layer_norm",
        "feed_forward_residual.norm": "final_layer_norm",
        "feed_forward.inner": "fc1",
        "feed_forward.outer": "fc2",
        **{f"{self_attention}.{a}": f"self_attn.{b}" for a, b in ATTENTION.items()},
        **{f"cross_attention.{a}": f"encoder_attn.{b}" for a, b in ATTENTION.items()},
    }.items():
        if part == mine:
            return f"model.{stack}.layers.{number}.{theirs}.{last}"
    raise AssertionError(ours)


def permuted(name: str, value: Tensor) -> Tensor:
    """Our weight with its axes of width d_model in Marian's order."""
    inward = ("query", "key", "value", "inner")
    map_name = name.split(".")[-2]
    if map_name in inward:
        return value[:, ORDER] if value.ndim == 2 else value
    return value[ORDER]


def pour(model: Transformer, theirs: torch.nn.Module) -> None:
    weights = dict(theirs.named_parameters())
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("table.weight"):
                theirs.get_parameter("model.shared.weight").copy_(value[:, ORDER])
            else:
                weights[names(name)].copy_(permuted(name, value))


def test_logits_and_gradients() -> None:
    theirs = marian()
    settings = ModelSettings(
        d_model=WIDTH, d_ff=INNER, heads=HEADS, encoder_layers=2, decoder_layers=2, dropout=0.0, norm="post"
    )
    model = build_model(settings, VOCABULARY, VOCABULARY, seed=1)
    assert isinstance(model, Transformer)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.02)
    pour(model, theirs)
    rows = [torch.randint(4, VOCABULARY, (n,), generator=generator).tolist() for n in (9, 4, 7, 1, 12, 8, 2, 11)]
    pairs = pair_batch(rows[:4], rows[4:])
    ours_logits = model(pairs)[pairs.target_mask]
    theirs_logits = theirs(
        input_ids=pairs.source.ids, attention_mask=pairs.source.mask.long(), decoder_input_ids=pairs.target_in
    ).logits[pairs.target_mask]
    assert relative_error(ours_logits, theirs_logits) < LIMIT
    targets = pairs.target_out[pairs.target_mask]
    torch.nn.functional.cross_entropy(ours_logits, targets).backward()
    torch.nn.functional.cross_entropy(theirs_logits, targets).backward()
    weights = dict(theirs.named_parameters())
    for name, value in model.named_parameters():
        assert value.grad is not None
        if name.endswith("table.weight"):
            found, expected = value.grad[:, ORDER], theirs.get_parameter("model.shared.weight").grad
        else:
            found, expected = permuted(name, value.grad), weights[names(name)].grad
        assert expected is not None
        assert relative_error(found, expected) < LIMIT, name
