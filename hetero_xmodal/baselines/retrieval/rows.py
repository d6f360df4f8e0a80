"""Rows of the table of cross-modal retrieval; importing them loads no method, so that a wrong name is refused at once."""

from __future__ import annotations

#: name as in papers -> class of this package, in the order of the paper's table
ROWS = {
    "CFA": "CFA",
    "CCA": "CCA",
    "PLS-C2A": "PLSC2A",
    "JRL": "JRL",
    "ml-CCA": "MLCCA",
    "Multimodal DBN": "MultimodalDBN",
    "Corr-AE": "CorrAE",
    "DCCA": "DCCA",
    "ACMR": "ACMR",
    "DSCMR": "DSCMR",
}
