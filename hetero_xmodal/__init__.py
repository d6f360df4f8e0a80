"""hetero_xmodal: images and sentences as one typed DGL heterograph.

Everything below is loaded when it is first used, so that ``import hetero_xmodal`` costs next to nothing.

>>> import hetero_xmodal as hx
>>> scene = hx.parse_sentence("a red bird on a tree")
>>> [thing.name for thing in scene.objects]
['bird', 'tree']
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: public name -> module it lives in
_HOME = {
    "InputError": "errors",
    "MissingPackageError": "errors",
    "SceneGraph": "scenes",
    "SceneObject": "scenes",
    "SceneRelation": "scenes",
    "Token": "scenes",
    "validate": "validation",
    "doctor": "environment",
    "parse_sentence": "parsers.sentence",
    "parse_sentences": "parsers.sentence",
    "parse_image": "parsers.image",
    "parse_images": "parsers.image",
    "build_graph": "graphs.build",
    "pair_graph": "graphs.build",
    "write_pair": "graphs.write",
    "label_graph": "graphs.labels",
    "to_networkx": "graphs.convert",
    "from_networkx": "graphs.convert",
    "to_pyg": "graphs.pyg",
    "from_pyg": "graphs.pyg",
    "to_frames": "graphs.tables",
    "save_graph": "graphs.store",
    "load_graph": "graphs.store",
    "GraphCorpus": "graphs.corpus",
    "concat": "graphs.corpus",
    "batch": "graphs.flat",
    "read_parquet": "graphs.parquet_read",
    "build_corpus": "data.tasks.corpus",
    "load_dataset": "data",
    "export": "exports.formats",
    "query": "exports.sql",
    "draw": "viz.draw",
    "analyze": "analysis.report",
    "manipulate": "editing.pipeline",
    "load_model": "recipes.load",
    "train": "training.api",
    "evaluate": "evaluation.evaluate",
    "table": "evaluation.tables",
    "trace": "evaluation.trace",
    "clean": "analysis.clean",
    "explore": "explorer.api",
    "show": "explorer.show",
    "graph_report": "evaluation.graph_report",
    "verify": "evaluation.verify",
    "compare": "evaluation.compare",
    "build_index": "retrieval.api",
    "retrieve": "retrieval.api",
}
_MODULES = (
    "schema", "scenes", "parsers", "graphs", "data", "exports", "metrics", "viz", "analysis",
    "message_passing", "recipes", "baselines", "networks", "training", "retrieval", "editing", "evaluation", "explorer", "world_models",
    "losses", "validation",
)  # fmt: skip

__all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    from .errors import nearest

    raise AttributeError(f"hetero_xmodal has no name {name!r}{nearest(name, __all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
