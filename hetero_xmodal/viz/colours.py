"""One fixed colour for every node type and every family of relations, the same in all figures of the package.

The colours are those of Okabe and Ito (2008), chosen so that people with any common form of colour blindness can tell
them apart. Relations that could still be confused also differ in their line style.

>>> from hetero_xmodal.viz import colours
>>> colours.node_colour("visual"), colours.relation_style(("visual", "same_as", "word")).dash
('#0072B2', 'dashed')
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import schema

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY, INK, PAPER = "#8C8C8C", "#222222", "#FFFFFF"

NODE_COLOURS: dict[str, str] = {schema.VISUAL: BLUE, schema.WORD: ORANGE, schema.BRIDGE: GREEN, schema.LABEL: PURPLE}
#: what is written on a node of that colour (black where the colour is light, so that the contrast is at least 4.5 to 1)
NODE_INK: dict[str, str] = {schema.VISUAL: PAPER, schema.WORD: BLACK, schema.BRIDGE: BLACK, schema.LABEL: BLACK}


@dataclass(frozen=True)
class Style:
    """How a family of relations is drawn: the name in the legend, colour, dash (matplotlib's word for it), line width in points."""

    name: str
    colour: str
    dash: str = "solid"
    width: float = 1.2


RELATION_STYLES: dict[str, Style] = {
    "relates": Style("relates", BLUE),
    "depends": Style("depends", ORANGE),
    "follows": Style("follows", BLACK, width=0.9),
    "same_as": Style("same as", VERMILLION, "dashed", 1.5),
    "copied_to": Style("copied to, returns to", GREEN, width=1.3),
    "returns_to": Style("copied to, returns to", GREEN, width=1.3),
    "beside": Style("beside", SKY, "dotted", 1.3),
    "has": Style("has", PURPLE, width=1.0),
    "co_occurs": Style("co-occurs", PURPLE),
    "attends": Style("attends", GREY, width=0.8),
}


def node_colour(node_type: str) -> str:
    """Colour of a node type; a type that a recipe added is grey."""
    return NODE_COLOURS.get(node_type, GREY)


def node_ink(node_type: str) -> str:
    """Colour of the writing on a node of that type."""
    return NODE_INK.get(node_type, BLACK)


def relation_style(relation: schema.Relation | str) -> Style:
    """Style of a relation, given as a canonical triple or by its middle name; a relation that a recipe added is grey."""
    name = relation if isinstance(relation, str) else relation[1]
    return RELATION_STYLES.get(name, Style(name.replace("_", " "), GREY))
