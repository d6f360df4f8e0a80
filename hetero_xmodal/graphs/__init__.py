"""Typed heterographs: building them from scene graphs, and their forms as files, tables, networkx graphs and corpora.

>>> from hetero_xmodal import graphs
>>> graph = graphs.build_graph(scene_of_image, scene_of_sentence)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import Any

#: public name -> module that defines it; imported on first use, because DGL and pandas are slow to import
_HOME = {
    "build_graph": "build",
    "pair_graph": "build",
    "flat_pair": "build",
    "Match": "bridges",
    "match_objects": "bridges",
    "name_similarity": "bridges",
    "FlatGraphs": "flat",
    "batch": "flat",
    "label_graph": "labels",
    "label_matrices": "labels",
    "normalize_adjacency": "labels",
    "to_networkx": "convert",
    "from_networkx": "convert",
    "to_pyg": "pyg",
    "from_pyg": "pyg",
    "to_frames": "tables",
    "save_graph": "store",
    "load_graph": "store",
    "GraphCorpus": "corpus",
    "concat": "corpus",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"hetero_xmodal.graphs has no name {name!r}; known are {', '.join(_HOME)}")


def __dir__() -> list[str]:
    return sorted(__all__)
