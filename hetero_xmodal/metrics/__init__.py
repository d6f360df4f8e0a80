"""Metrics, each with its definition, range and direction; loaded on first use."""

from __future__ import annotations

from ..lazy import lazy_names

#: public name -> module it lives in
_HOME = {
    "mean_average_precision": "retrieval",
    "mean_average_precision_from_embeddings": "retrieval",
    "MeanAveragePrecision": "retrieval",
    "recall_at_k": "retrieval",
    "RecallResult": "retrieval",
    "Protocol": "retrieval",
    "PROTOCOLS": "retrieval",
    "bootstrap_interval": "uncertainty",
    "paired_comparison": "uncertainty",
    "Interval": "uncertainty",
    "PairedComparison": "uncertainty",
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
    "swap_accuracy": "compositional",
    "swap_hits": "compositional",
    "judge_edits": "edits",
    "judge_sentences": "edits",
}

__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
