"""Visual Relationship Detection (Lu et al. 2016) as published (``cards/vrd.toml``): photographs with relations drawn by people.

The captions are the relations in words ("the clock on the oven"). Two mentions of one class with one box are one object. Published boxes
are (y1, y2, x1, x2). The splits are the published ones; a photograph whose relations are all left out, or that has none, is left out, and
counted.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...counts import LeftOut, lacking
from ...errors import InputError
from ...fields import Fields, brief, whole_number
from ...files import read_json
from ...ids import short_ids, without_ending
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ..boxes import fit_boxes
from ..published import FileTable, first_file, left_out
from ..source import Record, Request, Source, check_inside

_SPLITS = {"train": "sg_train_images", "test": "sg_test_images"}
_ENDINGS = (".jpg", ".jpeg", ".png", ".gif")


def open_vrd(request: Request) -> Source:
    """The photographs with their scene graphs; see the module's text.

    Raises
    ------
    InputError : a file is missing or broken, a number that stands for no class or predicate, a box that is none.
    """
    root, table = request.folder(), FileTable()
    classes, predicates = (_names(_published(root, f"{which}.json")) for which in ("objects", "predicates"))
    records, missing, empty, relations, dropped, listed = [], [], [], 0, 0, 0
    for split, folder in _SPLITS.items():
        path = _published(root, f"annotations_{split}.json")
        data = read_json(path, "annotations")
        if not isinstance(data, dict):
            raise InputError(f"annotations '{path}' are no object with the names of photographs; expected the published file")
        names = [check_inside(name, f"annotations '{path}'", "the folder of the photographs") for name in data]
        for name, rows, id in zip(names, data.values(), short_ids(names), strict=True):
            listed += 1
            where = f"annotations '{path}', '{name}'"
            scene, lost = _scene_of(rows, classes, predicates, where)
            dropped, relations = dropped + lost, relations + len(scene.relations)
            image = _image(root, folder, name, table)
            if image is None:
                missing.append(name)
            elif not scene.relations:
                empty.append(name)
            else:
                records.append(Record(id, split, _phrases(scene), image, scene=partial(_fitted, replace(scene, id=id))))
    if not records:
        raise InputError(f"'{root}' holds no photograph with relations; expected sg_dataset/sg_train_images/ and json_dataset/")
    notes = list(left_out(missing, listed, f"'{root}'"))
    if empty:
        notes.append(f"'{root}': {lacking(len(empty), 'photograph', 'relation')}, the first is '{empty[0]}'")
    if dropped:
        notes.append(f"'{root}': {LeftOut('relation', 'has', 'have', 'a box without area, or one thing for both ends,').told(dropped)}")
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "captions", "scene graphs"}, notes=tuple(notes),
        missing=tuple(missing), counts={"images": listed, "relations": relations, "classes": len(classes), "predicates": len(predicates)},
    )  # fmt: skip


def _published(root: Path, name: str) -> Path:
    return first_file((root / place / name for place in ("json_dataset", "", "annotations")), "file of VRD")


def _names(path: Path) -> list[str]:
    names = read_json(path, "names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise InputError(f"names '{path}' are no list of texts; expected the published file")
    return [" ".join(name.split()) for name in names]


def _image(root: Path, folder: str, name: str, table: FileTable) -> Path | None:
    """The file of a photograph; a few were published under another ending than the annotations name."""
    places = [root / place for place in (f"sg_dataset/{folder}", folder, "images")]
    ways = [name, *(f"{without_ending(name)}{ending}" for ending in _ENDINGS)]
    return next((place / way for place in places for way in ways if table.has(place / way)), None)


def _scene_of(rows: Any, classes: list[str], predicates: list[str], where: str) -> tuple[SceneGraph, int]:
    """The scene graph in the pixels of the annotations, and the number of relations left out."""
    if not isinstance(rows, list):
        raise InputError(f"{where} is {brief(rows)}, expected a list of relations")
    objects: dict[tuple[int, tuple[float, ...]], int] = {}
    things: list[SceneObject] = []
    found: dict[tuple[int, str, int], SceneRelation] = {}
    lost = 0
    for k, value in enumerate(rows):
        row = Fields(value, f"{where}, relation {k}")
        ends = [_end(row.inner(side), classes) for side in ("subject", "object")]
        predicate = predicates[_number(row, "predicate", len(predicates))]
        if None in ends or ends[0] == ends[1]:
            lost += 1
            continue
        for category, box in ends:
            if objects.setdefault((category, box), len(things)) == len(things):
                things.append(SceneObject(classes[category], [], box))
        subject, object = (objects[end] for end in ends)
        found.setdefault((subject, predicate, object), SceneRelation(subject, predicate, object))
    return SceneGraph(things, list(found.values()), source={"parser": "annotations"}), lost


def _end(row: Fields, classes: list[str]) -> tuple[int, tuple[float, float, float, float]] | None:
    """Class and box (x1, y1, x2, y2) of one end; ``None`` if the box has no area."""
    y1, y2, x1, x2 = row.numbers("bbox", 4, "y1, y2, x1, x2")
    category = _number(row, "category", len(classes))
    return (category, (x1, y1, x2, y2)) if x2 > x1 and y2 > y1 else None


def _number(row: Fields, key: str, below: int) -> int:
    number = whole_number(row.get(key))
    if number is None or not 0 <= number < below:
        raise row.refuse(key, f"a number from 0 to {below - 1}")
    return number


def _phrases(scene: SceneGraph) -> tuple[str, ...]:
    names = [thing.name for thing in scene.objects]
    return tuple(dict.fromkeys(f"the {names[r.subject]} {r.predicate} the {names[r.object]}" for r in scene.relations))


def _fitted(scene: SceneGraph, size: tuple[int, int]) -> SceneGraph:
    """The scene graph with its boxes in a photograph of *size*, cut at the border."""
    boxes = fit_boxes([thing.box for thing in scene.objects], None, size, f"the boxes of photograph '{scene.id}'")
    inside = [(max(0.0, a), max(0.0, b), min(float(size[0]), c), min(float(size[1]), d)) for a, b, c, d in boxes]
    wrong = next((k for k, (a, b, c, d) in enumerate(inside) if c <= a or d <= b), None)
    if wrong is not None:
        raise InputError(
            f"the box {boxes[wrong]} of {scene.objects[wrong].name!r} in photograph '{scene.id}' lies outside its {size[0]} x {size[1]} "
            "pixels; was the photograph reduced?"
        )
    return replace(scene, objects=[replace(thing, box=box) for thing, box in zip(scene.objects, inside, strict=True)], size=size)
