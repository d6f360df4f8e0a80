"""Checkpoints of a run that survive a kill: written beside their target, and the last but one kept until the next is whole."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from ..errors import InputError
from ..files import atomic_path
from .run_folder import LOCK, is_leftover

FOLDER, LAST, PREVIOUS, BEST = "checkpoints", "last.ckpt", "previous.ckpt", "best.ckpt"


class AtomicCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads the checkpoints of a run.

    Lightning's own way goes through the folder for temporary files; where that is on another file system, the whole checkpoint is copied
    over the old one, and a kill meanwhile leaves neither.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write *checkpoint*; the last checkpoint so far becomes ``previous.ckpt``."""
        path = Path(path)
        with atomic_path(path) as temporary:
            with open(temporary, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            if path.name == LAST and path.exists():
                os.replace(path, path.with_name(PREVIOUS))

    def load_checkpoint(self, path: Any, map_location: Any = "cpu", weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint; the paths in it are those of the folder that it is in now, so that a run can be resumed in another place."""
        found = super().load_checkpoint(path, map_location, weights_only)
        folder = os.path.realpath(Path(path).parent)
        return found | {"callbacks": {key: _moved(state, folder) for key, state in found.get("callbacks", {}).items()}}


def _moved(state: Any, folder: str) -> Any:
    """The state of a callback, with paths into *folder* if it is Lightning's ``ModelCheckpoint``, which forgets the best one otherwise."""
    if not isinstance(state, Mapping) or "dirpath" not in state:
        return state

    def there(path: Any) -> Any:
        return os.path.join(folder, os.path.basename(path)) if path else path

    paths = {name: there(state[name]) for name in ("best_model_path", "kth_best_model_path", "last_model_path") if name in state}
    best = {there(path): score for path, score in state.get("best_k_models", {}).items()}
    return dict(state) | paths | {"dirpath": folder, "best_k_models": best}


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint in a file, its tensors on the CPU; None if the file is missing or damaged, be it by a single bit.

    Raises
    ------
    InputError
        If *path* is a folder, a pipe or a device.
    """
    if not path.exists():
        return None
    if not path.is_file():  # reading a pipe may wait for ever
        raise InputError(f"checkpoint '{path}' is a folder, a pipe or a device; remove it, or start a new run")
    try:
        with zipfile.ZipFile(path) as file:
            whole = file.testzip() is None  # compares checksums, which torch does not
        found = torch.load(path, weights_only=True, map_location="cpu") if whole else None
    except OSError:
        raise
    except Exception:  # a damaged archive or pickle ends in any error there is
        return None
    return found if isinstance(found, dict) and {"epoch", "state_dict", "callbacks"} <= found.keys() else None


def last_checkpoint(out: str | Path, *, epochs: int | None = None) -> Path | None:
    """The checkpoint that a run in the folder *out* is resumed from; None before the end of its first epoch.

    A damaged one is replaced by the one before it, with a warning.

    Parameters
    ----------
    out : run folder.
    epochs : number of epochs wanted in all.

    Raises
    ------
    InputError
        If all checkpoints, or the best one, are damaged, or the run has had more epochs already.
    """
    folder = Path(out) / FOLDER
    last, previous, best = (folder / name for name in (LAST, PREVIOUS, BEST))
    if not last.exists() and not previous.exists():
        return None
    found = read_checkpoint(last)
    if found is None:
        state = "damaged" if last.exists() else "missing"
        found = read_checkpoint(previous)
        if found is None:
            raise InputError(f"checkpoint '{last}' is {state} and there is none before it that is whole; start a new run in another folder")
        warnings.warn(
            f"checkpoint '{last}' is {state}; the run is resumed from the one before it, after epoch {found['epoch'] + 1}", stacklevel=2
        )
        os.replace(previous, last)
    if epochs is not None and found["epoch"] + 1 > epochs:
        raise InputError(f"run '{out}' has had {found['epoch'] + 1} epochs already, and epochs is {epochs}; give more")
    if read_checkpoint(best) is None:
        state = "damaged" if best.exists() else "missing"
        raise InputError(f"checkpoint '{best}', which holds the best epoch, is {state}; start a new run in another folder")
    return last


def remove_leftovers(out: str | Path) -> None:
    """Remove temporary files that a killed process left in a run folder."""
    for folder in (Path(out), Path(out) / FOLDER):
        for path in folder.iterdir() if folder.is_dir() else ():
            if is_leftover(path) and path.is_file() and path.name != LOCK:
                path.unlink(missing_ok=True)
