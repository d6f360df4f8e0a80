"""A folder in COCO's format: ``captions.json`` beside ``images/``, optionally ``instances.json`` and the package's own ``scenes.json``.

* ``captions.json``: ``{"images": [{"id", "file_name", ...}], "annotations": [{"image_id", "caption"}]}``. A field ``split`` of an image
  names its split; without any such field all images are ``train``. ``"all"`` always takes every image.
* ``instances.json``: ``{"images", "annotations": [{"image_id", "category_id", "bbox": [x, y, width, height]}], "categories"}`` gives
  the scene graph (relations by geometry) and the labels (categories present) of the images it lists; the others have ``None``.
* ``scenes.json``, written by ``build_dataset``: full scene graphs with attributes; it takes precedence.

Images are looked for in ``images/`` and then in the folder itself, and read when an item is asked for.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, nearest
from ...files import read_json
from ...scenes import SceneGraph, SceneObject
from ..dataset import Dataset, Item


def load_coco(folder: str | Path, split: str = "train", size: int | None = None) -> Dataset:
    """The data set in *folder*; see the module's text for the layout and :func:`hetero_xmodal.data.load_dataset` for the rest."""
    folder = existing_folder(folder, "coco:")
    where = f"captions file '{folder / 'captions.json'}'"
    data = read_json(folder / "captions.json", "captions")
    images = _records(data, "images", ("id", "file_name"), where)
    captions: dict[Any, list[str]] = defaultdict(list)
    for row in _records(data, "annotations", ("image_id", "caption"), where):
        if not isinstance(row["caption"], str):
            raise InputError(f"{where}: the caption of image {row['image_id']!r} is {row['caption']!r}, expected a text")
        captions[row["image_id"]].append(" ".join(row["caption"].split()))
    known = {record["id"] for record in images}
    stray = next((i for i in captions if i not in known), None)
    if stray is not None:
        raise InputError(f"{where}: a caption belongs to image {stray!r}, which is not among its images")
    images = choose_split(images, split, [str(record.get("split", "train")) for record in images], f"coco:{folder}")
    boxes, names = _instances(folder)
    scenes = _scenes(folder)
    if scenes:
        names = scenes.get("label_names", names)
    rows = images if size is None else images[:size]

    def make(k: int) -> Item:
        from ...images import read_image

        record = rows[k]
        path = _image_path(folder, record["file_name"], where)
        image = read_image(path)
        name = Path(record["file_name"]).stem
        item = Item(image, captions.get(record["id"], []), id=name, path=path)
        full = scenes.get("items", {}).get(name)
        if full is not None:
            item.scene = SceneGraph.from_dict(full["scene"]) if full.get("scene") else None
            item.labels = None if full.get("labels") is None else np.isin(np.arange(len(names)), full["labels"]).astype(np.int64)
            item.tags, item.sentence_scenes = list(full.get("tags", [])), [SceneGraph.from_dict(s) for s in full.get("sentence_scenes", [])]
        elif record["id"] in boxes:
            item.scene = _scene(boxes[record["id"]], image.size, name)
            present = {thing.name for thing in item.scene.objects}
            item.labels = np.array([n in present for n in names], np.int64)
        return item

    return Dataset(f"coco:{folder}", split, range(len(rows)), make, label_names=names, tag_names=scenes.get("tag_names", ()))


def existing_folder(folder: str | Path, prefix: str) -> Path:
    """*folder* as a Path, or an :class:`InputError` that says what is wrong with it."""
    if not str(folder):
        raise InputError(f"'{prefix}' names no folder; write for example '{prefix}my_photos'")
    path = Path(folder)
    if not path.is_dir():
        raise InputError(f"data folder '{path}' {'is a file' if path.exists() else 'does not exist'}; give a folder")
    return path


def choose_split(rows: list, split: str, splits: list[str], name: str) -> list:
    """The rows whose split is *split* (``"all"``: every row)."""
    if split == "all":
        return rows
    known = list(dict.fromkeys(splits))
    if split not in known:
        raise InputError(f"{name} has no split {split!r}{nearest(split, known)}; its splits are {', '.join([*known, 'all'])}")
    return [row for row, s in zip(rows, splits, strict=True) if s == split]


def _records(data: Any, key: str, fields: tuple[str, ...], where: str) -> list[dict]:
    rows = data.get(key) if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise InputError(f"{where} has no list {key!r}; expected COCO's format")
    for k, row in enumerate(rows):
        missing = [f for f in fields if not isinstance(row, dict) or f not in row]
        if missing:
            raise InputError(f"{where}: entry {k} of {key!r} lacks the field {missing[0]!r}")
    return rows


def _image_path(folder: Path, file_name: str, where: str) -> Path:
    if not isinstance(file_name, str) or Path(file_name).is_absolute() or ".." in Path(file_name).parts:
        raise InputError(f"{where}: file_name {file_name!r} leaves the data folder; expected a name inside it")
    inside = folder / "images" / file_name
    return inside if inside.exists() or not (folder / file_name).exists() else folder / file_name


def _instances(folder: Path) -> tuple[dict[Any, dict], list[str]]:
    """Image id -> its record with the annotations under "things"; and the category names."""
    path = folder / "instances.json"
    if not path.exists():
        return {}, []
    where = f"instances file '{path}'"
    data = read_json(path, "instances")
    names = {c["id"]: str(c["name"]) for c in _records(data, "categories", ("id", "name"), where)}
    images = {image["id"]: {**image, "things": []} for image in _records(data, "images", ("id",), where)}
    for k, row in enumerate(_records(data, "annotations", ("image_id", "category_id", "bbox"), where)):
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
