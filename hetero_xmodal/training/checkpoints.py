"""Checkpoints of a run that survive a kill: written beside their target, and the last but one kept until the next is whole.

Each holds the identity of its run, digests of what ``config.json`` and ``data.json`` record, so that those of another run are refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from ..counts import counted
from ..errors import InputError
from ..files import atomic_path, is_whole_archive, read_json
from .run_folder import CONFIG, DATA, LOCK, is_leftover

FOLDER, LAST, PREVIOUS, BEST = "checkpoints", "last.ckpt", "previous.ckpt", "best.ckpt"
_RUN = "hetero_xmodal.run"


def run_identity(config: Mapping[str, Any], data: Any = None) -> dict[str, str]:
    """Digests of the recipe and settings of a run (without the number of epochs, which may change), and of its data, if recorded.

    Parameters
    ----------
    config, data : as in ``config.json`` and ``data.json``.

    >>> first = run_identity({"trains": "cam", "fit": {"seed": 0, "epochs": 2}})
    >>> first == run_identity({"trains": "cam", "fit": {"seed": 0, "epochs": 9}})
    True
    >>> first == run_identity({"trains": "cam", "fit": {"seed": 1, "epochs": 2}})
    False
    """
    fit = {name: value for name, value in (config.get("fit") or {}).items() if name != "epochs"}
    settings = [config.get("trains"), fit, config.get("recipe")]
    return {"settings": _digest(settings)} | ({"data": _digest(data)} if data else {})


def _digest(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()


def check_own(path: Path, checkpoint: Mapping[str, Any], out: str | Path) -> None:
    """Refuse a checkpoint of another run than that whose ``config.json`` and ``data.json`` are in the folder *out*.

    What the run or the checkpoint, of an earlier version, does not record is not compared.

    Raises
    ------
    InputError
        Naming the checkpoint and what differs.
    """
    out, found = Path(out), checkpoint.get(_RUN)
    if not isinstance(found, Mapping) or not (out / CONFIG).exists():
        return
    config = read_json(out / CONFIG, "run config")
    data = read_json(out / DATA, "record of the data") if (out / DATA).exists() else None
    wanted = run_identity(config if isinstance(config, Mapping) else {}, data)
    for what in wanted.keys() & found.keys():
        if wanted[what] != found[what]:
            name = CONFIG if what == "settings" else DATA
            raise InputError(
                f"checkpoint '{path}' is of another run, with other {what} than {name} in '{out}' records; put the checkpoint of this run "
                "there, or start a new run in another folder"
            )


class AtomicCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads the checkpoints of a run.

    Lightning's own way goes through the folder for temporary files; where that is on another file system, the whole checkpoint is copied
    over the old one, and a kill meanwhile leaves neither.

    run : identity of the run, from :func:`run_identity`, which every checkpoint then holds
    """

    def __init__(self, run: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.run = run

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write *checkpoint*; the last checkpoint so far becomes ``previous.ckpt``."""
        path = Path(path)
        with atomic_path(path) as temporary:
            with open(temporary, "wb") as file:
                torch.save(checkpoint if self.run is None else checkpoint | {_RUN: dict(self.run)}, file)
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
    _check_file(path)
    try:
        whole = is_whole_archive(path)  # torch compares no checksums
        found = torch.load(path, weights_only=True, map_location="cpu") if whole else None
    except OSError:
        raise
    except Exception:  # a damaged archive or pickle ends in any error there is
        return None
    return found if isinstance(found, dict) and {"epoch", "state_dict", "callbacks"} <= found.keys() else None


def _check_file(path: Path) -> None:
    if path.exists() and not path.is_file():  # reading a pipe may wait for ever
        raise InputError(f"checkpoint '{path}' is a folder, a pipe or a device; remove it, or start a new run")


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
        If all checkpoints, or the best one, are damaged or of another run, or the run has had more epochs already.
    """
    folder = Path(out) / FOLDER
    last, previous, best = (folder / name for name in (LAST, PREVIOUS, BEST))
    for path in (last, previous, best):  # each is replaced in the course of the run
        _check_file(path)
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
        check_own(previous, found, out)
        os.replace(previous, last)
    check_own(last, found, out)
    if epochs is not None and found["epoch"] + 1 > epochs:
        raise InputError(f"run '{out}' has had {counted(found['epoch'] + 1, 'epoch')} already, and epochs is {epochs}; give more")
    chosen = read_checkpoint(best)
    if chosen is None:
        state = "damaged" if best.exists() else "missing"
        raise InputError(f"checkpoint '{best}', which holds the best epoch, is {state}; start a new run in another folder")
    check_own(best, chosen, out)
    return last


def remove_leftovers(out: str | Path) -> None:
    """Remove temporary files that a killed process left in a run folder."""
    for folder in (Path(out), Path(out) / FOLDER):
        for path in folder.iterdir() if folder.is_dir() else ():
            if is_leftover(path) and path.is_file() and path.name != LOCK:
                path.unlink(missing_ok=True)
