"""Fields of JSON objects are read with their types; what has another is one sentence that says where it stands."""

from __future__ import annotations

import pytest

from hetero_xmodal.errors import InputError
from hetero_xmodal.fields import LARGEST, Fields, brief


def test_whole_numbers_may_be_written_as_texts():
    row = Fields({"a": 60, "b": "60", "c": 60.0, "d": " 60 "}, "the file")
    assert [row.whole(key) for key in "abcd"] == [60] * 4


@pytest.mark.parametrize("value", ["sixty", "6.5", 6.5, True, None, [60], {}, -1, LARGEST + 1, 10**400, "9" * 5000, float("nan"), "\u0666"])
def test_other_values_are_no_whole_numbers(value):
    with pytest.raises(InputError, match="the file: 'width' is .*, expected a whole number of at least 0") as error:
        Fields({"width": value}, "the file").whole("width")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("method", "arguments", "good", "read", "wrong"),
    [
        ("text", (), "e\u0301", "\xe9", ["", "  ", 3, [], None]),
        ("id", (), 7, "7", [None, True, 1.5, []]),
        ("numbers", (2, "x, y"), [1, 2.5], [1.0, 2.5], [[1], [1, "2"], [1, float("inf")], [1, 10**400], [True, 1], "12", None]),
        ("texts", (), ["a", None, " "], ["a"], [["a", 3], "a", {"a": 1}, None]),
        ("strings", (), ["a", ""], ["a", ""], [["a", None], "a", None]),
        ("values", (), [1, "a"], [1, "a"], [{"a": 1}, "a", None]),
    ],
)
def test_every_type(method, arguments, good, read, wrong):
    assert getattr(Fields({"x": good}, "the file"), method)("x", *arguments) == read
    for value in wrong:
        with pytest.raises(InputError, match="the file"):
            getattr(Fields({"x": value}, "the file"), method)("x", *arguments)
    with pytest.raises(InputError, match="the file lacks the field 'x'"):
        getattr(Fields({}, "the file"), method)("x", *arguments)
    assert getattr(Fields({"x": None}, "the file"), method)("x", *arguments, default="none") == "none"


def test_the_place_of_a_nested_object_is_told():
    rows = Fields({"images": [{"size": {"width": "x"}}, 3]}, "the file")
    with pytest.raises(InputError, match="the file: entry 1 of 'images' is 3, expected an object"):
        rows.rows("images")
    inner = Fields({"images": [{"size": {"width": "x"}}]}, "the file").rows("images")[0].inner("size")
    with pytest.raises(InputError, match="entry 0 of 'images', 'size': 'width' is 'x'"):
        inner.whole("width")


def test_deep_values_are_told_briefly():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert brief(deep) == "a list" and brief(10**5000) == "a int"
