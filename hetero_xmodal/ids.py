"""How ids of two files are joined, everywhere in this package: by one rule, never by guess.

Two ids belong together if

1. they are equal, as text in Unicode's composed form, with or without the ending of an image file: 1 and "1", "a" and "a.jpg";
2. else if one is the end of the other's path, and the longest such path is unique: "val/1.png" and "/data/coco/val/1.png";
3. else if one is an integer N and the other a name of the form ``(COCO_<split>_)?0*N.<ext>``: 9 and "COCO_val2014_000000000009.jpg".

Nothing else joins; what could join in two ways is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from .errors import InputError

#: endings of image files, in lower case
IMAGE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})

_NUMBERED = re.compile(r"(?P<coco>COCO_[A-Za-z0-9]+_)?(?P<digits>[0-9]+)")
_PUBLISHED_DIGITS = 12  # of a file name of COCO


def brief(value: Any) -> str:
    """``repr`` of *value*, at most 80 characters; of deeply nested values only their type."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number of too many digits
        return f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def id_text(value: Any, where: str = "the id") -> str:
    """An id as text: whole numbers in decimal digits, texts in Unicode's composed form (NFC).

    Raises
    ------
    InputError : neither a text nor a whole number of at most 64 bits, or an empty text; *where* begins the message.

    >>> id_text(7), id_text("7"), id_text(7.0)
    ('7', '7', '7')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "" or (isinstance(value, int) and abs(value) >= 2**63):
        raise InputError(f"{where} is {brief(value)}, expected a text or a whole number of at most 64 bits")
    if isinstance(value, int):
        return str(value)
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def without_ending(name: str) -> str:
    """*name* without the ending of an image file; other dots belong to the name.

    >>> without_ending("sea/a.b.JPG"), without_ending("v1.5")
    ('sea/a.b', 'v1.5')
    """
    stem, dot, ending = name.rpartition(".")
    return stem if stem and f"{dot}{ending.lower()}" in IMAGE_ENDINGS else name


def short_ids(names: Sequence[str]) -> list[str]:
    """An id for each of these different file names: the name without folder and ending where that is unique, else with what tells it apart.

    >>> short_ids(["a.jpg", "x/1.png", "y/1.png", "b.jpg", "b.png"])
    ['a', 'x/1', 'y/1', 'b.jpg', 'b.png']
    """
    stems, paths = [without_ending(PurePosixPath(name).name) for name in names], [without_ending(name) for name in names]
    many_stems, many_paths = Counter(stems), Counter(paths)
    ids = [
        stem if many_stems[stem] == 1 else path if many_paths[path] == 1 else name
        for name, stem, path in zip(names, stems, paths, strict=True)
    ]
    return ids if len(set(ids)) == len(set(names)) else list(names)


def same_file(one: str, other: str) -> bool:
    """Whether two file names may name one file: one is the end of the other's path, or both have COCO's form and one number.

    >>> same_file("val/1.png", "/data/val/1.png"), same_file("COCO_val2014_000000000009.jpg", "000000000009.jpg")
    (True, True)
    >>> same_file("a.jpg", "b.jpg")
    False
    """
    number = _number_of(one)
    return _common(_path(one), _path(other)) > 0 or (number is not None and number == _number_of(other))


class IdTable:
    """The rows of one file, found by the ids of another.

    Parameters
    ----------
    rows : of each row its ids: its name, its number, or both; none that is ``None`` counts.
    where : how messages begin, ``"captions file 'a.json'"``.

    >>> table = IdTable([["train/1.png"], ["val/1.png"], [9, "kitchen.jpg"]], "the file")
    >>> table.find("/data/val/1.png"), table.find("COCO_val2014_000000000009.jpg"), table.find("9.jpg")
    (1, 2, None)
    >>> table.find("1.png")
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: the file: '1.png' may be 'train/1.png' or 'val/1.png'; give it with its folder
    """

    def __init__(self, rows: Iterable[Sequence[Any]], where: str) -> None:
        self.where = where
        self._rows = [_handles(row, where) for row in rows]
        self._same: dict[str, set[int]] = defaultdict(set)
        self._bare: dict[str, set[int]] = defaultdict(set)
        self._last: dict[str, set[int]] = defaultdict(set)
        self._numbers: dict[int, set[int]] = defaultdict(set)
        for k, row in enumerate(self._rows):
            for text in row:
                path = _path(text)
                self._same[path].add(k)
                self._bare[without_ending(path)].add(k)
                self._last[without_ending(path).rpartition("/")[2]].add(k)
                number = _number_of(text)
                if number is not None:
                    self._numbers[number].add(k)

    def find(self, *ids: Any) -> int | None:
        """The row that these ids of one thing belong to, or ``None`` if there is none.

        Raises
        ------
        InputError : more than one row fits equally well.
        """
        handles = _handles(ids, self.where)
        for level in (self._equal, self._equal_without_ending, self._longest_path, self._by_number):
            found = level(handles)
            if len(found) > 1:
                names = " or ".join(repr(self._rows[k][0]) for k in sorted(found)[:2])
                raise InputError(f"{self.where}: {handles[0]!r} may be {names}; give it with its folder")
            if found:
                return found.pop()
        return None

    def _equal(self, handles: list[str]) -> set[int]:
        return set().union(*(self._same.get(_path(text), ()) for text in handles))

    def _equal_without_ending(self, handles: list[str]) -> set[int]:
        paths = [_path(text) for text in handles]
        return {k for path in paths for k in self._bare.get(without_ending(path), ()) if any(_endings_fit(path, t) for t in self._rows[k])}

    def _longest_path(self, handles: list[str]) -> set[int]:
        best, found = 0, set()
        for path in map(_path, handles):
            for k in self._last.get(without_ending(path).rpartition("/")[2], ()):
                length = max(_common(path, _path(text)) for text in self._rows[k])
                if length > best:
                    best, found = length, {k}
                elif length and length == best:
                    found.add(k)
        return found

    def _by_number(self, handles: list[str]) -> set[int]:
        numbers = {number for text in handles if (number := _number_of(text)) is not None}
        return {k for number in numbers for k in self._numbers.get(number, ()) if _joined_by(number, handles, self._rows[k])}


def _handles(ids: Sequence[Any], where: str) -> list[str]:
    what = f"{where}: an id"
    texts = [id_text(value, what) for value in ids if value is not None]
    return list(dict.fromkeys(texts))


def _path(text: str) -> str:
    """With forward slashes and without ``./``."""
    return text.replace("\\", "/").removeprefix("./")


def _endings_fit(one: str, other: str) -> bool:
    """Whether two names are equal but for an ending that one of them lacks; an integer is no name without its ending (third rule)."""
    other = _path(other)
    a, b = without_ending(one), without_ending(other)
    return one == other or (a == b and (a == one or b == other) and not _is_integer(a))


def _common(one: str, other: str) -> int:
    """The number of parts that two paths have in common from the end, if that is the whole of one of them, else 0."""
    a, b = one.split("/"), other.split("/")
    if not _endings_fit(a[-1], b[-1]):
        return 0
    a[-1], b[-1] = without_ending(a[-1]), without_ending(b[-1])
    length = min(len(a), len(b))
    return length if a[-length:] == b[-length:] else 0


def _number_of(text: str) -> int | None:
    """N of an integer or of a name of the form ``(COCO_<split>_)?0*N.<ext>``."""
    found = _NUMBERED.fullmatch(without_ending(_path(text).rpartition("/")[2]))
    return int(found["digits"]) if found and len(found["digits"]) < 20 else None


def _joined_by(number: int, one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one side has the integer *number*, and the other a name of its form.

    A thing with a file name of its own, "kitchen.jpg" with the id 9, is not "9.jpg", which may be any photo; it may be
    "000000000009.jpg" or "COCO_val2014_000000000009.jpg", as COCO names its files.
    """
    for integers, names in ((one, other), (other, one)):
        if str(number) not in integers:
            continue
        own = [text for text in integers if text != str(number)]
        known = not own or any(_number_of(text) == number for text in own)
        if any(_number_of(name) == number and (known or _published(name)) for name in names):
            return True
    return False


def _is_integer(text: str) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text[:20])) == text


def _published(name: str) -> bool:
    found = _NUMBERED.fullmatch(without_ending(_path(name).rpartition("/")[2]))
    return bool(found and (found["coco"] or len(found["digits"]) == _PUBLISHED_DIGITS))
