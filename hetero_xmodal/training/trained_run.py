"""What every way to train a model by names has in common: its result, its lines of text, and checks of the options of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Tell = Callable[[str], None]


@dataclass(frozen=True)
class TrainedRun:
    """Result of :func:`hetero_xmodal.train`.

    recipe : name of the recipe, such as ``"cam"``
    out : the run folder
    model : the trained model; the path of the weights for ``"detector"``
    result : best validation score, its epoch, and epochs run (:class:`~hetero_xmodal.training.FitResult`); None for ``"detector"``
    """

    recipe: str
    out: Path
    model: Any
    result: Any = None


def teller(tell: Tell | None) -> Tell:
    """*tell*, in the first process only: Lightning's ``ddp`` runs the whole program once in every process."""
    from .sampling import is_first_process

    return tell if tell is not None and is_first_process() else _quiet


def _quiet(line: str) -> None:
    pass


def check_fit(epochs: int | None, patience: int | None = None, accelerator: str = "cpu", devices: int = 1, strategy: str = "auto") -> None:
    """Refuse training options that cannot be, see :class:`~hetero_xmodal.training.FitConfig`, before Lightning is imported.

    Raises
    ------
    InputError : a number below 1, an unknown accelerator or strategy.
    """
    from .fit_config import FitConfig

    given = {} if epochs is None else {"epochs": epochs}
    FitConfig(**given, patience=patience, accelerator=accelerator, devices=devices, strategy=strategy)
