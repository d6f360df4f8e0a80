"""A section of an analysis on a page, and its tables as they are written into files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .result import ROWS_WITH_EXAMPLES, example_columns, examples_in
from .units import noun

if TYPE_CHECKING:
    import pandas as pd

    from ..explorer.cards import ExamplePages
    from ..viz.page import Page
    from .result import Result

_ROWS = 12  # of a table on the page, before more are asked for
_SAME = ("unit", "n")  # columns that stand in the heading where they are the same in all rows
_IDS = 2  # of a cell of examples on a page without pages of examples
#: texts of a row that do not name what it is about
_UNNAMED = {"unit", "side", "provenance", "reason", "why", "of", "kind", "most frequent"}
_TITLE = 120
#: columns that name what a row of counts is about
_KEYS = ("name", "attribute", "subject", "predicate", "object", "label")


def add_section(
    page: Page,
    name: str,
    section: Result,
    figure: Any,
    numbers: Mapping[str, int],
    pages: ExamplePages | None = None,
    *,
    elsewhere: Mapping[str, ExamplePages] | None = None,
    most: int = 0,
) -> None:
    """Heading, figure and tables of a section, whose figure is named after it.

    pages, most : where so many examples of each row stand, to which it links; without them, some ids are shown.
    elsewhere : the same for columns of examples of another corpus.
    """
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
        for number, column in enumerate(example_columns(table), start=1):
            place = (elsewhere or {}).get(column, pages)
            if place is not None:
                called = f"{name}_{part}" if column == "examples" else f"{name}_{part}_{number}"
                table = linked(table, called, section.units.get(part, ""), place, most, column=column)
        page.table(shown(table), limit=_ROWS, digits=3, more=ROWS_WITH_EXAMPLES - _ROWS)


def _counted(table: pd.DataFrame, unit: str, numbers: Mapping[str, int]) -> str:
    """The unit and n of a table, for its heading."""
    only = {name: table[name].iloc[0] for name in _SAME if name in table and table[name].nunique() == 1}
    unit = str(only.get("unit", unit))
    n = only.get("n", numbers.get(unit))
    said = ([f"unit: {unit}"] if unit else []) + ([] if n is None else [f"n = {n:,}"])
    return f" ({', '.join(said)})" if said else ""


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table as the page shows it: without the unit and n that its heading names, and of the examples the first ids and their number."""
    same = [name for name in _SAME if name in table and table[name].nunique() == 1]
    same += ["unit"] if "unit" in table and "unit" not in same and "side" in table else []  # the side says it
    table = table.drop(columns=same)
    table = table.assign(**{name: table[name].map({True: "yes", False: ""}) for name in table.select_dtypes(bool)})
    from ..viz.page import Link

    for column in example_columns(table):
        cells = table[column].head(ROWS_WITH_EXAMPLES)
        table = _with_cells(table, [ids if isinstance(ids, Link | str) else _some_ids(ids) for ids in cells], column)
    return table


def _some_ids(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:_IDS]) + (f" and {len(ids) - _IDS} more" if len(ids) > _IDS else "")


def linked(table: pd.DataFrame, name: str, unit: str, pages: ExamplePages, most: int, *, column: str = "examples") -> pd.DataFrame:
    """The table with links to the examples of its first rows, of which *most* each are asked for from *pages*; *name* names their page."""
    from ..viz.page import Link

    cells: list[Any] = []
    for number, row in enumerate(table.head(ROWS_WITH_EXAMPLES).to_dict("records")):
        ids, of = row[column][:most], unit or str(row.get("unit", ""))
        words = [value for key, value in row.items() if isinstance(value, str) and value and key not in _UNNAMED]
        title = (" " if "predicate" in row else ", ").join(words[:3])
        title = title if len(title) <= _TITLE else f"{title[:_TITLE].rstrip()} ..."
        title += f" ({column.removeprefix('examples ')})" if column.startswith(examples_in("")) else ""
        address = pages.link(name, number, title, unit=of, ids=ids, names=words) if ids else ""
        cells.append(Link(f"{len(ids)} {noun(of, count=len(ids))}", address) if ids else "")
    return _with_cells(table, cells, column)


def with_examples_of(table: pd.DataFrame, contents: Mapping[str, pd.DataFrame], name: str, rows: int) -> pd.DataFrame:
    """A table of counts with the column ``examples`` in its first *rows*, taken from the section *contents* of the same corpus.

    Tables of single images, sentences and pairs name these themselves; other tables without a counterpart stay as they are.
    """
    if "id" in table:
        return table.assign(examples=[(id,) if k < rows else () for k, id in enumerate(table["id"])])
    other = contents.get({"objects": "regions"}.get(name, name))
    keys = [key for key in _KEYS if key in table and other is not None and key in other]
    if other is None or not keys:
        return table
    found = dict(zip(other[keys].itertuples(index=False, name=None), other["examples"], strict=True))
    first = table[keys].head(rows).itertuples(index=False, name=None)
    cells = [found.get(key, ()) for key in first]
    return table.assign(examples=cells + [()] * (len(table) - len(cells)))


def _with_cells(table: pd.DataFrame, cells: list[Any], column: str) -> pd.DataFrame:
    """The table with other examples in the first rows of a column, and none in the others."""
    import pandas as pd

    made = pd.Series("", index=table.index, dtype=object)
    for k, cell in enumerate(cells):  # a link is a tuple, which pandas would take apart
        made.iat[k] = cell
    return table.assign(**{column: made})


def written(table: pd.DataFrame) -> pd.DataFrame:
    """A table as a file holds it: ids of examples joined by "; "."""
    return table.assign(**{column: ["; ".join(ids) for ids in table[column]] for column in example_columns(table)})


def file_name(text: str) -> str:
    """A text as part of a file name.

    >>> file_name("val 2017/b")
    'val_2017_b'
    """
    return re.sub("[^A-Za-z0-9_-]+", "_", text) or "_"
