"""Drawing from exemplars: the new object of a replacement, at the image's own size.

The exemplar that fits the instruction best (:mod:`hetero_xmodal.training.editing.exemplars`) is given its colour, scaled to the
place of the new object and blended in along its outline. A class without an exemplar is painted by the model.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..training.editing.exemplars import value_of
from ..training.editing.recolour import LAB, recoloured

if TYPE_CHECKING:
    from PIL import Image

    from ..scenes import SceneObject


def fitting(exemplars: Sequence[Mapping[str, Any]], thing: SceneObject) -> Image.Image | None:
    """The exemplar for *thing* in the colour of *thing*, RGBA; ``None`` if there is none of its class."""
    colour, pattern = value_of(thing.attributes, "colour"), value_of(thing.attributes, "pattern")
    same = [one for one in exemplars if one["name"] == thing.name]
    if not same:
        return None
    best = max(same, key=lambda one: (value_of(one["attributes"], "pattern") == pattern, value_of(one["attributes"], "colour") == colour))
    has = value_of(best["attributes"], "colour")
    image = _opened(best["png"])
    if colour not in ("", has) and colour in LAB:
        from PIL import Image as images

        values = np.asarray(image)
        painted = recoloured(np.ascontiguousarray(values[..., :3]), values[..., 3] > 0, colour, was=has)
        image = images.fromarray(np.dstack([painted, values[..., 3]]), "RGBA")
    return image


def placed(pixels: np.ndarray, exemplar: Image.Image, box: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """The image with the exemplar standing at the bottom of *box*, scaled to its height or width; and how much of each pixel it covers.

    Parameters
    ----------
    pixels : (h, w, 3) uint8.
    exemplar : RGBA.
    box : x1, y1, x2, y2 in pixels.

    Returns
    -------
    pixels (h, w, 3) uint8 and cover (h, w) float32 in 0..1.
    """
    wide, high = max(1.0, box[2] - box[0]), max(1.0, box[3] - box[1])
    scale = min(wide / exemplar.width, high / exemplar.height)
    size = max(1, round(exemplar.width * scale)), max(1, round(exemplar.height * scale))
    thing = np.asarray(exemplar)
    from PIL import Image as images

    # premultiplied, so that what is behind the outline of the crop does not bleed in
    cover = thing[..., 3:].astype(np.float32) / 255
    scaled = [
        np.asarray(images.fromarray(layer).resize(size, images.Resampling.LANCZOS if scale > 1 else images.Resampling.BOX))
        for layer in (*np.moveaxis(thing[..., :3] * cover, -1, 0), cover[..., 0])
    ]
    left, top = round((box[0] + box[2] - size[0]) / 2), round(box[3] - size[1])
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = max(0, left), max(0, top), min(width, left + size[0]), min(height, top + size[1])
    out, covered = pixels.astype(np.float32), np.zeros((height, width), np.float32)
    if x2 > x1 and y2 > y1:
        part = np.stack(scaled, -1)[y1 - top : y2 - top, x1 - left : x2 - left]
        share = part[..., 3].clip(0, 1)
        out[y1:y2, x1:x2] = out[y1:y2, x1:x2] * (1 - share[..., None]) + part[..., :3] * (share > 0)[..., None]
        covered[y1:y2, x1:x2] = share
    return out.round().clip(0, 255).astype(np.uint8), covered


def _opened(text: str) -> Image.Image:
    from PIL import Image as images

    try:
        return images.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"]).convert("RGBA")
    except (ValueError, OSError, SyntaxError, images.DecompressionBombError) as error:
        raise InputError(f"the model's vocabulary holds an exemplar that is no PNG image ({error}); train the model again") from None
