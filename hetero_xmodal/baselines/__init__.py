"""Baselines of the papers by task: cross-modal retrieval, image-text matching, editing.

The names of :mod:`~hetero_xmodal.baselines.retrieval` can be imported from here too.
"""

from __future__ import annotations

from ..lazy import lazy_names

#: public name -> module it lives in
_HOME = {
    "Baseline": "retrieval.base",
    "retrieval_precisions": "retrieval.base",
    "retrieval_scores": "retrieval.base",
    "CFA": "retrieval.linear",
    "CFAConfig": "retrieval.linear",
    "CCA": "retrieval.linear",
    "CCAConfig": "retrieval.linear",
    "PLSC2A": "retrieval.linear",
    "PLSConfig": "retrieval.linear",
    "MLCCA": "retrieval.linear",
    "MLCCAConfig": "retrieval.linear",
    "JRL": "retrieval.jrl",
    "JRLConfig": "retrieval.jrl",
    "MultimodalDBN": "retrieval.dbn",
    "MultimodalDBNConfig": "retrieval.dbn",
    "CorrAE": "retrieval.correlation",
    "CorrAEConfig": "retrieval.correlation",
    "DCCA": "retrieval.correlation",
    "DCCAConfig": "retrieval.correlation",
    "ACMR": "retrieval.acmr",
    "ACMRConfig": "retrieval.acmr",
    "DSCMR": "retrieval.dscmr",
    "DSCMRConfig": "retrieval.dscmr",
    "table": "retrieval.comparison",
    "METHODS": "retrieval.comparison",
    "methods_table": "methods_table",
}

__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
