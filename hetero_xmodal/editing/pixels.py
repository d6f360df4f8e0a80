"""Conversion of images of any size to the model's square input, and of its output back to full resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


def move_pixels(image: Any, filled: Any, places: Sequence[Sequence[float]]) -> None:
    """Copy an object's pixels from its old to its new position, in place.

    Parameters
    ----------
    image : (3, S, S) in -1..1, with the object.
    filled : (3, S, S) the image with the object removed by inpainting, which is changed.
    places : old and new box of the object in pixels, xyxy.

    The object's pixels are those in its old box that differ between the two images, and those they enclose.

    >>> import torch
    >>> image, empty = torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)
    >>> image[:, 1:3, 1:3] = 1
    >>> move_pixels(image, empty, [(0, 0, 4, 4), (4, 4, 8, 8)]); empty[0].nonzero().tolist()
    [[5, 5], [5, 6], [6, 5], [6, 6]]
    """
    import torch
    from scipy.ndimage import binary_fill_holes

    (x, y, right, bottom), (to_x, to_y) = (round(v) for v in places[0]), (round(v) for v in places[1][:2])
    size = image.shape[-1]
    x, y, to_x, to_y = (max(v, 0) for v in (x, y, to_x, to_y))
    w, h = (min(end - start, size - start, size - to) for start, end, to in ((x, right, to_x), (y, bottom, to_y)))
    old, new = image[:, y : y + h, x : x + w], filled[:, to_y : to_y + h, to_x : to_x + w]
    differs = (old - filled[:, y : y + h, x : x + w]).abs().amax(0) > 0.25
    thing = torch.from_numpy(binary_fill_holes(differs.numpy()))
    new[:] = torch.where(thing, old, new)


def squared(image: Image.Image, size: int) -> tuple[Any, tuple[int, int]]:
    """Resize an image to a tensor (1, 3, size, size) in -1..1, padded to a square by repeating its last row or column.

    Also returns (width, height) of the part that is not padding.
    """
    import numpy as np
    import torch

    scale = size / max(image.size)
    fills = tuple(max(1, round(side * scale)) for side in image.size)
    small = np.asarray(image if image.size == fills else image.resize(fills))
    small = np.pad(small, ((0, size - fills[1]), (0, size - fills[0]), (0, 0)), mode="edge")
    return torch.from_numpy(small.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None], fills


def full_size(
    image: Image.Image, given: Any, made: Any, matte: Any, fills: tuple[int, int], revealed: Any = None
) -> tuple[Image.Image, np.ndarray]:
    """Apply the model's change at full resolution: the upsampled difference is added to the image, so that its details are kept.

    Parameters
    ----------
    image : the original, of any size.
    given, made : (3, S, S) in -1..1, the model's input and output.
    matte : (1, S, S) in 0..1.
    fills : (width, height) of the part of the square that is not padding, from :func:`squared`.
    revealed : (1, S, S), 1 where an object was removed or moved; there no detail of the original may remain, so the model's upsampled
        image itself is shown.

    Returns
    -------
    the edited image, and the matte (height, width) at full resolution.
    """
    import numpy as np
    import torch
    from PIL import Image
    from torch.nn.functional import interpolate

    w, h = fills
    change, share, whole = (x[None, :, :h, :w] for x in (made - given, matte, made))
    hidden = torch.zeros_like(share) if revealed is None else revealed[None, :, :h, :w]
    if image.size != fills:
        size = dict(size=image.size[::-1], mode="bilinear", align_corners=False)
        change, share, whole, hidden = (interpolate(x, **size) for x in (change, share, whole, hidden))
    original = torch.from_numpy(np.asarray(image).astype(np.float32))
    change, whole, hidden = (x[0].permute(1, 2, 0) for x in (change, whole, hidden))
    edited = (1 - hidden) * (original + 127.5 * change) + hidden * 127.5 * (whole + 1)
    return Image.fromarray(edited.round().clamp(0, 255).byte().numpy()), share[0, 0].numpy()


def box_share(box: Sequence[float], matte: np.ndarray) -> np.ndarray:
    """The *matte* (height, width) inside the *box* (x1, y1, x2, y2 in pixels), fading to 0 at its rim.

    >>> import numpy as np
    >>> box_share((1, 1, 4, 4), np.ones((5, 5), np.float32))[2].round(1).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    import numpy as np

    height, width = matte.shape
    fade = max(1.0, 0.04 * max(box[2] - box[0], box[3] - box[1]))
    ys, xs = np.arange(height)[:, None] + 0.5, np.arange(width)[None] + 0.5
    within = np.minimum(np.minimum(xs - box[0], box[2] - xs), np.minimum(ys - box[1], box[3] - ys))
    return (matte * np.clip(within / fade, 0, 1)).astype(np.float32)
