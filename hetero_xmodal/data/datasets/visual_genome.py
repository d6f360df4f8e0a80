"""Visual Genome in its published layout: scene graphs made by people, for the manipulation of objects and relations::

    FOLDER/
        scene_graphs.json           [{"image_id", "objects": [{"object_id", "names" or "name", "x", "y", "w", "h"}],
                                      "relationships": [{"predicate", "subject_id", "object_id"}]}]
        objects.json, relationships.json      instead of it: the two lists apart (attributes.json is read too where it is)
        image_data.json             [{"image_id", "width", "height"}]
        vg_splits.json              optional: {"train": [image_id, ...], "val": [...], "test": [...]}; otherwise eight of ten images are
                                    train, one val, one test, by image_id
        VG_100K/ID.jpg, VG_100K_2/ID.jpg or images/ID.jpg

Images are kept as in SIMSG's preparation: shorter side of at least 200 pixels, objects of at least 32 pixels on both sides, 3 to 30 of
them, 1 to 30 relations. The boxes of scene graphs are those of the annotators, cut at the border.

Two protocols. ``reconstruct``: the box of one object is hidden and drawn again; the true answer is the image itself. ``remove``,
``replace`` and ``move`` (reposition): the true scene graph is edited; the true edited image is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...files import read_json
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ..edit_pairs import ManipulationPair, ManipulationPairs, check_kinds, whole_pixels
from ..source import SPLITS, Record, Request, Source

KINDS = ("reconstruct", "remove", "replace", "move")
#: predicates that say where a thing is, by meaning; a reposition puts one of another meaning, seen in the data, in its place
SPATIAL = {
    predicate: meaning
    for meaning, predicates in {
        "left": "left of,to the left of,on the left of", "right": "right of,to the right of,on the right of", "above": "above,over",
        "on": "on,on top of", "below": "below,under,beneath,underneath", "near": "near,next to,beside,by,adjacent to,close to",
        "behind": "behind", "front": "in front of", "in": "in,inside,inside of",
    }.items()
    for predicate in predicates.split(",")
}  # fmt: skip
MIN_IMAGE_SIDE, MIN_OBJECT_SIDE = 200, 32
OBJECTS, RELATIONS = (3, 30), (1, 30)
#: an object is hidden in the protocol only if both sides of its box exceed this share of the image's
HIDDEN_SHARE = 0.05


@dataclass
class _Record:
    """One image of the list: its number, annotated size, scene graph in those pixels."""

    number: int
    size: tuple[int, int]
    scene: SceneGraph
    phrases: list[str] = field(default_factory=list)


def open_visual_genome(request: Request) -> Source:
    """The images with their annotated scene graphs; captions are the relations in words ("the clock on the table").

    Raises
    ------
    InputError : a file of the layout is missing or broken. An image is read when it is asked for.
    """
    genome = _genome(str(request.folder()))
    records = [
        Record(
            str(row.number), genome.split_of(row), tuple(row.phrases), genome.image(row.number, missing_ok=True), scene=_scene_opener(row)
        )
        for row in genome.records
    ]
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "captions", "scene graphs", "edits"}, splits=SPLITS,
        pairs=partial(visual_genome_pairs, genome, request.name),
    )  # fmt: skip


def _scene_opener(row: _Record) -> Callable[[tuple[int, int]], SceneGraph]:
    return lambda size: _scaled(row.scene, row.size, size)


def visual_genome_pairs(
    genome: _Genome,
    name: str,
    split: str,
    *,
    size: int | None = None,
    seed: int = 0,
    image_size: int = 64,
    kinds: tuple[str, ...] | None = None,
) -> ManipulationPairs:
    """Pairs of :func:`~hetero_xmodal.data.tasks.editing.load_pairs`; images are brought to *image_size* x *image_size* as in SIMSG.

    With ``kinds=("reconstruct",)`` alone there is one pair for every image *and* every object whose box is large enough, as in the
    published protocol; otherwise one pair an image, kinds in turn.

    Raises
    ------
    InputError : a kind of edit that the data set does not give.
    """
    kinds = check_kinds(name, kinds, KINDS, KINDS)
    records = [record for record in genome.records if split in (genome.split_of(record), "all")]
    if kinds == ("reconstruct",):
        turns = [(i, k, k) for i, record in enumerate(records) for k in _hideable(record)]
    else:
        turns = [(i, None, i) for i in range(len(records))]
    turns = turns if size is None else turns[:size]

    def make(index: int, instruction_seed: int):
        number, subject, turn = turns[index]
        return _pair(genome, records[number], split, kinds, subject, turn, image_size, instruction_seed)

    return ManipulationPairs(name, split, range(len(turns)), make, seed=seed)


def _hideable(record: _Record) -> list[int]:
    width, height = record.size
    boxes = [o.box for o in record.scene.objects]
    return [k for k, b in enumerate(boxes) if b[2] - b[0] > HIDDEN_SHARE * width and b[3] - b[1] > HIDDEN_SHARE * height]


def _pair(genome: _Genome, record: _Record, split, kinds, subject: int | None, turn: int, side: int, seed: int):
    from PIL import Image

    from ...images import read_image

    rng = np.random.default_rng([seed, record.number])
    whole = read_image(genome.image(record.number))
    image = whole.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    scene = _scaled(record.scene, record.size, image.size)
    scene.id = str(record.number)
    common = {"split": split, "image": image, "sentences": tuple(record.phrases), "scene": scene}
    for kind in [kinds[(turn + k) % len(kinds)] for k in range(len(kinds))]:
        if kind == "reconstruct":
            wide = _hideable(record) or list(range(len(scene.objects)))
            hidden = int(rng.choice(wide)) if subject is None else subject
            caption = str(rng.choice(record.phrases))
            return ManipulationPair(
                f"{record.number}/{kind}-{hidden}", kind=kind, instruction=caption, target=caption, edited_image=image,
                edited_sentence=caption, edited_scene=scene, subject=hidden,
                region=whole_pixels(scene.objects[hidden].box, image.size), **common,
            )  # fmt: skip
        edited = _edit(genome, scene, kind, rng)
        if edited is not None:
            after, request, source, target, thing = edited
            box = None if kind == "move" else whole_pixels(scene.objects[thing].box, image.size)  # the new position is unknown
            return ManipulationPair(
                f"{record.number}/{kind}-{seed}", kind=kind, instruction=request, request=request, target=target, edited_sentence=source,
                edited_scene=after, subject=thing, region=box, **common,
            )  # fmt: skip
    raise InputError(f"image {record.number} of Visual Genome allows none of the edits {', '.join(kinds)}")


def _edit(genome: _Genome, scene: SceneGraph, kind: str, rng) -> tuple[SceneGraph, str, str, str, int] | None:
    """(edited graph, request, true sentence before, sentence after, edited object) for one relation chosen by *rng*."""
    names = [o.name for o in scene.objects]

    def phrase(s: int, predicate: str, o: int, name: str | None = None) -> str:
        return f"the {name or names[s]} {predicate} the {names[o]}"

    order = rng.permutation(len(scene.relations)).tolist()
    order.sort(key=lambda k: names.count(names[scene.relations[k].subject]) > 1)  # "no person" is clear only where there is one
    for k in order:
        relation = scene.relations[k]
        s, predicate, o = relation.subject, relation.predicate, relation.object
        if s == o:
            continue
        source = phrase(s, predicate, o)
        if kind == "remove":
            index = {old: new for new, old in enumerate(i for i in range(len(names)) if i != s)}
            left = [r for r in scene.relations if s not in (r.subject, r.object)]
            kept = [SceneRelation(index[r.subject], r.predicate, index[r.object]) for r in left]
            after = replace(scene, objects=[t for i, t in enumerate(scene.objects) if i != s], relations=kept)
            return after, f"no {names[s]}", source, f"the {names[o]}", s
        if kind == "replace":
            others = [n for n in genome.subjects_of.get(predicate, ()) if n not in names]
            if others:
                new = str(rng.choice(others))
                objects = [replace(t, name=new, attributes=[]) if i == s else t for i, t in enumerate(scene.objects)]
                return replace(scene, objects=objects), f"a {new} instead of the {names[s]}", source, phrase(s, predicate, o, new), s
        if kind == "move" and predicate in SPATIAL:
            others = [p for p in genome.spatial if SPATIAL[p] != SPATIAL[predicate]]
            if others:
                new = str(rng.choice(others))
                relations = [replace(r, predicate=new) if n == k else r for n, r in enumerate(scene.relations)]
                return replace(scene, relations=relations), phrase(s, new, o), source, phrase(s, new, o), s
    return None


def _scaled(scene: SceneGraph, size: tuple[int, int], new: tuple[int, int]) -> SceneGraph:
    """The scene graph in the pixels of an image of another size."""
    kx, ky = new[0] / size[0], new[1] / size[1]
    objects = [replace(o, box=(o.box[0] * kx, o.box[1] * ky, o.box[2] * kx, o.box[3] * ky)) for o in scene.objects]
    return replace(scene, objects=objects, size=new)


class _Genome:
    """The annotation files, read once."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.records = self._read()
        if not self.records:
            raise InputError(
                f"'{self.folder}' holds no image with {OBJECTS[0]} to {OBJECTS[1]} objects of at least {MIN_OBJECT_SIDE} pixels and "
                f"{RELATIONS[0]} to {RELATIONS[1]} relations between them"
            )
        relations = [(i.scene.objects[r.subject].name, r.predicate) for i in self.records for r in i.scene.relations]
        self.subjects_of: dict[str, list[str]] = {}
        for name, predicate in sorted(set(relations)):
            self.subjects_of.setdefault(predicate, []).append(name)
        self.spatial = sorted({predicate for _, predicate in relations} & set(SPATIAL))
        self._split_of = self._splits()

    def split_of(self, record: _Record) -> str:
        """The split of an image; ``unused`` if the published lists do not name it."""
        return self._split_of.get(record.number, "unused")

    def image(self, number: int, *, missing_ok: bool = False) -> Path:
        """The file of an image.

        Raises
        ------
        InputError : it is in none of the folders, and this is not *missing_ok*.
        """
        places = [self.folder / place / f"{number}.jpg" for place in ("VG_100K", "VG_100K_2", "images")]
        found = next((path for path in places if path.exists()), None)
        if found is None and not missing_ok:
            raise InputError(f"image {number}.jpg is neither in VG_100K/, VG_100K_2/ nor images/ of '{self.folder}'")
        return found or places[0]

    def _splits(self) -> dict[int, str]:
        path = self.folder / "vg_splits.json"
        if not path.exists():
            return {i.number: {8: "val", 9: "test"}.get(i.number % 10, "train") for i in self.records}
        data = read_json(path, "splits")
        if not isinstance(data, dict) or not all(isinstance(data.get(s), list) for s in SPLITS):
            raise InputError(f"splits '{path}' must hold three lists of image numbers: train, val and test")
        return {int(number): s for s in SPLITS for number in data[s]}

    def _read(self) -> list[_Record]:
        sizes = {}
        path = self.folder / "image_data.json"
        for row in _rows(path):
            sizes[_get(row, "image_id", path, alternative="id")] = (_get(row, "width", path), _get(row, "height", path))
        attributes: dict[Any, list[str]] = {}
        if (path := self.folder / "attributes.json").exists():
            for row in _rows(path):
                for thing in row.get("attributes", []):
                    attributes[thing.get("object_id")] = [str(a).strip().lower() for a in thing.get("attributes") or []]
        if (path := self.folder / "scene_graphs.json").exists():
            rows = [(_get(r, "image_id", path), _get(r, "objects", path), _get(r, "relationships", path)) for r in _rows(path)]
        else:
            path, second = self.folder / "objects.json", self.folder / "relationships.json"
            if not path.exists():
                raise InputError(f"'{self.folder}' has neither scene_graphs.json nor objects.json; give the folder of Visual Genome")
            relations = {_get(r, "image_id", second): _get(r, "relationships", second) for r in _rows(second)}
            rows = [(n := _get(r, "image_id", path), _get(r, "objects", path), relations.get(n, [])) for r in _rows(path)]
        made = [self._image(n, objects, relations, sizes.get(n), attributes, path) for n, objects, relations in rows]
        return [record for record in made if record is not None]

    def _image(self, number, objects, relations, size, attributes, path) -> _Record | None:
        """One image, or ``None`` if it does not pass the filter."""
        if size is None:
            raise InputError(f"'{self.folder / 'image_data.json'}' does not give the size of image {number}")
        if min(size) < MIN_IMAGE_SIDE:
            return None
        things, index = [], {}
        for row in objects:
            names = row.get("names") or [row.get("name")] if isinstance(row, dict) else [None]
            numbers = [row.get(k) for k in ("x", "y", "w", "h")] if isinstance(row, dict) else []
            if not isinstance(names[0], str) or not all(isinstance(v, int | float) and np.isfinite(v) for v in numbers):
                raise InputError(f"'{path}': an object of image {number} lacks a name or one of x, y, w, h: {str(row)[:80]}")
            x, y, w, h = numbers
            box = (max(0.0, x), max(0.0, y), min(float(size[0]), x + w), min(float(size[1]), y + h))
            if min(box[2] - box[0], box[3] - box[1]) < MIN_OBJECT_SIDE:
                continue
            index[row.get("object_id")] = len(things)
            words = row.get("attributes") or attributes.get(row.get("object_id"), [])
            things.append(SceneObject(" ".join(names[0].lower().split()), [str(a).strip().lower() for a in words], box))
        found = []
        for row in relations:
            ends = [row.get(f"{e}_id", (row.get(e) or {}).get("object_id")) for e in ("subject", "object")]
            predicate = " ".join(str(row.get("predicate", "")).lower().split())
            if predicate and all(e in index for e in ends) and ends[0] != ends[1]:
                found.append(SceneRelation(index[ends[0]], predicate, index[ends[1]]))
        if not OBJECTS[0] <= len(things) <= OBJECTS[1] or not RELATIONS[0] <= len(found) <= RELATIONS[1]:
            return None
        phrases = list(dict.fromkeys(f"the {things[r.subject].name} {r.predicate} the {things[r.object].name}" for r in found))
        scene = SceneGraph(things, found, size=size, id=str(number), source={"parser": "annotations"})
        return _Record(int(number), size, scene, phrases)


def _genome(folder: str) -> _Genome:
    """The annotations of a folder; read again only if a file of it has changed (the published ones take a while)."""
    names = ("scene_graphs.json", "objects.json", "relationships.json", "attributes.json", "image_data.json", "vg_splits.json")
    files = [Path(folder) / name for name in names]
    return _read_genome(folder, tuple(f.stat().st_mtime_ns if f.exists() else 0 for f in files))


@lru_cache(maxsize=2)
def _read_genome(folder: str, stamps: tuple[int, ...]) -> _Genome:
    return _Genome(folder)


def _rows(path: Path) -> list[dict]:
    data = read_json(path, "annotations")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise InputError(f"'{path}' is not a list of records, one an image; expected the published file of Visual Genome")
    return data


def _get(row: dict, key: str, path: Path, *, alternative: str = "") -> Any:
    value = row.get(key, row.get(alternative) if alternative else None)
    if value is None:
        raise InputError(f"'{path}': a record lacks {key!r}: {str(row)[:80]}")
    return value
