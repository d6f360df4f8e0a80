"""The two phases of an ALGR training, as its settings divide the epochs."""

from __future__ import annotations

from ..errors import InputError
from ..recipes.configs.algr import ALGRConfig


def phase1_epochs(config: ALGRConfig) -> int:
    """Epochs of the first phase; the baseline and one-phase training have none."""
    return 0 if config.variant in ("baseline", "one-phase") else config.phase1_epochs


def check_phases(config: ALGRConfig, epochs: int) -> None:
    """Refuse a training whose first phase would leave no epoch for the second.

    Raises
    ------
    InputError : phase 1 takes all *epochs* or more.
    """
    if phase1_epochs(config) >= epochs:
        raise InputError(
            f"epochs is {epochs}, but the first phase alone takes {config.phase1_epochs}; raise epochs, or shorten the first phase with "
            "the setting phase1_epochs (--set phase1_epochs=1)"
        )
