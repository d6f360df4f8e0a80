"""A section of an analysis on a page, and its tables as they are written into files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .units import noun

if TYPE_CHECKING:
    import pandas as pd

    from ..viz.page import Page
    from .result import Result

_ROWS = 12  # of a table on the page
_IDS = 3  # of a cell of examples on the page


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
        unit = section.units.get(part, "")
        whose = f" (examples: {noun(unit)}, n = {numbers.get(unit, 0):,})" if unit else ""
        page.heading(f"{part.replace('_', ' ')}{whose}", level=3)
        page.text(section.meanings.get(part, ""))
        page.table(shown(table), limit=_ROWS, digits=3)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table as the page shows it: of the examples the number and the first ids."""
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
