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
An image is looked up by its file name, then by its file name without the suffix, then by its id.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, nearest
from ...files import existing_file
from .base import Detections, InputImage, file_hash

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
        data = _read(self.path)
        if isinstance(data, dict) and {"images", "annotations", "categories"} <= data.keys():
            self.format, self._records = "coco", _coco_records(data, self.path)
        elif isinstance(data, dict) and "boxes" in data or isinstance(data, list):
            self.format, self._records = "detections", _own_records(data if isinstance(data, list) else [data], self.path)
        else:
            found = sorted(data)[:6] if isinstance(data, dict) else type(data).__name__
            raise InputError(
                f"detections file '{self.path}' holds {found}; expected a detections object or list ({', '.join(_KEYS)}) or COCO instances "
                "(images, annotations, categories)"
            )
        self._annotated = self.format == "coco" and not any("score" in row for row in data["annotations"])
        self.source: dict[str, Any] = {
            "detector": Path(self.path).name,
            "weights": file_hash(self.path),
            "feature": None,
            "normalisation": None,
        }

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
        names = [str(n) for n in (image.name, image.name and Path(image.name).name, image.name and Path(image.name).stem, image.id) if n]
        for name in names:
            if name in self._records:
                return self._records[name]
            if name.isdigit() and str(int(name)) in self._records:  # COCO pads its file names with zeros
                return self._records[str(int(name))]
        if not names and len(set(map(id, self._records.values()))) == 1:
            return next(iter(self._records.values()))
        if not names:
            raise InputError(f"detections file '{self.path}' holds several images; give a path, or say which one with id=")
        raise InputError(f"detections file '{self.path}' has no image {names[0]!r}{nearest(names[0], self._records)}")

    def _one(self, image: InputImage, score_threshold: float, max_objects: int | None) -> Detections:
        record = self.find(image)
        where = f"detections file '{self.path}', image {record['image_id']!r}"
        _check_size(record, image, where)
        if self.format == "coco":
            record = _from_annotations(record, where)
        boxes, scores = _check_record(record, image.size, where)
        order = [i for i in np.argsort(-scores, kind="stable").tolist() if scores[i] >= score_threshold][:max_objects]
        attributes = record.get("attributes") or [[] for _ in record["labels"]]
        return Detections(
            [record["labels"][i].strip() for i in order], boxes[order], scores[order], [list(attributes[i]) for i in order],
            provenance="annotated" if self._annotated else "detected",
        )  # fmt: skip


def _read(path: str) -> Any:
    def no_duplicates(pairs):
        result = dict(pairs)
        if len(result) < len(pairs):
            keys = [k for k, _ in pairs]
            twice = next(k for k in keys if keys.count(k) > 1)
            raise InputError(f"detections file '{path}' gives the key {twice!r} twice in one object; keep one")
        return result

    file = existing_file(path, "detections")
    try:
        return json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=no_duplicates)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"detections file '{path}' is not readable as JSON ({error}); it may be truncated or of another format") from None


def _own_records(entries: list, path: str) -> dict[str, dict]:
    records: dict[str, dict] = {}
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
        _store(records, [str(entry["image_id"])], entry, where)
    return records


def _coco_records(data: dict, path: str) -> dict[str, dict]:
    where = f"COCO file '{path}'"
    try:
        names = {c["id"]: c["name"] for c in data["categories"]}
        by_image: dict[Any, dict] = {}
        records: dict[str, dict] = {}
        for image in data["images"]:
            entry = {"image_id": image["file_name"], "width": image["width"], "height": image["height"], "annotations": [], "names": names}
            _store(records, [str(image["file_name"]), str(image["id"])], entry, where)
            by_image[image["id"]] = entry
        for annotation in data["annotations"]:
            if annotation["image_id"] not in by_image:
                raise InputError(
                    f"{where}: annotation {annotation.get('id')!r} belongs to image {annotation['image_id']!r}, "
                    "which is not among its images"
                )
            by_image[annotation["image_id"]]["annotations"].append(annotation)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{where} has a malformed entry ({error!r}); expected COCO instances with images, annotations and categories"
        ) from None
    return records


def _store(records: dict[str, dict], keys: list[str], entry: dict, where: str) -> None:
    for key in dict.fromkeys(keys):
        if key in records:
            raise InputError(f"{where} describes image {key!r} a second time; keep one entry per image")
        records[key] = entry
    for key in keys:  # a path is also found by its bare file name, unless another image has that name
        records.setdefault(Path(key).name, entry)


def _from_annotations(record: dict, where: str) -> dict:
    boxes, labels, scores = [], [], []
    for annotation in record["annotations"]:
        if annotation.get("iscrowd"):
            continue
        if annotation["category_id"] not in record["names"]:
            raise InputError(
                f"{where}: annotation {annotation.get('id')!r} has category_id {annotation['category_id']!r}, "
                "which is not among the categories"
            )
        box = annotation.get("bbox")
        if not isinstance(box, list) or len(box) != 4 or not all(_finite(v) for v in box):
            raise InputError(
                f"{where}: annotation {annotation.get('id')!r} has bbox {box!r}, expected four finite numbers x, y, width, height"
            )
        x, y, w, h = box
        boxes.append([x, y, x + w, y + h])
        labels.append(record["names"][annotation["category_id"]])
        scores.append(annotation.get("score", 1.0))
    return record | {"boxes": boxes, "labels": labels, "scores": scores}


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_size(record: dict, image: InputImage, where: str) -> None:
    size = (record["width"], record["height"])
    if not all(_finite(v) and v >= 1 for v in size):
        raise InputError(f"{where}: width and height are {size}, expected pixels of the image")
    if size != image.size:
        raise InputError(
            f"{where}: the boxes belong to an image of {size[0]} x {size[1]} pixels, but this one has "
            f"{image.size[0]} x {image.size[1]}; scale the boxes or give the original image"
        )


def _check_record(record: dict, size: tuple[int, int], where: str) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4) clipped to the image and scores (n,); a malformed detection is an InputError that names it."""
    labels, boxes = record["labels"], record["boxes"]
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
            raise InputError(f"{here}: label is {label!r}, expected the name of a class as a string")
        if not isinstance(box, list) or len(box) != 4 or not all(_finite(v) for v in box):
            raise InputError(f"{here} ({label!r}): box is {box!r}, expected four finite numbers x1, y1, x2, y2")
        if box[2] <= box[0] or box[3] <= box[1]:
            raise InputError(f"{here} ({label!r}): box is {box}, expected x1 < x2 and y1 < y2 (xyxy, not xywh)")
        if min(box[:2]) < -_TOLERANCE or box[2] > width + _TOLERANCE or box[3] > height + _TOLERANCE or box[0] >= width or box[1] >= height:
            raise InputError(
                f"{here} ({label!r}): box {box} reaches outside the image of {width} x {height} pixels; clip it, and check that it is xyxy"
            )
        if not _finite(score) or not 0 <= score <= 1:
            raise InputError(f"{here} ({label!r}): score is {score!r}, expected a number in 0..1")
        if not isinstance(attribute, list) or not all(isinstance(a, str) and a for a in attribute):
            raise InputError(f"{here} ({label!r}): attributes are {attribute!r}, expected a list of strings")
    array = np.asarray(boxes, np.float32).reshape(-1, 4)
    return array.clip(0, [width, height, width, height]).astype(np.float32), np.asarray(scores, np.float32)
