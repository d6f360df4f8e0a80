"""Metrics, each with its definition, range and direction. Loaded when used."""

from __future__ import annotations

import importlib
from typing import Any

#: public name -> module it lives in
_HOME = {
    "mean_average_precision": "retrieval",
    "mean_average_precision_from_embeddings": "retrieval",
    "MeanAveragePrecision": "retrieval",
    "recall_at_k": "retrieval",
    "RecallResult": "retrieval",
    "Protocol": "retrieval",
    "PROTOCOLS": "retrieval",
    "scene_graph_f1": "scene_graph",
    "l2": "images",
    "mae": "images",
    "ssim": "images",
    "lpips": "images",
    "inception_score": "images",
    "frechet_distance": "images",
    "ImageScore": "images",
    "FeatureExtractor": "images",
    "world_extractor": "images",
    "module_extractor": "images",
    "inception_extractor": "images",
    "parameters": "images",
    "seconds_per_100": "images",
    "bleu": "sentences",
    "textrank_similarity": "sentences",
    "levenshtein_ratio": "sentences",
    "sentence_scores": "sentences",
    "zero_shot": "sentences",
    "judge_edits": "edits",
    "judge_sentences": "edits",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
