"""The palette of all figures, and the colour and line style of every node type and relation, read from the rows of the schema.

The colours are those of Okabe and Ito (2008), chosen so that people with any common form of colour blindness can tell them apart.
Relations that could still be confused also differ in their line style.

>>> from hetero_xmodal.viz import colours
>>> colours.node_colour("visual"), colours.relation_style(("visual", "same_as", "word")).dash
('#0072B2', 'dashed')
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import schema
from ..errors import InputError, nearest

if TYPE_CHECKING:
    import pandas as pd

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY, INK, PAPER = "#8C8C8C", "#222222", "#FFFFFF"

#: names by which the rows of the schema give a colour
PALETTE: dict[str, str] = {
    "black": BLACK, "orange": ORANGE, "sky blue": SKY, "green": GREEN, "yellow": YELLOW, "blue": BLUE, "vermillion": VERMILLION,
    "purple": PURPLE, "grey": GREY,
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How a relation is drawn: its entry in the legend, colour ``#RRGGBB``, dash (matplotlib's name for it), line width in points."""

    name: str
    colour: str
    dash: str = "solid"
    width: float = 1.2


def colour_code(colour: str) -> str:
    """A name of :data:`PALETTE` as ``#RRGGBB``; a code stays as it is.

    Raises
    ------
    InputError : neither a name of the palette nor such a code.

    >>> colour_code("blue"), colour_code("#123456")
    ('#0072B2', '#123456')
    """
    if colour in PALETTE:
        return PALETTE[colour]
    if re.fullmatch("#[0-9A-Fa-f]{6}", colour):
        return colour
    raise InputError(f"unknown colour {colour!r}{nearest(colour, PALETTE)}; give one of {', '.join(PALETTE)} or a code such as '#0072B2'")


def node_colour(node_type: str) -> str:
    """Fill colour ``#RRGGBB`` of a node type; a type beyond the schema is grey."""
    return colour_code(schema.node_type(node_type).colour)


def node_ink(node_type: str) -> str:
    """Colour of the text on a node of that type: black or white, whichever has the higher contrast.

    >>> node_ink("visual"), node_ink("word")
    ('#FFFFFF', '#000000')
    """
    light = luminance(node_colour(node_type))
    return PAPER if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else BLACK


def luminance(colour: str) -> float:
    """Relative luminance of ``#RRGGBB``, from 0 (black) to 1 (white), as WCAG 2 defines it.

    >>> luminance("#FFFFFF")
    1.0
    """
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return round(0.2126 * red + 0.7152 * green + 0.0722 * blue, 12)


def relation_style(relation: schema.Relation) -> Style:
    """Style of a relation, given as a canonical triple; a relation beyond the schema is grey."""
    row = schema.relation_type(relation)
    return Style(row.legend, colour_code(row.colour), row.dash, row.width)


def legend_table(kind: str = "pair") -> pd.DataFrame:
    """The legend of all figures as a pandas table with the columns *drawn*, *name* and *meaning*, for a page or a notebook.

    Relations that share an entry of the legend, such as the two directions of ``same_as``, make one row.

    Raises
    ------
    InputError : an unknown kind of graph.

    >>> legend_table("labels")["drawn"].tolist()
    ['purple box', 'purple line']
    """
    import pandas as pd

    relations = [schema.RELATION_TYPES[relation] for relation in schema.kind_relations(kind)]
    rows = [(f"{row.colour} box", row.name, row.meaning) for row in (schema.NODE_TYPES[name] for name in schema.KINDS[kind][0])]
    for legend in dict.fromkeys(row.legend for row in relations):
        family = [row for row in relations if row.legend == legend and row.drawn] or [row for row in relations if row.legend == legend]
        dash = "" if family[0].dash == "solid" else f"{family[0].dash} "
        rows.append((f"{dash}{family[0].colour} line", legend, "; ".join(_distinct(row.meaning for row in family))))
    return pd.DataFrame(rows, columns=["drawn", "name", "meaning"])


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
