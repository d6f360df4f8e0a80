"""Training: one ``fit`` for every recipe, seeds, exact resume.

``fit`` runs a ``LightningModule`` and leaves a run folder; how a trained model is stored is said in :mod:`hetero_xmodal.pretrained`.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "FitConfig": "loop",
    "FitResult": "loop",
    "fit": "loop",
    "batches": "seeds",
    "seed_everything": "seeds",
    "is_first_process": "seeds",
    "EpochSampler": "seeds",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"hetero_xmodal.training has no name {name!r}; it has {', '.join(__all__)}")
