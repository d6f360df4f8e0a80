"""Removing, moving and recolouring objects at the image's own size: their pixels are kept, and the background behind them is filled in.

A model paints at 64 or 128 pixels; enlarged, its background is a blur. A background is mostly repeated elsewhere in the image, so the hole
is filled, piece by piece from its rim, with the part of the image whose surroundings are most alike (exemplar-based inpainting, after
Criminisi, Pérez and Toyama 2004; Efros and Leung 1999).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..training.editing.exemplars import value_of
from ..training.editing.recolour import recoloured
from ..training.editing.segmentation import outline

if TYPE_CHECKING:
    from PIL import Image

    from ..scenes import SceneGraph
    from .plans import EditPlan

#: rim around the box that is filled too, relative to its longer side
_RIM = 0.05
#: grey levels that a source from the other end of the image counts as differing
_HEIGHT = 60.0
#: grey levels by which a copy may be made brighter or darker
_SHIFT = 12.0
#: grey levels by which a pixel of an object differs from the background
_DIFFERENT = 30
#: side of the pieces that are copied, relative to the image's shorter side
_PIECE = 0.12


def carried(image: Image.Image, plan: EditPlan) -> tuple[np.ndarray, np.ndarray]:
    """The image after the part of *plan* that needs no new object, and where it changed.

    ``remove`` and ``replace``: the object is gone; ``move``: it stands in its new place.

    Returns
    -------
    pixels (height, width, 3) uint8, and a mask (height, width) bool.
    """
    pixels = np.asarray(image)
    old = plan.old_box
    others = [thing.box for k, thing in enumerate(plan.scene.objects) if (plan.kind == "remove" or k != plan.subject) and thing.box]
    hole = box_mask(_grown(old), pixels.shape) & ~_cut_all(pixels, [box for box in others if _overlap(box, old)])
    avoid = np.zeros_like(hole)
    for box in others:
        avoid |= box_mask(_grown(box), pixels.shape)
    filled = fill(pixels, hole, avoid=avoid)
    if plan.kind != "move":
        return filled, hole
    moved, there = paste(filled, pixels, cut(pixels, filled, old) & hole, old, plan.hidden[1])
    return moved, hole | there


def cut(pixels: np.ndarray, without: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    """Mask (height, width) bool of the object in *box* (x1, y1, x2, y2 in pixels).

    What GrabCut finds, and what differs from the image *without* the object; where nearly all of the box differs (a background that
    never repeats), GrabCut alone.
    """
    from scipy.ndimage import binary_fill_holes, binary_opening

    inside = box_mask(box, pixels.shape)
    found = _cut_all(pixels, [box])
    differs = (np.abs(pixels.astype(np.int16) - without).max(2) > _DIFFERENT) & inside
    differs = binary_opening(differs, iterations=1) | (differs & found)
    if differs.sum() < 0.9 * inside.sum():
        found = binary_fill_holes(found & differs if found.sum() > 0.9 * inside.sum() else found | differs)
    return found & inside


def repainted(image: Image.Image, scene: SceneGraph, subject: int, colour: str) -> tuple[np.ndarray, np.ndarray]:
    """The image with one object in another colour, inside its outline and in its own texture; and where it changed.

    Parameters
    ----------
    image : RGB.
    scene : its scene graph, with boxes; a colour among the attributes of the object says which of its pixels change.
    subject : index of the object.
    colour : a basic colour term.

    Returns
    -------
    pixels (height, width, 3) uint8, and a mask (height, width) bool.
    """
    pixels = np.ascontiguousarray(np.asarray(image))
    thing = scene.objects[subject]
    in_front = [
        other.box
        for k, other in enumerate(scene.objects)
        if k != subject and other.box and _overlap(other.box, thing.box) and _area(other.box) < _area(thing.box)
    ]
    mask = _cut_all(pixels, [thing.box]) & ~_cut_all(pixels, in_front)
    made = recoloured(pixels, mask, colour, was=value_of(thing.attributes, "colour"))
    return made, (made != pixels).any(2)


def outline_in(pixels: np.ndarray, box: tuple[float, ...], *, largest_hole: float = float("inf")) -> np.ndarray:
    """Mask (height, width) bool of the object in one *box* of *pixels* (height, width, 3) uint8, by GrabCut.

    Holes are filled if they are no larger than *largest_hole*, relative to the mask's area.
    """
    return _cut_all(pixels, [box], largest_hole=largest_hole)


def _area(box: tuple[float, ...]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _cut_all(pixels: np.ndarray, boxes: list[tuple[float, ...]], *, largest_hole: float = float("inf")) -> np.ndarray:
    """Mask of the objects in the boxes, by GrabCut; of one that is not found, its box."""
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), bool)
    for box in boxes:
        found = outline(np.ascontiguousarray(pixels), np.array(box) / [width, height, width, height], largest_hole=largest_hole)
        mask |= found & box_mask(box, pixels.shape)
    return mask


def fill(pixels: np.ndarray, hole: np.ndarray, *, avoid: np.ndarray | None = None) -> np.ndarray:
    """The image with *hole* filled from its other parts.

    Parameters
    ----------
    pixels : (height, width, 3) uint8.
    hole : (height, width) bool.
    avoid : (height, width) bool, what is not to be copied where anything else will do: other objects.

    >>> stripes = np.tile(np.repeat(np.array([[0, 255]], np.uint8), 4, 1), (32, 4))[..., None].repeat(3, 2)
    >>> hole = np.zeros((32, 32), bool); hole[10:20, 9:19] = True
    >>> broken = stripes.copy(); broken[hole] = 128
    >>> bool((fill(broken, hole) == stripes).all())
    True
    """
    import cv2

    out, unknown = pixels.copy(), hole.copy()
    height, width = hole.shape
    side = max(7, round(_PIECE * min(height, width))) | 1
    while unknown.any():
        # the unknown pixel with the most known ones around it, and the piece around that
        known = cv2.boxFilter((~unknown).astype(np.float32), -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
        y, x = np.unravel_index(int(np.where(unknown, known, -1).argmax()), hole.shape)
        top, left = (int(np.clip(at - side // 2, 0, max(0, end - side))) for at, end in ((y, height), (x, width)))
        place = (slice(top, top + side), slice(left, left + side))
        source = None if avoid is None else _best_source(pixels, hole | avoid, out[place], ~unknown[place], top)
        source = _best_source(pixels, hole, out[place], ~unknown[place], top) if source is None else source
        if source is None:  # nothing in the image is whole: OpenCV's smear
            return cv2.inpaint(out, unknown.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        new = unknown[place]
        # brightness changes slowly over a wall or a sky: the copy is as bright as what is around it
        shift = (out[place][~new].astype(np.float32) - source[~new]).mean(0).clip(-_SHIFT, _SHIFT)
        out[place][new] = (source[new] + shift).round().clip(0, 255).astype(np.uint8)
        unknown[place] = False
    return out


def _best_source(pixels: np.ndarray, hole: np.ndarray, piece: np.ndarray, known: np.ndarray, top: int) -> np.ndarray | None:
    """The part of the image without any of *hole* that is most like the *known* pixels of *piece* (h, w, 3) at row *top*.

    Of parts that are alike the one at the same height counts: sky is beside sky.
    """
    import cv2

    h, w = known.shape
    whole = cv2.boxFilter(hole.astype(np.float32), -1, (w, h), normalize=False, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    free = whole[: hole.shape[0] - h + 1, : hole.shape[1] - w + 1] < 0.5
    if not free.any() or not known.any():
        return None
    mask = np.repeat(known[..., None].astype(np.float32), 3, 2)
    distance = cv2.matchTemplate(pixels.astype(np.float32), piece.astype(np.float32), cv2.TM_SQDIFF, mask=mask)
    rows = (np.arange(distance.shape[0]) - top) / len(hole)
    distance = distance + (mask.sum() * np.square(_HEIGHT * rows))[:, None]
    distance = np.where(free & np.isfinite(distance), distance, np.inf)
    y, x = np.unravel_index(int(distance.argmin()), distance.shape)
    return pixels[y : y + h, x : x + w]


def paste(
    target: np.ndarray, pixels: np.ndarray, thing: np.ndarray, old: tuple[float, ...], new: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """*target* with the object *thing* of *pixels* moved from the box *old* to the box *new*, its rim blended; and where it stands.

    >>> image = np.zeros((8, 8, 3), np.uint8); image[1:3, 1:3] = 200
    >>> thing = image[..., 0] > 0
    >>> moved, there = paste(np.zeros_like(image), image, thing, (1, 1, 3, 3), (5, 4, 7, 6))
    >>> moved[..., 0].nonzero()[0].tolist(), int(there.sum())
    ([4, 4, 5, 5], 4)
    """
    dx, dy = round(new[0] - old[0]), round(new[1] - old[1])
    ys, xs = np.nonzero(thing)
    inside = (ys + dy >= 0) & (ys + dy < thing.shape[0]) & (xs + dx >= 0) & (xs + dx < thing.shape[1])
    ys, xs = ys[inside], xs[inside]
    out, there = target.copy(), np.zeros_like(thing)
    out[ys + dy, xs + dx] = pixels[ys, xs]
    there[ys + dy, xs + dx] = True
    return out, there


def _grown(box: tuple[float, ...]) -> tuple[float, ...]:
    """The box with a rim for blurred edges, and a wider one below for a shadow."""
    rim = max(1.0, _RIM * max(box[2] - box[0], box[3] - box[1]))
    return box[0] - rim, box[1] - rim, box[2] + rim, box[3] + 2 * rim


def box_mask(box: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Mask (height, width) of the pixels of a box, at least one."""
    height, width = shape[:2]
    x1, y1 = min(max(0, int(box[0])), width - 1), min(max(0, int(box[1])), height - 1)
    x2, y2 = min(width, max(x1 + 1, int(np.ceil(box[2])))), min(height, max(y1 + 1, int(np.ceil(box[3]))))
    mask = np.zeros((height, width), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return min(first[2], second[2]) > max(first[0], second[0]) and min(first[3], second[3]) > max(first[1], second[1])
