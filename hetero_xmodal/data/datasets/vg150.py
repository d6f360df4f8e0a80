"""VG150, the split of Visual Genome for scene graph generation (Xu et al. 2017), in the files that every paper on the task reads.

``VG-SGG.h5`` (or ``VG-SGG-with-attri.h5``) holds a row for each image of ``image_data.json`` but four, which were damaged: ``split``
(0 train, 2 test), the first and last of its boxes (``img_to_first_box``, -1 where it has none) and of its relations. Of the boxes it holds
``boxes_1024``: centre x, centre y, width and height in pixels of the image with its longer side brought to 1024; ``labels``, from 1; and
perhaps ``attributes``, up to ten from 1. ``VG-SGG-dicts.json`` names the 150 classes and 50 predicates. Validation images are the first
5,000 of train with a relation, as in Neural Motifs (Zellers et al. 2018); of a smaller file a tenth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...counts import LeftOut
from ...errors import InputError
from ...fields import Fields, whole_number
from ...files import read_json
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ..boxes import cut
from ..h5_file import H5Arrays, open_h5
from ..published import first_file

#: images of image_data.json that the h5 file has no row for
DAMAGED = (1592, 1722, 4616, 4617)
SIDE, VAL, _FEW = 1024, 5000, 20_000
FILES = ("VG-SGG.h5", "VG-SGG-with-attri.h5")
NAMES = ("VG-SGG-dicts.json", "VG-SGG-dicts-with-attri.json")
_SPLITS = {0: "train", 2: "test"}
_EMPTY = LeftOut("box", "has", "have", "no area inside the image")
_LOOSE = LeftOut("relation", "joins", "join", "a box with itself or with one that is left out")


class Vg150Image(NamedTuple):
    """One image: its number, size, scene graph in its pixels, and split."""

    number: int
    size: tuple[int, int]
    scene: SceneGraph
    split: str


def read_vg150(folder: Path, sizes: Mapping[int, tuple[int, int]]) -> tuple[list[Vg150Image], dict[LeftOut, int]]:
    """Every image with its objects and relations, and how many boxes and relations were left out, by why.

    Parameters
    ----------
    folder : with the two files.
    sizes : number of an image -> width and height, in the order of ``image_data.json``.

    Raises
    ------
    InputError : a file is missing or damaged, or they do not belong together.
    """
    numbers = [number for number in sizes if number not in DAMAGED]
    names = _names(first_file((folder / name for name in NAMES), "vocabulary of VG150"))
    path = first_file((folder / name for name in FILES), "scene graphs")
    with open_h5(path, "scene graphs") as file:
        table = _Table(file, len(numbers), names)
    split = _splits(table)
    left = {_EMPTY: 0, _LOOSE: 0}
    images = [_image(table, row, number, sizes[number], split[row], names, left) for row, number in enumerate(numbers)]
    return images, left


class _Names(NamedTuple):
    """Names by number; number 0 is none."""

    objects: Sequence[str]
    predicates: Sequence[str]
    attributes: Sequence[str]


def _names(path: Path) -> _Names:
    table = Fields(read_json(path, "vocabulary"), f"vocabulary '{path}'")
    given = [_by_number(table.inner(f"{what}_to_idx"), f"vocabulary '{path}': '{what}_to_idx'") for what in ("label", "predicate")]
    attributes = table.inner("attribute_to_idx", None)
    return _Names(*given, [] if attributes is None else _by_number(attributes, f"vocabulary '{path}': 'attribute_to_idx'"))


def _by_number(table: Fields, where: str) -> list[str]:
    numbers = {name: whole_number(value) for name, value in table.value.items()}
    given = sorted(number for number in numbers.values() if number is not None)
    if None in numbers.values() or given not in (list(range(1, len(numbers) + 1)), list(range(len(numbers)))):
        raise InputError(f"{where} must give each name its number, from 1 without a gap; download the file again")
    ordered = sorted(numbers, key=lambda name: numbers[name] or 0)
    return ordered if given[:1] == [0] else ["", *ordered]


class _Table:
    """The arrays of the file, checked: every row lies inside the arrays, every number has a name."""

    def __init__(self, file: H5Arrays, images: int, names: _Names) -> None:
        self.path = file.path
        self.split = self._whole(file, "split", images)
        self.boxes = self._whole(file, f"boxes_{SIDE}", None, 4).astype(np.float64)
        self.labels = self._whole(file, "labels", len(self.boxes))
        self.pairs = self._whole(file, "relationships", None, 2)
        self.predicates = self._whole(file, "predicates", len(self.pairs))
        self.box_span = self._span(file, "box", images, len(self.boxes))
        self.relation_span = self._span(file, "rel", images, len(self.pairs))
        self.attributes = self._whole(file, "attributes", len(self.boxes), None) if "attributes" in file and names.attributes else None
        self._inside("split", self.split, 0, 2)
        self._inside("labels", self.labels, 1, len(names.objects) - 1)
        self._inside("predicates", self.predicates, 1, len(names.predicates) - 1)
        if self.attributes is not None:
            self._inside("attributes", self.attributes, 0, len(names.attributes) - 1)

    def _whole(self, file: H5Arrays, name: str, rows: int | None, columns: int | None = 1) -> np.ndarray:
        values = file.array(name)
        shaped = values.ndim in (1, 2) and (rows is None or len(values) == rows) and values.dtype.kind in "iu"
        width = values.shape[1] if values.ndim == 2 else 1
        if not shaped or columns not in (None, width):
            kind = "image_data.json and this file do not belong together" if name == "split" else "download the file again"
            expected = f"({'any' if rows is None else rows}, {'any' if columns is None else columns})"
            raise InputError(
                f"'{self.path}': {name!r} holds {values.dtype} of shape {values.shape}, expected whole numbers {expected}; {kind}"
            )
        return values.astype(np.int64).reshape(len(values)) if columns == 1 else values.astype(np.int64)

    def _span(self, file: H5Arrays, what: str, images: int, rows: int) -> np.ndarray:
        """(images, 2): first row and the one after the last; 0, 0 where an image has none."""
        first, last = (self._whole(file, f"img_to_{end}_{what}", images) for end in ("first", "last"))
        none = (first == -1) & (last == -1)
        wrong = ~none & ((first < 0) | (last < first) | (last >= rows))
        if wrong.any():
            k = int(wrong.argmax())
            raise InputError(
                f"'{self.path}': row {k} of 'img_to_first_{what}' and 'img_to_last_{what}' is {first[k]} to {last[k]}, of {rows} rows; "
                "download the file again"
            )
        return np.where(none[:, None], 0, np.stack([first, last + 1], 1))

    def _inside(self, name: str, values: np.ndarray, low: int, high: int) -> None:
        if len(values) and (values.min() < low or values.max() > high):
            raise InputError(f"'{self.path}': {name!r} holds numbers from {values.min()} to {values.max()}; expected {low} to {high}")


def _splits(table: _Table) -> list[str]:
    split = [_SPLITS.get(value, "unused") for value in table.split.tolist()]
    related = np.diff(table.relation_span)[:, 0] > 0
    train = [row for row, name in enumerate(split) if name == "train" and related[row]]
    for row in train[: VAL if len(train) >= _FEW else len(train) // 10]:
        split[row] = "val"
    return split


def _image(table: _Table, row: int, number: int, size: tuple[int, int], split: str, names: _Names, left: dict[LeftOut, int]) -> Vg150Image:
    first, end = table.box_span[row].tolist()
    middle, sides = table.boxes[first:end, :2], table.boxes[first:end, 2:]
    corners = np.concatenate([middle - sides / 2, middle + sides / 2], 1) * (max(size) / SIDE)
    things: list[SceneObject] = []
    index: dict[int, int] = {}
    for k, box in enumerate(corners.tolist(), first):
        inside = cut(tuple(box), size)
        if inside is None:
            left[_EMPTY] += 1
            continue
        words = [] if table.attributes is None else [names.attributes[n] for n in table.attributes[k].tolist() if n]
        index[k] = len(things)
        things.append(SceneObject(names.objects[table.labels[k]], list(dict.fromkeys(words)), inside))
    start, stop = table.relation_span[row].tolist()
    found: dict[tuple[int, str, int], None] = {}
    for (s, o), predicate in zip(table.pairs[start:stop].tolist(), table.predicates[start:stop].tolist(), strict=True):
        if not first <= s < end or not first <= o < end:
            raise InputError(
                f"'{table.path}': a relation of image {number} joins the boxes {s} and {o}, the image has {first} to {end - 1}"
            )
        if s == o or s not in index or o not in index:
            left[_LOOSE] += 1
        else:
            found[index[s], names.predicates[predicate], index[o]] = None
    relations = [SceneRelation(*triple) for triple in found]
    scene = SceneGraph(things, relations, size=size, id=str(number), source={"parser": "annotations", "vocabulary": "VG150"})
    return Vg150Image(number, size, scene, split)
