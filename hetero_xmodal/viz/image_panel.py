"""The image panel of a figure: the image, the bounding boxes of its regions, and a tag for each box; no two tags overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import schema
from .canvas import Box, Sheet, place, text_size
from .colours import GREY, PAPER, node_colour, node_ink


def paint_image(sheet: Sheet, image: Any, left: float, top: float, width: float, height: float) -> None:
    """Draw *image* (PIL image or array (height, width, 3)) into the given rectangle in inches, or a blank canvas if it is ``None``."""
    sheet.box(left, top, width, height, edge=GREY, line=0.8, fill="#F4F4F4", zorder=0.5)
    if image is not None:
        sheet.image(image, left, top, width, height)


def paint_boxes(sheet: Sheet, boxes: Sequence[Box], tags: Sequence[str], frame: Box, *, strong: Sequence[bool], size: float = 7.2) -> None:
    """Draw bounding boxes, each with its tag at a free place inside *frame*.

    Parameters
    ----------
    boxes : x1, y1, x2, y2 in inches on the sheet.
    tags : one short text per box. A tag that does not fit at its box is joined to it by a thin line; one that fits nowhere is left out.
    frame : the rectangle of the image in inches, which tags do not leave.
    strong : one bool per box; true ones have thicker lines.
    size : of the tags, in points.
    """
    colour, ink = node_colour(schema.VISUAL), node_ink(schema.VISUAL)
    for index in sorted(range(len(boxes)), key=lambda i: -_area(boxes[i])):  # large boxes first, so that small ones lie on top
        x1, y1, x2, y2 = boxes[index]
        line = 1.8 if strong[index] else 1.0
        sheet.box(x1, y1, x2 - x1, y2 - y1, edge=PAPER, line=line + 1.6, zorder=2)  # a white outline keeps the line visible on any image
        sheet.box(x1, y1, x2 - x1, y2 - y1, edge=colour, line=line, zorder=2.1)
    taken: list[Box] = []
    for (x1, y1, x2, y2), tag in zip(boxes, tags, strict=True):
        width, height = text_size(tag, size, "bold")[0] + 0.09, size * 0.0215
        middle = (x1 + x2 - width) / 2
        corners = [(x1, y1), (x1, y1 - height), (x2 - width, y1), (x2 - width, y1 - height)]
        corners += [(x1, y2 - height), (x2 - width, y2 - height), (x1, y2), (middle, y1), (middle, y2 - height)]
        spot = place((width, height), corners, taken, frame)
        if spot is None:
            continue
        taken.append(spot)
        centre = ((spot[0] + spot[2]) / 2, (spot[1] + spot[3]) / 2)
        if not (x1 - width <= centre[0] <= x2 + width and y1 - 2 * height <= centre[1] <= y2 + 2 * height):
            sheet.curve([centre, ((x1 + x2) / 2, (y1 + y2) / 2)], colour=colour, width=0.7, zorder=2.2)
        sheet.chip(
            spot[0], centre[1], width, height, tag, fill=colour, ink=ink, size=size, weight="bold", edge=PAPER, line=0.6, margin=0
        )  # fmt: skip


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
