"""Statistics of a corpus of heterographs as pandas tables and figures: ``hx.analyze(corpus)``, and one function for each question.

======================================================  ===========================================================================
:func:`contents`, :func:`labels`                        what is in it, how long the tail is, which labels go together
:func:`bias`, :func:`words`                             what a model could guess without a look at the image
:func:`coverage`, :func:`agreement`, :func:`leakage`    what is missing, what contradicts itself, what is there twice
:func:`compare`, :func:`compare_splits`                 two corpora, or the splits of one, side by side
:func:`suspects`, :func:`doubles`, :func:`leaks`        single pairs, images and sentences to look at, or to leave out
======================================================  ===========================================================================
"""

from __future__ import annotations

from ..lazy import lazy_names

_HOME = {
    "Analysis": "report", "analyze": "report", "Result": "result",
    "contents": "rank_frequency", "bias": "predicate_bias", "frequency_baseline": "predicate_bias", "coverage": "unmatched",
    "labels": "label_statistics", "agreement": "caption_agreement", "leakage": "doubles_and_leaks", "words": "word_groups",
    "compare": "comparison", "compare_splits": "comparison", "set_distance": "comparison", "log_odds": "log_odds_ratio",
    "suspects": "findings", "doubles": "findings", "leaks": "findings",
}  # fmt: skip
__all__ = list(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
