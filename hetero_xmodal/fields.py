"""Reading fields of JSON objects with their types: what has another type is refused with its place, in one sentence.

>>> images = Fields({"images": [{"id": 3, "width": "60"}]}, "captions file 'a.json'").rows("images")
>>> images[0].id("id"), images[0].whole("width")
('3', 60)
>>> images[0].text("file_name")
Traceback (most recent call last):
...
hetero_xmodal.errors.InputError: captions file 'a.json': entry 0 of 'images' lacks the field 'file_name'
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from .errors import InputError
from .ids import brief, id_text

__all__ = ["LARGEST", "Fields", "brief", "is_number", "whole_number"]

_NEEDED: Any = object()
#: no image, number of boxes or index of this package is larger
LARGEST = 2**31 - 1


class Fields:
    """A JSON object and where it stands.

    Each method takes the name of a field and what is returned where the field is missing or null; without the latter it is needed.

    Parameters
    ----------
    value : the object, as ``json.loads`` returns it.
    where : how messages begin, ``"captions file 'a.json'"``.

    Raises
    ------
    InputError : *value* is no object.
    """

    __slots__ = ("value", "_where", "_parent", "_key", "_row")

    def __init__(self, value: Any, where: str = "", *, parent: Fields | None = None, key: str = "", row: int = 0) -> None:
        self._where, self._parent, self._key, self._row = where, parent, key, row
        if not isinstance(value, dict):
            raise InputError(f"{self.where} is {brief(value)}, expected an object with named fields")
        self.value: dict[str, Any] = value

    @property
    def where(self) -> str:
        """The place of the object in its file, as messages name it."""
        return self._where if self._parent is None else f"{self._parent.where}: entry {self._row} of {self._key!r}"

    def __contains__(self, key: str) -> bool:
        return self.value.get(key) is not None

    def get(self, key: str, default: Any = _NEEDED) -> Any:
        """The field as it is.

        Raises
        ------
        InputError : it is missing.
        """
        found = self.value.get(key)
        if found is None and default is not _NEEDED:
            return default
        if key not in self.value:
            raise InputError(f"{self.where} lacks the field {key!r}")
        return found

    def refuse(self, key: str, expected: str) -> InputError:
        """The error that says what the field is and what it should be."""
        return InputError(f"{self.where}: {key!r} is {brief(self.value.get(key))}, expected {expected}")

    def text(self, key: str, default: Any = _NEEDED) -> Any:
        """A text that is more than spaces, in Unicode's composed form (NFC).

        Raises
        ------
        InputError : it is something else.
        """
        found = self.get(key, default)
        if found is default:
            return found
        if not isinstance(found, str) or not found.strip():
            raise self.refuse(key, "a text")
        return unicodedata.normalize("NFC", found)

    def id(self, key: str, default: Any = _NEEDED) -> Any:
        """An id, as text; see :func:`hetero_xmodal.ids.id_text`.

        Raises
        ------
        InputError : neither a text nor a whole number.
        """
        found = self.value.get(key)
        if type(found) is int and 0 <= found <= LARGEST:  # nearly all of them
            return str(found)
        found = self.get(key, default)
        if found is default:
            return found
        try:
            return id_text(found)
        except InputError:  # the place is put into words only where it is needed, for there may be a million rows
            return id_text(found, f"{self.where}: {key!r}")

    def whole(self, key: str, default: Any = _NEEDED, *, low: int = 0) -> Any:
        """A whole number from *low* to 2**31 - 1, perhaps written as a text or with a decimal point ("60", 60.0).

        Raises
        ------
        InputError : it is something else.
        """
        found = self.get(key, default)
        if found is default:
            return found
        number = whole_number(found)
        if number is None or not low <= number <= LARGEST:
            raise self.refuse(key, f"a whole number of at least {low}")
        return number

    def numbers(self, key: str, count: int, what: str, default: Any = _NEEDED) -> Any:
        """A list of *count* finite numbers; *what* says which, ``"x, y, width, height"``.

        Raises
        ------
        InputError : it is something else.
        """
        found = self.get(key, default)
        if found is default:
            return found
        if not isinstance(found, list) or len(found) != count or not all(map(is_number, found)):
            words = {2: "two", 4: "four"}.get(count, str(count))
            raise self.refuse(key, f"{words} finite numbers {what}")
        return [float(value) for value in found]

    def texts(self, key: str, default: Any = _NEEDED) -> Any:
        """A list of texts; null and empty ones are left out.

        Raises
        ------
        InputError : it is something else.
        """
        found = self.get(key, default)
        if found is default:
            return found
        if not isinstance(found, list) or not all(value is None or isinstance(value, str) for value in found):
            raise self.refuse(key, "a list of texts")
        return [unicodedata.normalize("NFC", value) for value in found if value and value.strip()]

    def strings(self, key: str, default: Any = _NEEDED) -> Any:
        """A list of texts as they are, empty ones too: each belongs to a row of something.

        Raises
        ------
        InputError : it is something else.
        """
        found = self.get(key, default)
        if found is not default and not (isinstance(found, list) and all(isinstance(value, str) for value in found)):
            raise self.refuse(key, "a list of texts")
        return found

    def values(self, key: str, default: Any = _NEEDED) -> Any:
        """A list of anything.

        Raises
        ------
        InputError : it is something else.
        """
        found = self.get(key, default)
        if found is not default and not isinstance(found, list):
            raise self.refuse(key, "a list")
        return found

    def rows(self, key: str, default: Any = _NEEDED) -> Any:
        """A list of objects, each as :class:`Fields`.

        Raises
        ------
        InputError : it is something else.
        """
        found = self.get(key, default)
        if found is default:
            return found
        if not isinstance(found, list):
            raise self.refuse(key, "a list")
        return [Fields(value, parent=self, key=key, row=k) for k, value in enumerate(found)]

    def inner(self, key: str, default: Any = _NEEDED) -> Any:
        """An object inside this one, as :class:`Fields`.

        Raises
        ------
        InputError : it is something else.
        """
        found = self.get(key, default)
        if found is default:
            return found
        if not isinstance(found, dict):
            raise self.refuse(key, "an object with named fields")
        return Fields(found, f"{self.where}, {key!r}")


def whole_number(value: Any) -> int | None:
    """*value* as ``int`` if it is a whole number, perhaps written as a text or with a decimal point; otherwise ``None``.

    >>> whole_number("60"), whole_number(60.0), whole_number(6.5), whole_number("6.5"), whole_number(True)
    (60, 60, None, None, None)
    """
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_number(value: Any) -> bool:
    """Whether *value* is a finite number, not a truth value, that fits into 64 bits of floating point.

    >>> is_number(1.5), is_number(True), is_number(float("nan")), is_number(10**400)
    (True, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
