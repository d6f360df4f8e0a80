"""Editing pairs: an image, an instruction and, where they are known, the true edited image and the true edited sentence.

>>> from hetero_xmodal.data.tasks.editing import load_pairs
>>> pair = load_pairs("world/birds", "test", size=3)[0]
>>> pair.kind, pair.instruction, pair.edited_sentence
('attribute', 'This bird has an orange crown and black wings.', 'This bird has a green crown and black wings.')
>>> pair.image.size == pair.edited_image.size
True

A manipulation model is given ``image`` and ``instruction``. Its image should become ``edited_image``: it follows the instruction and keeps
what the instruction does not mention. Its sentence should become ``edited_sentence``: what the image contradicts in the instruction is
corrected, the rest is kept. Both are ``None`` for photographs, where they are unknown. Every data set that gives edits gives these pairs:

* ``world/birds``, ``world/scenes``: drawn, with true answers.
* ``cub:FOLDER``: CUB-200-2011 in its published layout; instructions are captions of other classes, no true answer.
* ``oxford-102:FOLDER``, ``celeba:FOLDER``, ``deepfashion:FOLDER``: instructions are captions of photographs with other
  labels, no true answer.
* ``vg:FOLDER``: Visual Genome in its published layout; masked regions with a true answer, and edited graphs without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import InputError, nearest
from ..edit_pairs import KINDS, ManipulationPair, ManipulationPairs, Slot, check_kinds, whole_pixels
from ..mismatch import MismatchPairs
from ..registry import open_for
from ..source import Source, id_hash

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from ..dataset import Item

__all__ = [
    "KINDS",
    "ManipulationPair",
    "ManipulationPairs",
    "Slot",
    "check_kinds",
    "hide_region",
    "load_editing_images",
    "load_pairs",
    "whole_pixels",
]


def load_pairs(
    name: str,
    split: str = "train",
    *,
    size: int | None = None,
    seed: int = 0,
    world_seed: int = 0,
    image_size: int = 128,
    kinds: tuple[str, ...] | None = None,
) -> ManipulationPairs:
    """Pairs for manipulation by name of the data set.

    Parameters
    ----------
    name : any data set of the registry that gives edits: ``"world/birds"``, ``"world/scenes"``, ``"cub:FOLDER"``, ``"vg:FOLDER"``,
        ``"celeba:FOLDER"`` and others; see ``hetero-xmodal data list``.
    split : ``"train"``, ``"val"`` or ``"test"``; no image is in two of them. ``"all"`` takes every image of a folder.
    size : number of pairs; if left out 8,000 / 500 / 500 of the world, and one an image of a folder.
    seed : of the instructions. Another seed asks for something else of the same images.
    world_seed : of the world's images; folders ignore it.
    image_size : width and height of all images in pixels (the world is painted at 32, 64, 128, 256 or 512).
    kinds : which of :data:`KINDS`, taken in turn. Default: all that the data set has, but ``reconstruct`` only for ``vg``.

    Raises
    ------
    InputError : an unknown name, split, size or kind, or a folder that cannot be read.

    >>> [pair.kind for pair in load_pairs("world/scenes", "val", size=4)]
    ['attribute', 'remove', 'replace', 'move']
    """
    for label, value, low in (("size", size, 0), ("seed", seed, 0), ("world_seed", world_seed, 0), ("image_size", image_size, 8)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < low):
            raise InputError(f"{label} is {value!r}, expected a whole number of at least {low}")
    for kind in kinds or ():
        if kind not in KINDS:
            raise InputError(f"unknown kind of edit {kind!r}{nearest(kind, KINDS)}; known are {', '.join(KINDS)}")
    source = open_for(name, "load_pairs", seed=world_seed, image_size=image_size)
    if source.pairs is None:
        raise InputError(f"{name} says that it gives edits, but its reader gives no pairs")
    split = source.split(split)
    if source.generate is not None and split == "all":
        raise InputError(f"{name} has no split 'all' of pairs; its splits are {', '.join(source.splits)}")
    return source.pairs(split, size=size, seed=seed, image_size=image_size, kinds=kinds)


def load_editing_images(
    name: str, split: str = "train", *, size: int | None = None, seed: int = 0, image_size: int = 64, task: str = "cam"
) -> Sequence[Item | ManipulationPair]:
    """Images with captions and scene graphs that an editing model or the similarity model learns from.

    Photographs of CUB and Visual Genome come as their pairs do: cut out around the bird, filtered, and of *image_size* pixels. A data set
    that has no split ``val`` or ``test`` gives a tenth of its training images to each that is missing, by the hash of their ids.

    Parameters
    ----------
    name, split, size : see :func:`~hetero_xmodal.data.registry.load_dataset`.
    seed : of a world's images, and of the pairs of other data sets.
    image_size : of a world's images and of pairs, in pixels; other images keep their sizes.
    task : what the images are for, of :data:`~hetero_xmodal.data.entries.TASKS`.

    Returns
    -------
    Sequence of Item or ManipulationPair, each with ``image``, ``sentences`` and ``scene``.

    Raises
    ------
    InputError : a data set that does not give what *task* needs, an unknown split, files that cannot be read.
    """
    source = open_for(name, task, seed=seed, image_size=image_size)
    if source.generate is not None:
        return source.items(split, size)
    if source.pairs is not None and not isinstance(source.pairs, MismatchPairs):  # whose pairs show the whole photographs
        return source.pairs(source.split(split), size=size, seed=seed, image_size=image_size, kinds=None)
    return with_held_out(source).items(split, size)


def with_held_out(source: Source) -> Source:
    """The source with splits ``val`` and ``test``: where one is missing, a tenth of the training images, by the hash of their ids.

    >>> from hetero_xmodal.data import Record, Source
    >>> source = Source("x", "x", "", [Record(str(k)) for k in range(20)], gives={"images"})
    >>> [len(with_held_out(source).take(split)) for split in ("train", "val", "test")]
    [16, 2, 2]
    """
    missing = [split for split in ("val", "test") if split not in source.splits]
    if not missing or "train" not in source.splits:
        return source
    order = sorted((r.id for r in source.take("train")), key=id_hash)
    tenth = max(1, round(len(order) / 10))
    held = {id: split for k, split in enumerate(missing) for id in order[k * tenth : (k + 1) * tenth]}
    records = [
        replace(record, split=held.get(record.id, "train")) if (record.split or "train") == "train" else record for record in source.records
    ]
    return replace(source, records=records, splits=(*source.splits, *missing))


# ---------------------------------------------------------------------------------------------- the masked-region protocol


def hide_region(image: Image.Image, region: tuple[int, int, int, int], *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The image with *region* filled by noise, and the mask: the input of the masked-region protocol.

    Parameters
    ----------
    region : x1, y1, x2, y2 in whole pixels.
    seed : of the noise (uniform in 0..255).

    Returns
    -------
    (pixels uint8 (height, width, 3), mask float32 (height, width), 1 inside the region).

    Raises
    ------
    InputError : the region is empty or does not lie inside the image.

    >>> import numpy as np
    >>> from PIL import Image
    >>> pixels, mask = hide_region(Image.new("RGB", (8, 8)), (2, 2, 4, 6))
    >>> mask.sum(), bool((pixels[mask == 0] == 0).all())
    (np.float32(8.0), True)
    """
    import numpy as np

    pixels = np.array(image.convert("RGB"))
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = region
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise InputError(f"region {tuple(region)} does not lie inside the image of {width} x {height} pixels")
    pixels[y1:y2, x1:x2] = np.random.default_rng(seed).integers(0, 256, (y2 - y1, x2 - x1, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.float32)
    mask[y1:y2, x1:x2] = 1
    return pixels, mask
