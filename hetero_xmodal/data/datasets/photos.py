"""A folder of photos with tags and labels, as photo-sharing sites give them: images, and one table ``tags.csv`` beside them.

::

    image,tags,labels,split
    sea/0001.jpg,boat;harbour;holiday,water;transport,train
    sea/0002.jpg,beach;sand,water,test

1. ``image`` is a path inside the folder; every image stands in one row, and an image that the table does not name is left out.
2. ``tags`` and ``labels`` are separated by semicolons; each image has at least one of both.
3. ``split`` may be left out; if there, it is ``train``, ``val`` or ``test`` in every row. Without it three quarters of the images are
   for training, a tenth for validation and the rest for the test, by the hash of their path (:func:`.source.split_of`).
4. The labels are those of the table in alphabetical order, or, if there is a file ``labels.txt``, its lines; then a label of the table
   that it lacks is refused, so that a misspelt label is not taken for a new one.
5. Captions are optional: those of ``photo.jpg`` stand in ``photo.txt`` beside it, one a line.

Everything in the table is checked when the folder is opened; images are read when they are needed.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np

from ...errors import InputError, nearest
from ...files import read_text, text_lines
from ..source import SPLITS, Record, Request, Source, split_name, split_of
from .folder import caption_lines, image_of, refuse_shared_captions, table_rows


def open_photos(request: Request) -> Source:
    """The photos of a folder with their tags and labels; see the module's text for the layout.

    Raises
    ------
    InputError : no table, a column that is missing, an image that is missing or stands in two rows, no tag, no label, an unknown label or
        split; the message names the line.
    """
    folder = request.folder()
    table = folder / "tags.csv"
    if not table.exists():
        raise InputError(f"'{folder}' has no tags.csv; write one with the columns image, tags and labels (and, if you like, split)")
    names = _label_names(folder / "labels.txt")
    rows: list[tuple[str, Path, tuple[str, ...], tuple[str, ...], str | None]] = []
    lines: dict[str, int] = {}
    for number, row in table_rows(table, ("image", "tags", "labels"), "tag table"):
        where = f"'{table}', line {number}"
        name, image = image_of(folder, row["image"], where)
        if name in lines:
            raise InputError(f"{where}: image {name!r} stands in line {lines[name]} already; give each image one row")
        if not image.is_file():
            raise InputError(f"{where}: there is no image '{folder / name}'")
        tags, labels = _listed(row["tags"]), _listed(row["labels"])
        for key, values in (("tag", tags), ("label", labels)):
            if not values:
                raise InputError(f"{where}: image {name!r} has no {key}; give at least one, several separated by semicolons")
        unknown = next((label for label in labels if names is not None and label not in names), None)
        if unknown is not None:
            raise InputError(f"{where}: label {unknown!r} is not in '{folder / 'labels.txt'}'{nearest(unknown, names or ())}")
        split = row.get("split")
        if split is not None and split_name(split) not in SPLITS:
            raise InputError(f"{where}: split {split!r} is not one of {', '.join(SPLITS)}; leave the whole column out to have them chosen")
        lines[name] = number
        rows.append((name, image, tags, labels, split))
    if not rows:
        raise InputError(f"'{table}' has no row; give each image one with its tags and labels")
    names = names or sorted({label for _, _, _, labels, _ in rows for label in labels})
    column = {name: k for k, name in enumerate(names)}
    records = []
    refuse_shared_captions([image for _, image, *_ in rows])
    for name, image, tags, labels, split in rows:
        vector = np.zeros(len(names), np.uint8)
        vector[[column[label] for label in labels]] = 1
        records.append(Record(name, split or split_of(name), tuple(caption_lines(image)), image, vector, tags))
    return Source(
        request.name, request.kind, request.place, records, label_names=names, tag_names=sorted({t for r in records for t in r.tags}),
        gives={"images", "tags", "labels"} | ({"captions"} if any(record.captions for record in records) else set()),
        splits_by_hash=rows[0][4] is None,
    )  # fmt: skip


def _listed(cell: str) -> tuple[str, ...]:
    """The different entries of a cell, separated by semicolons."""
    return tuple(dict.fromkeys(filter(None, map(str.strip, unicodedata.normalize("NFC", cell).split(";")))))


def _label_names(path: Path) -> list[str] | None:
    if not path.exists():
        return None
    lines = text_lines(read_text(path, "label names"))
    names = [unicodedata.normalize("NFC", line.strip()) for line in lines if line.strip()]
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise InputError(f"label names '{path}': {twice!r} stands in two lines; name each label once")
    return names
