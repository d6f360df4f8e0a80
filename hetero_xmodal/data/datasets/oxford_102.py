"""Oxford-102 flowers as published, with the ten captions a photograph of Reed et al. (2016) (``cards/oxford-102.toml``).

Splits: with ``trainvalclasses.txt`` (or ``trainclasses.txt`` and ``valclasses.txt``) and ``testclasses.txt`` beside the captions, train
and test share no class, as in TAGAN and the MIM-Net paper; without them, or with ``oxford-102:FOLDER,split=official``, those of
``setid.mat``. Where no list names a ``val``, every tenth photograph of train is ``val``. The scene graph is one flower that fills the
photograph: nobody drew a box. Edits are captions of photographs of other classes (:mod:`~hetero_xmodal.data.mismatch`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ...counts import lacking
from ...errors import InputError
from ...files import existing_file
from ..card import read_card
from ..features import read_arrays, take_array
from ..mismatch import MismatchPairs
from ..published import FileTable, OldTexts, caption_file, first_folder, left_out, whole_image, with_options
from ..source import Record, Request, Source

CLASSES = 102
_TEXTS = ("text_c10", "text", "cvpr2016_flowers/text_c10", "flowers/text_c10", "")
_LISTS = {"train": ("trainvalclasses.txt", "trainclasses.txt"), "val": ("valclasses.txt",), "test": ("testclasses.txt",)}
_OFFICIAL = {"trnid": "train", "valid": "val", "tstid": "test"}
_NAME, _VAL_EVERY = re.compile(r"image_([0-9]{5})"), 10


def open_oxford_102(request: Request) -> Source:
    """The photographs with captions and class; see the module's text.

    Raises
    ------
    InputError : a file of the layout is missing or broken. Captions are read when they are asked for.
    """
    request, options = with_options(request, {"split": ("classes", "official")})
    root = request.folder()
    labels = _whole(root / "imagelabels.mat", "labels", 1, CLASSES)
    texts = first_folder(root / place for place in _TEXTS if any((root / place).glob("class_*")))
    if texts is None:
        raise InputError(f"'{root}' has no captions: expected text_c10/class_00001/image_06734.txt; unpack those of Reed et al. there")
    lists = _class_lists([root, texts, texts.parent]) if options["split"] == "classes" else {}
    split = _by_class(labels, lists) if lists else _by_image(root / "setid.mat", len(labels))
    if "val" not in split.values():
        train = [number for number in split if split[number] == "train"]
        split |= dict.fromkeys(train[_VAL_EVERY - 1 :: _VAL_EVERY], "val")
    table, there, missing, silent = FileTable(), [], [], []
    for number, label in enumerate(labels, 1):
        stem = f"image_{number:05}"
        image, text = root / "jpg" / f"{stem}.jpg", texts / f"class_{label:05}" / f"{stem}.txt"
        if not table.has(image):
            missing.append(image.name)
        elif not table.has(text):
            silent.append(stem)
        else:
            there.append((number, label, image, text))
    if not there:
        raise InputError(f"'{root}' has no photograph with captions; expected jpg/image_00001.jpg and text_c10/class_*/image_00001.txt")
    notes = list(left_out(missing, len(labels), f"'{root / 'jpg'}'"))
    if silent:
        notes.append(f"'{texts}': {lacking(len(silent), 'photograph', 'captions')}, the first is {silent[0]}")
    names = list(getattr(read_card("oxford-102"), "labels", ()))
    told = OldTexts()
    records = [
        _record(number, label, image, partial(caption_file, text, told), split.get(number, "unused"))
        for number, label, image, text in there
    ]
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "captions", "labels", "scene graphs", "edits"},
        label_names=names, pairs=MismatchPairs(request.name, records, names), notes=tuple(notes), missing=tuple(missing),
        counts={"images": len(labels), "classes": len(set(labels))}, read_notes=told.notes,
    )  # fmt: skip


def _record(number: int, label: int, image: Path, captions: Callable[[], tuple[str, ...]], split: str) -> Record:
    columns = np.zeros(CLASSES, np.uint8)
    columns[label - 1] = 1
    return Record(image.stem, split, captions, image, columns, scene=partial(whole_image, "flower", (), image.stem))


def _whole(path: Path, key: str, low: int, high: int) -> list[int]:
    """The whole numbers of an array, each from *low* to *high*."""
    values = np.asarray(take_array(read_arrays(existing_file(path, "file of Oxford-102")), key, path)).ravel()
    if values.dtype.kind not in "iuf" or not len(values) or (values != np.round(values)).any():
        raise InputError(f"'{path}': {key!r} holds {values.dtype} values of shape {values.shape}; expected whole numbers")
    wrong = np.flatnonzero((values < low) | (values > high))
    if len(wrong):
        raise InputError(f"'{path}': value {wrong[0] + 1} of {key!r} is {values[wrong[0]]:g}; expected {low} to {high}")
    return values.astype(int).tolist()


def _by_image(path: Path, images: int) -> dict[int, str]:
    split: dict[int, str] = {}
    for key, name in _OFFICIAL.items():
        for number in _whole(path, key, 1, images):
            if split.setdefault(number, name) != name:
                raise InputError(f"'{path}': photograph {number} is in both {split[number]} and {name}; download the file again")
    return split


def _class_lists(places: list[Path]) -> dict[int, str]:
    """Class -> split of the class lists, which name folders such as class_00012."""
    found: dict[int, str] = {}
    for split, names in _LISTS.items():
        path = next((place / name for name in names for place in places if (place / name).is_file()), None)
        for k, line in enumerate([] if path is None else OldTexts().lines(path, "class list"), 1):
            text = line.strip()
            if text and not (re.fullmatch(r"class_[0-9]{5}", text) and 1 <= int(text[-5:]) <= CLASSES):
                raise InputError(f"class list '{path}', line {k} is {line[:40]!r}; expected a name such as class_00012, up to {CLASSES}")
            if text and split == "test" and int(text[-5:]) in found:
                raise InputError(f"class list '{path}', line {k}: {text} is for {found[int(text[-5:])]} too; download the lists again")
            if text:
                found[int(text[-5:])] = split
    missing = [split for split in ("train", "test") if split not in found.values()]
    if found and missing:
        names = " or ".join(_LISTS[missing[0]])
        raise InputError(f"'{places[0]}' has class lists, but none for {missing[0]}; put {names} beside them, or say split=official")
    return found


def _by_class(labels: list[int], lists: dict[int, str]) -> dict[int, str]:
    return {number: lists.get(label, "unused") for number, label in enumerate(labels, 1)}
