"""Training: one ``fit`` for every recipe, with reproducible random numbers and exact resumption.

``fit`` trains a ``LightningModule`` and writes a run folder; trained models are stored by :mod:`hetero_xmodal.pretrained`.
"""

from __future__ import annotations

from ..lazy import lazy_names

_HOME = {
    "FitConfig": "fit_config",
    "FitResult": "loop",
    "fit": "loop",
    "batches": "sampling",
    "seed_everything": "sampling",
    "is_first_process": "sampling",
    "EpochSampler": "sampling",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
