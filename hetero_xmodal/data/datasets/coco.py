"""A folder in COCO's format: ``captions.json`` beside ``images/``, optionally ``instances.json`` and the package's own ``scenes.json``.

* ``captions.json``: ``{"images": [{"id", "file_name", ...}], "annotations": [{"image_id", "caption"}]}``. A field ``split`` of an image
  names its split; an image without it belongs to ``train``. ``"all"`` takes every image.
* ``instances.json``: ``{"images", "annotations": [{"image_id", "category_id", "bbox": [x, y, width, height]}], "categories"}`` gives
  the scene graph (relations by geometry) and the labels (categories present) of the images it lists; the others have ``None``. Its
  images are joined with those of ``captions.json`` by id or file name (:mod:`hetero_xmodal.ids`); their ``width`` and ``height``, if
  given, are those of the image that the boxes were drawn on. A ``segmentation`` (polygons or run lengths) becomes the object's mask.
* ``scenes.json``, written by ``build_dataset``: scene graphs with attributes and relations, labels and tags; it takes precedence.

Images are looked for in ``images/`` and then in the folder itself, and read when an item is asked for. Karpathy's split files are read by
``karpathy:FILE,FOLDER``.

COCO as published is read too, where there is no ``captions.json``: ``annotations/captions_train2017.json``, ``instances_train2017.json``
and ``train2017/`` (also ``images/train2017/``), the same of ``val2017``, or of 2014. The splits are ``train`` and ``val``, or, with
``dataset_coco.json`` in the folder or in ``annotations/``, Karpathy's. Images that are not there are left out, and counted.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...counts import agreeing, counted, lacking
from ...errors import InputError
from ...fields import Fields, brief
from ...files import read_json
from ...ids import IdTable, same_file, short_ids, without_ending
from ...parsers.detectors.coco_categories import read_categories
from ...scenes import SceneGraph, SceneObject
from ..boxes import cut, fit_boxes
from ..published import FileTable, left_out
from ..segmentation import Segmentation, read_segmentation
from ..source import SPLITS, Record, Request, Source, check_inside, clean_text, existing_form, split_name


class Listed(NamedTuple):
    """An image of a ``captions.json``."""

    id: str
    file_name: str
    captions: tuple[str, ...]
    split: str | None


def open_coco(request: Request) -> Source:
    """A folder in this layout; see the module's text.

    Raises
    ------
    InputError : a file that is missing or not in COCO's layout; the message names the entry.
    """
    folder = request.folder()
    published = sorted((folder / "annotations").glob("captions_*.json"))
    if published and not (folder / "captions.json").exists():
        return _open_published(request, folder, published)
    where = f"captions file '{folder / 'captions.json'}'"
    listed = read_captions(folder / "captions.json")
    boxes, scenes = _instances(folder / "instances.json"), _scenes(folder)
    names = scenes.label_names if scenes.label_names is not None else boxes.names
    records, notes = [], list(boxes.notes)
    joined, found = set(), set()
    for image, id in zip(listed, short_ids([image.file_name for image in listed]), strict=True):
        record = Record(id, image.split, image.captions, _image_path(folder, image.file_name, where))
        row = boxes.row_of(image)
        if row is not None:
            joined.add(row)
        if id in scenes.items:
            found.add(id)
            record = _annotated(record, scenes.items[id], names)
        elif row is not None:
            record = _with_boxes(record, boxes.images[row], names)
        records.append(record)
    notes += _not_joined("instances.json", "images", [row.name for k, row in enumerate(boxes.images) if k not in joined])
    notes += _not_joined("scenes.json", "items", [id for id in scenes.items if id not in found])
    gives = {"images", "captions"}
    gives |= {"labels"} if any(record.labels is not None for record in records) else set()
    gives |= {"scene graphs"} if any(record.scene is not None for record in records) else set()
    gives |= {"tags"} if any(record.tags for record in records) else set()
    return Source(
        f"coco:{request.place}", request.kind, request.place, records, gives=gives, label_names=names, tag_names=scenes.tag_names,
        notes=tuple(notes),
    )  # fmt: skip


def _open_published(request: Request, folder: Path, files: list[Path]) -> Source:
    """COCO's own folders and files; see the module's text."""
    records: list[Record] = []
    notes: list[str] = []
    missing: list[str] = []
    names: list[str] = []
    karpathy = _karpathy_splits(folder)
    table, captions = FileTable(), 0
    for path in files:
        part = path.stem.removeprefix("captions_")
        listed, boxes = read_captions(path), _instances(path.with_name(f"instances_{part}.json"))
        if boxes.names and names and boxes.names != names:
            raise InputError(f"instances file '{path.with_name(f'instances_{part}.json')}' has other categories than the file before it")
        names = names or boxes.names
        notes += boxes.notes
        split = next((name for name in SPLITS if part.startswith(name)), part)
        places = (folder / part, folder / "images" / part, folder / "images")
        for image in listed:
            check_inside(image.file_name, f"captions file '{path}'", "the folder of the images")
            captions += len(image.captions)
            file = next((place / image.file_name for place in places if table.has(place / image.file_name)), None)
            if file is None:
                missing.append(f"{part}/{image.file_name}")
                continue
            own = split if karpathy is None else karpathy.get(image.id, "unused")
            record = Record(f"{part}/{without_ending(image.file_name)}", own, image.captions, file)
            row = boxes.row_of(image)
            records.append(record if row is None else _with_boxes(record, boxes.images[row], boxes.names))
    if not records:
        raise InputError(f"'{folder}' holds none of the {len(missing)} listed images; expected {missing[0]}" if missing else (
            f"'{files[0]}' lists no image"
        ))  # fmt: skip
    labelled = any(record.labels is not None for record in records)
    return Source(
        f"coco:{request.place}", request.kind, request.place, records, label_names=names, missing=tuple(missing),
        gives={"images", "captions"} | ({"labels", "scene graphs"} if labelled else set()),
        notes=(*left_out(missing, len(records) + len(missing), f"'{folder}'"), *notes),
        counts={"images": len(records) + len(missing), "captions": captions} | ({"categories": len(names)} if names else {}),
    )  # fmt: skip


def _karpathy_splits(folder: Path) -> dict[str, str] | None:
    """Image id -> split of Karpathy's file, ``None`` without one."""
    path = next(
        (place / "dataset_coco.json" for place in (folder, folder / "annotations") if (place / "dataset_coco.json").is_file()), None
    )
    if path is None:
        return None
    rows = Fields(read_json(path, "splits"), f"split file '{path}'").rows("images")
    return {row.id("cocoid"): split_name(row.text("split")) for row in rows}


def _not_joined(file: str, what: str, names: list[str]) -> list[str]:
    return [f"{file}: {len(names)} of its {what} are not in captions.json, the first is {names[0]!r}"] if names else []


def read_captions(path: Path) -> list[Listed]:
    """Every image of a ``captions.json`` with its captions.

    Raises
    ------
    InputError : not that layout, ids that occur twice, captions of images that are not listed; the message gives their number.
    """
    where = f"captions file '{path}'"
    data = _coco_file(read_json(path, "captions"), where)
    images = _rows(data, "images")
    ids = [image.id("id") for image in images]
    names = [posixpath.normpath(image.text("file_name")) for image in images]  # "./a.png" is "a.png"
    for what, values in (("image ids", ids), ("file names", names)):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            first = twice[0] if what == "image ids" else repr(twice[0])
            raise InputError(f"{where}: {len(twice)} of {len(images)} {what} occur more than once, the first is {first}; keep one each")
    captions: dict[str, list[str]] = {id: [] for id in ids}
    rows = _rows(data, "annotations")
    owners = [row.id("image_id") for row in rows]
    strays = [owner for owner in owners if owner not in captions]
    if strays:
        raise InputError(
            f"{where}: {len(strays)} of {len(rows)} captions {agreeing(len(strays), 'belongs', 'belong')} to images that are not listed, "
            f"the first to image {strays[0]}; add these images or remove the captions"
        )
    twice = [id for id, count in Counter(row.id("id", None) for row in rows).items() if count > 1 and id is not None]
    if twice:
        raise InputError(f"{where}: {len(twice)} caption ids occur more than once, the first is {twice[0]}; keep one each")
    for owner, row in zip(owners, rows, strict=True):
        text = row.get("caption")
        if not isinstance(text, str):
            raise InputError(f"{where}: a caption of image {owner} is {brief(text)}, expected a text")
        captions[owner].append(clean_text(text))
    return [Listed(id, name, tuple(captions[id]), image.text("split", None)) for id, name, image in zip(ids, names, images, strict=True)]


def _coco_file(data: Any, where: str) -> Fields:
    if not isinstance(data, dict):
        raise InputError(f"{where} has no list 'images'; expected COCO's format")
    return Fields(data, where)


def _rows(data: Fields, key: str) -> list[Fields]:
    if not isinstance(data.value.get(key), list):
        raise InputError(f"{data.where} has no list {key!r}; expected COCO's format")
    return data.rows(key)


def _image_path(folder: Path, file_name: str, where: str) -> Path:
    check_inside(file_name, where)
    inside = existing_form(folder / "images", file_name)
    if inside.exists():
        return inside
    beside = existing_form(folder, file_name)
    return beside if beside.exists() else inside


# ---------------------------------------------------------------------------------------------- instances.json


@dataclass
class _Image:
    """An image of ``instances.json``: id, name, the size that is stated for it, its (category, [x, y, w, h], attributes, outline)."""

    id: str
    file_name: str | None
    size: tuple[int, int] | None
    things: list[tuple[str, list[float], list[str], Segmentation | None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.file_name or self.id


class _Boxes(NamedTuple):
    """What ``instances.json`` says."""

    images: list[_Image]
    names: list[str]
    table: IdTable | None
    notes: tuple[str, ...] = ()

    def row_of(self, image: Listed) -> int | None:
        """The row of the image of ``captions.json``, if it is listed here too."""
        row = None if self.table is None else self.table.find(image.file_name, image.id)
        if self.table is not None and row is not None:
            name = self.images[row].file_name
            if name is not None and not same_file(name, image.file_name):
                raise InputError(f"{self.table.where}: image {image.id} is '{name}', but in captions.json it is '{image.file_name}'")
        return row


def _instances(path: Path) -> _Boxes:
    if not path.exists():
        return _Boxes([], [], None)
    where = f"instances file '{path}'"
    data = _coco_file(read_json(path, "instances"), where)
    names = read_categories(_rows(data, "categories"), where)
    images = [_Image(row.id("id"), row.text("file_name", None), _stated_size(row)) for row in _rows(data, "images")]
    by_id = {image.id: image for image in images}
    if len(by_id) < len(images):
        twice = next(id for id, count in Counter(image.id for image in images).items() if count > 1)
        raise InputError(f"{where}: image id {twice} occurs more than once; keep one entry for each image")
    empty = unnamed = double = 0
    seen: dict[tuple[str, str, tuple[float, ...]], list[str]] = {}
    for row in _rows(data, "annotations"):
        owner, category = row.id("image_id"), row.id("category_id")
        for key, id, known in (("image_id", owner, by_id), ("category_id", category, names)):
            if id not in known:
                raise InputError(f"{row.where} has the unknown {key} {brief(row.get(key))}")
        box = row.numbers("bbox", 4, "x, y, width, height")
        if min(box[2:]) < 0:
            raise row.refuse("bbox", "x, y, width, height, the last two at least 0")
        attributes = row.get("attributes", [])
        unnamed += isinstance(attributes, dict)
        empty += not min(box[2:])
        if not row.get("iscrowd", None):
            words = [] if isinstance(attributes, dict) else row.texts("attributes", [])
            first = seen.setdefault((owner, category, tuple(box)), words)
            if first is words:
                by_id[owner].things.append((names[category], box, words, read_segmentation(row)))
            else:  # the same box of the same category a second time
                first += [word for word in words if word not in first]
                double += 1
    notes = []
    if empty:
        notes.append(f"{where}: {lacking(empty, 'box', 'area')}")
    if double:
        notes.append(
            f"{where}: {counted(double, 'box')} {agreeing(double, 'stands', 'stand')} there twice (one category, one box) and "
            f"{agreeing(double, 'is', 'are')} left out"
        )
    if unnamed:
        notes.append(f"{where}: the attributes of {unnamed} annotations are no lists of words and are left out")
    return _Boxes(images, list(names.values()), IdTable([[i.file_name, i.id] for i in images], where), tuple(notes))


def _stated_size(row: Fields) -> tuple[int, int] | None:
    width, height = row.whole("width", None, low=1), row.whole("height", None, low=1)
    if (width is None) != (height is None):
        raise InputError(f"{row.where} has only one of 'width' and 'height'; give both or neither")
    return None if width is None else (width, height)


def _with_boxes(record: Record, image: _Image, names: list[str]) -> Record:
    present = {name for name, *_ in image.things}
    labels = np.array([name in present for name in names], np.uint8)
    return replace(record, labels=labels, scene=partial(_scene, image, record.id))


def _scene(image: _Image, id: str, size: tuple[int, int]) -> SceneGraph:
    """Boxes in the pixels of the image as it is, cut at its border; boxes without area are left out."""
    from ...parsers.geometry import relations_between

    where = f"the boxes of image '{id}' in instances.json"
    boxes = fit_boxes([(x, y, x + w, y + h) for _, (x, y, w, h), *_ in image.things], image.size, size, where)
    objects = []
    for (category, (_, _, w, h), attributes, drawn), box in zip(image.things, boxes, strict=True):
        inside = cut(box, size)
        if inside is not None:
            mask = None if drawn is None else drawn.mask(image.size, size, where)
            objects.append(SceneObject(category, list(attributes), inside, mask=mask))
        elif w > 0 and h > 0 and (box[0] >= size[0] or box[1] >= size[1] or box[2] <= 0 or box[3] <= 0):
            raise InputError(
                f"{where}: that of {category!r} lies outside its {size[0]} x {size[1]} pixels; is the image of another size than the boxes?"
            )
    relations = relations_between([o.box for o in objects], [o.name for o in objects], size=size) if objects else []
    return SceneGraph(objects=objects, relations=relations, size=size, id=id, source={"parser": "annotations"})


# ---------------------------------------------------------------------------------------------- scenes.json


class _Scenes(NamedTuple):
    """What ``scenes.json`` says."""

    items: dict[str, Fields]
    label_names: list[str] | None = None
    tag_names: tuple[str, ...] = ()


def _scenes(folder: Path) -> _Scenes:
    path = folder / "scenes.json"
    if not path.exists():
        return _Scenes({})
    data = read_json(path, "scenes")
    if not isinstance(data, dict) or data.get("format") != "hetero_xmodal.scenes" or not isinstance(data.get("items"), dict):
        raise InputError(f"scenes file '{path}' is of another format; write it again with build_dataset, or move it away")
    where = f"scenes file '{path}'"
    top = Fields(data, where)
    items = {id: Fields(item, f"{where}, item {id!r}") for id, item in data["items"].items()}
    names = top.texts("label_names", None)
    if names is not None and (len(names) < len(top.value["label_names"]) or len(set(names)) < len(names)):
        raise top.refuse("label_names", "different names, none of them empty")
    return _Scenes(items, names, tuple(top.texts("tag_names", [])))


def _annotated(record: Record, entry: Fields, names: list[str]) -> Record:
    """The record with what ``scenes.json`` says of it."""
    columns, scene = entry.values("labels", None), entry.inner("scene", None)
    if columns is not None and not all(type(column) is int and 0 <= column < len(names) for column in columns):
        raise entry.refuse("labels", f"a list of columns of the {len(names)} label names, counted from 0")
    graphs = [graph.value for graph in entry.rows("sentence_scenes", [])]
    return replace(
        record,
        labels=None if columns is None else np.isin(np.arange(len(names)), columns).astype(np.uint8),
        tags=tuple(entry.texts("tags", [])),
        scene=None if scene is None else partial(_stored_scene, scene.value),
        sentence_scenes=partial(_stored_scenes, graphs),
    )


def _stored_scene(value: dict[str, Any], size: tuple[int, int]) -> SceneGraph:
    return SceneGraph.from_dict(value)


def _stored_scenes(values: list[dict[str, Any]]) -> list[SceneGraph]:
    return [SceneGraph.from_dict(value) for value in values]
