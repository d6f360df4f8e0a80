"""Baselines of image-text matching: nine methods (fourteen rows of a table) with one interface, on the same features.

>>> import numpy as np
>>> from hetero_xmodal.baselines.matching import MeanPool, MeanPoolConfig
>>> from hetero_xmodal.data.tasks.matching import Regions, Split, Words
>>> rng = np.random.default_rng(0)
>>> regions, words = rng.normal(size=(8, 3, 5)), rng.normal(size=(16, 4))
>>> split = Split(Regions(regions, np.full(8, 3)), Words(words, np.arange(0, 17, 2)), np.arange(8))
>>> method = MeanPool(MeanPoolConfig(width=16, epochs=2)).fit(split, split)
>>> method.similarity(split).shape, method.embed_images(split.regions).shape
((8, 8), (8, 16))

``METHODS`` lists them; :func:`matching_table` compares them on a data set.
"""

from __future__ import annotations

from ...lazy import lazy_names

#: public name -> module it lives in
_HOME = {
    "MatchingBaseline": "base",
    "VectorBaseline": "base",
    "MatchingConfig": "neural",
    "MeanPool": "mean_pool",
    "MeanPoolConfig": "mean_pool",
    "CCAMatching": "cca",
    "CCAMatchingConfig": "cca",
    "VSEPP": "vsepp",
    "VSEPPConfig": "vsepp",
    "SCAN": "scan",
    "SCANConfig": "scan",
    "SCANBoth": "averaged",
    "SCANBothConfig": "averaged",
    "CAMERA": "camera",
    "CAMERAConfig": "camera",
    "GSMN": "gsmn",
    "GSMNConfig": "gsmn",
    "SGM": "sgm",
    "SGMConfig": "sgm",
    "SGRAF": "sgraf",
    "SGRAFConfig": "sgraf",
    "SGRAFBoth": "averaged",
    "SGRAFBothConfig": "averaged",
    "VSRN": "vsrn",
    "VSRNConfig": "vsrn",
    "METHODS": "comparison",
    "matching_table": "comparison",
    "usual_config": "comparison",
}

__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
