"""Plain-text tables with cells of several lines."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence


def text_table(rows: Sequence[Mapping[str, str]], *, width: int = 34) -> str:
    """Rows of strings as an aligned table; long cells are wrapped at *width*, empty columns are left out.

    >>> print(text_table([{"name": "a", "note": "one\\ntwo"}, {"name": "b", "note": ""}]))
    name | note
    -----+-----
    a    | one
         | two
    b    |
    """
    columns = [c for c in rows[0] if any(row[c] for row in rows)]
    cells = [[[piece for line in row[c].split("\n") for piece in textwrap.wrap(line, width) or [""]] for c in columns] for row in rows]
    sizes = [max(len(c), *(len(piece) for row in cells for piece in row[k])) for k, c in enumerate(columns)]

    def line(pieces: Sequence[str]) -> str:
        return " | ".join(piece.ljust(size) for piece, size in zip(pieces, sizes, strict=True)).rstrip()

    lines = [line(columns), "-+-".join("-" * size for size in sizes)]
    for row in cells:
        height = max(len(pieces) for pieces in row)
        lines += [line([pieces[k] if k < len(pieces) else "" for pieces in row]) for k in range(height)]
    return "\n".join(lines)
