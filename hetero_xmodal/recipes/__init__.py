"""The models of four papers and one of ours, one file each, with equations as message-passing steps in order.

* :mod:`~hetero_xmodal.recipes.dagnn`: dual adversarial graph neural networks for multi-label cross-modal retrieval
* :mod:`~hetero_xmodal.recipes.algr`: adaptive latent graph representation learning for image-text matching
* :mod:`~hetero_xmodal.recipes.cam`: cross-modal adaptive manipulation
* :mod:`~hetero_xmodal.recipes.mimnet`: memory-based image manipulation network
* :mod:`~hetero_xmodal.recipes.trail`: typed relational alignment of images and sentences, ours

Each file has functions that return the paper's message passing as a
:class:`~hetero_xmodal.message_passing.Recipe`; :mod:`~hetero_xmodal.recipes.tags` is the bag-of-words layer as message passing.
The frozen configs are in :mod:`~hetero_xmodal.recipes.configs`.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "CAM": "cam",
    "CAMConfig": "configs.cam",
    "MIMNet": "mimnet",
    "MIMNetConfig": "configs.mimnet",
    "DAGNN": "dagnn",
    "DAGNNConfig": "configs.dagnn",
    "ALGR": "algr",
    "ALGRConfig": "configs.algr",
    "TRAIL": "trail",
    "TrailConfig": "configs.trail",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"hetero_xmodal.recipes has no name {name!r}; it has {', '.join(__all__)}")
