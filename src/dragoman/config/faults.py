"""What can be wrong with settings, each fault in one phrase that ends with the mend."""

import difflib
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from dragoman.config.settings import EXTRA_TOKENS, LARGEST, Settings
from dragoman.errors import UsageError, nearest

_WORDS = {int: "whole number", float: "number", bool: "true or false", str: "text"}
_LIMITS = {
    "greater_than_equal": ("too small", "at least", "ge"),
    "greater_than": ("too small", "more than", "gt"),
    "less_than_equal": ("too large", "at most", "le"),
    "less_than": ("too large", "less than", "lt"),
}


@cache
def known_fields() -> dict[str, FieldInfo]:
    """Gives every setting by its dotted key, in the order of `config.yaml`."""
    return {
        f"{section.name}.{name}": info
        for section in fields(Settings)
        for name, info in section.type.__pydantic_fields__.items()  # type: ignore[union-attr]
    }


@cache
def known_sections() -> tuple[str, ...]:
    """Gives the stages' names, in the order of `config.yaml`."""
    return tuple(section.name for section in fields(Settings))


def choices(info: FieldInfo) -> tuple[str, ...]:
    """Gives the values that a setting may have; none where it is not a choice."""
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()


def type_words(info: FieldInfo) -> str:
    """Says in words what a setting holds: `whole number`, or `pre | post`."""
    return " | ".join(choices(info)) or _WORDS[info.annotation]  # type: ignore[index]


def guessed_key(key: str) -> str | None:
    """Gives the setting that a misspelt key most likely meant; the section's own settings come first."""
    section, _, name = key.rpartition(".")
    inside = [known for known in known_fields() if known.startswith(f"{section}.")]
    for options in (inside, list(known_fields())):
        names = {known.partition(".")[2]: known for known in options}
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.6 if options is inside or not section else 1)
        if near:
            return names[near[0]]
    return None


def unknown_key(key: str) -> str:
    """Says that there is no such setting or section, and which one was most likely meant."""
    section, dot, _ = key.rpartition(".")
    if key in known_sections():
        return f"'{key}' is a section, not a setting; give one of its settings, such as {_first_of(key)}"
    if dot and section not in known_sections():
        return f"no section {section!r}{nearest(section, known_sections())}"
    guess = guessed_key(key)
    if guess:
        return f"no setting {key!r}; did you mean '{guess}'?"
    if not dot:
        return f"no setting {key!r}; known sections: {', '.join(known_sections())}"
    return f"no setting {key!r}; known: {', '.join(k for k in known_fields() if k.startswith(f'{section}.'))}"


def _first_of(section: str) -> str:
    return next(key for key in known_fields() if key.startswith(f"{section}."))


def type_fault(key: str, value: object) -> str | None:
    """Says that a value has the wrong type; None where it has the right one."""
    info = known_fields()[key]
    kind, example = info.annotation, info.default
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, float) and not math.isfinite(value):
        return f"{key}: {value} is not a finite number; give one, such as {example}"
    if kind is int and not (is_number and isinstance(value, int)):
        return f"{key}: {value!r} is not a whole number; give one, such as {example}"
    if kind is float and not is_number:
        return f"{key}: {value!r} is not a number; give one, such as {example}"
    if kind is bool and not isinstance(value, bool):
        return f"{key}: {value!r} is neither true nor false; give one of them"
    if kind is str and not isinstance(value, str):
        return f"{key}: {value!r} is not text; put it in quotes"
    if isinstance(value, str) and "\0" in value:
        return f"{key}: {value!r} holds a NUL character; leave it out"
    return None


def value_fault(key: str, value: object, error: str, context: dict[str, Any]) -> str:
    """Says that a value of the right type is out of range or none of the choices.

    Args:
        error: pydantic's name of the fault.
        context: What pydantic knows besides, such as the limit.
    """
    options = choices(known_fields()[key])
    if options:
        near = difflib.get_close_matches(str(value), options, n=1)
        mend = f"did you mean '{near[0]}'?" if near else "choose one of them"
        return f"{key}: {value!r} is none of {', '.join(options)}; {mend}"
    what, bound, name = _LIMITS[error]
    limit = context[name]
    return f"{key}: {value} is {what}; give {bound} {limit if isinstance(limit, int) else f'{limit:g}'}"


@dataclass(frozen=True)
class _Contradiction:
    keys: tuple[str, ...]
    holds: Callable[[Settings], bool]
    words: Callable[[Settings], str]
    of: Literal["all", "transformer", "recurrent"] = "all"
    """The families that it concerns; the others do not have these settings."""

    def found(self, settings: Settings, doubtful: Collection[str]) -> bool:
        """Whether it is there for sure: with settings of which none is doubtful."""
        kind = "transformer" if settings.model.family == "transformer" else "recurrent"
        keys = {*self.keys, "model.family"} if self.of != "all" else {*self.keys}
        return self.of in ("all", kind) and not keys & set(doubtful) and self.holds(settings)


def _drops_attention(settings: Settings) -> bool:
    return settings.model.family == "transformer" and settings.model.attention_dropout > 0


_CONTRADICTIONS = (
    _Contradiction(
        ("model.d_model", "model.heads"),
        lambda s: s.model.d_model % s.model.heads != 0,
        lambda s: (
            f"model.d_model {s.model.d_model} is not divisible by model.heads {s.model.heads}; "
            f"give a multiple, such as {-(-s.model.d_model // s.model.heads) * s.model.heads}"
        ),
        of="transformer",
    ),
    _Contradiction(
        ("model.positions", "model.d_model", "model.heads"),
        lambda s: (
            s.model.positions == "rotary"
            and s.model.d_model % s.model.heads == 0
            and s.model.d_model // s.model.heads % 2 == 1
        ),
        lambda s: (
            f"model.positions 'rotary' needs an even head width, but model.d_model / model.heads is "
            f"{s.model.d_model // s.model.heads}; give model.d_model {s.model.d_model + s.model.heads}"
        ),
        of="transformer",
    ),
    _Contradiction(
        ("model.positions", "model.d_model"),
        lambda s: s.model.positions == "sinusoidal" and s.model.d_model % 2 == 1,
        lambda s: (
            f"model.positions 'sinusoidal' needs an even model.d_model, not {s.model.d_model}; "
            f"give an even one, such as {s.model.d_model + 1}"
        ),
        of="transformer",
    ),
    _Contradiction(
        ("model.positions", "model.longest", "batches.longest"),
        lambda s: s.model.positions == "learned" and s.model.longest < s.batches.longest + 1,
        lambda s: (
            f"model.positions 'learned' needs model.longest above batches.longest, but {s.model.longest} is "
            f"not above {s.batches.longest}; give model.longest at least {s.batches.longest + 1}"
        ),
        of="transformer",
    ),
    _Contradiction(
        ("model.bidirectional", "model.d_model"),
        lambda s: s.model.bidirectional and s.model.d_model % 2 == 1,
        lambda s: (
            f"model.bidirectional shares model.d_model {s.model.d_model} equally between two directions; "
            f"give an even one, such as {s.model.d_model + 1}, or model.bidirectional false"
        ),
        of="recurrent",
    ),
    _Contradiction(
        ("model.input_feeding", "model.attention"),
        lambda s: s.model.input_feeding and s.model.attention == "none",
        lambda s: (
            "model.input_feeding feeds what attention found; give model.attention additive or dot, "
            "or model.input_feeding false"
        ),
        of="recurrent",
    ),
    _Contradiction(
        ("model.tie", "text.joint"),
        lambda s: s.model.tie == "all" and not s.text.joint,
        lambda s: "model.tie 'all' needs one vocabulary; give text.joint true, or model.tie output",
    ),
    _Contradiction(
        ("model.family", "training.agreement", "model.dropout", "model.attention_dropout"),
        lambda s: s.training.agreement > 0 and s.model.dropout == 0 and not _drops_attention(s),
        lambda s: "training.agreement needs passes that differ; give model.dropout above 0, or training.agreement 0",
    ),
    _Contradiction(
        ("text.sampling", "text.kind"),
        lambda s: s.text.sampling > 0 and s.text.kind not in ("bpe", "unigram"),
        lambda s: (
            f"text.sampling needs text.kind bpe or unigram, not {s.text.kind}; give one of them, or text.sampling 0"
        ),
    ),
    _Contradiction(
        ("training.snapshots", "training.validations"),
        lambda s: s.training.snapshots > 0 and s.training.validations > 0,
        lambda s: (
            "training.snapshots takes the checkpoints of training.validate_every; "
            "give training.validations 0, or training.snapshots 0"
        ),
    ),
)


def contradictions(settings: Settings, doubtful: Collection[str] = ()) -> list[str]:
    """Says which settings contradict each other; those about a doubtful key are left out."""
    return [rule.words(settings) for rule in _CONTRADICTIONS if rule.found(settings, doubtful)]


def check_positions(settings: Settings) -> None:
    """Checks that learned positions are as many as a validation may need; a trained run may know better what it needs.

    Raises:
        UsageError: They are not.
    """
    search, longest = settings.search, settings.model.longest
    translation = search.longest_ratio * search.longest_source + EXTRA_TOKENS
    needed = max(search.longest_source + 1, math.ceil(min(translation, LARGEST)))
    if settings.model.family == "transformer" and settings.model.positions == "learned" and longest < needed:
        raise UsageError(
            f"model.positions 'learned' has {longest} positions (model.longest), but search.longest_source and "
            f"search.longest_ratio let translations have {needed}; give model.longest {needed}, or lower these two"
        )


def check_training(settings: Settings) -> None:
    """Checks what only training needs: that it ends, and that it can validate.

    Raises:
        UsageError: Nothing ends the training, its schedule does not know where its end is, or positions are too few.
    """
    check_positions(settings)
    training = settings.training
    if any((training.steps, training.epochs, training.minutes, training.update_minutes, training.target_tokens)):
        return
    bounds = "training.minutes, training.steps or training.epochs"
    if not training.patience:
        raise UsageError(f"nothing ends the training; give {bounds} (or training.patience with another schedule)")
    if training.validations:
        raise UsageError(f"training.validations are spread up to the end, which must be known; give {bounds}")
    if training.schedule in ("cosine", "wsd"):
        raise UsageError(
            f"training.schedule '{training.schedule}' needs to know its end; give {bounds}, "
            f"or training.schedule inverse-sqrt or constant"
        )
