"""A folder in COCO's format: ``captions.json`` beside ``images/``, optionally ``instances.json`` and the package's own ``scenes.json``.

* ``captions.json``: ``{"images": [{"id", "file_name", ...}], "annotations": [{"image_id", "caption"}]}``. A field ``split`` of an image
  names its split; an image without it belongs to ``train``. ``"all"`` takes every image.
* ``instances.json``: ``{"images", "annotations": [{"image_id", "category_id", "bbox": [x, y, width, height]}], "categories"}`` gives
  the scene graph (relations by geometry) and the labels (categories present) of the images it lists; the others have ``None``.
* ``scenes.json``, written by ``build_dataset``: scene graphs with attributes and relations, labels and tags; it takes precedence.

Images are looked for in ``images/`` and then in the folder itself, and read when an item is asked for. Karpathy's split files are read by
``karpathy:FILE,FOLDER``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...files import read_json
from ...scenes import SceneGraph, SceneObject
from ..source import Record, Request, Source, check_inside


def open_coco(request: Request) -> Source:
    """A folder in this layout; see the module's text.

    Raises
    ------
    InputError : a file that is missing or not in COCO's layout; the message names the entry.
    """
    folder = request.folder()
    where = f"captions file '{folder / 'captions.json'}'"
    listed = read_captions(folder / "captions.json")
    boxes, names = _instances(folder)
    scenes = _scenes(folder)
    full, names = scenes.get("items", {}), list(scenes.get("label_names", names))
    column = {name: k for k, name in enumerate(names)}
    records = []
    for number, file_name, captions, split in listed:
        record = Record(Path(file_name).stem, split, captions, _image_path(folder, file_name, where))
        if record.id in full:
            record = _annotated(record, full[record.id], len(names))
        elif number in boxes:
            labels = np.zeros(len(names), np.uint8)
            labels[[column[name] for name, *_ in boxes[number]["things"] if name in column]] = 1
            record = replace(record, labels=labels, scene=_scene_opener(boxes[number], record.id))
        records.append(record)
    gives = {"images", "captions"}
    gives |= {"labels"} if any(record.labels is not None for record in records) else set()
    gives |= {"scene graphs"} if any(record.scene is not None for record in records) else set()
    gives |= {"tags"} if any(record.tags for record in records) else set()
    return Source(
        f"coco:{request.place}", request.kind, request.place, records, gives=gives, label_names=names,
        tag_names=scenes.get("tag_names", ()),
    )  # fmt: skip


def read_captions(path: Path) -> list[tuple[Any, str, tuple[str, ...], str | None]]:
    """(id, file name, captions, split) of every image of a ``captions.json``.

    Raises
    ------
    InputError : not that layout, ids that occur twice, captions of images that are not listed; the message gives their number.
    """
    where = f"captions file '{path}'"
    data = read_json(path, "captions")
    images = _rows(data, "images", ("id", "file_name"), where)
    twice = [id for id, count in Counter(image["id"] for image in images).items() if count > 1]
    if twice:
        raise InputError(f"{where}: {len(twice)} of {len(images)} image ids occur more than once, the first is {twice[0]!r}; keep one each")
    captions: dict[Any, list[str]] = {image["id"]: [] for image in images}
    rows = _rows(data, "annotations", ("image_id", "caption"), where)
    strays = [row["image_id"] for row in rows if row["image_id"] not in captions]
    if strays:
        raise InputError(
            f"{where}: {len(strays)} of {len(rows)} captions belong to images that are not listed, the first to image {strays[0]!r}; "
            "add these images or remove the captions"
        )
    numbers = [row["id"] for row in rows if "id" in row]
    twice = [id for id, count in Counter(numbers).items() if count > 1]
    if twice:
        raise InputError(f"{where}: {len(twice)} caption ids occur more than once, the first is {twice[0]!r}; keep one each")
    for row in rows:
        if not isinstance(row["caption"], str):
            raise InputError(f"{where}: a caption of image {row['image_id']!r} is {row['caption']!r}, expected a text")
        captions[row["image_id"]].append(" ".join(row["caption"].split()))
    return [(image["id"], str(image["file_name"]), tuple(captions[image["id"]]), image.get("split")) for image in images]


def _annotated(record: Record, entry: dict, classes: int) -> Record:
    """The record with what ``scenes.json`` says of it."""
    scene, labels = entry.get("scene"), entry.get("labels")
    return replace(
        record,
        labels=None if labels is None else np.isin(np.arange(classes), labels).astype(np.uint8),
        tags=tuple(entry.get("tags", ())),
        scene=None if not scene else lambda size: SceneGraph.from_dict(scene),
        sentence_scenes=lambda: [SceneGraph.from_dict(s) for s in entry.get("sentence_scenes", ())],
    )


def _scene_opener(row: dict, name: str) -> Callable[[tuple[int, int]], SceneGraph]:
    return lambda size: _scene(row, size, name)


def _rows(data: Any, key: str, fields: tuple[str, ...], where: str) -> list[dict]:
    rows = data.get(key) if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise InputError(f"{where} has no list {key!r}; expected COCO's format")
    for k, row in enumerate(rows):
        missing = [f for f in fields if not isinstance(row, dict) or f not in row]
        if missing:
            raise InputError(f"{where}: entry {k} of {key!r} lacks the field {missing[0]!r}")
    return rows


def _image_path(folder: Path, file_name: str, where: str) -> Path:
    check_inside(file_name, where)
    inside = folder / "images" / file_name
    return inside if inside.exists() or not (folder / file_name).exists() else folder / file_name


def _instances(folder: Path) -> tuple[dict[Any, dict], list[str]]:
    """Image id -> its record with the annotations under "things"; and the category names."""
    path = folder / "instances.json"
    if not path.exists():
        return {}, []
    where = f"instances file '{path}'"
    data = read_json(path, "instances")
    names = {c["id"]: str(c["name"]) for c in _rows(data, "categories", ("id", "name"), where)}
    images = {image["id"]: {**image, "things": []} for image in _rows(data, "images", ("id",), where)}
    for k, row in enumerate(_rows(data, "annotations", ("image_id", "category_id", "bbox"), where)):
        if row["image_id"] not in images or row["category_id"] not in names:
            what = "image_id" if row["image_id"] not in images else "category_id"
            raise InputError(f"{where}: entry {k} of 'annotations' has the unknown {what} {row[what]!r}")
        box = row["bbox"]
        if not (isinstance(box, list) and len(box) == 4 and all(isinstance(v, int | float) and np.isfinite(v) for v in box)):
            raise InputError(f"{where}: entry {k} of 'annotations' has the bbox {box!r}, expected four finite numbers x, y, width, height")
        if not row.get("iscrowd"):
            images[row["image_id"]]["things"].append((names[row["category_id"]], box, row.get("attributes", [])))
    return images, list(names.values())


def _scene(record: dict, image_size: tuple[int, int], name: str) -> SceneGraph:
    """Boxes of a record in the pixels of the image as it is, cut at its border; boxes without area are left out."""
    from ...parsers.geometry import relations_between

    width, height = image_size
    sx, sy = width / (record.get("width") or width), height / (record.get("height") or height)
    objects = []
    for category, (x, y, w, h), attributes in record["things"]:
        box = (max(0.0, x * sx), max(0.0, y * sy), min(float(width), (x + w) * sx), min(float(height), (y + h) * sy))
        if box[2] - box[0] > 0 and box[3] - box[1] > 0:
            objects.append(SceneObject(category, list(attributes), box))
    relations = relations_between([o.box for o in objects], [o.name for o in objects], size=image_size) if objects else []
    return SceneGraph(objects=objects, relations=relations, size=image_size, id=name, source={"parser": "annotations"})


def _scenes(folder: Path) -> dict:
    path = folder / "scenes.json"
    if not path.exists():
        return {}
    data = read_json(path, "scenes")
    if not isinstance(data, dict) or data.get("format") != "hetero_xmodal.scenes" or not isinstance(data.get("items"), dict):
        raise InputError(f"scenes file '{path}' is of another format; write it again with build_dataset, or move it away")
    return data
