"""The figure of a recipe: node types as boxes, steps as numbered arrows, and the list of steps beside them.

Colours and places of the node types come from their rows in the schema; a type that a recipe adds is grey and stands in a row below.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import schema
from ..viz.canvas import Box, Drawing, Sheet, fit, overlap, text_size, wrap
from ..viz.colours import INK, PAPER, node_colour, node_ink
from .relations import is_complete

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .recipe import Recipe

Point = tuple[float, float]
#: (source type, destination type) -> whether the relation is complete -> numbers of the steps that pass messages along it
Arrows = dict[tuple[str, str], dict[bool, list[int]]]

# In inches.
_COLUMN = {"image": 0.0, "between": 1.65, "below": 1.65, "sentence": 3.3}
_ROW = {"image": 0.0, "between": -1.4, "below": 1.4, "sentence": 0.0}
_BELOW, _APART = 1.4, 0.65  # how far down the row of added types stands, and the room between two of its boxes
_TALL = 0.46  # height of a box
_MARGIN, _TITLE = 0.2, 0.55
_LINE, _SIZE = 0.2, 9.0  # of the list of steps
_QUIET = "#666666"
_BEND = 0.24  # of an arrow that has a counterpart, in parts of its length
_NOTE = "dashed: from every source to every destination of a pair"


def draw_recipe(recipe: Recipe) -> Drawing:
    """Draw *recipe*; every arrow bears the numbers of the steps that pass messages along it and is dashed for complete relations."""
    arrows = _arrows(recipe)
    types = list(dict.fromkeys(t for ends in arrows for t in ends))
    centres = _places(types, arrows)
    boxes = {t: _box(t, centre) for t, centre in centres.items()}
    lines = _step_lines(recipe)
    if any(complete for steps in arrows.values() for complete in steps):
        lines += [("", _QUIET), *((text, _QUIET) for text in wrap(_NOTE, _SIZE, 2.3, lines=3))]
    title = recipe.name or "a recipe"

    frame = _frame(boxes, arrows)
    across, down = frame[2] - frame[0], frame[3] - frame[1]
    listed = max((text_size(text, _SIZE)[0] for text, _ in lines), default=0.0)
    width = max(across + listed + 0.45, text_size(title, 12)[0]) + 2 * _MARGIN
    height = _TITLE + max(down, _LINE * len(lines)) + _MARGIN
    sheet = Sheet(width, height)
    sheet.text(_MARGIN, 0.27, title, size=12)
    dx, dy = _MARGIN - frame[0], _TITLE + (height - _MARGIN - _TITLE - down) / 2 - frame[1]
    boxes = {t: (x1 + dx, y1 + dy, x2 + dx, y2 + dy) for t, (x1, y1, x2, y2) in boxes.items()}
    _paint_arrows(sheet, boxes, arrows)
    for node_type, (x1, y1, x2, y2) in boxes.items():
        fill, ink = node_colour(node_type), node_ink(node_type)
        sheet.chip(x1, (y1 + y2) / 2, x2 - x1, y2 - y1, node_type, fill=fill, ink=ink, size=10)
    for k, (text, colour) in enumerate(lines):
        sheet.text(_MARGIN + across + 0.45, _TITLE + _LINE * (k + 0.5), text, size=_SIZE, colour=colour)
    return sheet.figure


def _arrows(recipe: Recipe) -> Arrows:
    """The numbers of the steps on every arrow, in the order in which the arrows first occur."""
    arrows: Arrows = {}
    for number, step in enumerate(recipe.steps, 1):
        for relation in step.relations:
            numbers = arrows.setdefault((relation[0], relation[2]), {}).setdefault(is_complete(relation), [])
            if number not in numbers:
                numbers.append(number)
    return arrows


def _step_lines(recipe: Recipe) -> list[tuple[str, str]]:
    """(text, colour) of every line of the list: number and name of a step, below it its equation."""
    lines: list[tuple[str, str]] = []
    for number, step in enumerate(recipe.steps, 1):
        for k, text in enumerate(wrap(step.name, _SIZE, 3.2, lines=3)):
            lines.append((f"{number:>2}  {text}" if k == 0 else f"      {text}", INK))
        lines += [(f"      {text}", _QUIET) for text in wrap(step.equation, _SIZE, 3.2, lines=2)]
    return lines


# ---------------------------------------------------------------------------------------------- places


def _places(types: Sequence[str], arrows: Arrows) -> dict[str, Point]:
    """Types of the schema at the place of their row, each place once; all others in a row below, near the types they exchange with."""
    places: dict[str, Point] = {}
    for node_type in types:
        if node_type in schema.NODE_TYPES:
            place = schema.NODE_TYPES[node_type].place
            if (_COLUMN[place], _ROW[place]) not in places.values():
                places[node_type] = (_COLUMN[place], _ROW[place])
    middle = sum(x for x, _ in places.values()) / len(places) if places else 0.0

    def wanted(node_type: str) -> float:
        near = [places[t] for ends in arrows if node_type in ends for t in ends if t in places]
        return sum(x for x, _ in near) / len(near) if near else middle

    others = sorted((t for t in types if t not in places), key=wanted)
    y = max((y for _, y in places.values()), default=-_BELOW) + _BELOW
    widths = [_width(t) for t in others]
    x = middle - (sum(widths) + _APART * (len(others) - 1)) / 2
    for node_type, wide in zip(others, widths, strict=True):
        places[node_type] = (x + wide / 2, y)
        x += wide + _APART
    return places


def _width(node_type: str) -> float:
    return max(0.85, text_size(node_type, 10)[0] + 0.24)


def _box(node_type: str, centre: Point) -> Box:
    (x, y), half = centre, _width(node_type) / 2
    return x - half, y - _TALL / 2, x + half, y + _TALL / 2


def _loop_side(node_type: str) -> Point:
    """The direction in which the loop of a node type leaves: away from the others."""
    place = schema.NODE_TYPES[node_type].place if node_type in schema.NODE_TYPES else "below"
    return {"image": (-1.0, 0.0), "sentence": (1.0, 0.0), "between": (0.0, -1.0), "below": (0.0, 1.0)}[place]


def _frame(boxes: dict[str, Box], arrows: Arrows) -> Box:
    """What boxes, loops and bent arrows take up."""
    x1, y1 = min(b[0] for b in boxes.values()), min(b[1] for b in boxes.values())
    x2, y2 = max(b[2] for b in boxes.values()), max(b[3] for b in boxes.values())
    for (source, destination), steps in arrows.items():
        if source == destination:
            badge = _loop_badge(boxes[source], _loop_side(source), _labels(steps))
            x1, y1, x2, y2 = min(x1, badge[0]), min(y1, badge[1]), max(x2, badge[2]), max(y2, badge[3])
    if len({(a[1] + a[3]) / 2 for a in boxes.values()}) == 1 and any((b, a) in arrows for a, b in arrows if a != b):
        y1, y2 = min(y1, boxes[next(iter(boxes))][1] - 0.35), max(y2, boxes[next(iter(boxes))][3] + 0.35)  # arrows bend out of the row
    return x1, y1, x2, y2


# ---------------------------------------------------------------------------------------------- arrows


def _labels(steps: dict[bool, list[int]]) -> list[str]:
    return [", ".join(map(str, numbers)) for numbers in steps.values()]


def _badge_size(labels: Sequence[str]) -> Point:
    return max(text_size(text, 9)[0] for text in labels) + 0.14, 0.2 * len(labels)


def _loop_badge(box: Box, side: Point, labels: Sequence[str]) -> Box:
    """Where the numbers of a loop stand: at its outermost point, clear of the box."""
    (x1, y1, x2, y2), (wide, tall) = box, _badge_size(labels)
    x = (x1 + x2) / 2 + side[0] * ((x2 - x1) / 2 + max(0.42, 0.14 + wide / 2))
    y = (y1 + y2) / 2 + side[1] * ((y2 - y1) / 2 + max(0.42, 0.14 + tall / 2))
    return x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2


def _paint_arrows(sheet: Sheet, boxes: dict[str, Box], arrows: Arrows) -> None:
    taken = list(boxes.values())
    loops = {ends: steps for ends, steps in arrows.items() if ends[0] == ends[1]}
    for (node_type, _), steps in loops.items():
        side, box = _loop_side(node_type), boxes[node_type]
        _stroke(sheet, _loop(box, side), dashed=all(steps))
        spot = _loop_badge(box, side, _labels(steps))
        taken.append(spot)
        _badge(sheet, spot, _labels(steps))
    for (source, destination), steps in arrows.items():
        if (source, destination) in loops:
            continue
        both = (destination, source) in arrows
        for k, (complete, numbers) in enumerate(steps.items()):
            points = _bow(boxes[source], boxes[destination], _BEND * (both or len(steps) > 1) + 0.3 * k)
            _stroke(sheet, points, dashed=complete)
            label = [", ".join(map(str, numbers))]
            spot = _free_spot(points, _badge_size(label), taken)
            taken.append(spot)
            _badge(sheet, spot, label)


def _stroke(sheet: Sheet, points: list[Point], *, dashed: bool) -> None:
    sheet.curve(points, colour=_QUIET, width=1.4, dash="dashed" if dashed else "solid", arrow="->")


def _badge(sheet: Sheet, spot: Box, labels: Sequence[str]) -> None:
    x1, y1, x2, y2 = spot
    sheet.chip(x1, (y1 + y2) / 2, x2 - x1, y2 - y1, "", fill=PAPER, ink=INK, edge=_QUIET, line=0.7, zorder=5)
    for k, text in enumerate(labels):
        sheet.text((x1 + x2) / 2, y1 + 0.2 * (k + 0.5), fit(text, 9, 3.0), size=9, across="center", zorder=6)


def _loop(box: Box, side: Point) -> list[Point]:
    """Leaves and enters on one side of the box."""
    x1, y1, x2, y2 = box
    middle = ((x1 + x2) / 2 + side[0] * (x2 - x1) / 2, (y1 + y2) / 2 + side[1] * (y2 - y1) / 2)
    along = (-side[1], side[0])
    near, far = 0.13, 0.36
    corners = [(-near, 0.0), (-far, 0.56), (far, 0.56), (near, 0.0)]
    return [(middle[0] + a * along[0] + out * side[0], middle[1] + a * along[1] + out * side[1]) for a, out in corners]


def _bow(start: Box, end: Box, bend: float) -> list[Point]:
    """A curve from box to box that bends to the right of its way by *bend* parts of its length; straight for 0."""
    (xa, ya), (xb, yb) = (((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in (start, end))
    control = ((xa + xb) / 2 - bend * (yb - ya), (ya + yb) / 2 + bend * (xb - xa))
    a, b = _rim(start, control), _rim(end, control)
    if not bend:
        return [a, b]
    return [a, *((p[0] + 2 / 3 * (control[0] - p[0]), p[1] + 2 / 3 * (control[1] - p[1])) for p in (a, b)), b]


def _rim(box: Box, toward: Point) -> Point:
    """Where the line from the centre of *box* towards a point leaves the box."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    dx, dy = toward[0] - x, toward[1] - y
    scale = min((box[2] - box[0]) / 2 / abs(dx) if dx else math.inf, (box[3] - box[1]) / 2 / abs(dy) if dy else math.inf)
    scale = min(scale, 1.0)
    return x + dx * scale, y + dy * scale


def _free_spot(points: list[Point], size: Point, taken: Sequence[Box]) -> Box:
    """A place for the numbers on the curve, as near its middle as those that have theirs allow."""
    wide, tall = size
    for t in (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73):
        x, y = _at(points, t)
        spot = (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2)
        apart = (spot[0] - 0.05, spot[1] - 0.05, spot[2] + 0.05, spot[3] + 0.05)
        if not any(overlap(apart, other) for other in taken):
            return spot
    x, y = _at(points, 0.5)
    return x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2


def _at(points: list[Point], t: float) -> Point:
    """The point at *t* in 0..1 of a straight line (2 points) or a cubic Bezier curve (4 points)."""
    u = 1 - t
    weights = (u, t) if len(points) == 2 else (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
    return sum(w * x for w, (x, _) in zip(weights, points, strict=True)), sum(w * y for w, (_, y) in zip(weights, points, strict=True))
