"""Traces as files: .npz (numpy's own, compressed, nothing pickled) and .json (for every other language)."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dragoman.errors import DragomanError, UsageError, nearest

FORMAT = "dragoman trace 1"
Built = TypeVar("Built")
_KINDS = (".npz", ".json")


def write(tree: dict[str, Any], path: Path) -> None:
    """Writes a tree of dictionaries, lists, numbers and arrays, as .npz or .json by the path's ending.

    Raises:
        UsageError: another ending.
        DragomanError: the file cannot be written.
    """
    _check_kind(path)
    whole = {"format": FORMAT, **tree}
    try:
        if path.suffix == ".json":
            path.write_text(json.dumps(whole, default=_listed, ensure_ascii=False), encoding="utf-8")
        else:
            arrays, rest = _parted(whole)
            with path.open("wb") as file:
                np.savez_compressed(file, json=np.array(json.dumps(rest, ensure_ascii=False)), **arrays)
    except OSError as error:
        raise DragomanError(f"cannot write {path} ({error.strerror}); give another place") from error


def read(path: Path, build: Callable[[dict[str, Any]], Built]) -> Built:
    """Reads what `write` wrote and makes something of it; from .json arrays come as lists.

    Raises:
        UsageError: another ending.
        DragomanError: no such file, or not a whole trace.
    """
    _check_kind(path)
    try:
        tree = _read_json(path) if path.suffix == ".json" else _read_npz(path)
        if tree["format"] != FORMAT:
            raise DragomanError(f"{path} is a '{tree['format']}', not a '{FORMAT}'; trace the sentence anew")
        return build(tree)
    except FileNotFoundError:
        raise DragomanError(f"no such file: {path}; check the path") from None
    except (KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DragomanError(f"{path} is not a whole trace; trace the sentence anew") from error


def _check_kind(path: Path) -> None:
    if path.suffix not in _KINDS:
        raise UsageError(f"a trace cannot be a '{path.suffix}' file{nearest(path.suffix, _KINDS)}")


def _listed(value: Any) -> Any:
    return value.tolist()


def _parted(tree: dict[str, Any], before: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """Takes the arrays, named by their way through the tree, from the rest."""
    arrays: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, np.ndarray):
            arrays[f"{before}{name}"] = value
        elif isinstance(value, dict):
            inside, rest[name] = _parted(value, f"{before}{name}/")
            arrays |= inside
        else:
            rest[name] = value
    return arrays, rest


def _read_json(path: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return tree


def _read_npz(path: Path) -> dict[str, Any]:
    # Opened here, since numpy leaves a damaged file open.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        tree: dict[str, Any] = json.loads(str(file["json"]))
        for way in file.files:
            if way != "json":
                *folders, name = way.split("/")
                place = tree
                for folder in folders:
                    place = place[folder]
                place[name] = file[way]
    return tree
