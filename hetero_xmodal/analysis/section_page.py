"""A section of an analysis on a page, and its tables as they are written into files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ..viz.page import Page
    from .result import Result

_ROWS = 12  # of a table on the page
_SAME = ("unit", "n")  # columns that stand in the heading where they are the same in all rows
_IDS = 2  # of a cell of examples on the page


def add_section(page: Page, name: str, section: Result, figure: Any, numbers: Mapping[str, int]) -> None:
    """Heading, figure and tables of a section, whose figure is named after it."""
    page.heading(section.title, entry=True)
    page.text(*section.notes)
    if not section.tables:
        page.text("The corpus holds nothing of the kind.")
    if figure is not None:
        page.figure(f"section_{name}", figure, alt=section.title)
    for part, table in section.tables.items():
        if not len(table):
            continue
        page.heading(f"{part.replace('_', ' ')}{_counted(table, section.units.get(part, ''), numbers)}", level=3)
        page.text(section.meanings.get(part, ""))
        page.table(shown(table), limit=_ROWS, digits=3)


def _counted(table: pd.DataFrame, unit: str, numbers: Mapping[str, int]) -> str:
    """The unit and n of a table, for its heading."""
    only = {name: table[name].iloc[0] for name in _SAME if name in table and table[name].nunique() == 1}
    unit = str(only.get("unit", unit))
    n = only.get("n", numbers.get(unit))
    said = ([f"unit: {unit}"] if unit else []) + ([] if n is None else [f"n = {n:,}"])
    return f" ({', '.join(said)})" if said else ""


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table as the page shows it: without the unit and n that its heading names, and of the examples the first ids and their number."""
    table = table.drop(columns=[name for name in _SAME if name in table and table[name].nunique() == 1])
    if "examples" not in table:
        return table
    head = table.head(_ROWS)
    cells = [", ".join(ids[:_IDS]) + (f" and {len(ids) - _IDS} more" if len(ids) > _IDS else "") for ids in head["examples"]]
    return table.assign(examples=cells + [""] * (len(table) - len(cells)))


def written(table: pd.DataFrame) -> pd.DataFrame:
    """A table as a file holds it: ids of examples joined by "; "."""
    return table.assign(examples=["; ".join(ids) for ids in table["examples"]]) if "examples" in table else table


def file_name(text: str) -> str:
    """A text as part of a file name.

    >>> file_name("val 2017/b")
    'val_2017_b'
    """
    return re.sub("[^A-Za-z0-9_-]+", "_", text) or "_"
