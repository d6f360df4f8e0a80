"""Boxes that people drew: a folder with one annotation file per image, in the format of YOLO, Pascal VOC or LabelMe.

================  ==============================================================================================================
format            what is read
================  ==============================================================================================================
YOLO, ``.txt``    lines ``class x y width height [score]``, centre and size as shares of the image's; names of the classes from
                  ``classes.txt``, ``obj.names`` or ``data.yaml`` in the folder or the one above; polygons become their boxes
VOC, ``.xml``     ``object`` elements with ``name`` and ``bndbox``, whose pixels are counted from 1, both ends included
LabelMe, ``.json``  ``shapes`` with ``label`` and ``points``; rectangles, polygons, circles and lines become their boxes
================  ==============================================================================================================

The file of an image has its name with another ending. Boxes are drawn by hand, so their provenance is ``annotated``, unless scores are
given.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ...errors import InputError
from ...fields import Fields, is_number
from ...files import path_exists, read_json
from ...ids import IdTable
from .base import Detections, InputImage
from .detections import checked_detections

ENDINGS = (".txt", ".xml", ".json")
_NAME_FILES = ("classes.txt", "obj.names", "data.yaml")


def check_box_folder(folder: str | Path) -> Path:
    """Return *folder* as a path.

    Raises
    ------
    InputError
        If it is no folder.
    """
    if not str(folder) or not path_exists(folder) or not Path(folder).is_dir():
        raise InputError(f"folder of boxes '{folder}' does not exist; give the folder with the .txt, .xml or .json file of each image")
    return Path(folder)


class BoxFolder:
    """A detector that returns the boxes of a folder of annotation files; a file is read when its image is asked for.

    Parameters
    ----------
    folder : with one file per image; sub-folders are searched too.

    Raises
    ------
    InputError
        If it is no folder, or holds no such files.
    """

    longest_side = 64  # the image is opened only for its size and to check that it is readable
    score_threshold = 0.0
    max_objects = None  # boxes that people drew are all kept

    def __init__(self, folder: str | Path) -> None:
        self.folder = check_box_folder(folder)
        found = sorted(p for p in self.folder.rglob("*") if p.suffix.lower() in ENDINGS and p.name not in _NAME_FILES and p.is_file())
        self._files = [p for p in found if not any(part.startswith(".") for part in p.relative_to(self.folder).parts)]
        if not self._files:
            raise InputError(f"folder of boxes '{folder}' holds no .txt (YOLO), .xml (Pascal VOC) or .json (LabelMe) file")
        stems = [path.relative_to(self.folder).with_suffix("").as_posix() for path in self._files]
        twice = next((stem for stem in stems if stems.count(stem) > 1), None) if len(set(stems)) < len(stems) else None
        if twice is not None:
            raise InputError(f"folder of boxes '{folder}' has several files for the image '{twice}'; keep one format")
        self._table = IdTable([[stem] for stem in stems], f"folder of boxes '{folder}'")
        self._names = _class_names(self.folder)
        self.source: dict[str, Any] = {"detector": f"boxes:{self.folder.name}", "weights": None, "feature": None, "normalisation": None}

    def detect(self, images: list[InputImage], *, score_threshold: float = 0.0, max_objects: int | None = None) -> list[Detections]:
        """The boxes of each image, best score first.

        Raises
        ------
        InputError
            If there is no file of an image, or it is damaged or belongs to an image of another size.
        """
        return [self._one(image, score_threshold, max_objects) for image in images]

    def _one(self, image: InputImage, score_threshold: float, max_objects: int | None) -> Detections:
        handles = [handle for handle in (image.name, image.id) if handle]
        if not handles:
            raise InputError(f"the boxes in '{self.folder}' are found by the image's file name; give a path, or say which one with id=")
        row = next((row for handle in handles if (row := self._table.find(handle)) is not None), None)
        if row is None:
            raise InputError(f"folder of boxes '{self.folder}' has no file for image {Path(handles[0]).name!r}")
        path = self._files[row]
        reader = {".txt": self._yolo, ".xml": _voc, ".json": _labelme}[path.suffix.lower()]
        record, scored = reader(path, image.size)
        found = checked_detections(record, image, f"boxes '{path}'", score_threshold=score_threshold, max_objects=max_objects)
        found.provenance = "detected" if scored else "annotated"
        return found

    def _yolo(self, path: Path, size: tuple[int, int]) -> tuple[dict[str, Any], bool]:
        boxes, labels, scores = [], [], []
        for number, line in enumerate(_text(path).splitlines(), start=1):
            if not line.strip():
                continue
            where = f"boxes '{path}', line {number}"
            values = _numbers(line.split(), where)
            polygon = len(values) >= 7 and len(values) % 2 == 1
            if not polygon and len(values) not in (5, 6):
                raise InputError(f"{where} holds {len(values)} numbers, expected class, x, y, width, height and perhaps a score")
            labels.append(self._class(values[0], where))
            if polygon:
                x, y = np.array(values[1::2]), np.array(values[2::2])
                shares = [x.min(), y.min(), x.max(), y.max()]
            else:
                centre_x, centre_y, width, height = values[1:5]
                shares = [centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2]
            if min(shares) < -0.01 or max(shares) > 1.01:
                raise InputError(f"{where}: the box {shares} reaches outside the image; YOLO's numbers are shares of its width and height")
            boxes.append([float(share * side) for share, side in zip(np.clip(shares, 0, 1), (*size, *size), strict=True)])
            scores.append(values[5] if len(values) == 6 else 1.0)
        scored = any(score != 1.0 for score in scores)
        return {"width": size[0], "height": size[1], "boxes": boxes, "labels": labels, "scores": scores}, scored

    def _class(self, number: float, where: str) -> str:
        if self._names is None:
            raise InputError(f"{where}: the names of the classes are not known; put {', '.join(_NAME_FILES)} into '{self.folder}'")
        if number not in range(len(self._names)):
            raise InputError(f"{where}: class {number:g}, but there are {len(self._names)} names of classes, numbered from 0")
        return self._names[int(number)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"boxes '{path}' cannot be read as text ({error})") from None


def _numbers(words: list[str], where: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise InputError(f"{where} is {' '.join(words)[:60]!r}, expected numbers") from None
    if not all(map(math.isfinite, values)):
        raise InputError(f"{where} holds a number that is not finite")
    return values


def _class_names(folder: Path) -> list[str] | None:
    """Names of YOLO's classes; ``None`` if no file gives them."""
    for place in (folder, folder.parent):
        for name in _NAME_FILES:
            if (place / name).is_file():
                return _names_in(place / name)
    return None


def _names_in(path: Path) -> list[str]:
    if path.suffix != ".yaml":
        names = [line.strip() for line in _text(path).rstrip().split("\n")]
        if "" in names:  # leaving it out would give every later class the number before
            raise InputError(f"'{path}', line {names.index('') + 1} is empty, but a class is known by the number of its line; name it")
        return names
    import yaml

    try:
        names = yaml.safe_load(_text(path))["names"]
        ordered = [names[k] for k in range(len(names))]  # a list, or a mapping from number to name
    except (yaml.YAMLError, KeyError, TypeError, RecursionError):
        ordered = [None]
    if not all(isinstance(name, str) and name.strip() for name in ordered):
        raise InputError(f"'{path}' gives no list 'names' of the classes, or leaves numbers out") from None
    return ordered


class _NoDocumentType(ElementTree.TreeBuilder):
    """Refuses a document type, the place where entities are defined that would swell or read other files."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise InputError("it defines a document type, which annotations do not need")


def _voc(path: Path, size: tuple[int, int]) -> tuple[dict[str, Any], bool]:
    try:
        root = ElementTree.parse(path, ElementTree.XMLParser(target=_NoDocumentType())).getroot()
    except (ElementTree.ParseError, InputError, OSError, ValueError, LookupError, RecursionError) as error:
        raise InputError(f"boxes '{path}' are no readable XML ({error})") from None
    given = [root.findtext(f"size/{side}") for side in ("width", "height")]
    stated = size if None in given else tuple(map(int, _numbers([str(side) for side in given], f"boxes '{path}', size")))
    boxes, labels = [], []
    for number, entry in enumerate(root.iter("object")):
        where = f"boxes '{path}', object {number}"
        corners = [entry.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        if None in corners:
            raise InputError(f"{where} lacks a bndbox with xmin, ymin, xmax, ymax")
        x1, y1, x2, y2 = _numbers([str(corner) for corner in corners], where)
        boxes.append([max(x1 - 1, 0.0), max(y1 - 1, 0.0), x2, y2])
        labels.append((entry.findtext("name") or "").strip())
    return {"width": stated[0], "height": stated[1], "boxes": boxes, "labels": labels}, False


def _labelme(path: Path, size: tuple[int, int]) -> tuple[dict[str, Any], bool]:
    about = Fields(read_json(path, "boxes"), f"boxes '{path}'")
    boxes, labels, strangers = [], [], 0
    for shape in about.rows("shapes"):
        points = shape.value.get("points")
        flat = [v for point in points if isinstance(point, list) for v in point] if isinstance(points, list) else []
        kind = shape.value.get("shape_type") or "polygon"
        if len(flat) < 4 or len(flat) != 2 * len(points) or not all(map(is_number, flat)):
            if kind == "point":
                strangers += 1
                continue
            raise InputError(f"{shape.where}: points are {str(points)[:60]}, expected at least two pairs of finite numbers")
        x, y = np.array(flat[::2], float), np.array(flat[1::2], float)
        if kind == "circle":  # its centre and a point of its edge
            radius = math.hypot(x[1] - x[0], y[1] - y[0])
            x, y = np.array([x[0] - radius, x[0] + radius]), np.array([y[0] - radius, y[0] + radius])
        width, height = size
        boxes.append([float(v) for v in (max(x.min(), 0), max(y.min(), 0), min(x.max(), width), min(y.max(), height))])
        labels.append(shape.text("label"))
    if strangers:
        warnings.warn(f"boxes '{path}': {strangers} single points are no boxes and are left out", stacklevel=5)
    stated = [about.value.get(key) or side for key, side in zip(("imageWidth", "imageHeight"), size, strict=True)]
    return {"width": stated[0], "height": stated[1], "boxes": boxes, "labels": labels}, False
