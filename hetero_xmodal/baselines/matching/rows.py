"""Rows of the table of image-text matching; importing them loads no method, so that a wrong name is refused at once."""

from __future__ import annotations

from typing import Any

#: row of the table -> (class of this package, what differs from the defaults of its config, the class of that name with ``Config``)
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "mean-pool": ("MeanPool", {}),
    "CCA": ("CCAMatching", {}),
    "CCA, TF-IDF": ("CCAMatching", {"texts": "tfidf"}),
    "VSE++": ("VSEPP", {}),
    "SCAN t2i": ("SCAN", {"direction": "t2i"}),
    "SCAN i2t": ("SCAN", {"direction": "i2t"}),
    "SCAN t2i + i2t": ("SCANBoth", {}),
    "VSRN": ("VSRN", {}),
    "CAMERA": ("CAMERA", {}),
    "GSMN": ("GSMN", {}),
    "SGM": ("SGM", {}),
    "SAF": ("SGRAF", {"module": "saf"}),
    "SGR": ("SGRAF", {"module": "sgr"}),
    "SGRAF": ("SGRAFBoth", {}),
}
