"""The renderer: polygons with shading and an outline on a canvas of 512 x 512, whatever the size of the final image.

A *shape* is a list of parts in its own units, which is placed, scaled and filled here. An *id map* records the object that each canvas
pixel shows and gives the tight visible boxes. All coordinates are integers, and images are downscaled in integer arithmetic, so that the
result is identical on all machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin

import cv2
import numpy as np

CANVAS = 512
#: coordinates of shapes are in thousandths of the shape's height
UNIT = 1000

PALETTE = {
    "red": (214, 40, 46), "orange": (247, 136, 32), "yellow": (250, 212, 40), "green": (44, 150, 68), "blue": (38, 92, 206),
    "purple": (136, 62, 176), "white": (252, 252, 250), "black": (46, 46, 54), "brown": (134, 84, 48), "gray": (132, 136, 144),
}  # fmt: skip
#: fixed colours of parts without attributes
PAINTS = {
    "skin": (240, 196, 160), "skin2": (176, 120, 84), "hair": (92, 60, 40), "hair2": (38, 34, 38), "metal": (172, 180, 190),
    "steel": (120, 128, 140), "dark": (52, 52, 62),
    "wood": (158, 112, 72), "bark": (124, 88, 62), "glass": (190, 224, 236), "shine": (236, 248, 252), "face": (250, 248, 240),
    "ink": (34, 32, 44),
    "leaf": (84, 138, 74), "clay": (176, 112, 84), "sail": (246, 242, 230), "eye": (250, 250, 250), "gold": (232, 180, 60),
    "pink": (238, 150, 160),
    "jeans": (84, 100, 136),
}  # fmt: skip
OUTLINE = (34, 32, 44)
#: half the height of a shadow on the ground in canvas pixels
SHADOW = 9


@dataclass(frozen=True)
class Part:
    """One polygon of a shape: its points (n, 2), fill ("main" takes the object's colour and pattern), outline and shading."""

    fill: str
    points: np.ndarray
    outline: int = 5
    shade: bool = False
    key: str = "main"
    closed: bool = True


def mixed(colour, other, percent: int) -> tuple[int, int, int]:
    """Blend *percent* of *other* into *colour*, in integers."""
    return tuple((c * (100 - percent) + o * percent + 50) // 100 for c, o in zip(colour, other, strict=True))


@lru_cache(maxsize=256)
def texture(colour: str, pattern: str, light: int = 0) -> np.ndarray:
    """Pattern texture uint8 (576, 576, 3), a canvas plus one period; *light* is shading (below 0) or highlight (above 0) in percent."""
    base = PALETTE.get(colour) or PAINTS[colour]
    pale = sum(base) > 600
    inks = {
        "yellow": (190, 110, 20),
        "white": (116, 122, 148),
        "black": (176, 176, 186),
        "orange": (255, 226, 160),
        "gray": (232, 234, 238),
        "brown": (222, 184, 140),
    }
    ink = inks.get(colour) or mixed(base, (20, 20, 40) if pale else (255, 255, 255), 66)
    y, x = np.mgrid[0 : CANVAS + 64, 0 : CANVAS + 64]
    if pattern == "striped":
        mask = (x + y) % 32 < 14
    elif pattern == "dotted":
        row = y // 28
        mask = ((x + 14 * (row % 2)) % 28 - 14) ** 2 + (y % 28 - 14) ** 2 <= 64
    elif pattern == "checked":
        mask = (x // 18 + y // 18) % 2 == 0
    else:
        mask = np.zeros_like(x, bool)
    toward = (16, 16, 44) if light < 0 else (255, 255, 255)
    shades = np.array([mixed(base, toward, abs(light)), mixed(ink, toward, abs(light))], np.uint8)
    return shades[mask.astype(np.intp)]


class Painter:
    """A canvas uint8 (512, 512, 3), its id map (512, 512), and drawing operations on both."""

    def __init__(self, background: np.ndarray):
        self.canvas = np.ascontiguousarray(background)
        self.ids = np.zeros((CANVAS, CANVAS), np.uint8)

    def shape(self, parts, *, box, colour: str, pattern: str, number: int, flip: bool = False, swap=None, origin=None) -> None:
        """Draw *parts* into *box* (x, y, width, height in canvas pixels) as object *number* (1..255).

        *swap* replaces fills: ``{"skin": "skin2"}``, or for birds ``{"crown": ("red", "plain", 2)}`` (colour, pattern, id).
        *origin* is the origin of patterns, by default the corner of the box.
        """
        x, y, w, h = box
        swap = swap or {}
        for part in parts:
            fill, paint, fur, label = part.fill, None, "plain", number
            if fill == "main":
                paint, fur = colour, pattern
            elif fill == "main-plain":
                paint = colour
            elif fill in swap:
                paint = swap[fill]
                if isinstance(paint, tuple):
                    paint, fur, label = paint
            else:
                paint = fill
            placed = part.points * h // UNIT
            if flip:
                placed[:, 0] = w - placed[:, 0]
            placed += (x, y)
            self._fill(placed, part, paint, fur, label, origin or (x, y))

    def shadow(self, x: int, y: int, w: int) -> None:
        """Darken the ground in a flat ellipse of width *w* centred at row *y*; the id map is unchanged."""
        ry = SHADOW
        x1, x2, y1, y2 = max(x, 0), min(x + w, CANVAS), max(y - ry, 0), min(y + ry, CANVAS)
        if x2 - x1 < 4 or y2 - y1 < 2:
            return
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        cv2.ellipse(mask, (x + w // 2 - x1, y - y1), (w // 2, ry), 0, 0, 360, 255, -1)
        where = self.canvas[y1:y2, x1:x2]
        cv2.copyTo(((where.astype(np.uint16) * 198) >> 8).astype(np.uint8), mask, where)

    def _fill(self, points: np.ndarray, part: Part, paint: str, pattern: str, label: int, origin) -> None:
        if not part.closed:
            colour = PALETTE.get(paint) or PAINTS[paint]
            width = max(part.outline, 2)
            cv2.polylines(self.ids, [points], False, label, width)
            if part.shade:  # a stroke with its own outline
                cv2.polylines(self.ids, [points], False, label, width + 8)
                cv2.polylines(self.canvas, [points], False, OUTLINE, width + 8)
            cv2.polylines(self.canvas, [points], False, colour, width)
            return
        cv2.fillPoly(self.ids, [points], label)
        if part.outline:
            cv2.polylines(self.ids, [points], True, label, part.outline)
        if pattern == "plain" and not part.shade:
            cv2.fillPoly(self.canvas, [points], PALETTE.get(paint) or PAINTS[paint])
        else:
            self._textured(points, part, paint, pattern, origin)
        if part.outline:
            cv2.polylines(self.canvas, [points], True, OUTLINE, part.outline)

    def _textured(self, points, part, paint, pattern, origin) -> None:
        x, y, w, h = cv2.boundingRect(points)
        x1, y1 = max(x, 0), max(y, 0)
        w, h = min(x + w, CANVAS) - x1, min(y + h, CANVAS) - y1
        if w <= 0 or h <= 0:
            return
        mask = np.zeros((h, w), np.uint8)
        cv2.fillPoly(mask, [points], 255, offset=(-x1, -y1))
        where = self.canvas[y1 : y1 + h, x1 : x1 + w]
        ox, oy = (x1 - origin[0]) % 56, (y1 - origin[1]) % 56  # patterns move with their object
        cv2.copyTo(texture(paint, pattern)[oy : oy + h, ox : ox + w], mask, where)
        if part.shade:
            depth = max(4, min(w, h) // 7)
            if w > depth and h > depth:
                dark = mask.copy()
                dark[:-depth, :-depth] &= ~mask[depth:, depth:]
                cv2.copyTo(texture(paint, pattern, -26)[oy : oy + h, ox : ox + w], dark, where)
                rim = max(3, depth // 2)
                light = mask.copy()
                light[rim:, rim:] &= ~mask[:-rim, :-rim]
                cv2.copyTo(texture(paint, pattern, 34)[oy : oy + h, ox : ox + w], light, where)

    def box(self, number: int, within=None, *, other: bool = False) -> tuple[int, int, int, int] | None:
        """Tight box x1, y1, x2, y2 (canvas pixels) of the visible part of object *number*, or None if it is invisible.

        *within* limits the search; with *other*, the box of everything except *number*.
        """
        x1, y1, x2, y2 = within or (0, 0, CANVAS, CANVAS)
        x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, CANVAS), min(y2, CANVAS)
        visible = self.ids[y1:y2, x1:x2] != number if other else self.ids[y1:y2, x1:x2] == number
        x, y, w, h = cv2.boundingRect(visible.view(np.uint8))
        return (x1 + x, y1 + y, x1 + x + w, y1 + y + h) if w else None


def shrink(canvas: np.ndarray, size: int) -> np.ndarray:
    """Downscale a canvas (512, 512, 3) to (size, size, 3): each pixel is the rounded mean of its block, in integer arithmetic."""
    k = CANVAS // size
    if k == 1:
        return canvas
    rows = canvas[0::k].astype(np.uint16)
    for i in range(1, k):
        rows += canvas[i::k]
    rows = rows.reshape(size, size, 3 * k)
    total = rows[:, :, 0:3].copy()
    for i in range(1, k):
        total += rows[:, :, 3 * i : 3 * i + 3]
    total += k * k // 2
    return (total >> ((k * k).bit_length() - 1)).astype(np.uint8)


# ---------------------------------------------------------------------------------------------- points of shapes


def ellipse(cx, cy, rx, ry, n: int = 28, start: float = 0, stop: float = 360) -> list[tuple[float, float]]:
    """Points of an ellipse, or of its arc from *start* to *stop* degrees (0 is right, 90 is down)."""
    whole = stop - start == 360
    steps = n if whole else n - 1
    return [
        (cx + rx * cos((start + (stop - start) * i / steps) * pi / 180), cy + ry * sin((start + (stop - start) * i / steps) * pi / 180))
        for i in range(n)
    ]


def rect(x1, y1, x2, y2, r: float = 0) -> list[tuple[float, float]]:
    """Points of a rectangle with corners rounded by *r*."""
    if not r:
        return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    corners = ((x1 + r, y1 + r, 180), (x2 - r, y1 + r, 270), (x2 - r, y2 - r, 0), (x1 + r, y2 - r, 90))
    return [p for cx, cy, a in corners for p in ellipse(cx, cy, r, r, 5, a, a + 90)]


def cloud(cx, cy, rx, ry, lobes: int, bulge: float = 0.16, n: int = 60) -> list[tuple[float, float]]:
    """Points of a scalloped ellipse, for treetops, petals and clouds."""
    points = []
    for i in range(n):
        a = 2 * pi * i / n
        r = 1 - bulge + bulge * abs(cos(lobes * a / 2)) * 1.6
        points.append((cx + rx * r * cos(a), cy + ry * r * sin(a)))
    return points


def make_shape(*parts: tuple) -> tuple[tuple[Part, ...], int]:
    """Convert parts ``(fill, points, options)`` to thousandths of the shape's height; also returns its width in the same unit.

    The shape is translated so that its outermost points, including half the outline, lie on its box.
    """
    everything = np.array([p for _, points, *_ in parts for p in points])
    margin = 1.6
    low, high = everything.min(0) - margin, everything.max(0) + margin
    scale = UNIT / (high[1] - low[1])
    made = []
    for fill, points, *rest in parts:
        options = rest[0] if rest else {}
        scaled = np.round((np.array(points, float) - low) * scale).astype(np.int32)
        made.append(Part(fill, scaled, **options))
    return tuple(made), int(round((high[0] - low[0]) * scale))


def stroke(points, width: float) -> list[tuple[float, float]]:
    """A polyline of the given width as a polygon (for arms, legs, tails)."""
    line = np.array(points, float)
    step = np.diff(line, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], 1) / np.hypot(step[:, 0], step[:, 1])[:, None]
    bend = np.concatenate([normal[:1], (normal[:-1] + normal[1:]) / 2, normal[-1:]]) * width / 2
    return [tuple(p) for p in np.concatenate([line + bend, (line - bend)[::-1]])]
