"""Data for image-text matching: splits of matched pairs (:mod:`.pairs`), made of a data set of the registry (:mod:`.load`)."""

from __future__ import annotations

from ....lazy import lazy_names
from ...regions import Regions, open_regions, select_regions

#: name -> module it lives in; loaded when first used, so that a wrong name of regions or words is refused without torch
_HOME = {
    "Batch": "pairs",
    "MatchingData": "pairs",
    "Split": "pairs",
    "Words": "pairs",
    "check_provenance": "provenance",
    "encode_words": "texts",
    "extract_regions": "extract",
    "find_detector": "extractors",
    "learn_vocabulary": "texts",
    "load_extractor": "extractors",
    "load_matching_data": "load",
    "load_swaps": "swaps",
    "load_test_split": "load",
    "region_provenance": "region_settings",
    "with_objects": "region_settings",
    "word_provenance": "texts",
}
__all__ = [*_HOME, "Regions", "open_regions", "select_regions"]
__getattr__, __dir__ = lazy_names(__name__, _HOME)
