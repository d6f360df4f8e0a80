"""Visual Genome in its published layout: scene graphs made by people, for the manipulation of objects and relations::

    FOLDER/
        scene_graphs.json           [{"image_id", "objects": [{"object_id", "names" or "name", "x", "y", "w", "h"}],
                                      "relationships": [{"predicate", "subject_id", "object_id"}]}]
        objects.json, relationships.json      instead of it: the two lists apart (attributes.json is read too where it is)
        image_data.json             [{"image_id", "width", "height"}]
        vg_splits.json              optional: {"train": [image_id, ...], "val": [...], "test": [...]}; otherwise eight of ten images are
                                    train, one val, one test, by image_id
        VG_100K/ID.jpg, VG_100K_2/ID.jpg or images/ID.jpg

        object_alias.txt, relationship_alias.txt    optional: "name,other name,..." a line
        region_descriptions.json        optional: [{"id", "regions": [{"phrase"}]}]
        VG-SGG-dicts.json               optional: the 150 classes and 50 predicates of VG150
        VG-SGG.h5                       optional: VG150's objects, relations and splits, for graphs=vg150

Boxes are those of the annotators, cut at the border; boxes without area are left out, and counted. Of two objects with one name and one
box one is kept. Captions are the relations in words. Options behind the folder, ``vg:FOLDER,names=alias,captions=regions``:

* ``names=annotated`` as they stand there; ``names=alias``: the first name of the line of the alias files; ``names=synset``: the word of the
  first synset ("clock" of clock.n.01), or the name where there is none; ``names=vg150``: only objects and predicates of VG150.
* ``graphs=annotated``: the files above; ``graphs=vg150``: objects, relations and splits of ``VG-SGG.h5``, the split for scene graph
  generation, with ``image_data.json`` and ``VG-SGG-dicts.json`` beside it (:mod:`.vg150`); no other file is needed.
* ``captions=relations`` or ``captions=regions``: the phrases of ``region_descriptions.json``.
* ``filter=edits``: all images with a relation are read, and edits (CAM, MIM-Net) use those that pass the filter of SIMSG and sg2im: shorter
  side of at least 200 pixels, objects of at least 32 pixels on both sides, 3 to 30 of them, 1 to 30 relations. ``filter=all``: only those.

Two protocols. ``reconstruct``: the box of one object is hidden and drawn again; the true answer is the image itself. ``remove``,
``replace`` and ``move`` (reposition): the true scene graph is edited; the true edited image is unknown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from ...counts import LeftOut, lacking
from ...errors import InputError
from ...fields import Fields, brief, is_number, whole_number
from ...files import read_json
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ..boxes import cut, fit_boxes
from ..edit_pairs import ManipulationPair, ManipulationPairs, check_kinds, whole_pixels
from ..marks import file_stamp
from ..published import with_options
from ..source import SPLITS, Record, Request, Source, clean_text
from .genome_names import GenomeNames
from .vg150 import FILES, NAMES, read_vg150

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
#: of each option behind the folder the values it takes, the first where it is not given
OPTIONS = {
    "graphs": ("annotated", "vg150"),
    "names": ("annotated", "alias", "synset", "vg150"),
    "captions": ("relations", "regions"),
    "filter": ("edits", "all"),
}
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
    request, options = with_options(request, OPTIONS)
    if options["graphs"] == "vg150" and options["names"] != "annotated":
        raise InputError(f"{request.name}: graphs=vg150 has the names of VG150; leave names={options['names']} out")
    genome = _genome(str(request.folder()), options["graphs"], options["names"], options["captions"])
    notes, rows, silent = list(genome.notes), genome.records, []
    if options["filter"] == "edits":
        silent = [row.number for row in genome.everything if not row.phrases]
        rows = [row for row in genome.everything if row.phrases]
    if silent:
        notes.append(f"'{genome.folder}': {lacking(len(silent), 'image', 'caption')}, the first is {silent[0]}")
    if not rows:
        raise genome.nothing() if options["filter"] == "all" else InputError(f"'{genome.folder}' holds no image with a caption")
    records = [
        Record(
            str(row.number), genome.split_of(row), tuple(row.phrases), genome.image(row.number, missing_ok=True), scene=partial(_scene, row)
        )
        for row in rows
    ]
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "captions", "scene graphs", "edits"}, splits=SPLITS,
        pairs=partial(visual_genome_pairs, genome, request.name), notes=tuple(notes),
        counts={"images" if options["graphs"] == "annotated" else "images in VG-SGG.h5": len(genome.everything)},
    )  # fmt: skip


def _scene(row: _Record, size: tuple[int, int]) -> SceneGraph:
    """The scene graph in the pixels of the image of *size*, which has the shape that the annotations state."""
    where = f"image {row.number} of Visual Genome"
    if size != row.size and size == row.size[::-1]:  # the boxes were cut at the stated border, so they cannot be repaired
        raise InputError(
            f"{where}: image_data.json states {row.size[0]} x {row.size[1]} pixels, but it has {size[0]} x {size[1]} upright; exchange "
            "the two if the boxes are those of the upright image"
        )
    boxes = fit_boxes([o.box for o in row.scene.objects], row.size, size, where)
    objects = [replace(o, box=box) for o, box in zip(row.scene.objects, boxes, strict=True)]
    return replace(row.scene, objects=objects, size=size)


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
    if not genome.records:
        raise genome.nothing()
    records = [record for record in genome.records if split in (genome.split_of(record), "all")]
    if kinds == ("reconstruct",):
        turns = [(i, k, k) for i, record in enumerate(records) for k in _hideable(record)]
    else:
        turns = [(i, None, i) for i in range(len(records))]
    turns = turns if size is None else turns[:size]

    return ManipulationPairs(name, split, range(len(turns)), partial(_make, genome, records, turns, split, kinds, image_size), seed=seed)


def _make(genome: _Genome, records: list[_Record], turns, split: str, kinds: tuple[str, ...], side: int, index: int, seed: int):
    number, subject, turn = turns[index]
    return _pair(genome, records[number], split, kinds, subject, turn, side, seed)


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
    scene = _stretched(_scene(record, whole.size), image.size)
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


def _stretched(scene: SceneGraph, new: tuple[int, int]) -> SceneGraph:
    """The scene graph in the pixels of its image stretched to another size."""
    kx, ky = new[0] / scene.size[0], new[1] / scene.size[1]
    objects = [replace(o, box=(o.box[0] * kx, o.box[1] * ky, o.box[2] * kx, o.box[3] * ky)) for o in scene.objects]
    return replace(scene, objects=objects, size=new)


class _Genome:
    """The annotation files, read once."""

    def __init__(self, folder: str, graphs: str, names: str, captions: str) -> None:
        self.folder = Path(folder)
        self.notes: tuple[str, ...] = ()
        self._left = Counter[LeftOut]()
        self._split_of: dict[int, str] = {}
        self._names = GenomeNames(self.folder, names)
        #: images with all their objects, and those that pass the filter of the recipes
        self.everything, self.records = self._read(None if graphs == "annotated" else self._vg150())
        if captions == "regions":
            told = _regions(self.folder / "region_descriptions.json")
            for row in (*self.everything, *self.records):
                row.phrases = told.get(row.number, [])
        relations = [(i.scene.objects[r.subject].name, r.predicate) for i in self.records for r in i.scene.relations]
        self.subjects_of: dict[str, list[str]] = {}
        for name, predicate in sorted(set(relations)):
            self.subjects_of.setdefault(predicate, []).append(name)
        self.spatial = sorted({predicate for _, predicate in relations} & set(SPATIAL))
        if not self._split_of:
            self._split_of = self._splits()

    def nothing(self) -> InputError:
        """The error that no image passes the filter."""
        return InputError(
            f"'{self.folder}' holds no image with {OBJECTS[0]} to {OBJECTS[1]} objects of at least {MIN_OBJECT_SIDE} pixels and "
            f"{RELATIONS[0]} to {RELATIONS[1]} relations between them"
        )

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
            return {i.number: {8: "val", 9: "test"}.get(i.number % 10, "train") for i in self.everything}
        data = read_json(path, "splits")
        if not isinstance(data, dict) or not all(isinstance(data.get(s), list) for s in SPLITS):
            raise InputError(f"splits '{path}' must hold three lists of image numbers: train, val and test")
        found: dict[int, str] = {}
        for split in SPLITS:
            for value in data[split]:
                number = whole_number(value)
                if number is None:
                    raise InputError(f"splits '{path}': the list {split!r} holds {brief(value)}, expected whole numbers")
                if found.setdefault(number, split) != split:
                    raise InputError(f"splits '{path}': image {number} is in both {found[number]} and {split}; keep it in one")
        return found

    def _sizes(self) -> dict[int, tuple[int, int]]:
        """Width and height of each image."""
        rows = _rows(self.folder / "image_data.json")
        return {_number(row): (row.whole("width", low=1), row.whole("height", low=1)) for row in rows}

    def _vg150(self) -> list[_Record]:
        """The images of ``VG-SGG.h5``, with its splits."""
        images, left = read_vg150(self.folder, self._sizes())
        self._left.update(left)
        self._split_of = {image.number: image.split for image in images}
        return [_Record(image.number, image.size, image.scene, _phrases(image.scene)) for image in images]

    def _read(self, made: list[_Record] | None) -> tuple[list[_Record], list[_Record]]:
        """All images, and those that pass the filter; *made*: the images as they were read elsewhere."""
        made = self._annotated() if made is None else made
        found = [(_without_duplicates(record), _filtered(record)) for record in made]
        self._left[LeftOut("object", "stands", "stand", "there twice (one name, one box)")] = sum(
            len(record.scene.objects) - len(every.scene.objects) for record, (every, _) in zip(made, found, strict=True)
        )
        self.notes = tuple(f"'{self.folder}': {what.told(count)}" for what, count in self._left.items() if count)
        return [every for every, _ in found], [record for _, record in found if record is not None]

    def _annotated(self) -> list[_Record]:
        """The images of the published JSON files."""
        sizes = self._sizes()
        attributes: dict[tuple[int, str], list[str]] = {}
        if (path := self.folder / "attributes.json").exists():
            for row in _rows(path):
                for thing in row.rows("attributes", []):
                    if "object_id" in thing:
                        attributes[_number(row), thing.id("object_id")] = thing.texts("attributes", [])
        if (path := self.folder / "scene_graphs.json").exists():
            rows = [(_number(row), row.rows("objects"), row.rows("relationships")) for row in _rows(path)]
        else:
            path, second = self.folder / "objects.json", self.folder / "relationships.json"
            if not path.exists():
                raise InputError(f"'{self.folder}' has neither scene_graphs.json nor objects.json; give the folder of Visual Genome")
            relations = {_number(row): row.rows("relationships") for row in _rows(second)}
            rows = [(number := _number(row), row.rows("objects"), relations.get(number, [])) for row in _rows(path)]
        twice = [number for number, count in Counter(number for number, *_ in rows).items() if count > 1]
        if twice:
            raise InputError(
                f"'{path}': {len(twice)} of {len(rows)} image ids occur more than once, the first is {twice[0]}; keep one each"
            )
        return [self._image(n, objects, relations, sizes.get(n), attributes, path) for n, objects, relations in rows]

    def _image(
        self,
        number: int,
        objects: list[Fields],
        relations: list[Fields],
        size: tuple[int, int] | None,
        attributes: dict[tuple[int, str], list[str]],
        path: Path,
    ) -> _Record:
        """One image with all its objects."""
        if size is None:
            raise InputError(f"'{self.folder / 'image_data.json'}' does not give the size of image {number}")
        things: list[SceneObject] = []
        index: dict[str, int] = {}
        for row in _different(objects, number, path):
            thing = self._object(row, number, size, attributes, path)
            if thing is not None:
                index[row.id("object_id", "")] = len(things)
                things.append(thing)
        index.pop("", None)
        found = []
        for row in relations:
            subject, object, predicate = index.get(_end(row, "subject")), index.get(_end(row, "object")), _predicate(row)
            self._left[LeftOut("relation", "has", "have", "no predicate")] += not predicate
            predicate = self._names.predicate(predicate)
            if predicate and subject is not None and object is not None and subject != object:
                found.append(SceneRelation(subject, predicate, object))
        scene = SceneGraph(things, found, size=size, id=str(number), source={"parser": "annotations"})
        return _Record(number, size, scene, _phrases(scene))

    def _object(
        self, row: Fields, number: int, size: tuple[int, int], attributes: dict[tuple[int, str], list[str]], path: Path
    ) -> SceneObject | None:
        """An object with its box cut at the border of the image; ``None`` if nothing is left of it, or of another vocabulary."""
        names = row.texts("names", []) or [row.text("name", None)]
        sides = [row.value.get(key) for key in ("x", "y", "w", "h")]
        if names[0] is None or not all(map(is_number, sides)):
            raise InputError(f"'{path}': an object of image {number} lacks a name or one of x, y, w, h: {brief(row.value)}")
        x, y, w, h = map(float, sides)
        inside = cut((x, y, x + w, y + h), size)
        self._left[LeftOut("box", "has", "have", "no area inside the image")] += inside is None
        name = self._names.object(" ".join(names[0].lower().split()), row)
        if inside is None or not name:
            return None
        words = row.texts("attributes", []) or attributes.get((number, row.id("object_id", "")), [])
        return SceneObject(name, [" ".join(word.lower().split()) for word in words], inside)


def _phrases(scene: SceneGraph) -> list[str]:
    names = [thing.name for thing in scene.objects]
    return list(dict.fromkeys(f"the {names[r.subject]} {r.predicate} the {names[r.object]}" for r in scene.relations))


def _filtered(record: _Record) -> _Record | None:
    """The image as the recipes see it, with its larger objects; ``None`` if it does not pass the filter of SIMSG and sg2im."""
    scene = record.scene
    if min(record.size) < MIN_IMAGE_SIDE:
        return None
    kept = [k for k, o in enumerate(scene.objects) if min(o.box[2] - o.box[0], o.box[3] - o.box[1]) >= MIN_OBJECT_SIDE]
    index = {old: new for new, old in enumerate(kept)}
    relations = [
        SceneRelation(index[r.subject], r.predicate, index[r.object]) for r in scene.relations if r.subject in index and r.object in index
    ]
    if not OBJECTS[0] <= len(kept) <= OBJECTS[1] or not RELATIONS[0] <= len(relations) <= RELATIONS[1]:
        return None
    scene = replace(scene, objects=[scene.objects[k] for k in kept], relations=relations)
    return _Record(record.number, record.size, scene, _phrases(scene))


def _without_duplicates(record: _Record) -> _Record:
    """The image with one of each group of objects with one name and one box, which have all their attributes and relations."""
    scene, kept = record.scene, {}
    for thing in scene.objects:
        kept.setdefault((thing.name, thing.box), []).append(thing)
    if len(kept) == len(scene.objects):
        return record
    place = {key: k for k, key in enumerate(kept)}
    objects = [replace(some[0], attributes=list(dict.fromkeys(word for o in some for word in o.attributes))) for some in kept.values()]
    ends = [place[thing.name, thing.box] for thing in scene.objects]
    found = {(ends[r.subject], r.predicate, ends[r.object]): None for r in scene.relations if ends[r.subject] != ends[r.object]}
    scene = replace(scene, objects=objects, relations=[SceneRelation(*triple) for triple in found])
    return _Record(record.number, record.size, scene, _phrases(scene))


def _regions(path: Path) -> dict[int, list[str]]:
    """Image -> the phrases of its regions, each once."""
    found: dict[int, list[str]] = {}
    for row in _rows(path):
        phrases = (clean_text(region.text("phrase", "")) for region in row.rows("regions", []))
        found[_number(row)] = list(dict.fromkeys(filter(None, phrases)))
    return found


def _different(objects: list[Fields], number: int, path: Path) -> list[Fields]:
    """The objects of an image, each once."""
    seen: dict[str, Fields] = {}
    for k, row in enumerate(objects):
        id = row.id("object_id", f"object without id {k}")
        if seen.setdefault(id, row).value != row.value:
            raise InputError(f"'{path}': image {number} has two objects with the id {id}; give each its own")
    return list(seen.values())


def _predicate(row: Fields) -> str:
    """The predicate of a relation in lower case; empty if it is null or only spaces."""
    value = row.value.get("predicate")
    blank = value is None or (isinstance(value, str) and not value.strip())
    return "" if blank else " ".join(row.text("predicate").lower().split())


def _end(row: Fields, which: str) -> str:
    """The id of the subject or object of a relation, given by itself or inside the whole object; empty if there is none."""
    id = row.id(f"{which}_id", "")
    if id:
        return id
    inside = row.inner(which, None)
    return "" if inside is None else inside.id("object_id", "")


def _genome(folder: str, graphs: str, names: str, captions: str) -> _Genome:
    """The annotations of a folder; read again only if a file of it has changed (the published ones take a while)."""
    files = ("scene_graphs.json", "objects.json", "relationships.json", "attributes.json", "image_data.json", "vg_splits.json",
             "object_alias.txt", "relationship_alias.txt", "region_descriptions.json", *FILES, *NAMES)  # fmt: skip
    return _read_genome(folder, graphs, names, captions, tuple(file_stamp(Path(folder) / name) for name in files))


@lru_cache(maxsize=2)
def _read_genome(folder: str, graphs: str, names: str, captions: str, stamps: tuple[str, ...]) -> _Genome:
    return _Genome(folder, graphs, names, captions)


def _rows(path: Path) -> list[Fields]:
    data = read_json(path, "annotations")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise InputError(f"'{path}' is not a list of records, one an image; expected the published file of Visual Genome")
    return [Fields(row, f"'{path}', record {k}") for k, row in enumerate(data)]


def _number(row: Fields) -> int:
    """The number of the image that a record belongs to."""
    return row.whole("image_id" if "image_id" in row or "id" not in row else "id")
