"""The files of a checkpoint, compared with the manifest beside them."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

MODEL, OPTIMIZER, STATE, MANIFEST = (
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
    "manifest.json",
)


class Damaged(Exception):
    """A file of a checkpoint is not as it was written; the message is the file and what is wrong."""


def verified(folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Compares files of a checkpoint with their manifest, and gives the manifest.

    Raises:
        Damaged: A file is missing, or its size or SHA-256 differs, or the manifest does not say.
    """
    manifest = read_object(folder / MANIFEST)
    facts = manifest.get("files")
    if not isinstance(facts, dict) or not isinstance(manifest.get("shared"), dict):
        raise Damaged(f"{folder / MANIFEST} is damaged (its entries are missing)")
    for name in names:
        path, fact = folder / name, facts.get(name)
        if not path.is_file():
            raise Damaged(f"{path} is missing")
        if not isinstance(fact, dict):
            raise Damaged(f"{folder / MANIFEST} is damaged (no entry for {name})")
        if path.stat().st_size != fact.get("bytes"):
            raise Damaged(f"{path} is damaged ({path.stat().st_size} bytes instead of {fact.get('bytes')})")
        if sha256(path) != fact.get("sha256"):
            raise Damaged(f"{path} is damaged (SHA-256 differs)")
    return manifest


def read_object(path: Path) -> dict[str, Any]:
    """Reads a file of one JSON object."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise Damaged(f"{path} is missing") from error
    except ValueError as error:
        raise Damaged(f"{path} is damaged (not JSON)") from error
    if not isinstance(value, dict):
        raise Damaged(f"{path} is damaged (not a JSON object)")
    return value


def read_tensors(path: Path) -> "dict[str, Tensor]":
    """Reads tensors by name; the format holds numbers only, so no code can come with them."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise Damaged(f"{path} is damaged (not safetensors)") from error


def sha256(path: Path) -> str:
    """Gives a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
