"""Numbers and nouns in messages agree."""

from __future__ import annotations

import pytest

from hetero_xmodal.counts import agreeing, counted, plural


@pytest.mark.parametrize(
    ("number", "noun", "shown"),
    [(0, "epoch", "0 epochs"), (1, "epoch", "1 epoch"), (2, "query", "2 queries"), (3, "day", "3 days"),
     (4, "box of Entities", "4 boxes of Entities"), (1, "box of Entities", "1 box of Entities"), (5, "match", "5 matches"),
     (1234, "training image", "1,234 training images")],
)  # fmt: skip
def test_counted(number, noun, shown):
    assert counted(number, noun) == shown and shown.endswith(noun if number == 1 else plural(noun))
    assert agreeing(number, "is", "are") == ("is" if number == 1 else "are")
