"""CUB-200-2011 with ten captions a photograph, read in its published layout::

    FOLDER/CUB_200_2011/            or FOLDER itself
        images/CLASS/PHOTO.jpg
        images.txt                  "1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg"
        classes.txt                 "1 001.Black_footed_Albatross"
        image_class_labels.txt      "1 1"
        bounding_boxes.txt          "1 60.0 27.0 325.0 304.0": x, y, width, height in pixels of the photograph
        sizes.txt                   optional: "1 500 333": width and height of the photographs that the boxes belong to
        train_test_split.txt        "1 0": 1 is training
        parts/parts.txt, part_locs.txt      optional, for parts=boxes: "1 back"; "1 1 312.0 182.0 1": photograph, part, x, y, visible
        attributes.txt                      optional, for attributes=certain: "1 has_bill_shape::dagger" (also in FOLDER or attributes/)
        attributes/image_attribute_labels.txt    "1 2 1 3 27.7": photograph, attribute, present, certainty 1 to 4, seconds
    FOLDER/text/CLASS/PHOTO.txt     one caption a line (text_c10/ is found too)
    FOLDER/trainclasses.txt ...     optional: trainclasses.txt or trainvalclasses.txt, valclasses.txt, testclasses.txt

Splits: with class lists, train and test share no class (the zero-shot setting: 150 classes for training, 50 for testing; ``val`` is
``valclasses.txt``). Without them the split of ``train_test_split.txt``. Where no list names a ``val``, every tenth photograph of train is
``val`` and not train. Pickles (``filenames.pickle``, ``captions.pickle`` of other packages) are not read: loading one can run
a program.

Boxes are in the pixels of the photographs as they are. Of a copy whose photographs were reduced, ``sizes.txt`` gives the original sizes; or
``cub:FOLDER,boxes=original`` takes them to have been 500 pixels on the longest side, as nearly all published ones are. ``scene.source``
records that boxes were scaled. Without either, boxes that reach outside their photographs are refused when they are asked for.

``cub:FOLDER,parts=boxes`` adds the visible parts ("beak", "wing") that the bird has to its scene graph. Published are points; the box of
a part is a square around its point, a quarter of the bird's shorter side. ``attributes=certain`` adds the attributes that an annotator
was at least "probably" sure of: colours and patterns to the parts they are about, where these are there, and otherwise, with size and
shape, to the bird.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...counts import counted, lacking
from ...errors import InputError
from ...files import read_text, text_lines
from ...ids import short_ids
from ...scenes import SceneGraph, SceneObject, SceneRelation
from ..boxes import cut, fit_boxes, outside
from ..dataset import Item
from ..edit_pairs import ManipulationPair, ManipulationPairs, check_kinds, whole_pixels
from ..published import OldTexts, caption_file, first_file, with_options
from ..source import SPLITS, Record, Request, Source, check_inside, existing_form

if TYPE_CHECKING:
    from PIL import Image

#: longest side of nearly all photographs as published
PUBLISHED_SIDE = 500
#: what follows the folder in the name of a copy whose photographs were reduced to another size than that of the boxes
ORIGINAL = "boxes=original"
#: of each option behind the folder the values it takes, the first where it is not given
OPTIONS = {"boxes": ("given", "original"), "parts": ("no", "boxes"), "attributes": ("no", "certain")}
#: side of a part's box, of the shorter side of the bird's; certainty from which an attribute counts ("probably")
PART_SIDE, CERTAIN = 0.25, 3
_PART_NAMES = {"left eye": "eye", "right eye": "eye", "left leg": "leg", "right leg": "leg", "left wing": "wing", "right wing": "wing"}
_ATTRIBUTE = re.compile(r"has_(?:(?P<part>[a-z_]+)_)?(?P<kind>color|pattern|shape|length|size)::(?P<value>.+)")
_TEXT_FOLDERS = ("text", "text_c10", "cvpr2016_cub/text_c10", "birds/text", "CUB_200_2011/text", "CUB_200_2011/text_c10")
_CLASS_LISTS = {"train": ("trainvalclasses.txt", "trainclasses.txt"), "val": ("valclasses.txt",), "test": ("testclasses.txt",)}
_VAL_EVERY = 10


def open_cub(request: Request) -> Source:
    """The photographs with their captions, the class as ``labels`` (one 1) and the bird's box as scene graph; see the module's text.

    Raises
    ------
    InputError : a file of the layout is missing or has a broken line. A photograph or its captions are read when they are asked for.
    """
    layout = _Layout(request)
    return Source(
        request.name, request.kind, request.place, [layout.record(row) for row in layout.rows], label_names=layout.classes,
        gives={"images", "captions", "labels", "edits"} | ({"scene graphs"} if any(row.box for row in layout.rows) else set()),
        counts={"images": len(layout.rows), "classes": len(layout.classes)}, splits=layout.splits, notes=layout.notes,
        pairs=partial(cub_pairs, layout), read_notes=layout.told.notes,
    )  # fmt: skip


def cub_pairs(
    layout: _Layout,
    split: str,
    *,
    size: int | None = None,
    seed: int = 0,
    image_size: int = 128,
    kinds: tuple[str, ...] | None = None,
) -> ManipulationPairs:
    """Pairs of :func:`~hetero_xmodal.data.tasks.editing.load_pairs`: each photograph of the split with a caption of another class.

    The image is the square around the bird's box, 1.5 times its longer side (smaller where the photograph ends), brought to
    *image_size*. ``region`` is the box, ``label`` and ``instruction_label`` are the two classes; there is no true answer.

    Raises
    ------
    InputError : a kind of edit that the data set does not give, or a split with a single class, which has no caption of another class.
    """
    kinds = check_kinds(layout.name, kinds, ("mismatch",), ("mismatch", "reconstruct"))
    layout.check_boxes()
    rows = [row for row in layout.rows if split in (row.split, "all")]
    shown = rows[:size]
    classes = {row.label for row in rows}
    if "mismatch" in kinds and len(classes) < 2:
        raise InputError(f"{layout.name}: split {split!r} has {len(classes)} class; captions of another class need two")

    make = partial(_pair, layout, rows, split, kinds, image_size)
    return ManipulationPairs(layout.name, split, range(len(shown)), make, seed=seed, classes=layout.classes)


def _pair(
    layout: _Layout, rows: list[_Row], split: str, kinds: tuple[str, ...], image_size: int, index: int, instruction_seed: int
) -> ManipulationPair:
    item, kind = layout.record(rows[index]).make_item(), kinds[index % len(kinds)]
    rng = np.random.default_rng([instruction_seed, index])
    image, scene = cut_square(item, image_size)
    label = rows[index].label
    common = {
        "split": split, "kind": kind, "image": image, "sentences": tuple(item.sentences), "scene": scene, "label": label,
        "region": None if scene is None else whole_pixels(scene.objects[0].box, image.size), "subject": None if scene is None else 0,
    }  # fmt: skip
    if kind == "reconstruct":
        instruction = str(rng.choice(item.sentences))
        return ManipulationPair(f"{item.id}/{kind}-{instruction_seed}", instruction=instruction, target=instruction, edited_image=image,
                                edited_sentence=instruction, edited_scene=scene, instruction_label=label, **common)  # fmt: skip
    other = int(rng.choice([k for k, row in enumerate(rows) if row.label != label]))
    instruction = str(rng.choice(layout.captions(rows[other].name)))
    return ManipulationPair(
        f"{item.id}/{kind}-{instruction_seed}",
        instruction=instruction,
        target=instruction,
        instruction_label=rows[other].label,
        **common,
    )


def cut_square(item: Item, side: int) -> tuple[Image.Image, SceneGraph | None]:
    """The square cut-out around the bird, resized to *side* pixels, with the boxes in its pixels."""
    from PIL import Image

    width, height = item.image.size
    x1, y1, x2, y2 = item.scene.objects[0].box if item.scene is not None else (0, 0, width, height)
    length = min(1.5 * max(x2 - x1, y2 - y1), width, height)
    left = min(max((x1 + x2 - length) / 2, 0), width - length)
    top = min(max((y1 + y2 - length) / 2, 0), height - length)
    image = item.image.resize((side, side), Image.Resampling.BICUBIC, box=(left, top, left + length, top + length), reducing_gap=3.0)
    if item.scene is None:
        return image, None
    k = side / length
    moved = [
        replace(thing, box=cut(((a - left) * k, (b - top) * k, (c - left) * k, (d - top) * k), (side, side)))
        for thing in item.scene.objects
        for a, b, c, d in [thing.box]
    ]
    objects = [thing for thing in moved if thing.box is not None]  # a part may lie outside the square
    relations = [SceneRelation(0, "have", n) for n in range(1, len(objects))]
    return image, SceneGraph(objects, relations, size=(side, side), id=item.id)


class _Row(NamedTuple):
    """One photograph: file name, class, box (or ``None``) and the size of the photograph it belongs to (if stated), split, id, number."""

    name: str
    label: int
    box: tuple[float, float, float, float] | None
    size: tuple[int, int] | None
    split: str
    id: str
    number: int


class _Layout:
    """What the text files of the layout say, one row for each photograph."""

    def __init__(self, request: Request) -> None:
        self.name, self.told = request.name, OldTexts()
        request, options = with_options(request, OPTIONS)
        self.original, self._checked = options["boxes"] == "original", False
        root = request.folder()
        base = root / "CUB_200_2011" if (root / "CUB_200_2011").is_dir() else root
        self.images = base / "images"
        if not self.images.is_dir():
            raise InputError(f"'{base}' has no folder images/; give the folder that CUB_200_2011.tgz was unpacked into")
        self.text = next((root / t for t in _TEXT_FOLDERS if (root / t).is_dir()), None) or next(
            (base / t for t in _TEXT_FOLDERS if (base / t).is_dir()), None
        )
        if self.text is None:
            raise InputError(f"'{root}' has no captions: expected a folder text/ with one .txt a photograph (ten captions, one a line)")
        listed = f"'{base / 'images.txt'}'"
        files = {k: check_inside(v[0], listed, "the folder images/") for k, v in _numbered(base / "images.txt", 1).items()}
        labels = _numbered(base / "image_class_labels.txt", 1, int)
        names = _numbered(base / "classes.txt", 1)
        numbers = {number: k for k, number in enumerate(names)}
        self.classes = [v[0] for v in names.values()]
        boxes, empty = self._boxes(base / "bounding_boxes.txt")
        sizes = _numbered(base / "sizes.txt", 2, int) if (base / "sizes.txt").exists() else {}
        self._check_sizes(sizes, base / "sizes.txt")
        self._parts = _part_points(base) if options["parts"] == "boxes" else {}
        self._attributes = _certain_attributes(root, base) if options["attributes"] == "certain" else {}
        splits = self._splits(root, base, files, labels, names)
        ids = dict(zip(files, short_ids(list(files.values())), strict=True))
        self.rows: list[_Row] = []
        for number, name in files.items():
            if number not in labels or labels[number][0] not in numbers:
                raise InputError(f"'{base / 'image_class_labels.txt'}' gives no known class for photograph {number} ({name})")
            size = sizes.get(number)
            self.rows.append(_Row(name, numbers[labels[number][0]], boxes.get(number), size, splits[number], ids[number], number))
        found = {row.split for row in self.rows}
        self.splits = tuple(split for split in (*SPLITS, "unused") if split in found)
        scaled = f"boxes are taken to be in the pixels of photographs of {PUBLISHED_SIDE} pixels on the longest side, and scaled"
        self.notes = (*((scaled,) if self.original else ()), *empty)

    def _check_sizes(self, sizes: dict[int, tuple], path: Path) -> None:
        wrong = next((number for number, size in sizes.items() if min(size) < 1), None)
        if wrong is not None:
            raise InputError(f"list '{path}': photograph {wrong} has {sizes[wrong]} pixels; width and height are at least 1")
        if sizes and self.original:
            raise InputError(
                f"{self.name}: '{path}' gives the sizes of the photographs, so {ORIGINAL!r} cannot apply; leave one of them out"
            )

    @staticmethod
    def _boxes(path: Path) -> tuple[dict[int, tuple[float, float, float, float]], tuple[str, ...]]:
        """Number of the photograph -> x1, y1, x2, y2; and a note about boxes without area, which are left out."""
        boxes, empty = {}, []
        for number, (x, y, w, h) in (_numbered(path, 4, float) if path.exists() else {}).items():
            if not np.isfinite([x, y, w, h]).all() or min(w, h) < 0:
                raise InputError(
                    f"list '{path}': photograph {number} has the box {(x, y, w, h)}; expected x, y, width and height in pixels"
                )
            if min(w, h) > 0:
                boxes[number] = (x, y, x + w, y + h)
            else:
                empty.append(number)
        note = f"'{path}': {lacking(len(empty), 'box', 'area')}, the first is that of photograph {empty[:1]}"
        return boxes, (note,) if empty else ()

    def check_boxes(self) -> None:
        """Refuse a copy whose photographs have another size than the boxes belong to, by fifty photographs spread over all.

        Raises
        ------
        InputError : several boxes reach outside, and neither ``sizes.txt`` nor ``boxes=original`` says how large the photographs were.
        """
        if self._checked:
            return
        from PIL import Image

        checked = outside_of = 0
        boxed = [row for row in self.rows if row.box is not None and row.size is None]
        for row in [] if self.original else boxed[:: max(1, len(boxed) // 50)]:
            if not (path := existing_form(self.images, row.name)).is_file():
                continue
            try:
                with Image.open(path) as image:
                    size = image.size
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
                continue  # reported when its item is asked for
            checked += 1
            outside_of += outside(row.box, size) and outside(row.box, size[::-1])
        if outside_of > max(1, checked // 10):
            raise InputError(
                f"{self.name}: {outside_of} of {checked} boxes looked at reach outside their photographs; were these reduced? write their "
                f"original sizes into '{self.images.parent / 'sizes.txt'}' (number width height), or add ',{ORIGINAL}' to the name if "
                f"their longest side was {PUBLISHED_SIDE}"
            )
        self._checked = True

    def _splits(self, root: Path, base: Path, files: dict, labels: dict, names: dict) -> dict[int, str]:
        lists: dict[str, str] = {}
        for split, list_names in _CLASS_LISTS.items():
            for path in (place / n for place in (root, base, self.text.parent) for n in list_names):
                if path.exists():
                    lists.update(dict.fromkeys(read_text(path, "class list").split(), split))
        if lists:
            splits = {n: lists.get(names.get(labels[n][0], ("",))[0], "unused") for n in files if n in labels}
        else:
            given = _numbered(base / "train_test_split.txt", 1, int)
            splits = {n: "train" if given.get(n, (0,))[0] else "test" for n in files}
        if "val" not in splits.values():
            train = [n for n in files if splits.get(n) == "train"]
            splits.update(dict.fromkeys(train[_VAL_EVERY - 1 :: _VAL_EVERY], "val"))
        return splits | {n: "unused" for n in files if n not in splits}

    def record(self, row: _Row) -> Record:
        """One photograph; its captions are read, and its box is fitted, when they are asked for."""
        labels = np.zeros(len(self.classes), np.uint8)
        labels[row.label] = 1
        image = existing_form(self.images, row.name)
        return Record(row.id, row.split, partial(self.captions, row.name), image, labels, scene=partial(self.scene, row))

    def scene(self, row: _Row, size: tuple[int, int]) -> SceneGraph | None:
        """The bird's box in a photograph of *size* (width, height)."""
        if row.box is None:
            return None
        self.check_boxes()
        source = {"boxes": ORIGINAL} if self.original else {"boxes": "sizes.txt"} if row.size is not None else {}
        bird = SceneObject("bird", box=self.fit(row, size))
        things, source = [bird], source | ({"parts": "squares around points"} if row.number in self._parts else {})
        things += self._visible_parts(row, bird, size)
        for part, word in self._attributes.get(row.number, ()):
            owners = [thing for thing in things[1:] if thing.name == part] or [bird]
            for owner in owners:
                said = word if owner is not bird or part == "bird" or word.endswith(part) else f"{word} {part}"
                owner.attributes += [said] if said not in owner.attributes else []
        relations = [SceneRelation(0, "have", k) for k in range(1, len(things))]
        return SceneGraph(things, relations, size=size, id=row.id, source=source)

    def _visible_parts(self, row: _Row, bird: SceneObject, size: tuple[int, int]) -> list[SceneObject]:
        """The parts of a bird as squares around their points, which move with its box."""
        (a, b, c, d), (x1, y1, x2, y2) = row.box, bird.box
        half = PART_SIDE * min(x2 - x1, y2 - y1) / 2
        found = []
        for name, x, y in self._parts.get(row.number, ()):
            x, y = x1 + (x - a) * (x2 - x1) / (c - a), y1 + (y - b) * (y2 - y1) / (d - b)
            inside = cut((x - half, y - half, x + half, y + half), size)
            if inside is not None:
                found.append(SceneObject(name, box=inside))
        return found

    def captions(self, name: str) -> tuple[str, ...]:
        """The captions of a photograph."""
        return caption_file(existing_form(self.text, str(Path(name).with_suffix(".txt"))), self.told)

    def fit(self, row: _Row, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """The box in the pixels of the photograph of *size* (width, height), cut at its border.

        Raises
        ------
        InputError : it reaches outside by more than a few pixels, or the photograph has another shape than ``sizes.txt`` says.
        """
        where = f"the box of photograph '{row.name}'"
        (box,) = fit_boxes([row.box], row.size, size, where)
        if self.original and max(size) < PUBLISHED_SIDE:
            k = max(size) / PUBLISHED_SIDE
            box = (box[0] * k, box[1] * k, box[2] * k, box[3] * k)
        inside = None if outside(box, size) else cut(box, size)
        if inside is None:
            raise InputError(f"{where}, {box}, reaches outside its {size[0]} x {size[1]} pixels; is it another size? (see {ORIGINAL!r})")
        return inside


def _part_points(base: Path) -> dict[int, list[tuple[str, float, float]]]:
    """Number of the photograph -> (name, x, y) of each visible part."""
    names = {number: " ".join(words) for number, *words in _rows(base / "parts" / "parts.txt", 2, None)}
    found: dict[int, list[tuple[str, float, float]]] = {}
    path = base / "parts" / "part_locs.txt"
    for number, part, x, y, visible in _rows(path, 5, 5):
        if part not in names:
            raise InputError(f"list '{path}': photograph {number} has the part {part}, which parts.txt does not name")
        if _number(visible, path, int):
            name = _PART_NAMES.get(names[part], names[part])
            found.setdefault(_number(number, path, int), []).append((name, _number(x, path, float), _number(y, path, float)))
    return found


def _certain_attributes(root: Path, base: Path) -> dict[int, list[tuple[str, str]]]:
    """Number of the photograph -> (part or "bird", word) of each attribute that is there for sure."""
    places = (root / "attributes.txt", base / "attributes.txt", base / "attributes" / "attributes.txt")
    words: dict[str, tuple[str, str]] = {}
    for number, name in _rows(first_file(places, "names of the attributes"), 2, 2):
        match = _ATTRIBUTE.fullmatch(name)
        part = ((match and match["part"]) or "bird").replace("_", " ") if match else "bird"
        value = match["value"] if match else name.partition("::")[2] or name
        value = re.sub(r"_?\(.*?\)", "", value).replace("_", " ")  # "curved_(up_or_down)"
        words[number] = ({"bill": "beak", "primary": "bird"}.get(part, part), value)
    found: dict[int, list[tuple[str, str]]] = {}
    path = base / "attributes" / "image_attribute_labels.txt"
    for number, attribute, present, certainty, *_ in _rows(path, 4, None):  # some lines have more columns than five
        if attribute not in words:
            raise InputError(f"list '{path}': photograph {number} has the attribute {attribute}, which attributes.txt does not name")
        if present == "1" and _number(certainty, path, int) >= CERTAIN:
            found.setdefault(_number(number, path, int), []).append(words[attribute])
    return found


def _rows(path: Path, least: int, most: int | None):
    """The words of each line of a list, at least *least* and at most *most* of them."""
    for k, line in enumerate(OldTexts().lines(path, "list"), 1):
        words = line.split()
        if words and (len(words) < least or (most is not None and len(words) > most)):
            raise InputError(f"list '{path}', line {k} is {line[:80]!r}; expected {least}{'' if most == least else ' or more'} words")
        if words:
            yield words


def _number(text: str, path: Path, kind):
    try:
        value = kind(text)
    except ValueError:
        raise InputError(f"list '{path}' holds {text[:40]!r} where a number belongs; download it again") from None
    if not np.isfinite(value):
        raise InputError(f"list '{path}' holds {text[:40]!r} where a number belongs; download it again")
    return value


def _numbered(path: Path, fields: int, kind=str) -> dict[int, tuple]:
    """Lines "number field ..." as a table; a broken line is named."""
    table = {}
    for k, line in enumerate(text_lines(read_text(path, "list")), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            if len(parts) != fields + 1:
                raise ValueError
            number, values = int(parts[0]), tuple(kind(p) for p in parts[1:])
        except ValueError:
            raise InputError(f"list '{path}', line {k} is {line[:80]!r}; expected a number and {counted(fields, 'field')}") from None
        if table.setdefault(number, values) != values:
            raise InputError(f"list '{path}', line {k}: number {number} stands there a second time with another value; keep one")
    return table
