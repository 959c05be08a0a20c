"""Checkpoints: written aside and renamed, so each is whole or absent; checked by SHA-256 before use."""

import json
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dragoman.errors import DragomanError, UsageError, lacks_memory
from dragoman.runs.run import Run
from dragoman.runs.verifying import (
    MANIFEST,
    MODEL,
    OPTIMIZER,
    STATE,
    Damaged,
    read_object,
    read_tensors,
    sha256,
    verified,
)
from dragoman.runs.writing import beside, flush_to_disk, remove_leftovers, replace_folder, write_json

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Checkpoint:
    """What training had reached at a step."""

    step: int
    model: "dict[str, Tensor]"
    """Weights by name."""
    optimizer: "dict[str, Tensor] | None"
    """The optimizer's tensors by name; None where they were not asked for."""
    state: dict[str, Any]
    """What the trainer needs besides to go on."""
    path: Path


def checkpoint_steps(run: Run) -> list[int]:
    """Lists the steps of which there is a checkpoint, whole or not, in rising order."""
    folder = run.path / "checkpoints"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdecimal())


def save_checkpoint(
    run: Run,
    step: int,
    model_tensors: "dict[str, Tensor]",
    optimizer_tensors: "dict[str, Tensor]",
    state: dict[str, Any],
    keep: int,
    spared: Collection[int] = (),
) -> Path:
    """Saves a checkpoint, points `last.json` to it and prunes the others.

    Kept are the `keep` newest, the best one and those of the `spared` steps. That of step 0, before any update, is kept
    only where it is spared. Checkpoints of later steps go too: a resume from an earlier one has
    given up their history.

    Raises:
        DragomanError: The disk is full or may not be written to, or memory gave out; the checkpoints before are as
            they were.
    """
    from safetensors import SafetensorError

    final = _folder(run, step)
    aside = beside(final)
    try:
        final.parent.mkdir(exist_ok=True)
        remove_leftovers(final.parent)
        aside.mkdir()
        _write_files(aside, model_tensors, optimizer_tensors, state)
        replace_folder(aside, final)
        flush_to_disk(final.parent)
        _mark(run, "last", step, {})
        _prune(run, step, keep, spared)
    except (OSError, SafetensorError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not lacks_memory(error):
            raise
        steps = checkpoint_steps(run)
        newest = f"checkpoint {max(steps)} is still the newest" if steps else "there is no checkpoint yet"
        reason, mend = str(error), "make room on a disk that can be written to"
        if lacks_memory(error):
            reason, mend = "not enough memory", "free memory"
        elif isinstance(error, OSError):
            reason = error.strerror or reason
        raise DragomanError(
            f"cannot save checkpoint {step} of {run.path} ({reason}); {newest}: {mend}, then add --resume"
        ) from error
    finally:
        _remove_quietly(final.parent)
    return final


def mark_best(run: Run, step: int, metrics: dict[str, Any]) -> None:
    """Points `best.json` to a checkpoint, with what was measured there.

    Raises:
        DragomanError: The disk is full or may not be written to; `best.json` is as it was.
    """
    _mark_or_say(run, "best", step, metrics)


def forget_best(run: Run) -> None:
    """Removes `best.json`, as far as the disk allows."""
    with suppress(OSError):
        (run.path / "best.json").unlink(missing_ok=True)


def mark_last(run: Run, step: int, metrics: dict[str, Any]) -> None:
    """Points `last.json` to a checkpoint, with what is to be known about it.

    Raises:
        DragomanError: The disk is full or may not be written to; `last.json` is as it was.
    """
    _mark_or_say(run, "last", step, metrics)


def read_mark(run: Run, which: Literal["best", "last"]) -> dict[str, Any] | None:
    """Reads `best.json` or `last.json`: the step, its checkpoint, its metrics; None where there is none.

    Raises:
        DragomanError: The file is damaged.
    """
    path = run.path / f"{which}.json"
    try:
        mark = json.loads(path.read_bytes())
        int(mark["step"])
        if "returns" in mark:
            int(mark["returns"]), int(mark["from"]), str(mark["why"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DragomanError(f"{path} is damaged; {_offer(run, None)}") from error
    return mark  # type: ignore[no-any-return]


def load_checkpoint(run: Run, which: Literal["best", "last"] | int, optimizer: bool = False) -> Checkpoint:
    """Loads a checkpoint after checking every file that is read against the manifest.

    Args:
        optimizer: Whether to load the optimizer's tensors too.

    Raises:
        DragomanError: There is no checkpoint, or it is damaged; another whole one is named.
        UsageError: There is no checkpoint of this step.
    """
    step = _resolve(run, which)
    folder = _folder(run, step)
    try:
        manifest = verified(folder, (MODEL, OPTIMIZER, STATE) if optimizer else (MODEL, STATE))
        model = read_tensors(folder / MODEL)
        try:
            model |= {name: model[twin] for name, twin in manifest["shared"].items()}
        except (KeyError, TypeError) as error:
            raise Damaged(f"{folder / MANIFEST} is damaged (its tied weights are unknown)") from error
        state = read_object(folder / STATE)
        return Checkpoint(step, model, read_tensors(folder / OPTIMIZER) if optimizer else None, state, folder)
    except (Damaged, OSError) as error:
        raise DragomanError(f"{error}; {_offer(run, step)}") from error


def _folder(run: Run, step: int) -> Path:
    return run.path / "checkpoints" / f"{step:08d}"


def _mark_or_say(run: Run, which: str, step: int, metrics: dict[str, Any]) -> None:
    try:
        _mark(run, which, step, metrics)
    except OSError as error:
        raise DragomanError(
            f"cannot write {run.path / which}.json ({error.strerror}): "
            f"make room on a disk that can be written to, then add --resume"
        ) from error


def _mark(run: Run, which: str, step: int, metrics: dict[str, Any]) -> None:
    checkpoint = _folder(run, step).relative_to(run.path).as_posix()
    write_json(run.path / f"{which}.json", {**metrics, "step": step, "checkpoint": checkpoint})


def _write_files(
    folder: Path, model: "dict[str, Tensor]", optimizer: "dict[str, Tensor]", state: dict[str, Any]
) -> None:
    from safetensors.torch import save_file

    model, shared = _without_twins(model)
    # Nothing but the tensors decides the bytes: no clock, and a metadata table of one entry has one order.
    save_file(model, folder / MODEL, metadata={"format": "pt"})
    save_file({name: _own(tensor) for name, tensor in optimizer.items()}, folder / OPTIMIZER)
    (folder / STATE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    facts = {
        name: {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
        for name in (MODEL, OPTIMIZER, STATE)
    }
    write_json(folder / MANIFEST, {"files": facts, "shared": shared})
    for name in facts:
        # safetensors writes for the owner alone; a run is read by whom its folder lets in.
        shutil.copymode(folder / MANIFEST, folder / name)
        flush_to_disk(folder / name)
    flush_to_disk(folder)


def _without_twins(tensors: "dict[str, Tensor]") -> "tuple[dict[str, Tensor], dict[str, str]]":
    """Parts tied tensors from their first twin; gives the rest, and each parted name with its twin's."""
    first: dict[tuple[Any, ...], str] = {}
    kept: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        twin = first.setdefault(place, name) if tensor.numel() else name
        if twin == name:
            kept[name] = _own(tensor)
        else:
            shared[name] = twin
    return kept, shared


def _own(tensor: "Tensor") -> "Tensor":
    """Gives a contiguous tensor that is alone in its memory, as the file format asks."""
    plain = tensor.detach().cpu().contiguous()
    alone = plain.untyped_storage().nbytes() == plain.numel() * plain.element_size()
    return plain if alone else plain.clone()


def _prune(run: Run, step: int, keep: int, spared: Collection[int]) -> None:
    steps = checkpoint_steps(run)
    best = read_mark(run, "best")
    kept = {*[known for known in steps if 0 < known <= step][-keep:], best["step"] if best else step, step, *spared}
    for known in set(steps) - kept:
        _set_aside(_folder(run, known))


def _set_aside(folder: Path) -> None:
    """Renames a folder that is no longer wanted, so that it is never seen in part while it is removed."""
    aside = beside(folder)
    folder.replace(aside.with_name(f"{aside.name}-old"))


def _remove_quietly(folder: Path) -> None:
    """Clears up after a save that may have failed for a reason that forbids clearing up too."""
    try:
        remove_leftovers(folder)
    except OSError:
        return


def _resolve(run: Run, which: Literal["best", "last"] | int) -> int:
    steps = checkpoint_steps(run)
    if not steps:
        raise DragomanError(f"{run.path} has no checkpoint yet: train it with `dragoman train {run.path} --resume`")
    if isinstance(which, int):
        if which not in steps:
            raise UsageError(f"{run.path} has no checkpoint {which}: choose one of {', '.join(map(str, steps))}")
        return which
    mark = read_mark(run, which)
    if mark:
        return int(mark["step"])
    if which == "best":
        raise DragomanError(f"{run.path} has no best checkpoint yet: use --checkpoint {steps[-1]}")
    return steps[-1]


def _offer(run: Run, damaged: int | None) -> str:
    """Names the newest other checkpoint that is whole."""
    for step in reversed(checkpoint_steps(run)):
        if step == damaged:
            continue
        try:
            verified(_folder(run, step), (MODEL, OPTIMIZER, STATE))
        except (Damaged, OSError):
            continue
        return f"checkpoint {step} is whole: use --checkpoint {step}"
    return "no other checkpoint is whole: copy the run anew, or train again"
