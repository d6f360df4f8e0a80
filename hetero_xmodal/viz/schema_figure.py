"""``draw_schema``: the metagraph, every node type once and every relation as one arrow, laid out from the rows of the schema."""

from __future__ import annotations

from .. import schema
from .canvas import Drawing, Sheet, text_size
from .colours import INK, node_colour, node_ink, relation_style

Point = tuple[float, float]

# In inches: the columns, the first row, the row of what stands below, the distance of further rows, half the size of a box.
_COLUMN = {"image": 1.75, "between": 5.1, "sentence": 8.45, "below": 5.1}
_FIRST, _BELOW, _PITCH = 2.1, 4.25, 1.7
_HALF = (0.75, 0.3)
_BACKDROP = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}


def draw_schema() -> Drawing:
    """Draw the schema of a pair graph and of the label graph: typed nodes, and every relation with its name.

    >>> draw_schema().get_size_inches().tolist()
    [10.2, 4.9]
    """
    at = _places()
    sheet = Sheet(10.2, max(y for _, y in at.values()) + 0.65)
    sheet.text(0.15, 0.25, "every graph has these node types and relations, even where none occurs", size=9.5, style="italic")
    _relations(sheet, at)
    for name, (x, y) in at.items():
        look = {"fill": node_colour(name), "ink": node_ink(name), "size": 12, "weight": "bold"}
        sheet.chip(x - _HALF[0], y, 2 * _HALF[0], 2 * _HALF[1], name, **look)
        # in the first row the relations to the types below leave at the bottom, so the caption stands lower and further out
        shift = {"image": -0.55, "sentence": 0.55}.get(schema.NODE_TYPES[name].place, 0.0) if y == _FIRST else 0.0
        sheet.text(
            x + shift, y + (0.62 if y == _FIRST else 0.46), schema.NODE_TYPES[name].caption, size=7.8, across="center", bbox=_BACKDROP
        )
    return sheet.figure


def _places() -> dict[str, Point]:
    """Centre of every node type's box: the first of its place in that place's row, further ones in rows below."""
    at: dict[str, Point] = {}
    for name, row in schema.NODE_TYPES.items():
        x = _COLUMN[row.place]
        y = _BELOW if row.place == "below" else _FIRST
        while (x, y) in at.values():
            y = _BELOW + _PITCH if y in (_FIRST, _BELOW) else y + _PITCH
        at[name] = (x, y)
    return at


def _relations(sheet: Sheet, at: dict[str, Point]) -> None:
    order = list(at)
    taken: dict[frozenset[str], set[int]] = {}  # pair of node types -> lanes in use
    loops = {t: [r for r in schema.RELATION_TYPES if r[0] == r[2] == t] for t in order}
    for relation, row in schema.RELATION_TYPES.items():
        source, name, destination = relation
        label = row.label if "pair" in row.kinds else f"{row.label} (label graph)"
        if source == destination:
            first, pitch = {1: (0.0, 0.0), 2: (-0.05, 0.7)}.get(len(loops[source]), (-0.45, 0.55))
            _loop(sheet, at[source], row, label, shift=first + pitch * loops[source].index(relation))
            continue
        arrow = "->"
        if (destination, name, source) in schema.RELATION_TYPES:  # one stroke for both directions
            if order.index(source) > order.index(destination):
                continue
            arrow, label = "<->", f"{label} (both ways)"
        lanes = taken.setdefault(frozenset((source, destination)), set())
        lane = next(k for k in (row.side, -1, 1, 0, *range(-2, -99, -1)) if k not in lanes)
        lanes.add(lane)
        (xa, ya), (xb, yb) = at[source], at[destination]
        if ya == yb:
            _across(sheet, at[source], at[destination], row, arrow, label, lane)
        elif xa == xb:
            _down(sheet, at[source], at[destination], row, arrow, label, len(lanes) - 1)
        else:
            _elbow(sheet, at[source], at[destination], row, arrow, label, len(lanes) - 1)


def _across(sheet: Sheet, start: Point, end: Point, row: schema.RelationType, arrow: str, label: str, lane: int) -> None:
    """Between boxes of one row: lanes above, on and below the straight line; over the box that stands between."""
    (xa, ya), (xb, yb) = start, end
    toward = 1 if xb > xa else -1
    if abs(xb - xa) > 1.5 * (_COLUMN["between"] - _COLUMN["image"]):
        side = lane or -1
        dy, bow, away = 0.2 * _sign(side), 1.1 * _sign(side) + 0.25 * side, 1.0 * _sign(side) + 0.25 * side
    else:
        dy, bow, away = max(-0.26, min(0.26, 0.18 * lane)), 0.28 * lane, 0.48 * lane
    left, right = (xa + _HALF[0] * toward, ya + dy), (xb - _HALF[0] * toward, yb + dy)
    quarter = (right[0] - left[0]) / 4
    points = [left, (left[0] + quarter, left[1] + bow), (right[0] - quarter, right[1] + bow), right]
    _stroke(sheet, points, row, arrow, label, ((xa + xb) / 2, ya + away))


def _down(sheet: Sheet, start: Point, end: Point, row: schema.RelationType, arrow: str, label: str, lane: int) -> None:
    """Between boxes of one column: out to the left and back; further lanes further in, their labels further down."""
    (x, ya), (_, yb) = start, end
    edge, out = x - _HALF[0], x - 1.7 + 0.3 * lane
    down = 1 if yb > ya else -1
    points = [
        (edge, ya + 0.12 * lane * down),
        (out, ya + 0.12 * lane * down),
        (out, yb - 0.12 * lane * down),
        (edge, yb - 0.12 * lane * down),
    ]
    wide = text_size(label, 8.4)[0] / 2 + 0.1
    _stroke(sheet, points, row, arrow, label, (max((edge + 3 * out) / 4, wide), (ya + yb) / 2 + 0.3 * lane))


def _elbow(sheet: Sheet, start: Point, end: Point, row: schema.RelationType, arrow: str, label: str, lane: int) -> None:
    """Between a box and one further down in another column: down, then across."""
    upper, lower = (start, end) if start[1] < end[1] else (end, start)
    (x1, y1), (x2, y2) = upper, lower
    toward = 1 if x2 > x1 else -1
    x, y = x1 + (0.3 - 0.15 * lane) * toward, y2 + 0.12 * lane
    points = [(x, y1 + _HALF[1]), (x, y), (x1 + 0.9 * toward, y), (x2 - _HALF[0] * toward, y)]
    wide = text_size(label, 8.4)[0] / 2
    middle = x1 + (0.8 + 0.9 * lane) * toward + max(0.0, wide - 0.35) * toward
    _stroke(sheet, points if upper == start else points[::-1], row, arrow, label, (middle, y2 - 0.25 + 0.2 * lane))


def _loop(sheet: Sheet, centre: Point, row: schema.RelationType, label: str, *, shift: float) -> None:
    """From a box to itself, above it; *shift* moves the loop to the right."""
    x, top = centre[0] + shift, centre[1] - _HALF[1]
    points = [(x - 0.18, top), (x - 0.5, top - 0.72), (x + 0.5, top - 0.72), (x + 0.18, top)]
    if x + 0.18 > centre[0] + _HALF[0]:  # beyond the corner: come back into the side of the box
        points[3] = (centre[0] + _HALF[0], top + 0.2)
    _stroke(sheet, points, row, "->", label, (x, top - 0.66))


def _stroke(sheet: Sheet, points: list[Point], row: schema.RelationType, arrow: str, label: str, at: Point) -> None:
    style = relation_style(row.relation)
    sheet.curve(points, colour=style.colour, width=style.width + 0.4, dash=style.dash, arrow=arrow)
    sheet.text(*at, label, size=8.4, colour=INK, across="center", bbox=_BACKDROP)


def _sign(value: int) -> int:
    return 1 if value > 0 else -1
