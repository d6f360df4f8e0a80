"""Metrics, each with its definition, its range and its direction."""

from .retrieval import (
    PROTOCOLS,
    MeanAveragePrecision,
    Protocol,
    RecallResult,
    mean_average_precision,
    mean_average_precision_from_embeddings,
    recall_at_k,
)

__all__ = [
    "PROTOCOLS",
    "MeanAveragePrecision",
    "Protocol",
    "RecallResult",
    "mean_average_precision",
    "mean_average_precision_from_embeddings",
    "recall_at_k",
]
