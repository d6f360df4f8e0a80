"""Settings of :func:`hetero_xmodal.training.fit`; importing them loads neither torch nor Lightning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..checks import check_choice
from ..errors import InputError

#: names of Lightning's accelerators
ACCELERATORS = ("cpu", "gpu", "auto", "cuda", "mps", "tpu")
#: names of Lightning's strategies that can train these models; those that spawn processes cannot hand a model over
STRATEGIES = (
    "auto", "ddp", "ddp_fork", "ddp_notebook", "ddp_find_unused_parameters_false", "ddp_find_unused_parameters_true",
    "ddp_fork_find_unused_parameters_false", "ddp_fork_find_unused_parameters_true",
)  # fmt: skip


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
            raise InputError(f"patience is {self.patience}, expected at least 1 epoch; leave it out for no early stop")
        if "spawn" in str(self.strategy):
            # torch passes the model to spawned processes by file descriptors that Python rejects ("bad value(s) in fds_to_keep")
            raise InputError(f"strategy is {self.strategy!r}, which cannot hand a model over to its processes; use 'ddp' or 'ddp_fork'")
        check_choice("accelerator", self.accelerator, ACCELERATORS)
        check_choice("strategy", self.strategy, STRATEGIES)
