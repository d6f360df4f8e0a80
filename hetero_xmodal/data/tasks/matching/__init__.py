"""Data for image-text matching: formats, features with their provenance, and splits of matched pairs (see :mod:`.pairs`)."""

from __future__ import annotations

from ....networks.padding import padded
from .extract import extract_regions, load_extractor, open_regions, region_provenance, select_regions
from .load import load_matching_data, load_test_split
from .pairs import Batch, MatchingData, Regions, Split, Words
from .provenance import check_provenance
from .texts import encode_words, learn_vocabulary, word_provenance

__all__ = [
    "Batch",
    "MatchingData",
    "Regions",
    "Split",
    "Words",
    "check_provenance",
    "encode_words",
    "extract_regions",
    "learn_vocabulary",
    "load_extractor",
    "load_matching_data",
    "load_test_split",
    "open_regions",
    "padded",
    "region_provenance",
    "select_regions",
    "word_provenance",
]
