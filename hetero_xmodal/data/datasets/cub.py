"""CUB-200-2011 with ten captions a photograph, read in its published layout::

    FOLDER/CUB_200_2011/            or FOLDER itself
        images/CLASS/PHOTO.jpg
        images.txt                  "1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg"
        classes.txt                 "1 001.Black_footed_Albatross"
        image_class_labels.txt      "1 1"
        bounding_boxes.txt          "1 60.0 27.0 325.0 304.0": x, y, width, height
        train_test_split.txt        "1 0": 1 is training
    FOLDER/text/CLASS/PHOTO.txt     one caption a line (text_c10/ is found too)
    FOLDER/trainclasses.txt ...     optional: trainclasses.txt or trainvalclasses.txt, valclasses.txt, testclasses.txt

Splits: with class lists, train and test share no class (the zero-shot setting: 150 classes for training, 50 for testing; ``val`` is
``valclasses.txt``). Without them the split of ``train_test_split.txt``. Where no list names a ``val``, every tenth photograph of train is
``val`` and not train. Pickles (``filenames.pickle``, ``captions.pickle`` of other packages) are not read: loading one can run
a program.

Oxford-102 flowers is published in the same layout of captions and class lists, without boxes, and is read too.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...errors import InputError
from ...files import existing_file
from ...scenes import SceneGraph, SceneObject
from ..dataset import Item
from ..edit_pairs import ManipulationPair, ManipulationPairs, check_kinds, whole_pixels
from ..source import SPLITS, Record, Request, Source, check_inside

if TYPE_CHECKING:
    from PIL import Image

#: longest side of a photograph as published; boxes are in these pixels
PUBLISHED_SIDE = 500
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
        splits=layout.splits, pairs=partial(cub_pairs, layout),
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
    rows = [row for row in layout.rows if split in (row.split, "all")]
    shown = rows[:size]
    classes = np.array([row.label for row in rows])
    if "mismatch" in kinds and len(set(classes.tolist())) < 2:
        raise InputError(f"{layout.name}: split {split!r} has {len(set(classes.tolist()))} class; captions of another class need two")

    def make(index: int, instruction_seed: int) -> ManipulationPair:
        item, kind = layout.record(shown[index]).make_item(), kinds[index % len(kinds)]
        rng = np.random.default_rng([instruction_seed, index])
        image, scene = _square(item, image_size)
        label = int(classes[index])
        common = {
            "split": split, "kind": kind, "image": image, "sentences": tuple(item.sentences), "scene": scene, "label": label,
            "region": None if scene is None else whole_pixels(scene.objects[0].box, image.size), "subject": None if scene is None else 0,
        }  # fmt: skip
        if kind == "reconstruct":
            instruction = str(rng.choice(item.sentences))
            return ManipulationPair(f"{item.id}/{kind}-{instruction_seed}", instruction=instruction, target=instruction, edited_image=image,
                                    edited_sentence=instruction, edited_scene=scene, instruction_label=label, **common)  # fmt: skip
        other = int(rng.choice(np.flatnonzero(classes != label)))
        instruction = str(rng.choice(layout.captions(rows[other].name)))
        return ManipulationPair(
            f"{item.id}/{kind}-{instruction_seed}",
            instruction=instruction,
            target=instruction,
            instruction_label=int(classes[other]),
            **common,
        )

    return ManipulationPairs(layout.name, split, range(len(shown)), make, seed=seed, classes=layout.classes)


def _square(item: Item, side: int) -> tuple[Image.Image, SceneGraph | None]:
    """The square cut-out around the bird, resized, with the box in its pixels."""
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
    box = tuple(float(np.clip(v, 0, side)) for v in ((x1 - left) * k, (y1 - top) * k, (x2 - left) * k, (y2 - top) * k))
    return image, SceneGraph([SceneObject("bird", box=box)], size=(side, side), id=item.id)


class _Row(NamedTuple):
    """One photograph: file name, class, box in the published pixels (or ``None``), split."""

    name: str
    label: int
    box: tuple[float, float, float, float] | None
    split: str


class _Layout:
    """What the text files of the layout say, one row for each photograph."""

    def __init__(self, request: Request) -> None:
        self.name = request.name
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
        files = {k: v[0] for k, v in _numbered(base / "images.txt", 1).items()}
        labels = _numbered(base / "image_class_labels.txt", 1, int)
        names = _numbered(base / "classes.txt", 1)
        numbers = {number: k for k, number in enumerate(names)}
        self.classes = [v[0] for v in names.values()]
        boxes = _numbered(base / "bounding_boxes.txt", 4, float) if (base / "bounding_boxes.txt").exists() else {}
        splits = self._splits(root, base, files, labels, names)
        self.rows: list[_Row] = []
        for number, name in files.items():
            check_inside(name, f"'{base / 'images.txt'}'", "the folder images/")
            if number not in labels or labels[number][0] not in numbers:
                raise InputError(f"'{base / 'image_class_labels.txt'}' gives no known class for photograph {number} ({name})")
            x, y, w, h = boxes.get(number, (0, 0, 0, 0))
            box = (x, y, x + w, y + h) if w > 0 and h > 0 and np.isfinite([x, y, w, h]).all() else None
            self.rows.append(_Row(name, numbers[labels[number][0]], box, splits[number]))
        found = {row.split for row in self.rows}
        self.splits = tuple(split for split in (*SPLITS, "unused") if split in found)

    def _splits(self, root: Path, base: Path, files: dict, labels: dict, names: dict) -> dict[int, str]:
        lists: dict[str, str] = {}
        for split, list_names in _CLASS_LISTS.items():
            for path in (place / n for place in (root, base, self.text.parent) for n in list_names):
                if path.exists():
                    lists.update(dict.fromkeys(path.read_text(encoding="utf-8", errors="replace").split(), split))
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
        id = Path(row.name).stem

        def scene(size: tuple[int, int]) -> SceneGraph | None:
            if row.box is None:
                return None
            return SceneGraph([SceneObject("bird", box=self.fit(row.box, size, row.name))], size=size, id=id)

        return Record(id, row.split, lambda: self.captions(row.name), self.images / row.name, labels, scene=scene)

    def captions(self, name: str) -> tuple[str, ...]:
        """The captions of a photograph."""
        path = existing_file(self.text / Path(name).with_suffix(".txt"), "captions")
        try:
            lines = [" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines()]
        except UnicodeDecodeError:
            raise InputError(f"captions '{path}' are not UTF-8 text; save the file as UTF-8") from None
        if not any(lines):
            raise InputError(f"captions '{path}' hold no line of text; expected one caption a line")
        return tuple(line for line in lines if line)

    def fit(self, box, size: tuple[int, int], name: str) -> tuple[float, float, float, float]:
        """The box in the pixels of the photograph as it is. A photograph that was shrunk (its longest side below 500, and boxes of this
        copy reach outside their photographs) has its box shrunk with it."""
        k = max(size) / PUBLISHED_SIDE if self.shrunk and max(size) < PUBLISHED_SIDE else 1.0
        x1, y1, x2, y2 = (v * k for v in box)
        fitted = (max(0.0, x1), max(0.0, y1), min(float(size[0]), x2), min(float(size[1]), y2))
        if fitted[2] - fitted[0] < 1 or fitted[3] - fitted[1] < 1:
            raise InputError(f"the box {box} of photograph '{name}' lies outside its {size[0]} x {size[1]} pixels; is it another size?")
        return fitted

    @property
    def shrunk(self) -> bool:
        """Do boxes of the first 50 photographs reach outside them?"""
        if not hasattr(self, "_shrunk"):
            from PIL import Image

            self._shrunk = False
            for name, _, box, _ in self.rows[:50]:
                if box is not None and (self.images / name).exists():
                    try:
                        with Image.open(self.images / name) as image:
                            self._shrunk |= box[2] > image.size[0] + 1 or box[3] > image.size[1] + 1
                    except OSError:
                        continue  # reported when its item is asked for
        return self._shrunk


def _numbered(path: Path, fields: int, kind=str) -> dict[int, tuple]:
    """Lines "number field ..." as a table; a broken line is named."""
    table = {}
    try:
        lines = existing_file(path, "list").read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"list '{path}' is not UTF-8 text") from None
    for k, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        try:
            if len(parts) != fields + 1:
                raise ValueError
            table[int(parts[0])] = tuple(kind(p) for p in parts[1:])
        except ValueError:
            raise InputError(f"list '{path}', line {k} is {line!r}; expected a number and {fields} field{'s' * (fields > 1)}") from None
    return table
