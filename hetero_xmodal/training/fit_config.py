"""Settings of :func:`hetero_xmodal.training.fit`; importing them loads neither torch nor Lightning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import InputError


@dataclass(frozen=True)
class FitConfig:
    """Settings of :func:`~hetero_xmodal.training.fit`, common to all recipes.

    epochs : maximum number of epochs
    patience : stop after this many epochs without a better validation score; ``None`` never stops early
    monitor, mode : name of the validation score that selects the best epoch, and whether larger (``max``) or smaller is better
    seed : random seed
    clip : maximum norm of the gradient, ``None`` for no clipping
    accelerator, devices, strategy : passed to Lightning, e.g. ``cpu``, ``2``, ``ddp``; not ``ddp_spawn``. With ``gpu``, DGL graphs in a
        batch stay on the CPU, see :func:`~hetero_xmodal.training.loop.move_batch`

    Raises
    ------
    InputError
        If a value is out of range.
    """

    epochs: int = 30
    patience: int | None = None
    monitor: str = "validation/score"
    mode: Literal["min", "max"] = "max"
    seed: int = 0
    clip: float | None = None
    accelerator: str = "cpu"
    devices: int = 1
    strategy: str = "auto"

    def __post_init__(self):
        if self.epochs < 1:
            raise InputError(f"epochs is {self.epochs}, expected at least 1")
        if self.devices < 1:
            raise InputError(f"devices is {self.devices}, expected at least 1")
        if self.patience is not None and self.patience < 1:
            raise InputError(f"patience is {self.patience}, expected at least 1 epoch, or None")
        if "spawn" in str(self.strategy):
            # torch passes the model to spawned processes by file descriptors that Python rejects ("bad value(s) in fds_to_keep")
            raise InputError(f"strategy is {self.strategy!r}, which cannot hand a model over to its processes; use 'ddp' or 'ddp_fork'")
