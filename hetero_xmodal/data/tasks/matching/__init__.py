"""Data for image-text matching: splits of matched pairs (:mod:`.pairs`), made of a data set of the registry (:mod:`.load`)."""

from __future__ import annotations

from ....networks.padding import padded
from ...regions import Regions, open_regions, select_regions
from .extract import extract_regions, load_extractor, region_provenance
from .load import load_matching_data, load_test_split
from .pairs import Batch, MatchingData, Split, Words
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
