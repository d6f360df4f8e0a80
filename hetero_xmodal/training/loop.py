"""``fit``: train any recipe with Lightning; runs can be resumed exactly.

The run folder contains ``config.json``, ``environment.json``, ``metrics.csv`` (one row per epoch), ``graph.csv`` (what the
edges of its recipes do, see :mod:`.graph_log`), ``log.txt`` and
``checkpoints/{last,previous,best}.ckpt``. The random numbers of epoch e depend on (seed, e) alone, and a run resumes at the start of an
epoch; so on a CPU an interrupted and resumed run equals an uninterrupted one bit for bit.
"""

from __future__ import annotations

import contextlib
import logging
import math
import platform
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader

from ..csv_text import csv_rows
from ..errors import InputError
from ..files import one_writer, write_json, write_text
from .checkpoints import BEST, FOLDER, LAST, AtomicCheckpoints, last_checkpoint, read_checkpoint, remove_leftovers, run_identity
from .fingerprint import Fingerprint
from .fit_config import FitConfig
from .graph_log import GraphLog
from .resume import ENVIRONMENT, check_resumed, run_config, write_record
from .run_folder import CONFIG, LOCK, is_empty, is_unstarted
from .sampling import is_first_process, seed_everything


@dataclass(frozen=True)
class FitResult:
    """Result of :func:`fit`: the best validation score, its epoch (from 0), the number of epochs run, and the run folder."""

    best_score: float
    best_epoch: int
    epochs: int
    out: Path


def move_batch(batch: Any, device: torch.device, dataloader_idx: int = 0) -> Any:
    """Move the tensors of *batch* to *device*; DGL graphs stay where they are, because DGL's wheels on PyPI support the CPU only.

    A recipe reads the edges of such a graph once and computes on the device of the states.
    """
    if hasattr(batch, "canonical_etypes"):  # a DGL graph
        return batch
    if isinstance(batch, Mapping):
        return type(batch)({key: move_batch(value, device) for key, value in batch.items()})
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(move_batch(value, device) for value in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(move_batch(value, device) for value in batch)
    return move_data_to_device(batch, device)


class _EpochSeeds(L.Callback):
    """Seeds all random number generators with (seed, epoch, process) at the start of an epoch."""

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        seed_everything(self.seed, trainer.current_epoch, trainer.global_rank)

    on_train_start = on_train_epoch_start  # Lightning skips the epoch hook for the first epoch after resuming


class _Metrics(L.Callback):
    """Writes one row per epoch to ``metrics.csv``; checkpoints include the rows, so that a resumed run has the whole history."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        row = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        row |= {key: float(value) for key, value in sorted(trainer.callback_metrics.items()) if torch.as_tensor(value).numel() == 1}
        self.rows.append(row)
        if trainer.is_global_zero:
            columns = list(dict.fromkeys(key for row in self.rows for key in row))
            write_text(self.path, csv_rows(columns, self.rows))
            logging.getLogger("hetero_xmodal").info(", ".join(f"{key} {value:.5g}" for key, value in row.items()))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])


class _FiniteLoss(L.Callback):
    """Stops training when the loss becomes NaN or infinite, before the weights are saved."""

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if loss is not None and not math.isfinite(float(loss)):
            raise InputError(
                f"the loss became {float(loss)} in epoch {trainer.current_epoch}, batch {batch_idx}; lower the learning rate or set clip, "
                "and check the features for extreme values (the last checkpoint is intact)"
            )


def fit(
    module: L.LightningModule,
    train: DataLoader,
    *,
    validation: DataLoader,
    out: str | Path,
    config: FitConfig,
    recipe_config: Any = None,
    recipe: str = "",
    data: Fingerprint | None = None,
    preset: dict[str, Any] | None = None,
    resume: bool = False,
    callbacks: Sequence[L.Callback] = (),
    progress: bool | None = None,
) -> FitResult:
    """Train *module* and load the weights of the epoch with the best validation score into it.

    Parameters
    ----------
    module : logs ``config.monitor`` in its validation step or at the end of the validation epoch.
    train, validation : loaders, preferably from :func:`hetero_xmodal.training.batches`. Every process validates on the whole split.
    out : run folder; must be new or empty unless *resume* is set.
    config : settings of the training loop.
    recipe_config : config of the recipe, written to ``config.json`` too and compared when resuming.
    recipe : what is trained, as ``train`` calls it; likewise.
    data : what it is trained on, item by item (see :mod:`~hetero_xmodal.training.fingerprint`), written to ``data.json`` and compared.
    preset : preset of the settings and why it was chosen, written to ``config.json`` too; JSON values only.
    resume : continue after the last complete epoch in *out*, if there is one.
    callbacks : further Lightning callbacks.
    progress : show a progress bar; by default only in a terminal.

    Raises
    ------
    InputError
        If a loader is empty, the run folder is in use, recipe, config or data differ from those of the run resumed, its checkpoints are
        damaged, the devices are not available, or the loss is not finite.
    """
    out = Path(out)
    for name, loader in (("training", train), ("validation", validation)):
        if len(loader) == 0:
            raise InputError(f"the {name} split has no batch; give more examples or a smaller batch size")
    record = run_config(recipe, config, recipe_config)
    first = is_first_process()  # which checks the folder; the others find what it has written
    if resume and (out / CONFIG).exists():
        record = check_resumed(out, recipe, config, recipe_config, data)
    elif first and not (is_empty(out) or resume and is_unstarted(out)):
        raise InputError(f"run folder '{out}' is not empty; choose another one, or resume the run in it")
    start = last_checkpoint(out, epochs=config.epochs) if resume else None
    keep = {"dirpath": out / FOLDER, "save_top_k": 1, "enable_version_counter": False}
    best = ModelCheckpoint(filename="best", monitor=config.monitor, mode=config.mode, **keep)
    newest = ModelCheckpoint(filename="last", save_on_train_epoch_end=True, **keep)
    metrics = _Metrics(out / "metrics.csv")
    own: list[L.Callback] = [_EpochSeeds(config.seed), _FiniteLoss(), metrics, GraphLog(out / "graph.csv")]
    if config.patience is not None:
        own.append(EarlyStopping(config.monitor, patience=config.patience, mode=config.mode))
    trainer = _trainer(
        config,
        max_epochs=config.epochs,
        gradient_clip_val=config.clip,
        callbacks=[*own, *callbacks, best, newest],
        enable_progress_bar=sys.stderr.isatty() if progress is None else progress,
        use_distributed_sampler=False,  # EpochSampler distributes the epoch over processes
        num_sanity_val_steps=0,
        default_root_dir=out,
        plugins=[AtomicCheckpoints(run_identity(record, data))],
    )
    if type(module).transfer_batch_to_device is L.LightningModule.transfer_batch_to_device:
        module.transfer_batch_to_device = move_batch  # Lightning's own would move DGL graphs too
    out.mkdir(parents=True, exist_ok=True)
    with one_writer(out, lock=out / LOCK) if first else contextlib.nullcontext():
        if first:
            remove_leftovers(out)
            write_json(out / ENVIRONMENT, _environment())
            write_record(out, record | ({} if preset is None else {"preset": preset}), data)
        with _log_file(out / "log.txt" if first else None), _ctrl_c():
            _train(trainer, module, train, validation, start=start, monitor=config.monitor)
    # read from the files, because training may have run in other processes
    chosen, last = (read_checkpoint(out / FOLDER / name) for name in (BEST, LAST))
    if chosen is None or last is None:
        raise InputError(f"the checkpoints in '{out / FOLDER}' are gone or damaged; start a new run in another folder")
    module.load_state_dict(chosen["state_dict"])
    rows = last["callbacks"]["_Metrics"]["rows"]
    row = rows[chosen["epoch"]]
    return FitResult(best_score=row[config.monitor], best_epoch=row["epoch"], epochs=len(rows), out=out)


def _train(
    trainer: L.Trainer, module: L.LightningModule, train: DataLoader, validation: DataLoader, *, start: Path | None, monitor: str
) -> None:
    try:
        with warnings.catch_warnings():
            hints = "in eval mode at the start|num_workers|Checkpoint directory|does not have many workers|log interval|LeafSpec|sync_dist"
            warnings.filterwarnings("ignore", message=f".*({hints}).*")
            trainer.fit(module, train, validation, ckpt_path=start, weights_only=True)
        if trainer.interrupted:
            raise KeyboardInterrupt
    except SystemExit:
        if trainer.interrupted:  # on Ctrl-C Lightning exits the whole program with code 1
            raise KeyboardInterrupt from None
        raise
    except RuntimeError as error:
        if start is None or "loading state_dict" not in str(error):
            raise
        raise InputError(
            f"checkpoint '{start}' does not fit the model of this run; put the checkpoint of this run there, or start a new run in "
            "another folder"
        ) from error
    except MisconfigurationException as error:
        if monitor in trainer.callback_metrics:
            raise
        logged = sorted(trainer.callback_metrics)
        raise InputError(f"the module never logged '{monitor}', which selects the best epoch; logged are {logged}") from error


@contextlib.contextmanager
def _log_file(path: Path | None) -> Iterator[None]:
    """Within, what is logged is written to a file too."""
    log = logging.getLogger("hetero_xmodal")
    handler: logging.Handler = logging.NullHandler() if path is None else logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


@contextlib.contextmanager
def _ctrl_c() -> Iterator[None]:
    """Afterwards Ctrl-C has its usual effect again; Lightning leaves it ignored."""
    usual = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    try:
        yield
    finally:
        if usual is not None:
            signal.signal(signal.SIGINT, usual)


def device_of(config: FitConfig) -> torch.device:
    """The device that a training with *config* runs on, in the first process.

    Raises
    ------
    InputError
        If there are no such devices.

    >>> device_of(FitConfig())
    device(type='cpu')
    """
    return _trainer(config, enable_progress_bar=False, enable_checkpointing=False).strategy.root_device


def _trainer(config: FitConfig, **options: Any) -> L.Trainer:
    for name in ("lightning.pytorch", "lightning.fabric"):  # suppress Lightning's tips
        logging.getLogger(name).setLevel(logging.ERROR)
    devices = {"accelerator": config.accelerator, "devices": config.devices, "strategy": config.strategy}
    try:
        return L.Trainer(**devices, logger=False, enable_model_summary=False, **options)
    except (MisconfigurationException, ImportError, RuntimeError, ValueError, TypeError) as error:
        asked = ", ".join(f"{name} {value!r}" for name, value in devices.items())
        raise InputError(f"cannot train with {asked}: {str(error).strip().split('. ')[0].rstrip('.')}") from None


def _environment() -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    def of(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    packages = ("hetero-xmodal", "torch", "torchvision", "dgl", "lightning", "numpy", "spacy", "safetensors")
    return {"python": platform.python_version(), "system": platform.platform(), "command": sys.argv, "threads": torch.get_num_threads()} | {
        "packages": {package: of(package) for package in packages}
    }
