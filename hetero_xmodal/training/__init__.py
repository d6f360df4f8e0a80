"""Training: one ``fit`` for every recipe, seeds, exact resume.

``fit`` runs a ``LightningModule`` and leaves a run folder; how a trained model is stored is said in :mod:`hetero_xmodal.pretrained`.
"""

from __future__ import annotations

from ..lazy import lazy_names

_HOME = {
    "FitConfig": "loop",
    "FitResult": "loop",
    "fit": "loop",
    "batches": "sampling",
    "seed_everything": "sampling",
    "is_first_process": "sampling",
    "EpochSampler": "sampling",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
