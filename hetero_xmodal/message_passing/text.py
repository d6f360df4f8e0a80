"""Recipes as text: a compact table for people, the whole table, and HTML for notebooks; cells may have several lines."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .relations import Relation, reverse

if TYPE_CHECKING:
    from .step import Step

#: widths of the columns of the compact table, which has at most 100 columns of characters together
_COMPACT = {"": 3, "step": 26, "along": 29, "message": 33}


def compact_table(steps: Sequence[Step]) -> str:
    """One row a step in at most 100 columns: its name and equation, its relations by node types, and what is sent, gathered and updated.

    Relations between the same node types share a line, a relation with its reverse is "both ways", a step that is applied several times in
    a row is shown once with all its numbers, and a long list of relations that an earlier step had is not repeated.
    """
    rows = []
    shown: dict[str, int] = {}
    for first, last, step in _runs(steps):
        row = step.describe()
        if row["along"].count("\n") > 2 and row["along"] in shown:
            along = [f"as in step {shown[row['along']]}"]
        else:
            along = [*_by_types(step.relations), *(line for line in row["along"].split("\n") if line.startswith("where "))]
            shown.setdefault(row["along"], first)
        rows.append(
            {
                "": str(first) if first == last else f"{first}-{last}",
                "step": row["step"] + (f"\n({row['equation']})" if row["equation"] else ""),
                "along": "\n".join(along),
                "message": "\n".join(_message(row)),
            }
        )
    return text_table(rows, width=_COMPACT)


def full_table(steps: Sequence[Step]) -> str:
    """One row a step with everything that it declares, one relation a line; as wide as it needs to be."""
    return text_table(_rows(steps))


def html_table(steps: Sequence[Step], title: str) -> str:
    """:func:`full_table` as HTML, for Jupyter."""
    rows = _rows(steps)
    columns = [c for c in rows[0] if any(row[c] for row in rows)]
    left = ' style="text-align: left; vertical-align: top"'
    head = "".join(f"<th{left}>{html.escape(c)}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td{left}>{html.escape(row[c]).replace(chr(10), '<br>')}</td>" for c in columns) + "</tr>" for row in rows
    )
    caption = f'<caption style="text-align: left">{html.escape(title).replace(chr(10), "<br>")}</caption>' if title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _rows(steps: Sequence[Step]) -> list[dict[str, str]]:
    rows = [{"": str(number)} | step.describe() for number, step in enumerate(steps, 1)]
    for row in rows:
        row["states"] = f"{row.pop('reads')} -> {row.pop('writes')}"
    return rows


def _runs(steps: Sequence[Step]) -> list[tuple[int, int, Step]]:
    """(first number, last number, step) of every run of one and the same step."""
    runs: list[tuple[int, int, Step]] = []
    for number, step in enumerate(steps, 1):
        if runs and runs[-1][2] is step:
            runs[-1] = (runs[-1][0], number, step)
        else:
            runs.append((number, number, step))
    return runs


def _by_types(relations: Sequence[Relation]) -> list[str]:
    """One line for the relations from one node type to another.

    >>> depends, back = ("word", "depends", "word"), ("word", "reverse of depends", "word")
    >>> _by_types([depends, back, ("word", "itself", "word"), ("word", "has", "label")])
    ['word -> word: depends (both ways), itself', 'word -> label: has']
    """
    names: dict[tuple[str, str], list[str]] = {}
    for relation in relations:
        source, name, target = relation
        among = source == target and reverse(relation) in relations
        if among and name.startswith("reverse of "):
            continue
        names.setdefault((source, target), []).append(f"{name} (both ways)" if among else name)
    return [f"{source} -> {target}: {', '.join(found)}" for (source, target), found in names.items()]


def _message(row: Mapping[str, str]) -> list[str]:
    """What a step of this description sends, gathers, updates and writes, in words."""
    weighed = "" if row["weigh"] == "1" else f", weighed by {row['weigh']}"
    send = row["send"].replace("\n", "; ")
    update = [] if row["update"] == "replace" else row["update"].split("\n")
    return [f"{row['gather']} of {send}{weighed}", *update, f"{row['reads']} -> {row['writes']}"]


def text_table(rows: Sequence[Mapping[str, str]], *, width: int | Mapping[str, int] = 34) -> str:
    """Rows of strings as an aligned table; long cells are wrapped at *width* (of all columns, or of each), empty columns are left out.

    >>> print(text_table([{"name": "a", "note": "one\\ntwo"}, {"name": "b", "note": ""}]))
    name | note
    -----+-----
    a    | one
         | two
    b    |
    """
    columns = [c for c in rows[0] if any(row[c] for row in rows)]
    limits = {c: width[c] if isinstance(width, Mapping) else width for c in columns}
    cells = [[[piece for line in row[c].split("\n") for piece in _wrapped(line, limits[c])] for c in columns] for row in rows]
    sizes = [max(len(c), *(len(piece) for row in cells for piece in row[k])) for k, c in enumerate(columns)]

    def line(pieces: Sequence[str]) -> str:
        return " | ".join(piece.ljust(size) for piece, size in zip(pieces, sizes, strict=True)).rstrip()

    lines = [line(columns), "-+-".join("-" * size for size in sizes)]
    for row in cells:
        height = max(len(pieces) for pieces in row)
        lines += [line([pieces[k] if k < len(pieces) else "" for pieces in row]) for k in range(height)]
    return "\n".join(lines)


def _wrapped(line: str, width: int) -> list[str]:
    """The line in pieces of at most *width* characters, the later ones indented where there is room for it."""
    return textwrap.wrap(line, width, subsequent_indent="  " if width >= 20 else "", break_on_hyphens=False) or [""]
