"""Boxes of annotations in the pixels of a photograph as it is.

>>> fit_boxes([(10.0, 20.0, 30.0, 40.0)], (100, 50), (200, 100), "photo 'a.jpg'")
[(20.0, 40.0, 60.0, 80.0)]
>>> fit_boxes([(10.0, 20.0, 30.0, 40.0)], (100, 50), (90, 90), "photo 'a.jpg'")
Traceback (most recent call last):
...
hetero_xmodal.errors.InputError: photo 'a.jpg': its boxes belong to an image of 100 x 50 pixels, but it has 90 x 90, another shape; ...
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError

Box = tuple[float, float, float, float]
#: boxes reach outside by so many pixels through rounding and careless drawing; they are cut there
TOLERANCE = 2.0


def fit_boxes(boxes: Sequence[Box], stated: tuple[int, int] | None, size: tuple[int, int], where: str) -> list[Box]:
    """Boxes (x1, y1, x2, y2) of an image of *stated* (width, height) in the pixels of the upright image of *size* (width, height).

    An image that was enlarged or reduced has its boxes scaled with it. Where the stated width and height are exchanged, as those of a
    photograph with an EXIF rotation often are, the boxes are those of the upright image, if they all lie inside it.

    Parameters
    ----------
    boxes : x1, y1, x2, y2, in pixels.
    stated : as the annotations state it; ``None`` if they do not.
    size : of the image as it is.
    where : how messages begin.

    Raises
    ------
    InputError : the image has another shape than stated, or exchanged sizes and boxes that reach outside.
    """
    frame = size if stated is None else stated
    if size != frame and (frame == size[::-1] or not _alike(frame, size)):
        frame = frame[::-1]
        if not _alike(frame, size):
            raise InputError(
                f"{where}: its boxes belong to an image of {frame[1]} x {frame[0]} pixels, but it has {size[0]} x {size[1]}, another "
                "shape; give the original image, or boxes of this one"
            )
        if any(outside(box, frame) for box in boxes):
            raise InputError(
                f"{where}: its annotations state {frame[1]} x {frame[0]} pixels, but it has {size[0]} x {size[1]} upright, and boxes reach "
                "outside; give boxes in the pixels of the upright image"
            )
    sx, sy = size[0] / frame[0], size[1] / frame[1]
    return [(x1 * sx, y1 * sy, x2 * sx, y2 * sy) for x1, y1, x2, y2 in boxes]


def _alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one size is the other times a factor, to a pixel."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= one[0] + one[1]


def outside(box: Box, size: tuple[int, int], tolerance: float = TOLERANCE) -> bool:
    """Whether a box (x1, y1, x2, y2) reaches outside an image of *size* (width, height) by more than *tolerance* pixels."""
    return min(box[0], box[1]) < -tolerance or box[2] > size[0] + tolerance or box[3] > size[1] + tolerance


def cut(box: Box, size: tuple[int, int]) -> Box | None:
    """The part of a box inside an image of *size* (width, height); ``None`` if that has no area in 32-bit numbers.

    >>> cut((-1.0, 2.0, 5.0, 9.0), (4, 8)), cut((1.0, 1.0, 1.0, 3.0), (4, 8))
    ((0.0, 2.0, 4.0, 8.0), None)
    """
    import numpy as np

    x1, y1, x2, y2 = (min(max(0.0, value), float(side)) for value, side in zip(box, (*size, *size), strict=True))
    return (x1, y1, x2, y2) if np.float32(x1) < np.float32(x2) and np.float32(y1) < np.float32(y2) else None
