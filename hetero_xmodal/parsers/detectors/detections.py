"""Precomputed detections, in a JSON format of this package or as COCO ``instances``.

This package's format is one object, or a list of them, one per image::

    {"image_id": "kitchen.jpg",            # file name, path or id of the image
     "width": 640, "height": 480,          # of the image the boxes belong to, in pixels
     "boxes": [[10, 20, 110, 220]],        # x1, y1, x2, y2 in pixels (xyxy, not xywh)
     "labels": ["chair"],                  # names of the classes
     "scores": [0.9],                      # in 0..1; optional, 1 by default
     "attributes": [["red", "wooden"]]}    # optional

A COCO ``instances`` file has ``images``, ``annotations`` (``bbox`` is x, y, width, height) and ``categories``; crowd regions are ignored.
Without scores these are annotations, and objects have the provenance ``annotated``; otherwise it is ``detected``.
Without scores all boxes are kept, otherwise the best 36 unless ``max_objects`` says how many.
An image is found by its path or file name, or by the id it is given (:mod:`hetero_xmodal.ids`). Boxes without area are left out, with a
warning that counts them.
"""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ...counts import agreeing
from ...errors import InputError, nearest
from ...fields import Fields, brief, is_number, whole_number
from ...files import read_json
from ...ids import IdTable
from .base import DEFAULT_MAX_OBJECTS, Detections, InputImage, file_hash
from .coco_categories import read_categories

_KEYS = ("image_id", "width", "height", "boxes", "labels", "scores", "attributes")
_TOLERANCE = 1.0  # boxes that exceed the image by at most this many pixels, as rounding causes, are clipped; others are refused


class DetectionsFile:
    """A detector that returns the detections stored in a file; a record is checked when its image is requested.

    Parameters
    ----------
    path : JSON file in this package's format, or COCO ``instances``.

    Raises
    ------
    InputError
        If the file is missing or of another format.
    """

    longest_side = 64  # the image is opened only for its size and to check that it is readable
    score_threshold = 0.0

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        data = read_json(self.path, "detections")
        if isinstance(data, dict) and {"images", "annotations", "categories"} <= data.keys():
            self.format, (self._records, ids) = "coco", _coco_records(data, self.path)
        elif isinstance(data, dict) and "boxes" in data or isinstance(data, list):
            self.format, (self._records, ids) = "detections", _own_records(data if isinstance(data, list) else [data], self.path)
        else:
            found = sorted(data)[:6] if isinstance(data, dict) else type(data).__name__
            raise InputError(
                f"detections file '{self.path}' holds {found}; expected a detections object or list ({', '.join(_KEYS)}) or COCO instances "
                "(images, annotations, categories)"
            )
        self._names = [names[0] for names in ids]
        self._table = IdTable(ids, f"detections file '{self.path}'")
        self._annotated = self.format == "coco" and not any("score" in row for row in data["annotations"])
        drawn = self._annotated if self.format == "coco" else all(record.get("scores") is None for record in self._records)
        self.max_objects = None if drawn else DEFAULT_MAX_OBJECTS
        self.source: dict[str, Any] = {
            "detector": Path(self.path).name,
            "weights": file_hash(self.path),
            "feature": None,
            "normalisation": None,
        }

    @functools.cached_property
    def labels(self) -> list[str]:
        """The classes of all objects in the file, in the order of the alphabet."""
        if self.format == "coco":
            return sorted({name for record in self._records[:1] for name in record["names"].values()})
        named = (record["labels"] for record in self._records if isinstance(record["labels"], list))
        return sorted({label.strip() for some in named for label in some if isinstance(label, str) and label.strip()})

    def detect(self, images: list[InputImage], *, score_threshold: float = 0.0, max_objects: int | None = None) -> list[Detections]:
        """Return the stored detections of each image, best score first.

        Raises
        ------
        InputError
            If the file has no record of an image, or the record is malformed or belongs to an image of another size.
        """
        return [self._one(image, score_threshold, max_objects) for image in images]

    def find(self, image: InputImage) -> dict[str, Any]:
        """Return the record of *image*.

        Raises
        ------
        InputError
            If the file has no record of the image, or several and the image has no name.
        """
        return self._records[find_row(image, self._table, self._names, f"detections file '{self.path}'")]

    def _one(self, image: InputImage, score_threshold: float, max_objects: int | None) -> Detections:
        record = self.find(image)
        where = f"detections file '{self.path}', image {record['image_id']!r}"
        if self.format == "coco":
            record = _from_annotations(record, where)
        found = checked_detections(record, image, where, score_threshold=score_threshold, max_objects=max_objects)
        found.provenance = "annotated" if self._annotated else "detected"
        return found


def find_row(image: InputImage, table: IdTable, names: list[str], where: str) -> int:
    """The row of *table* that *image* belongs to, by its id or file name; an image without either is that of the only row.

    Raises
    ------
    InputError
        If there is no row of the image, or several and the image has no name; *where* begins the message, *names* are those of the rows.
    """
    # an id that is only the file name without its ending, as parse_image gives it, says no more than the name
    named = bool(image.name) and image.id in (None, Path(str(image.name)).stem)
    handles = [handle for handle in ([image.name] if named else [image.id, image.name]) if handle]
    for handle in handles:
        row = table.find(handle)
        if row is not None:
            return row
    if not handles and len(names) == 1:
        return 0
    if not handles:
        raise InputError(f"{where} holds several images; give a path, or say which one with id=")
    name = Path(handles[0]).name
    raise InputError(f"{where} has no image {name!r}{nearest(name, names)}")


def checked_detections(
    record: dict[str, Any], image: InputImage, where: str, *, score_threshold: float = 0.0, max_objects: int | None = None
) -> Detections:
    """The detections of one record of this package's format, best score first; those without area are left out with a warning.

    Raises
    ------
    InputError
        If the record is malformed or belongs to an image of another size; *where* begins the message.
    """
    _check_size(record, image, where)
    boxes, scores = _check_record(record, image.size, where)
    area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    if not area.all():
        none = int((~area).sum())
        without = f"boxes {agreeing(none, 'has', 'have')} no area and {agreeing(none, 'is', 'are')} left out"
        warnings.warn(f"{where}: {none} of {len(area)} {without}", stacklevel=5)
    ranked = [i for i in np.argsort(-scores, kind="stable").tolist() if area[i] and scores[i] >= score_threshold]
    order = ranked[:max_objects]
    attributes = record.get("attributes") or [[] for _ in record["labels"]]
    names = [record["labels"][i].strip() for i in order]
    return Detections(names, boxes[order], scores[order], [list(attributes[i]) for i in order], left_out=len(ranked) - len(order))


def _own_records(entries: list, path: str) -> tuple[list[dict], list[list[str]]]:
    """The entries and the ids of each, checked as far as an image can be found."""
    ids: list[list[str]] = []
    for i, entry in enumerate(entries):
        where = f"detections file '{path}', entry {i}"
        if not isinstance(entry, dict):
            raise InputError(f"{where} is a {type(entry).__name__}, expected an object with {', '.join(_KEYS)}")
        for key in entry:
            if key not in _KEYS:
                raise InputError(f"{where} has an unknown key {key!r}{nearest(key, _KEYS)}; known are {', '.join(_KEYS)}")
        for key in _KEYS[:5]:
            if key not in entry:
                raise InputError(f"{where} lacks {key!r}; expected {', '.join(_KEYS[:5])} (scores and attributes may be left out)")
        ids.append([Fields(entry, where).id("image_id")])
    _refuse_repeated([names[0] for names in ids], f"detections file '{path}'")
    return entries, ids


def _coco_records(data: dict, path: str) -> tuple[list[dict], list[list[str]]]:
    """One entry for each image with its annotations, and the ids of each: its file name and its id."""
    where = f"COCO file '{path}'"
    top = Fields(data, where)
    names = read_categories(top.rows("categories"), where)
    records: dict[str, dict] = {}
    ids = []
    for image in top.rows("images"):
        id, name = image.id("id"), image.text("file_name")
        if id in records:
            raise InputError(f"{where} describes image {id!r} a second time; keep one entry per image")
        size = {"width": image.get("width"), "height": image.get("height")}
        records[id] = {"image_id": name, **size, "annotations": [], "names": names}
        ids.append([name, id])
    _refuse_repeated([name for name, _ in ids], where)
    for annotation in top.rows("annotations"):
        owner = annotation.id("image_id")
        if owner not in records:
            raise InputError(
                f"{where}: annotation {brief(annotation.value.get('id'))} belongs to image {owner}, which is not among its images"
            )
        records[owner]["annotations"].append(annotation)
    return list(records.values()), ids


def _refuse_repeated(names: list[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{where} describes image {name!r} a second time; keep one entry per image")
        seen.add(name)


def _from_annotations(record: dict, where: str) -> dict:
    boxes, labels, scores = [], [], []
    for annotation in record["annotations"]:
        if annotation.get("iscrowd", None):
            continue
        here, category = f"{where}: annotation {brief(annotation.value.get('id'))}", annotation.id("category_id")
        if category not in record["names"]:
            raise InputError(f"{here} has category_id {category}, which is not among the categories")
        box = annotation.value.get("bbox")
        if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)) or min(box[2:]) < 0:
            raise InputError(f"{here} has bbox {brief(box)}, expected four finite numbers x, y, width, height, the last two at least 0")
        x, y, w, h = box
        boxes.append([x, y, x + w, y + h])
        labels.append(record["names"][category])
        scores.append(annotation.get("score", 1.0))
    return record | {"boxes": boxes, "labels": labels, "scores": scores}


def _check_size(record: dict, image: InputImage, where: str) -> None:
    width, height = whole_number(record["width"]), whole_number(record["height"])
    if width is None or height is None or min(width, height) < 1:
        found = f"({brief(record['width'])}, {brief(record['height'])})"
        raise InputError(f"{where}: width and height are {found}, expected pixels of the image")
    size = (width, height)
    if size != image.size:
        raise InputError(
            f"{where}: the boxes belong to an image of {size[0]} x {size[1]} pixels, but this one has "
            f"{image.size[0]} x {image.size[1]}; scale the boxes or give the original image"
        )


def _check_record(record: dict, size: tuple[int, int], where: str) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4) clipped to the image and scores (n,); a malformed detection is an InputError that names it."""
    labels, boxes = record["labels"], record["boxes"]
    if not isinstance(labels, list):
        raise InputError(f"{where}: labels is a {type(labels).__name__}, expected a list of names of classes")
    scores = record.get("scores")
    scores = [1.0] * len(labels) if scores is None else scores
    attributes = record.get("attributes")
    attributes = [[]] * len(labels) if attributes is None else attributes
    for key, values in (("boxes", boxes), ("labels", labels), ("scores", scores), ("attributes", attributes)):
        if not isinstance(values, list) or len(values) != len(labels):
            found = f"{len(values)} entries" if isinstance(values, list) else f"a {type(values).__name__}"
            raise InputError(f"{where}: {key} is {found}, expected a list of {len(labels)}, one per label")
    width, height = size
    for i, (label, box, score, attribute) in enumerate(zip(labels, boxes, scores, attributes, strict=True)):
        here = f"{where}, detection {i}"
        if not isinstance(label, str) or not label.strip():
            raise InputError(f"{here}: label is {brief(label)}, expected the name of a class as a string")
        if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
            raise InputError(f"{here} ({label!r}): box is {brief(box)}, expected four finite numbers x1, y1, x2, y2")
        if box[2] < box[0] or box[3] < box[1]:
            raise InputError(f"{here} ({label!r}): box is {box}, expected x1 < x2 and y1 < y2 (xyxy, not xywh)")
        if box[2] == box[0] or box[3] == box[1]:
            continue  # no area: left out
        if min(box[:2]) < -_TOLERANCE or box[2] > width + _TOLERANCE or box[3] > height + _TOLERANCE or box[0] >= width or box[1] >= height:
            raise InputError(
                f"{here} ({label!r}): box {box} reaches outside the image of {width} x {height} pixels; clip it, and check that it is xyxy"
            )
        if not is_number(score) or not 0 <= score <= 1:
            raise InputError(f"{here} ({label!r}): score is {brief(score)}, expected a number in 0..1")
        if not isinstance(attribute, list) or not all(isinstance(a, str) and a for a in attribute):
            raise InputError(f"{here} ({label!r}): attributes are {brief(attribute)}, expected a list of strings")
    array = np.asarray(boxes, np.float32).reshape(-1, 4)
    return array.clip(0, [width, height, width, height]).astype(np.float32), np.asarray(scores, np.float32)
