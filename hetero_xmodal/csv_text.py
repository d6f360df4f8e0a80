"""CSV files that people open in spreadsheets: a text that would be taken for a formula there is written with an apostrophe before it.

>>> escape("=1+1"), escape("-0.5"), escape("'=x"), escape("a dog")
("'=1+1", '-0.5', "''=x", 'a dog')
>>> unescape("'=1+1"), unescape("''=x"), unescape("'tis")
('=1+1', "'=x", "'tis")
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def escape(value: Any) -> Any:
    """A cell as it is written: a text that begins with = + - @, a tab or a carriage return gets an apostrophe, unless it is a number."""
    if not isinstance(value, str) or not _FORMULA.match(value):
        return value
    try:
        float(value)
    except ValueError:
        return "'" + value
    return value


def unescape(text: str) -> str:
    """The text that :func:`escape` was given."""
    return text[1:] if _ESCAPED.match(text) else text


def csv_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Rows as CSV with a heading, cells escaped; characters that UTF-8 cannot write are replaced by their number.

    >>> csv_rows(["word", "count"], [{"word": "@home", "count": -1}])
    "word,count\r\n'@home,-1\r\n"
    """
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([escape(name) for name in columns])
    writer.writerows([[escape(row.get(name, "")) for name in columns] for row in rows])
    return _writable(text.getvalue())


def csv_of(frame: pd.DataFrame, **options: Any) -> str:
    r"""``frame.to_csv(**options)`` with the texts in cells, index and headings escaped.

    >>> import pandas as pd
    >>> csv_of(pd.DataFrame({"word": ["-x", "y"], "-w": [-1.5, 2]}), index=False)
    "word,'-w\r\n'-x,-1.5\r\ny,2.0\r\n"
    """
    texts = frame.select_dtypes(exclude="number").columns
    frame = frame.copy()
    for name in texts:
        frame[name] = frame[name].map(escape)
    frame.index = frame.index.map(_escape_label).set_names([escape(name) for name in frame.index.names])
    frame.columns = frame.columns.map(_escape_label)
    return _writable(frame.to_csv(lineterminator="\r\n", **options))  # with "\n", a carriage return in a cell would not be quoted


def _writable(text: str) -> str:
    """With lone surrogates, which UTF-8 cannot write, replaced by their number."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _escape_label(label: Any) -> Any:
    return tuple(map(escape, label)) if isinstance(label, tuple) else escape(label)
