"""One rule by which ids of two files are joined: equal, else the longest path, else COCO's numbers; never by guess."""

from __future__ import annotations

import unicodedata

import pytest

from hetero_xmodal.errors import InputError
from hetero_xmodal.ids import IdTable, id_text, same_file, short_ids, without_ending


@pytest.mark.parametrize(
    ("rows", "query", "row"),
    [
        # equal
        ([["a.jpg"], ["b.jpg"]], ["b.jpg"], 1),
        ([[1], [2]], ["2"], 1),
        ([["1"], ["2"]], [2], 1),
        ([["a"], ["b"]], ["b.jpg"], 1),
        ([["a.jpg"], ["b.jpg"]], ["b"], 1),
        ([["a.jpg"], ["a.png"]], ["a.png"], 1),
        ([["caf\u00e9.jpg"]], [unicodedata.normalize("NFD", "caf\u00e9.jpg")], 0),
        ([["x.v1"], ["x.v2"]], ["x.v2"], 1),
        # the longest path
        ([["train/1.png"], ["val/1.png"]], ["/data/val/1.png"], 1),
        ([["1.png"], ["val/1.png"]], ["/data/val/1.png"], 1),
        ([["val\\1.png"]], ["/data/val/1.png"], 0),
        # COCO's numbers
        ([["COCO_val2014_000000000009"]], [9], 0),
        ([[9]], ["000000000009.jpg"], 0),
        ([[9]], ["9.jpg"], 0),
        ([[9, "kitchen.jpg"]], ["COCO_train2014_000000000009.jpg"], 0),
        ([["COCO_train2014_000000000012"], ["7"]], [12, "000000000012.jpg"], 0),
        # equality comes before numbers
        ([["9"], ["000000000009"]], ["000000000009.jpg"], 1),
        # nothing else
        ([["cat_1"], ["dog_2"]], ["bird_2.jpg"], None),
        ([["1000092795"]], ["img_1000092795.jpg"], None),
        ([["img_1000092795"]], [1000092795], None),
        ([[9, "kitchen.jpg"]], ["9.jpg"], None),
        ([["train/1.png"]], ["val/1.png"], None),
        ([["a.jpg"]], ["a.png"], None),
        ([["ba.jpg"]], ["a.jpg"], None),
        ([["COCO_val2014_000000000009.jpg"]], ["COCO_train2014_000000000009.jpg"], None),
        ([["v1.9"]], [9], None),
        ([["\u0669"]], [9], None),  # a digit, but no ASCII digit
    ],
)
def test_the_rule(rows, query, row):
    assert IdTable(rows, "the file").find(*query) == row


@pytest.mark.parametrize(
    ("rows", "query"),
    [
        ([["train/1.png"], ["val/1.png"]], ["1.png"]),
        ([["a.jpg"], ["a.png"]], ["a"]),
        ([["5"], ["6.jpg"]], [5, "6.jpg"]),
        ([["COCO_val2014_000000000009"], ["COCO_train2014_000000000009"]], [9]),
    ],
)
def test_what_fits_twice_is_refused(rows, query):
    with pytest.raises(InputError, match="the file: .* may be .* or "):
        IdTable(rows, "the file").find(*query)


def test_ids_are_texts_or_whole_numbers():
    assert [id_text(value) for value in (3, "3", 3.0, "x")] == ["3", "3", "3", "x"]
    for value in (None, True, 2.5, [1], {"a": 1}, "", float("inf")):
        with pytest.raises(InputError, match="expected a text or a whole number"):
            id_text(value)
    assert without_ending("a.JPEG") == "a" and without_ending(".jpg") == ".jpg" and without_ending("a.txt") == "a.txt"


def test_short_ids_are_different():
    assert short_ids(["x/1.png", "y/1.png", "z/2.png"]) == ["x/1", "y/1", "2"]
    assert short_ids(["1.jpg", "1.png"]) == ["1.jpg", "1.png"]
    awkward = ["x/1.jpg.png", "1.jpg", "1.png"]
    assert len(set(short_ids(awkward))) == 3


def test_names_of_one_file():
    assert same_file("sub/a.jpg", "/x/sub/a.jpg") and same_file("COCO_val2014_000000000009.jpg", "9.jpg")
    assert not same_file("sub/a.jpg", "other/a.jpg") and not same_file("a.jpg", "b.jpg")
