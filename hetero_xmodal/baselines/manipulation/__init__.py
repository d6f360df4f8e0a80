"""What CAM is compared with: the unchanged input, TAGAN, and a generator in the manner of ManiGAN, on the same data and budget.

Every method has ``manipulate(pairs)``: for pictures and wishes it gives pictures and sentences.

==================  =====================================================  ============================
method              picture                                                sentence
==================  =====================================================  ============================
``Unchanged``       as it is                                               as it is
``TAGAN``           residual generator, text-adaptive discriminator        as it is
``ManiGAN``         affine combination of text and picture features        a caption of the picture
==================  =====================================================  ============================
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Unchanged": "base",
    "BudgetConfig": "base",
    "TAGAN": "tagan",
    "ManiGAN": "manigan",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
