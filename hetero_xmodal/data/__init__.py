"""Data sets: the generated default world, and folders of photographs.

>>> from hetero_xmodal.data import load_dataset
>>> item = load_dataset("world/scenes", split="val", size=10)[0]
>>> item.image.size, len(item.sentences)
((128, 128), 5)
"""

from __future__ import annotations

from ..errors import InputError, nearest
from .build import build_dataset, dataset_card, list_datasets, verify_dataset
from .dataset import Dataset, Item

__all__ = ["Dataset", "Item", "build_dataset", "dataset_card", "list_datasets", "load_dataset", "verify_dataset"]

NAMES = ("world/scenes", "world/birds", "coco:FOLDER", "folder:PATH", "photos:FOLDER")
SPLITS = ("train", "val", "test")


def load_dataset(name: str, split: str = "train", *, size: int | None = None, seed: int = 0, image_size: int = 128) -> Dataset:
    """A data set by name, as a lazy sequence of :class:`Item`.

    Parameters
    ----------
    name : ``"world/scenes"`` or ``"world/birds"`` (drawn by the package, no download), ``"coco:FOLDER"`` (captions.json in COCO's
        format beside images/, optionally instances.json), ``"folder:PATH"`` (images with captions beside them) or ``"photos:FOLDER"``
        (images with tags and labels in tags.csv).
    split : ``"train"``, ``"val"`` or ``"test"``; a folder may name its own splits, and ``"all"`` takes every image of it.
    size : number of items; all if left out (world: 8,000 / 1,000 / 1,000). The first items are the same whatever the size.
    seed : of the world; another seed is another world. Folders ignore it.
    image_size : width and height of a world's images in pixels: 32, 64, 128, 256 or 512. Folders keep their images' sizes.

    Raises
    ------
    InputError : unknown name, split or size, or a folder that cannot be read; the message names the nearest valid choice.

    >>> load_dataset("world/birds", size=5)
    <Dataset world/birds, train: 5 items>
    """
    if not isinstance(name, str):
        raise InputError(f"the name of a data set is a text such as 'world/scenes', found {name!r}")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
        raise InputError(f"size is {size!r}, expected a whole number of items, 0 or more, or None for all")
    if name in ("world/scenes", "world/birds"):
        from .world import IMAGE_SIZES, load_world
        from .world import SIZES as WORLD_SIZES

        _check_split(name, split, SPLITS)
        if image_size not in IMAGE_SIZES:
            closest = min(IMAGE_SIZES, key=lambda s: abs(s - image_size)) if isinstance(image_size, int) else 128
            raise InputError(
                f"image_size is {image_size!r}, but the world is painted at {', '.join(map(str, IMAGE_SIZES))} pixels (nearest: {closest})"
            )
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"seed is {seed!r}, expected a whole number, 0 or more")
        return load_world(name.split("/")[1], split, WORLD_SIZES[split] if size is None else size, seed, image_size)
    kind, colon, folder = name.partition(":")
    if colon and kind == "coco":
        from .datasets.coco import load_coco

        return load_coco(folder, split, size)
    if colon and kind == "folder":
        from .datasets.folder import load_folder

        return load_folder(folder, split, size)
    if colon and kind == "photos":
        from .datasets.photos import load_photos

        return load_photos(folder, split, size)
    raise InputError(f"unknown data set {name!r}{nearest(name, NAMES)}; known are {', '.join(NAMES)}")


def _check_split(name: str, split: str, splits) -> None:
    if split not in splits:
        raise InputError(f"{name} has no split {split!r}{nearest(split, splits)}; its splits are {', '.join(splits)}")
