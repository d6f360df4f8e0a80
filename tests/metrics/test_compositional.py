"""Accuracy on swap sets, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hetero_xmodal.errors import InputError
from hetero_xmodal.metrics import swap_accuracy, swap_hits


def test_hits_by_hand_only_an_images_own_captions_count_and_ties_are_half():
    scores = np.array([[0.9, 0.1, 0.0, 9.0, 0.2, 0.2], [9.0, 9.9, 0.4, 0.7, 9.0, 0.0]])
    assert swap_hits(scores, [0, 0, 1, 1, 0, 0]).tolist() == [1.0, 0.0, 0.5]
    assert swap_accuracy(scores, [0, 0, 1, 1, 0, 0], ["colour", "relation", "colour"]) == {"colour": 0.75, "relation": 0.0}


@pytest.mark.parametrize(
    ("scores", "owner", "message"),
    [
        (np.zeros((1, 3)), [0, 0, 0], "each swap has two"), (np.zeros((2, 2)), [0, 1], "different images"),
        (np.array([[np.nan, 1.0]]), [0, 0], "NaN or infinity"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused(scores, owner, message):
    with pytest.raises(InputError, match=message):
        swap_hits(scores, owner)
    with pytest.raises(InputError, match="1 swaps, but 2 kinds"):
        swap_accuracy(np.zeros((1, 2)), [0, 0], ["colour", "count"])
