"""Exemplars: objects cut out of training images, from which an editing model draws the new object of a replacement at full size.

A model paints at 64 pixels; a new object, enlarged, is a coloured blur. A model that replaces objects therefore keeps one cut-out crop of
each class and pattern in its vocabulary (``exemplars``); :mod:`hetero_xmodal.editing.exemplars` draws from them.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.store import progress_bar
from .dataset import KINDS, kind_of
from .segmentation import outline

if TYPE_CHECKING:
    from PIL import Image

    from ...scenes import SceneGraph, SceneObject

#: longest side of an exemplar in pixels
SIDE = 80
#: images that are looked at, and how much larger than those of the training they are
IMAGES, LARGER = 1500, 4
#: colours that cannot be told from outlines and highlights, so that others are not made from them
_PALE = ("gray", "white", "black", "")


def exemplars_of(
    data: str, *, image_size: int, size: int | None = None, seed: int = 0, progress: bool | None = None
) -> list[dict[str, Any]]:
    """The exemplars of a data set's training images; empty where they have no scene graphs.

    Parameters
    ----------
    data : name of a data set.
    image_size : side of the training's images in pixels; exemplars are cut out of larger ones.
    size : number of training images.
    seed : of a world's images.
    progress : show a progress bar; by default only in a terminal.
    """
    from ...data.tasks.editing import load_editing_images

    items = load_editing_images(data, "train", size=min(IMAGES, size or IMAGES), seed=seed, image_size=LARGER * image_size)

    def seen() -> Iterator[tuple[Image.Image, SceneGraph]]:
        with progress_bar("cutting out exemplars", len(items), progress) as advance:
            for item in items:
                advance(1)
                if item.scene is not None:
                    yield item.image, item.scene

    return collect(seen())


def collect(images: Iterable[tuple[Image.Image, SceneGraph]], *, looked_at: int = 8) -> list[dict[str, Any]]:
    """Cut exemplars out of images with scene graphs, one for each class and pattern: whole things that no other box overlaps.

    Of the first *looked_at* of a kind the largest is kept whose outline covers about as much of its box as is usual for its class, because
    GrabCut sometimes loses a part.

    Parameters
    ----------
    images : image and annotated scene graph, boxes in pixels of the image.
    looked_at : crops of each class and pattern that are looked at.

    Returns
    -------
    one JSON object an exemplar: ``name``, ``attributes`` and ``png``, an RGBA image as base64.
    """
    found: dict[tuple[str, str], list[tuple[float, Image.Image, str]]] = {}
    for image, scene in images:
        for thing in scene.objects:
            colour, pattern = value_of(thing.attributes, "colour"), value_of(thing.attributes, "pattern")
            kept = found.setdefault((thing.name, pattern), [])
            if len(kept) >= looked_at or thing.box is None or colour in _PALE or not _stands_alone(thing, scene, image.size):
                continue
            crop = cut_out_of(image, thing.box)
            if crop is not None:
                kept.append((float((np.asarray(crop)[..., 3] > 0).mean()), crop, colour))
    usual: dict[str, list[float]] = {}
    for (name, _), kept in found.items():
        usual.setdefault(name, []).extend(share for share, *_ in kept)
    out = []
    for (name, pattern), kept in sorted(found.items()):
        if kept:
            middle = float(np.median(usual[name]))
            _, crop, colour = max(kept, key=lambda one: (abs(one[0] - middle) < 0.05, max(one[1].size), -abs(one[0] - middle)))
            buffer = io.BytesIO()
            crop.quantize(48, method=2).save(buffer, "PNG", optimize=True)
            png = base64.b64encode(buffer.getvalue()).decode("ascii")
            out.append({"name": name, "attributes": [value for value in (colour, pattern) if value], "png": png})
    return out


def cut_out_of(image: Image.Image, box: Sequence[float]) -> Image.Image | None:
    """The thing in *box* as an RGBA image, transparent around its outline; ``None`` if GrabCut finds none."""
    from PIL import Image as images

    pixels = np.ascontiguousarray(np.asarray(image.convert("RGB")))
    height, width = pixels.shape[:2]
    mask = outline(pixels, np.array(box) / [width, height, width, height])
    x1, y1, x2, y2 = int(box[0]), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))
    inside = mask[y1:y2, x1:x2]
    if not inside.size or inside.mean() > 0.97 or inside.mean() < 0.15:
        return None
    crop = np.dstack([pixels[y1:y2, x1:x2], 255 * inside.astype(np.uint8)])
    made = images.fromarray(crop, "RGBA")
    scale = SIDE / max(made.size)
    return made if scale >= 1 else made.resize((max(1, round(made.width * scale)), max(1, round(made.height * scale))))


def value_of(attributes: Sequence[str], kind: str) -> str:
    """The colour or pattern among attributes, in its normal form; ``""`` for none and for "plain".

    >>> value_of(["small", "spotted"], "pattern"), value_of(["plain"], "pattern")
    ('dotted', '')
    """
    found = [known[1] for known in map(kind_of, attributes) if known is not None and KINDS[known[0]] == kind]
    return "" if not found or found[0] == "plain" else found[0]


def _stands_alone(thing: SceneObject, scene: SceneGraph, size: tuple[int, int]) -> bool:
    """Whether the box lies inside the image and no other box overlaps it."""
    x1, y1, x2, y2 = thing.box or (0, 0, 0, 0)
    if x1 < 1 or y1 < 1 or x2 > size[0] - 1 or y2 > size[1] - 1:
        return False
    return not any(
        other is not thing and other.box and min(x2, other.box[2]) > max(x1, other.box[0]) and min(y2, other.box[3]) > max(y1, other.box[1])
        for other in scene.objects
    )
