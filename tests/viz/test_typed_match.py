"""The figure of a typed match shows every word, every edge and the parts that add up to the score."""

from __future__ import annotations

import numpy as np
import pytest

from hetero_xmodal.errors import InputError
from hetero_xmodal.viz.typed_match import draw_typed_match


def made(**changes):
    options = {
        "share": [[0.9, 0.05, 0.0], [0.1, 0.0, 0.2]], "boxes": [[0, 0, 20, 20], [20, 0, 40, 20], [0, 20, 40, 40]], "score": 2.5,
        "parts": {"words": 3.0, "sizes": -0.5}, "edges": [("red describes dog", 1.5), ("dog on box", -0.25)], "title": "a red dog on a box",
    } | changes  # fmt: skip
    return draw_typed_match(np.zeros((40, 40, 3), np.uint8), ["dog", "box"], ["dog", "cat", "box"], **options)


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_words_shares_parts_and_edges_are_written():
    shown = texts(made())
    for wanted in ("a red dog on a box", "dog", "box", "none", ".90", ".70", ".20", "words", "+3.00", "-0.50", "score", "+2.50",
                   "red describes dog", "+1.50", "dog on box", "-0.25"):  # fmt: skip
        assert wanted in shown, wanted
    assert ".05" not in shown  # too little to be read


def test_a_sentence_without_edges_says_so_and_boxes_are_not_needed():
    assert "the sentence has no typed edge" in texts(made(edges=[], boxes=None))


def test_shares_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"share has shape \(1, 3\)"):
        made(share=[[0.1, 0.2, 0.3]])
