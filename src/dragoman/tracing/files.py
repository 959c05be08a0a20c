"""Traces as files: .npz (numpy's own, compressed, nothing pickled) and .json (for every other language)."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dragoman.errors import DragomanError, UsageError, nearest
from dragoman.tracing.trace import AttentionTrace, Candidate, Trace

FORMAT = "dragoman trace 1"
_KINDS = (".npz", ".json")


def save(trace: Trace, path: Path) -> None:
    """Writes a trace; see `Trace.save`."""
    _check_kind(path)
    tree = {"format": FORMAT, **asdict(trace)}
    tree["candidates"] = [[list(candidate) for candidate in row] for row in trace.candidates]
    try:
        if path.suffix == ".json":
            path.write_text(json.dumps(tree, default=_listed, ensure_ascii=False), encoding="utf-8")
        else:
            arrays, rest = _parted(tree)
            with path.open("wb") as file:
                np.savez_compressed(file, json=np.array(json.dumps(rest, ensure_ascii=False)), **arrays)
    except OSError as error:
        raise DragomanError(f"cannot write {path} ({error.strerror}); give another place") from error


def load(path: Path) -> Trace:
    """Reads a trace; see `Trace.load`."""
    _check_kind(path)
    try:
        tree = _read_json(path) if path.suffix == ".json" else _read_npz(path)
        if tree["format"] != FORMAT:
            raise DragomanError(f"{path} is a '{tree['format']}', not a '{FORMAT}'; trace the sentence anew")
        return _trace(tree)
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


def _trace(tree: dict[str, Any]) -> Trace:
    return Trace(
        source_tokens=tree["source_tokens"],
        target_tokens=tree["target_tokens"],
        read_tokens=tree["read_tokens"],
        attentions={name: AttentionTrace(**_arrays(values)) for name, values in tree["attentions"].items()},
        embeddings=_arrays(tree["embeddings"]),
        positions=_arrays(tree["positions"]),
        inputs=_arrays(tree["inputs"]),
        parts={name: _arrays(values) for name, values in tree["parts"].items()},
        logits=np.asarray(tree["logits"], dtype=np.float32),
        candidates=[[Candidate(str(token), float(p)) for token, p in row] for row in tree["candidates"]],
    )


def _arrays(values: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}
