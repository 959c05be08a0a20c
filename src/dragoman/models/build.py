"""Settings become a model, its parts chosen here and its first values drawn here."""

from math import sqrt

import torch
from torch import nn

from dragoman.config import ModelSettings
from dragoman.layers.attention import MultiHeadAttention, similarity
from dragoman.layers.embedding import Embedding
from dragoman.layers.feed_forward import feed_forward
from dragoman.layers.positions import (
    LearnedPositions,
    NoPositions,
    NoRotation,
    RotaryPositions,
    SinusoidalPositions,
)
from dragoman.layers.residual import Residual, final_norm, norm_layer
from dragoman.models.transformer import (
    DecoderLayer,
    DecoderParts,
    EncoderLayer,
    Transformer,
    TransformerParts,
)


def build_model(settings: ModelSettings, source_size: int, target_size: int, seed: int) -> Transformer:
    """Builds an untrained model for vocabularies of these sizes.

    Linear maps start from Glorot's uniform distribution with zero biases, embeddings from a normal one with
    standard deviation 1 / sqrt(d_model), so that after the scaling in `Embedding` they have unit variance.
    """
    generator_state = torch.get_rng_state()
    torch.manual_seed(seed)
    model = Transformer(_parts(settings, source_size, target_size))
    _initialise(model, settings.d_model)
    torch.set_rng_state(generator_state)
    return model


def _parts(settings: ModelSettings, source_size: int, target_size: int) -> TransformerParts:
    width = settings.d_model
    source_table = nn.Embedding(source_size, width)
    target_table = source_table if settings.tie == "all" else nn.Embedding(target_size, width)
    output = nn.Linear(width, target_size, bias=False)
    if settings.tie != "none":
        output.weight = target_table.weight
    return TransformerParts(
        source_embedding=Embedding(source_table, _positions(settings), settings.dropout),
        target_embedding=Embedding(target_table, _positions(settings), settings.dropout),
        encoder_layers=[_encoder_layer(settings) for _ in range(settings.encoder_layers)],
        encoder_norm=final_norm(settings.norm, settings.norm_kind, width),
        decoder_layers=[_decoder_layer(settings) for _ in range(settings.decoder_layers)],
        decoder_norm=final_norm(settings.norm, settings.norm_kind, width),
        output=output,
    )


def _encoder_layer(settings: ModelSettings) -> EncoderLayer:
    return EncoderLayer(
        _attention(settings, rotate=True), _feed_forward(settings), (_residual(settings), _residual(settings))
    )


def _decoder_layer(settings: ModelSettings) -> DecoderLayer:
    parts = DecoderParts(
        self_attention=_attention(settings, rotate=True),
        cross_attention=_attention(settings, rotate=False),
        feed_forward=_feed_forward(settings),
        residuals=(_residual(settings), _residual(settings), _residual(settings)),
    )
    return DecoderLayer(parts)


def _attention(settings: ModelSettings, rotate: bool) -> MultiHeadAttention:
    width = settings.d_model // settings.heads
    rotation = RotaryPositions(width) if rotate and settings.positions == "rotary" else NoRotation()
    compare = similarity(settings.similarity, settings.heads, width)
    return MultiHeadAttention(settings.heads, settings.d_model, compare, settings.attention_dropout, rotation)


def _feed_forward(settings: ModelSettings) -> nn.Module:
    return feed_forward(settings.d_model, settings.d_ff, settings.activation, settings.dropout)


def _residual(settings: ModelSettings) -> Residual:
    return Residual(norm_layer(settings.norm_kind, settings.d_model), settings.dropout, settings.norm)


def _positions(settings: ModelSettings) -> SinusoidalPositions | LearnedPositions | NoPositions:
    if settings.positions == "sinusoidal":
        return SinusoidalPositions(settings.d_model)
    if settings.positions == "learned":
        return LearnedPositions(settings.d_model, settings.longest)
    return NoPositions(settings.d_model)


def _initialise(model: nn.Module, d_model: int) -> None:
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=1 / sqrt(d_model))
        elif isinstance(module, nn.Linear):
            if id(module.weight) not in tables:
                nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
