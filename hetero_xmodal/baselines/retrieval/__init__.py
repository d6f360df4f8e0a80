"""Baselines of cross-modal retrieval: ten methods with one interface.

>>> import numpy as np
>>> from hetero_xmodal.baselines.retrieval import CCA
>>> rng = np.random.default_rng(0)
>>> labels = np.eye(3)[rng.integers(3, size=60)]
>>> images = labels @ rng.normal(size=(3, 8)) + 0.1 * rng.normal(size=(60, 8))
>>> texts = labels @ rng.normal(size=(3, 5)) + 0.1 * rng.normal(size=(60, 5))
>>> method = CCA().fit(images, texts, labels)
>>> method.embed_images(images).shape, method.embed_texts(texts).shape
((60, 5), (60, 5))

``METHODS`` lists them; :func:`table` compares them on a data set.
"""

from __future__ import annotations

from ...lazy import lazy_names

#: public name -> module it lives in
_HOME = {
    "Baseline": "base",
    "retrieval_precisions": "base",
    "retrieval_scores": "base",
    "CFA": "linear",
    "CFAConfig": "linear",
    "CCA": "linear",
    "CCAConfig": "linear",
    "PLSC2A": "linear",
    "PLSConfig": "linear",
    "MLCCA": "linear",
    "MLCCAConfig": "linear",
    "JRL": "jrl",
    "JRLConfig": "jrl",
    "MultimodalDBN": "dbn",
    "MultimodalDBNConfig": "dbn",
    "CorrAE": "correlation",
    "CorrAEConfig": "correlation",
    "DCCA": "correlation",
    "DCCAConfig": "correlation",
    "ACMR": "acmr",
    "ACMRConfig": "acmr",
    "DSCMR": "dscmr",
    "DSCMRConfig": "dscmr",
    "table": "comparison",
    "METHODS": "comparison",
    "usual_config": "comparison",
}

__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
