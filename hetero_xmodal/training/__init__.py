"""Training: one ``fit`` for every recipe, seeds, exact resume, and models saved as a folder.

``fit`` runs a ``LightningModule`` and leaves a run folder; ``save_pretrained`` / ``load_pretrained`` write and read
the three files of a model: ``config.json``, ``model.safetensors``, ``vocab.json``.
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
    "EpochSampler": "seeds",
    "Pretrained": "pretrained",
    "save_pretrained": "pretrained",
    "read_pretrained": "pretrained",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"hetero_xmodal.training has no name {name!r}; it has {', '.join(__all__)}")
