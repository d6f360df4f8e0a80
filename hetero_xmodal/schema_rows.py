"""What a row of the schema says of a node type or a relation: its features, and how every figure shows it.

The rows themselves are in :mod:`hetero_xmodal.schema`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Relation = tuple[str, str, str]


@dataclass(frozen=True)
class Feature:
    """One feature of a node type or relation: its dtype, its shape after the row axis, and what it means.

    ``shape`` holds ``None`` for a width that is free (but the same for all rows of a graph).
    ``text`` features are zero-padded UTF-8 bytes; read them with :func:`hetero_xmodal.schema.decode_text`. Their shape gives the least
    width: a longer text makes all rows of its graph wider. ``needed`` ones may not be empty.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    meaning: str
    text: bool = False
    low: float | None = None
    high: float | None = None
    needed: bool = False


def text_feature(name: str, width: int, meaning: str, *, needed: bool = False) -> Feature:
    """A feature that is text of at least *width* bytes."""
    return Feature(name, "uint8", (width,), meaning, text=True, needed=needed)


#: where the nodes of a type stand in figures: in the column of the image's regions, between the two sides, in the column of the
#: sentence's words, or in rows below them
Place = Literal["image", "between", "sentence", "below"]
#: what the nodes of a type belong to: to the image, to the sentence, or to the pair of both; a corpus stores each part once
Part = Literal["image", "sentence", "pair"]
#: how the edges of a relation are drawn in the figure of one graph: as a list of texts beside the regions or words, as labelled arcs beside
#: the words, as short strokes between neighbouring words, or as a curve from node to node
Route = Literal["list", "arcs", "chain", "curve"]


@dataclass(frozen=True)
class NodeType:
    """One node type, in one row: its features, the kinds of graph that carry it, and how every figure shows it.

    name, meaning : the type's name in DGL, and one line about it for tables.
    features : its features; the first text feature that may not be empty is the node's name in tables and figures.
    kinds : the kinds of graph that carry the type.
    colour : a name in :data:`hetero_xmodal.viz.colours.PALETTE`, or ``"#RRGGBB"``.
    part : what its nodes belong to, see :data:`Part`; by default to the pair, which may have edges with any node.
    place : where its nodes stand in figures, see :data:`Place`.
    noun, plural : what one node and several are called in legends and titles; by default *name* and *name* with an s.
    caption : a few words under its box in the figure of the schema; by default *noun*.

    >>> NodeType("scene", "the whole image").plural
    'scenes'
    """

    name: str
    meaning: str
    features: tuple[Feature, ...] = ()
    kinds: tuple[str, ...] = ("pair",)
    colour: str = "grey"
    place: Place = "below"
    part: Part = "pair"
    noun: str = ""
    plural: str = ""
    caption: str = ""

    def __post_init__(self) -> None:
        noun = self.noun or self.name
        for field, value in (("noun", noun), ("plural", self.plural or f"{noun}s"), ("caption", self.caption or noun)):
            object.__setattr__(self, field, value)

    @property
    def name_feature(self) -> str:
        """The feature that holds a node's name (``"text"`` of a word); empty if the type has none."""
        return next((f.name for f in self.features if f.text and f.needed), "")


@dataclass(frozen=True)
class RelationType:
    """One relation, in one row: its features, the kinds of graph that carry it, and how every figure shows it.

    relation, meaning : the canonical triple, and one line about it for tables.
    features : its features; the first text feature is what a figure writes at an edge.
    kinds : the kinds of graph that carry the relation.
    colour : a name in :data:`hetero_xmodal.viz.colours.PALETTE`, or ``"#RRGGBB"``.
    dash, width : line style (``"solid"``, ``"dashed"``, ``"dotted"``) and line width in points.
    label : its name in figures; by default the middle of the triple.
    legend : its entry in the legend; relations with the same entry are counted together. By default *label*.
    route : how its edges are drawn, see :data:`Route`.
    arrow : ``"->"``, ``"<->"`` or ``"-"``.
    drawn : false for a relation whose edges another relation's strokes already show, such as the way back.
    side : in the figure of the schema, the side of the straight line on which it runs: -1 above, 0 on the line, 1 below.

    >>> RelationType(("visual", "part_of", "scene"), "every region is part of its image").label
    'part of'
    """

    relation: Relation
    meaning: str
    features: tuple[Feature, ...] = ()
    kinds: tuple[str, ...] = ("pair",)
    colour: str = "grey"
    dash: str = "solid"
    width: float = 1.2
    label: str = ""
    legend: str = ""
    route: Route = "curve"
    arrow: Literal["->", "<->", "-"] = "->"
    drawn: bool = True
    side: Literal[-1, 0, 1] = 0

    def __post_init__(self) -> None:
        label = self.label or self.relation[1].replace("_", " ")
        for field, value in (("label", label), ("legend", self.legend or label)):
            object.__setattr__(self, field, value)

    @property
    def text_feature(self) -> str:
        """The feature that a figure writes at an edge (``"predicate"``, ``"arc"``); empty if the relation has none."""
        return next((f.name for f in self.features if f.text), "")
