"""Settings from layers: defaults < preset < `--config FILE` < options < `--set key=value`."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import yaml
from pydantic import TypeAdapter, ValidationError

from dragoman.config.faults import (
    check_training,
    contradictions,
    guessed_key,
    known_fields,
    known_sections,
    type_fault,
    type_words,
    unknown_key,
    value_fault,
)
from dragoman.config.settings import Settings
from dragoman.errors import UsageError, nearest

__all__ = [
    "SettingHelp",
    "build_settings",
    "check_training",
    "override",
    "preset_names",
    "read_header",
    "read_settings",
    "settings_help",
    "write_settings",
]

_HEADER = ("format", "dragoman")
"""What `config.yaml` says besides settings."""
_TEXTS = ({"data.corpus"}, {"data.source", "data.target"}, {"data.tsv"})
"""The ways to name a training text: one that an option gives takes the place of another in a file."""


class SettingHelp(NamedTuple):
    """One setting as the help shows it."""

    key: str
    type: str
    default: object
    help: str


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number (YAML 1.1 wants 1.0e-3) and no key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"'{key.value}' stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


class _Layers:
    """The values given so far, by dotted key, and all that is wrong with them."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.faults: list[str] = []
        self.lost = False
        """Whether a whole layer could not be read, so that what is known is not the whole."""

    def add(self, values: Mapping[str, object]) -> None:
        for key, value in values.items():
            self.values[key] = str(value) if isinstance(value, PurePath) else value

    def add_preset(self, name: str) -> None:
        if name in preset_names():
            self.add(_dotted(_parse(_presets().joinpath(f"{name}.yaml").read_text("utf-8"))))
        else:
            self.lost = True
            self.faults.append(f"no preset {name!r}{nearest(name, preset_names())}")

    def add_file(self, path: Path, without: Set[str] = frozenset()) -> None:
        try:
            self.add({key: value for key, value in _dotted(_mapping(path)).items() if key not in without})
        except UsageError as error:
            self.lost = True
            self.faults.append(str(error))

    def add_set(self, text: str) -> None:
        key, equals, value = text.partition("=")
        info = known_fields().get(key)
        if not equals:
            self.faults.append(f"--set {key!r} has no '='; write --set {key or 'KEY'}=VALUE")
        elif info and info.annotation is str:
            self.values[key] = value
        else:
            try:
                self.values[key] = _parse(value)
            except yaml.YAMLError:
                self.faults.append(f"--set {text!r}: the value is not YAML; put it in quotes")

    def add_given(self, config: Path | None, options: Mapping[str, object], sets: Sequence[str]) -> None:
        given = {key: value for key, value in options.items() if value is not None}
        if config is not None:
            self.add_file(config, _other_texts(given))
        self.add(given)
        for text in sets:
            self.add_set(text)

    def settings(self) -> Settings:
        """Checks everything and gives the whole."""
        doubtful: set[str] = set()
        tree: dict[str, dict[str, object]] = {}
        for key, given in self.values.items():
            fault = type_fault(key, value := _whole(key, given)) if key in known_fields() else unknown_key(key)
            if fault:
                doubtful |= {key, guessed_key(key) or key}
                self.faults += [] if fault in self.faults else [fault]
            else:
                section, _, name = key.partition(".")
                tree.setdefault(section, {})[name] = value
        settings = self._in_range(tree, doubtful)
        if not self.lost:
            self.faults += contradictions(settings, doubtful)
        if self.faults:
            raise UsageError("; ".join(self.faults))
        return settings

    def _in_range(self, tree: dict[str, dict[str, object]], doubtful: set[str]) -> Settings:
        """Makes the settings; what is out of range becomes a fault, and its default takes its place."""
        adapter = TypeAdapter(Settings)
        try:
            return adapter.validate_python(tree)
        except ValidationError as error:
            for detail in error.errors():
                section, name = (str(part) for part in detail["loc"][:2])
                key = f"{section}.{name}"
                value = tree[section].pop(name)
                self.faults.append(value_fault(key, value, detail["type"], detail.get("ctx", {})))
                doubtful.add(key)
            return adapter.validate_python(tree)


def build_settings(
    preset: str | None = None,
    config: Path | None = None,
    options: Mapping[str, object] | None = None,
    sets: Sequence[str] = (),
) -> Settings:
    """Lays defaults, preset, file, options and `key=value` strings over each other; the later wins.

    Args:
        options: Values by dotted key, such as ``{"training.minutes": 20}``; None means: not given.
        sets: ``key=value``, the value as YAML.

    Raises:
        UsageError: All that is wrong, in one line.
    """
    layers = _Layers()
    if preset is not None:
        layers.add_preset(preset)
    layers.add_given(config, options or {}, sets)
    return layers.settings()


def override(
    settings: Settings, config: Path | None, options: Mapping[str, object], sets: Sequence[str] = ()
) -> Settings:
    """Lays a file, options and `key=value` strings over settings, such as those of a run to be resumed.

    Raises:
        UsageError: All that is wrong, in one line.
    """
    layers = _Layers()
    layers.add(_dotted(asdict(settings)))
    layers.add_given(config, options, sets)
    return layers.settings()


def read_settings(path: Path) -> Settings:
    """Reads a `config.yaml`.

    Raises:
        UsageError: All that is wrong with it, in one line that begins with the file.
    """
    values = _dotted(_mapping(path))
    layers = _Layers()
    layers.add(values)
    try:
        return layers.settings()
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def read_header(path: Path) -> tuple[object, object]:
    """Reads a `config.yaml`'s format and the version of dragoman that wrote it; None where it does not say.

    Raises:
        UsageError: The file cannot be read as YAML.
    """
    top = _mapping(path)
    return top.get("format"), top.get("dragoman")


def write_settings(settings: Settings, path: Path, format: int, version: str) -> None:
    """Writes every setting as YAML, with the run's format and dragoman's version on top."""
    top = {"format": format, "dragoman": version, **asdict(settings)}
    path.write_text(yaml.safe_dump(top, sort_keys=False, allow_unicode=True), encoding="utf-8")


def settings_help() -> list[SettingHelp]:
    """Lists every setting: dotted key, type in words, default, help line."""
    return [
        SettingHelp(key, type_words(info), info.default, " ".join((info.description or "").split()))
        for key, info in known_fields().items()
    ]


def preset_names() -> list[str]:
    """Lists the presets that come with dragoman."""
    return sorted(entry.name[: -len(".yaml")] for entry in _presets().iterdir() if entry.name.endswith(".yaml"))


def _other_texts(given: Mapping[str, object]) -> set[str]:
    """The keys of the ways to name a training text that were not taken, where one was."""
    free = [way for way in _TEXTS if not way & given.keys()]
    return set().union(*free) if len(free) < len(_TEXTS) else set()


def _presets() -> Any:
    return files("dragoman.config").joinpath("presets")


def _parse(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except ValueError as error:  # a date such as 2024-99-99
        raise yaml.YAMLError(str(error)) from error


def _mapping(path: Path) -> dict[Any, Any]:
    """Reads a YAML file of sections."""
    try:
        top = _parse(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no settings file {path}; check the path") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); give a YAML file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8; save it as UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{path} line {line} is not YAML ({error.problem}); correct this line") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML ({' '.join(str(error).split())}); correct it") from error
    if top is not None and not isinstance(top, dict):
        raise UsageError(f"{path} has no sections; write 'model:' and below it, indented, 'heads: 4'")
    return top or {}


def _dotted(top: Mapping[Any, Any]) -> dict[str, object]:
    """Turns sections of settings into dotted keys."""
    values: dict[str, object] = {}
    for section, content in top.items():
        if isinstance(content, dict):
            values.update({f"{section}.{name}": value for name, value in content.items()})
        elif section not in _HEADER and not (content is None and section in known_sections()):
            values[str(section)] = content
    return values


def _whole(key: str, value: object) -> object:
    """Takes 1e5 for the whole number it is, where one is asked for."""
    wanted = known_fields()[key].annotation is int
    return int(value) if wanted and isinstance(value, float) and value.is_integer() else value
