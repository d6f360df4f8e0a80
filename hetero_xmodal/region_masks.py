"""Masks of regions as run lengths, in COCO's layout, so that a mask is a plain JSON value of some hundred numbers.

``{"size": [height, width], "counts": [3, 2, 7]}``: down the first column and on through the others, three pixels outside the region, two
inside, seven outside. The first number is 0 where the first pixel is inside. pycocotools calls this an uncompressed RLE.

>>> import numpy as np
>>> mask = np.array([[False, True], [False, True], [False, False]])
>>> encode_mask(mask)
{'size': [3, 2], 'counts': [3, 2, 1]}
>>> bool((decode_mask(encode_mask(mask)) == mask).all())
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import InputError
from .ids import brief

if TYPE_CHECKING:
    import numpy as np

#: more pixels than an image of this package has; run lengths of more would only fill the memory
_LARGEST = 2**28


def encode_mask(mask: np.ndarray) -> dict[str, Any]:
    """The run lengths of a mask (height, width), true or above 0 inside."""
    import numpy as np

    flat = np.asarray(mask, bool).ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], ends, [flat.size]]))
    first = [0] if flat.size and flat[0] else []
    return {"size": [int(side) for side in np.shape(mask)], "counts": [*first, *counts.tolist()]}


def decode_mask(mask: dict[str, Any]) -> np.ndarray:
    """The mask (height, width) bool of run lengths that :func:`check_mask` accepts."""
    import numpy as np

    counts = np.asarray(mask["counts"], np.int64)
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(mask["size"], order="F")


def mask_area(mask: dict[str, Any]) -> int:
    """Number of pixels inside.

    >>> mask_area({"size": [3, 2], "counts": [3, 2, 1]})
    2
    """
    return sum(mask["counts"][1::2])


def check_mask(label: str, mask: Any, size: tuple[int, int] | None = None) -> None:
    """Check that *mask* holds run lengths of an image of *size* (width, height).

    Raises
    ------
    InputError
        If it does not; the message begins with *label* and says what was found.

    >>> check_mask("object 0", {"size": [3, 2], "counts": [3, 2]})
    Traceback (most recent call last):
    ...
    hetero_xmodal.errors.InputError: object 0: the run lengths of its mask sum to 5, but 3 x 2 pixels (height x width) are 6
    """
    if not isinstance(mask, dict) or set(mask) != {"size", "counts"}:
        raise InputError(f"{label}: its mask is {brief(mask)}, expected COCO's run lengths, a dict with 'size' and 'counts'")
    sides, counts = mask["size"], mask["counts"]
    if not isinstance(sides, list) or len(sides) != 2 or not all(_is_count(side) and side for side in sides):
        raise InputError(f"{label}: the size of its mask is {brief(sides)}, expected [height, width] in pixels")
    height, width = sides
    if height * width > _LARGEST:
        raise InputError(f"{label}: its mask is of {height} x {width} pixels, more than an image can have")
    if not isinstance(counts, list) or not all(map(_is_count, counts)):
        raise InputError(f"{label}: the run lengths of its mask are {brief(counts)}, expected whole numbers of at least 0")
    if sum(counts) != height * width:
        total = f"but {height} x {width} pixels (height x width) are {height * width}"
        raise InputError(f"{label}: the run lengths of its mask sum to {sum(counts)}, {total}")
    if size is not None and (width, height) != tuple(size):
        raise InputError(f"{label}: its mask is of {width} x {height} pixels (width x height), but the image has {size[0]} x {size[1]}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST
