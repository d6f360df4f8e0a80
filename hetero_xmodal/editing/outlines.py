"""Outlines of detected objects, or the reason why none can be trusted.

GrabCut learns two mixtures of colours, of what is in the box and of what is around it. It knows no objects, so its outline is wrong
where the box holds more than one object, where the surroundings are not seen, and where both have the same colours. These cases can be
told from the boxes and from the outline itself; they are refused, because colour that spills over the background is worse than no edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..scenes import SceneObject
from .carry import box_mask, outline_in

#: share of its box that an outline covers; where GrabCut finds nothing, the box itself comes back
SHARE = (0.15, 0.97)
#: largest share of the box's sides, as far as they lie inside the image, along which the outline runs: then it is the box that was found
_ALONG = 0.6
#: least area of the surroundings that GrabCut learns from, relative to the box
_AROUND = 0.25
#: least overlap (IoU) of the outline with those found in a box that is 6 % larger or smaller on each side
_STEADY = 0.45
_STEP = 0.06
#: another name for the same box (IoU above the first) is believed where its score reaches this share of the thing's
_SAME, _BELIEVED = 0.7, 0.6
#: share of a box that a second thing of the same name may cover
_SECOND = 0.4
#: a thing whose box lies inside another's to this share is in front of it; how much of a thing may be hidden so
_INSIDE, _HIDDEN = 0.6, 0.5
#: things with lower scores are not looked at
_SEEN = 0.4
#: least share of the outline that is its largest piece
_PIECE = 0.8
#: holes up to this share of the outline are part of the thing: a window, but not what shows between a horse's legs
_HOLE = 0.02
#: what stands on these fills their boxes, and no outline of the box tells one from the other
_COVERED = ("dining table",)


@dataclass(frozen=True)
class Outline:
    """mask : (height, width) bool, empty where *reason* says why there is no outline."""

    mask: np.ndarray
    reason: str = ""


def outline_of(pixels: np.ndarray, thing: SceneObject, others: Sequence[SceneObject] = ()) -> Outline:
    """Outline of a *thing* with a box, or the reason why it cannot be told from its surroundings or from *others*.

    Parameters
    ----------
    pixels : (height, width, 3) uint8.
    thing : with a box, in pixels.
    others : the other things that were found; those without a box are ignored.

    >>> pixels = np.full((60, 80, 3), 220, np.uint8); pixels[20:40, 30:50] = (200, 30, 30)
    >>> found = outline_of(pixels, SceneObject("cup", box=(26, 16, 54, 44)))
    >>> int(found.mask.sum()), found.reason
    (400, '')
    >>> outline_of(pixels, SceneObject("cup", box=(0, 0, 80, 60))).reason
    'too little is seen around the cup to tell it from the background'
    """
    nothing = np.zeros(pixels.shape[:2], bool)
    boxed = [other for other in others if other is not thing and other.box is not None]
    reason = _unclear(thing, boxed) or _unseen(thing, pixels)
    if thing.name in _COVERED:
        reason = f"the {thing.name} cannot be told from what stands on it"
    if reason:
        return Outline(nothing, reason)
    mask = outline_in(pixels, thing.box, largest_hole=_HOLE)
    if not _found(mask, thing):
        return Outline(nothing, f"the outline of the {thing.name} was not found")
    if not _steady(pixels, thing, mask):
        return Outline(nothing, f"the outline of the {thing.name} is not clear")
    front = [other for other in boxed if _in_front(other, thing)]
    kept = mask.copy()
    for other in front:
        kept &= ~outline_in(pixels, other.box)
    if kept.sum() < (1 - _HIDDEN) * mask.sum():
        return Outline(nothing, f"the {thing.name} cannot be told from the {front[0].name} in front of it")
    return Outline(kept)


def _area(box: Sequence[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _shared(one: Sequence[float], other: Sequence[float]) -> float:
    """Area that two boxes share."""
    return _area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))


def _unclear(thing: SceneObject, others: Sequence[SceneObject]) -> str:
    """Why the boxes do not say what of the image is the thing, or an empty string."""
    for other in others:
        shared = _shared(thing.box, other.box)
        alike = shared / max(1.0, _area(thing.box) + _area(other.box) - shared)
        if other.name != thing.name and alike > _SAME and other.score >= _BELIEVED * thing.score:
            return f"the detector takes the same place for {thing.name} and for {other.name}"
        if other.name == thing.name and alike <= _SAME and shared > _SECOND * _area(thing.box):
            return f"several boxes called {thing.name} lie over each other"
    return ""


def _unseen(thing: SceneObject, pixels: np.ndarray) -> str:
    """Why GrabCut has nothing to compare the thing with, or an empty string."""
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = thing.box
    around_x, around_y = 4 + (x2 - x1) / 3, 4 + (y2 - y1) / 3
    window = (max(0.0, x1 - around_x), max(0.0, y1 - around_y), min(width, x2 + around_x), min(height, y2 + around_y))
    seen = _area(window) - _shared(thing.box, (0, 0, width, height))
    return "" if seen >= _AROUND * _area(thing.box) else f"too little is seen around the {thing.name} to tell it from the background"


def _found(mask: np.ndarray, thing: SceneObject) -> bool:
    """Whether GrabCut found something, and not the box."""
    height, width = mask.shape
    box = box_mask(thing.box, mask.shape)
    rows, columns = np.flatnonzero(box.any(1)), np.flatnonzero(box.any(0))
    # the two outermost lines of a side count as one, for GrabCut's box is rounded to pixels
    inner = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    sides = [
        inner[:2].any(0)[None] if rows[0] > 2 else inner[:0],
        inner[-2:].any(0)[None] if rows[-1] < height - 3 else inner[:0],
        inner[:, :2].any(1)[None] if columns[0] > 2 else inner[:0],
        inner[:, -2:].any(1)[None] if columns[-1] < width - 3 else inner[:0],
    ]
    lines = np.concatenate([side.ravel() for side in sides])
    along = float(lines.mean()) if lines.size else 0.0
    return SHARE[0] <= mask.sum() / box.sum() <= SHARE[1] and along <= _ALONG and _largest_piece(mask) >= _PIECE


def _largest_piece(mask: np.ndarray) -> float:
    """Share of a mask, not empty, that is its largest piece."""
    import cv2

    *_, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return float(stats[1:, cv2.CC_STAT_AREA].max() / mask.sum())


def _steady(pixels: np.ndarray, thing: SceneObject, mask: np.ndarray) -> bool:
    """Whether a slightly larger and a slightly smaller box give nearly the same outline."""
    x1, y1, x2, y2 = thing.box
    for step in (_STEP, -_STEP):
        dx, dy = step * (x2 - x1), step * (y2 - y1)
        box = (max(0.0, x1 - dx), max(0.0, y1 - dy), min(mask.shape[1], x2 + dx), min(mask.shape[0], y2 + dy))
        both = box_mask(box, mask.shape) & box_mask(thing.box, mask.shape)
        one, other = outline_in(pixels, box, largest_hole=_HOLE) & both, mask & both
        if (one & other).sum() < _STEADY * (one | other).sum():
            return False
    return True


def _in_front(other: SceneObject, thing: SceneObject) -> bool:
    """Whether *other* stands before *thing*: a smaller box of another name that lies mostly inside the thing's."""
    inside = _shared(thing.box, other.box) / max(1.0, _area(other.box))
    return other.name != thing.name and other.score >= _SEEN and inside > _INSIDE and _area(other.box) < _SAME * _area(thing.box)
