"""Scene graphs that other tools made of your images, in the JSON of Visual Genome or of GQA, with scores where they have some.

Visual Genome: a list with one record an image (or one record)::

    {"image_id": 2407890,                  # or "id"; "file_name" is known too; "width" and "height" may be there
     "objects": [{"object_id": 1, "names": ["dog"], "x": 10, "y": 20, "w": 100, "h": 80, "attributes": ["brown"], "score": 0.9}],
     "relationships": [{"predicate": "on", "subject_id": 1, "object_id": 2, "score": 0.4}]}

GQA: an object with one field an image, its id::

    {"2407890": {"width": 640, "height": 480,
                 "objects": {"1": {"name": "dog", "x": 10, "y": 20, "w": 100, "h": 80, "attributes": ["brown"], "score": 0.9,
                                   "relations": [{"name": "to the left of", "object": "2", "score": 0.4}]}}}}

With a score anywhere in the file, objects and relations are ``detected`` and a missing score is 1; without, they are ``annotated`` and all
are kept. Boxes are cut at the border of the image; those without area are left out with their relations, with a warning that counts them.
Relations are those of the file; where it has none for any image, they are derived from the boxes. GQA lists what is beside something from
both sides: of "to the left of" and "to the right of" the latter is flagged ``mirror``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...counts import agreeing, counted
from ...errors import InputError
from ...fields import Fields, brief, is_number
from ...files import read_json
from ...ids import IdTable
from ...scenes import SceneRelation
from ..geometry import mark_mirrors
from .base import DEFAULT_MAX_OBJECTS, Detections, InputImage, file_hash
from .detections import find_row

_SIDES = ("x", "y", "w", "h")


class _Thing(NamedTuple):
    """An object as it stands in the file."""

    id: str
    name: str
    attributes: list[str]
    box: tuple[float, float, float, float]
    score: float


class _Link(NamedTuple):
    """A relation between the ids of two objects."""

    subject: str
    predicate: str
    object: str
    score: float


class SceneFile:
    """A detector that returns the scene graphs of a file; a record is checked when its image is requested.

    Parameters
    ----------
    path : JSON in the format of Visual Genome or GQA, see the module's text.

    Raises
    ------
    InputError
        If the file is missing or of another format.
    """

    longest_side = 64  # the image is opened only for its size and to check that it is readable
    score_threshold = 0.0

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        data = read_json(self.path, "scene graphs")
        self.format, self._records, ids = _records(data, f"scene graphs '{self.path}'")
        self._names = [names[0] for names in ids]
        self._table = IdTable(ids, f"scene graphs '{self.path}'")
        lists = [_lists(record, self.format) for record in self._records]
        self._scored = any(_has_score(row) for things, links in lists for row in (*things, *links))
        self._related = any(links for _, links in lists)
        self.max_objects = DEFAULT_MAX_OBJECTS if self._scored else None
        self.source: dict[str, Any] = {
            "detector": f"scenes:{Path(self.path).name}", "weights": file_hash(self.path), "feature": None, "normalisation": None,
        }  # fmt: skip

    @property
    def labels(self) -> list[str]:
        """Names of the objects of all images, each once, in alphabetical order."""
        things = (thing for record in self._records for thing in _lists(record, self.format)[0] if isinstance(thing, dict))
        given = (names[0] if isinstance(names := thing.get("names"), list) and names else thing.get("name") for thing in things)
        return sorted({_plain(name) for name in given if isinstance(name, str) and name.strip()})

    def detect(self, images: list[InputImage], *, score_threshold: float = 0.0, max_objects: int | None = None) -> list[Detections]:
        """The stored objects and relations of each image, best score first.

        Raises
        ------
        InputError
            If the file has no record of an image, or the record is malformed or belongs to an image of another size.
        """
        return [self._one(image, score_threshold, max_objects) for image in images]

    def _one(self, image: InputImage, score_threshold: float, max_objects: int | None) -> Detections:
        row = find_row(image, self._table, self._names, f"scene graphs '{self.path}'")
        record, where = self._records[row], f"scene graphs '{self.path}', image {self._names[row]!r}"
        _check_size(record, image.size, where)
        things, links = (_gqa if self.format == "gqa" else _genome)(record, where)
        boxes = np.array([thing.box for thing in things], np.float32).reshape(-1, 4).clip(0, [*image.size, *image.size])
        area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        if not area.all():
            none = int((~area).sum())
            without = f"boxes {agreeing(none, 'has', 'have')} no area in the image and {agreeing(none, 'is', 'are')} left out"
            warnings.warn(f"{where}: {none} of {len(area)} {without}", stacklevel=5)
        scores = np.array([thing.score for thing in things], np.float32)
        ranked = [k for k in np.argsort(-scores, kind="stable").tolist() if area[k] and scores[k] >= score_threshold]
        order = ranked[:max_objects]
        place = {things[k].id: n for n, k in enumerate(order)}
        provenance = "detected" if self._scored else "annotated"
        names = [things[k].name for k in order]
        return Detections(
            names, boxes[order], scores[order], [things[k].attributes for k in order],
            relations=_relations(links, place, names, provenance) if self._related else None, provenance=provenance,
            left_out=len(ranked) - len(order),
        )  # fmt: skip


def _relations(links: list[_Link], place: Mapping[str, int], names: list[str], provenance: str) -> list[SceneRelation]:
    """The relations between objects that were kept, each once; of two that say the same from both sides one is flagged ``mirror``."""
    kept = {
        (place[link.subject], link.predicate, place[link.object]): link.score
        for link in reversed(links)
        if link.subject in place and link.object in place and link.subject != link.object
    }
    found = [SceneRelation(*triple, score=score, provenance=provenance) for triple, score in reversed(kept.items())]
    short = [replace(relation, predicate=relation.predicate.removeprefix("to the ")) for relation in found]  # "to the left of"
    return [replace(relation, mirror=marked.mirror) for relation, marked in zip(found, mark_mirrors(short, names), strict=True)]


# ---------------------------------------------------------------------------------------------- the two formats


def _records(data: Any, where: str) -> tuple[str, list[dict[str, Any]], list[list[str]]]:
    """The format, the records, and the ids of each."""
    if isinstance(data, dict) and isinstance(data.get("objects"), list):
        data = [data]
    if isinstance(data, list) and data and all(isinstance(row, dict) and isinstance(row.get("objects"), list) for row in data):
        ids = []
        for k, row in enumerate(data):
            fields = Fields(row, f"{where}, record {k}")
            names = [fields.text("file_name", None), fields.id("image_id", None) or fields.id("id", None)]
            if not any(names):
                raise InputError(f"{fields.where} lacks the field 'image_id'; expected the id or the file name of its image")
            ids.append([name for name in names if name])
        _refuse_twice(ids, where)
        return "genome", data, ids
    if isinstance(data, dict) and data and all(isinstance(row, dict) and isinstance(row.get("objects"), dict) for row in data.values()):
        return "gqa", list(data.values()), [[name] for name in data]
    raise InputError(
        f"{where} hold {brief(data)}; expected a list of records with image_id, objects and relationships (Visual Genome), or an object "
        "with one record an image that has objects by their ids (GQA)"
    )


def _refuse_twice(ids: list[list[str]], where: str) -> None:
    seen: set[str] = set()
    for names in ids:
        if names[0] in seen:
            raise InputError(f"{where} describe image {names[0]!r} a second time; keep one record per image")
        seen.add(names[0])


def _lists(record: dict[str, Any], format: str) -> tuple[list[Any], list[Any]]:
    """Objects and relations as they are, unchecked, to see whether there are scores."""
    if format == "genome":
        links = record.get("relationships")
        return record["objects"], links if isinstance(links, list) else []
    things = list(record["objects"].values())
    given = [thing.get("relations") for thing in things if isinstance(thing, dict)]
    return things, [link for some in given if isinstance(some, list) for link in some]


def _has_score(row: Any) -> bool:
    return isinstance(row, dict) and row.get("score") is not None


def _check_size(record: dict[str, Any], size: tuple[int, int], where: str) -> None:
    fields = Fields(record, where)
    stated = (fields.whole("width", size[0], low=1), fields.whole("height", size[1], low=1))
    if stated != size:
        raise InputError(
            f"{where}: the boxes belong to an image of {stated[0]} x {stated[1]} pixels, but this one has {size[0]} x {size[1]}; scale the "
            "boxes or give the original image"
        )


def _genome(record: dict[str, Any], where: str) -> tuple[list[_Thing], list[_Link]]:
    fields = Fields(record, where)
    things = [_thing(row, row.id("object_id", f"number {k}")) for k, row in enumerate(fields.rows("objects"))]
    links = []
    for row in fields.rows("relationships", []):
        predicate = row.text("predicate", "")
        if predicate:
            links.append(_Link(_end(row, "subject"), _plain(predicate), _end(row, "object"), _score(row)))
    return _checked(things, links, where)


def _gqa(record: dict[str, Any], where: str) -> tuple[list[_Thing], list[_Link]]:
    things, links = [], []
    for id, value in record["objects"].items():
        row = Fields(value, f"{where}, object {id!r}")
        things.append(_thing(row, id))
        for link in row.rows("relations", []):
            links.append(_Link(id, _plain(link.text("name")), link.id("object"), _score(link)))
    return _checked(things, links, where)


def _checked(things: list[_Thing], links: list[_Link], where: str) -> tuple[list[_Thing], list[_Link]]:
    known = {thing.id for thing in things}
    if twice := len(things) - len(known):
        raise InputError(f"{where}: {counted(twice, 'object')} {agreeing(twice, 'has', 'have')} the id of another one; give each its own")
    for link in links:
        for end in (link.subject, link.object):
            if end not in known:
                raise InputError(f"{where}: a relation {link.predicate!r} names the object {end!r}, which the image does not have")
    return things, links


def _thing(row: Fields, id: str) -> _Thing:
    names = row.texts("names", []) or [row.text("name")]
    sides: list[Any] = [row.value.get(key) for key in _SIDES]
    if not all(map(is_number, sides)) or min(sides[2:]) < 0:
        raise InputError(f"{row.where}: x, y, w, h are {brief(sides)}, expected four finite numbers, the last two at least 0")
    x, y, w, h = map(float, sides)
    return _Thing(id, _plain(names[0]), [_plain(word) for word in row.texts("attributes", [])], (x, y, x + w, y + h), _score(row))


def _end(row: Fields, which: str) -> str:
    """The id of the subject or object of a relation, given by itself or inside the whole object."""
    id = row.id(f"{which}_id", "")
    return id or row.inner(which).id("object_id")


def _score(row: Fields) -> float:
    score = row.get("score", 1.0)
    if not is_number(score) or not 0 <= score <= 1:
        raise InputError(f"{row.where}: score is {brief(score)}, expected a number in 0..1")
    return float(score)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
