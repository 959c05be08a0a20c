"""Settings become a model, its parts chosen here and its first values drawn here."""

from math import sqrt
from typing import Any

import torch
from torch import nn

from dragoman.config import ModelSettings
from dragoman.layers.alignment import AdditiveScore, Alignment, AttentionalVector, DotScore
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
from dragoman.layers.recurrent import Recurrence
from dragoman.layers.residual import Residual, final_norm, norm_layer
from dragoman.models.contract import TrainableModel
from dragoman.models.recurrent import ReadingLayer, RecurrentParts, RecurrentTranslator
from dragoman.models.transformer import (
    DecoderLayer,
    DecoderParts,
    EncoderLayer,
    Transformer,
    TransformerParts,
)


def build_model(settings: ModelSettings, source_size: int, target_size: int, seed: int) -> TrainableModel[Any]:
    """Builds an untrained model for vocabularies of these sizes.

    Linear maps start from Glorot's uniform distribution with zero biases, embeddings from a normal one with
    standard deviation 1 / sqrt(d_model), so that after the scaling in `Embedding` they have unit variance.
    """
    generator_state = torch.get_rng_state()
    torch.manual_seed(seed)
    ends = _ends(settings, source_size, target_size)
    model: TrainableModel[Any]
    if settings.family == "transformer":
        model = Transformer(_parts(settings, *ends))
    else:
        model = RecurrentTranslator(_recurrent_parts(settings, *ends))
    _initialise(model, settings)
    torch.set_rng_state(generator_state)
    return model


def title(settings: ModelSettings) -> str:
    """What kind of translator this is, in words."""
    if settings.family == "transformer":
        return "Transformer"
    looks = "without attention" if settings.attention == "none" else f"with {settings.attention} attention"
    return f"{settings.family.upper()} {looks}"


def _ends(settings: ModelSettings, source_size: int, target_size: int) -> tuple[Embedding, Embedding, nn.Linear]:
    """Where ids come in and go out: the embeddings and the output projection, tied as the settings say."""
    width = settings.d_model
    source_table = nn.Embedding(source_size, width)
    target_table = source_table if settings.tie == "all" else nn.Embedding(target_size, width)
    output = nn.Linear(width, target_size, bias=False)
    if settings.tie != "none":
        output.weight = target_table.weight
    source, target = (
        Embedding(table, _positions(settings), settings.dropout) for table in (source_table, target_table)
    )
    return source, target, output


def _parts(settings: ModelSettings, source: Embedding, target: Embedding, output: nn.Linear) -> TransformerParts:
    width = settings.d_model
    return TransformerParts(
        source_embedding=source,
        target_embedding=target,
        encoder_layers=[_encoder_layer(settings) for _ in range(settings.encoder_layers)],
        encoder_norm=final_norm(settings.norm, settings.norm_kind, width),
        decoder_layers=[_decoder_layer(settings) for _ in range(settings.decoder_layers)],
        decoder_norm=final_norm(settings.norm, settings.norm_kind, width),
        output=output,
    )


def _recurrent_parts(
    settings: ModelSettings, source: Embedding, target: Embedding, output: nn.Linear
) -> RecurrentParts:
    width, first = settings.d_model, (2 if settings.input_feeding else 1) * settings.d_model
    looks = settings.attention != "none"
    score = AdditiveScore(width) if settings.attention == "additive" else DotScore()
    return RecurrentParts(
        source_embedding=source,
        target_embedding=target,
        encoder_layers=[_reading_layer(settings) for _ in range(settings.encoder_layers)],
        decoder_layers=[
            Recurrence(settings.family, width if number else first, width) for number in range(settings.decoder_layers)
        ],
        alignment=Alignment(score, width) if looks else None,
        attentional=AttentionalVector(width) if looks else None,
        input_feeding=settings.input_feeding,
        dropout=settings.dropout,
        output=output,
    )


def _reading_layer(settings: ModelSettings) -> ReadingLayer:
    ways = (False, True) if settings.bidirectional else (False,)
    each = settings.d_model // len(ways)
    return ReadingLayer([Recurrence(settings.family, settings.d_model, each, backwards) for backwards in ways])


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
    if settings.family != "transformer":
        return NoPositions(settings.d_model)
    if settings.positions == "sinusoidal":
        return SinusoidalPositions(settings.d_model)
    if settings.positions == "learned":
        return LearnedPositions(settings.d_model, settings.longest)
    return NoPositions(settings.d_model)


def _initialise(model: nn.Module, settings: ModelSettings) -> None:
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=1 / sqrt(settings.d_model))
        elif isinstance(module, nn.Linear):
            if id(module.weight) not in tables:
                nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, Recurrence):
            module.begin(orthogonal=settings.recurrent_start == "orthogonal")
