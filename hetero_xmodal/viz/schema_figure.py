"""``draw_schema``: the metagraph, every node type once and every relation as one arrow."""

from __future__ import annotations

from .. import schema
from .canvas import Drawing, Sheet
from .colours import INK, node_colour, node_ink, relation_style

# Centre of each node type (inches), and half the size of its box.
_AT = {schema.VISUAL: (1.75, 2.1), schema.BRIDGE: (5.1, 2.1), schema.WORD: (8.45, 2.1), schema.LABEL: (5.1, 4.25)}
_HALF = (0.75, 0.3)


def draw_schema() -> Drawing:
    """Draw the schema of a pair graph and of the label graph: typed nodes, and every relation with its name.

    >>> draw_schema().get_size_inches().tolist()
    [10.2, 4.9]
    """
    sheet = Sheet(10.2, 4.9)
    sheet.text(0.15, 0.25, "every graph has these node types and relations, even where none occurs", size=9.5, style="italic")
    _between(sheet, schema.VISUAL_SAME_AS_WORD, "<->", y1=-0.2, y2=-0.2, bow=-1.35, name="same as (both ways)", at=(5.1, 0.85))
    for side, copied, beside, returns in (
        (schema.VISUAL, schema.VISUAL_COPIED_TO, schema.VISUAL_BESIDE_BRIDGE, schema.RETURNS_TO_VISUAL),
        (schema.WORD, schema.WORD_COPIED_TO, schema.WORD_BESIDE_BRIDGE, schema.RETURNS_TO_WORD),
    ):
        middle = (_AT[side][0] + _AT[schema.BRIDGE][0]) / 2
        _between(sheet, copied, "->", y1=-0.18, y2=-0.18, bow=-0.28, name="copied to", at=(middle, 1.62))
        _between(sheet, beside, "<->", y1=0.0, y2=0.0, bow=0.0, name="beside (both ways)", at=(middle, 2.1))
        _between(sheet, returns, "->", y1=0.18, y2=0.18, bow=0.28, name="returns to", at=(middle, 2.58))
    for side, has, x in ((schema.VISUAL, schema.VISUAL_HAS_LABEL, 2.55), (schema.WORD, schema.WORD_HAS_LABEL, 7.65)):
        (x1, y1), (x2, y2) = _AT[side], _AT[schema.LABEL]
        toward = 1 if x2 > x1 else -1
        points = [(x1 + 0.3 * toward, y1 + _HALF[1]), (x1 + 0.3 * toward, y2), (x1 + 0.9 * toward, y2), (x2 - _HALF[0] * toward, y2)]
        _stroke(sheet, points, has, "->", "has", (x, 4.0))
    _loop(sheet, schema.VISUAL, schema.RELATES, "relates")
    _loop(sheet, schema.WORD, schema.DEPENDS, "depends", shift=-0.05)
    _loop(sheet, schema.WORD, schema.FOLLOWS, "follows", shift=0.65)
    _loop(sheet, schema.LABEL, schema.CO_OCCURS, "co-occurs (label graph)")
    for node_type, (x, y) in _AT.items():
        look = {"fill": node_colour(node_type), "ink": node_ink(node_type), "size": 12, "weight": "bold"}
        sheet.chip(x - _HALF[0], y, 2 * _HALF[0], 2 * _HALF[1], node_type, **look)
    for node_type, words in (
        (schema.VISUAL, "a region of the image"), (schema.BRIDGE, "a copy on the other side"), (schema.WORD, "a token of the sentence"),
        (schema.LABEL, "a category"),
    ):  # fmt: skip
        x, y = _AT[node_type]
        shift = {schema.VISUAL: -0.55, schema.WORD: 0.55}.get(node_type, 0)
        sheet.text(x + shift, y + (0.62 if node_type != schema.LABEL else 0.46), words, size=7.8, across="center")
    return sheet.figure


def _between(sheet: Sheet, relation: schema.Relation, arrow: str, *, y1: float, y2: float, bow: float, name: str, at: tuple) -> None:
    (xa, ya), (xb, yb) = _AT[relation[0]], _AT[relation[2]]
    toward = 1 if xb > xa else -1
    start, end = (xa + _HALF[0] * toward, ya + y1), (xb - _HALF[0] * toward, yb + y2)
    third = (end[0] - start[0]) / 4
    points = [start, (start[0] + third, start[1] + bow), (end[0] - third, end[1] + bow), end]
    _stroke(sheet, points, relation, arrow, name, at)


def _loop(sheet: Sheet, node_type: str, relation: schema.Relation, name: str, *, shift: float = 0.0) -> None:
    x, top = _AT[node_type][0] + shift, _AT[node_type][1] - _HALF[1]
    points = [(x - 0.18, top), (x - 0.5, top - 0.72), (x + 0.5, top - 0.72), (x + 0.18, top)]
    if x + 0.18 > _AT[node_type][0] + _HALF[0]:  # beyond the corner: come back into the side of the box
        points[3] = (_AT[node_type][0] + _HALF[0], top + 0.2)
    _stroke(sheet, points, relation, "->", name, (x, top - 0.66))


def _stroke(sheet: Sheet, points: list, relation: schema.Relation, arrow: str, name: str, at: tuple) -> None:
    style = relation_style(relation)
    sheet.curve(points, colour=style.colour, width=style.width + 0.4, dash=style.dash, arrow=arrow)
    backdrop = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
    sheet.text(*at, name, size=8.4, colour=INK, across="center", bbox=backdrop)
