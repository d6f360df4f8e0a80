"""Data for image-text matching: formats, features with their provenance, and splits of matched pairs (see :mod:`.pairs`)."""

from __future__ import annotations

from .pairs import Batch, MatchingData, Regions, Split, Words, padded

__all__ = ["Batch", "MatchingData", "Regions", "Split", "Words", "padded"]
