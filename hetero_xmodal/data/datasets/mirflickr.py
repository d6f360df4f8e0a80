"""MIRFlickr-25K as published: photographs, the tags of their owners, and a file of image numbers for each label (``cards/mirflickr.toml``).

The labels are the 24 of the files without ``_r1``, as in the papers; ``mirflickr:FOLDER,labels=14`` takes those with ``_r1`` ("relevant"),
``labels=38`` all. 2,000 pairs are for the test and 2,000 for validation, by the hash of their number, among those with a tag and a label.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...counts import agreeing, counted
from ...errors import InputError
from ..published import OldTexts, first_folder, left_out, paper_split, with_options
from ..source import Record, Request, Source, clean_text

_ANNOTATIONS = ("mirflickr25k_annotations_v080", "annotations", "annotations_v080")
_IMAGE, _RELEVANT = re.compile(r"im([1-9][0-9]*)\.jpe?g", re.IGNORECASE), "_r1"


def open_mirflickr(request: Request) -> Source:
    """The photographs with their tags and labels; see the module's text.

    Raises
    ------
    InputError : no photographs, no annotations, a line that is no number, an unknown option.
    """
    request, options = with_options(request, {"labels": ("24", "14", "38")})
    root = request.folder()
    base = root / "mirflickr" if (root / "mirflickr").is_dir() else root
    images = {int(found[1]): path for path in base.iterdir() if (found := _IMAGE.fullmatch(path.name))}
    if not images:
        raise InputError(f"'{base}' holds no im1.jpg, im2.jpg ...; give the folder that mirflickr25k.zip was unpacked into")
    texts = OldTexts()
    annotated = _annotations(root, base, texts)
    names = _chosen(list(annotated), options["labels"])
    tags, untagged = _tags(first_folder((base / "meta" / "tags", root / "meta" / "tags")), sorted(images), base, texts)
    rows = {number: np.array([number in annotated[name] for name in names], np.uint8) for number in sorted(images)}
    split = paper_split([str(n) for n in rows if rows[n].any() and tags[n]])
    records = [
        Record(f"im{number}", split.get(str(number), "train"), (), images[number], labels, tags[number]) for number, labels in rows.items()
    ]
    missing = [f"im{number}.jpg" for number in sorted(set().union(*annotated.values()) - set(images))]
    notes = [*left_out(missing, len(images) + len(missing), f"'{base}'"), *texts.notes()]
    if untagged:
        notes.append(
            f"'{base}': {counted(len(untagged), 'photograph')} {agreeing(len(untagged), 'has', 'have')} no file of tags, "
            f"the first is im{untagged[0]}"
        )
    return Source(
        request.name, request.kind, request.place, records, gives={"images", "tags", "labels"}, label_names=names,
        tag_names=sorted({tag for found in tags.values() for tag in found}), notes=tuple(notes), missing=tuple(missing),
        counts={"images": len(records), "labels": len(names), "annotation files": len(annotated)},
    )  # fmt: skip


def _annotations(root: Path, base: Path, texts: OldTexts) -> dict[str, set[int]]:
    """Name of a file without its ending -> the numbers in it."""
    places = [place / name for place in (root, base) for name in _ANNOTATIONS]
    folder = first_folder(places) or (root if (root / "animals.txt").exists() else None)
    if folder is None:
        raise InputError(f"'{root}' has no folder {_ANNOTATIONS[0]}/; unpack {_ANNOTATIONS[0]}.zip there")
    found: dict[str, set[int]] = {}
    for path in sorted(folder.glob("*.txt")):
        if path.stem.lower() != "readme":
            found[path.stem] = set(_numbers(path, texts))
    if not found:
        raise InputError(f"'{folder}' holds no annotation such as animals.txt; unpack {_ANNOTATIONS[0]}.zip there")
    return found


def _numbers(path: Path, texts: OldTexts) -> list[int]:
    numbers = []
    for k, line in enumerate(texts.lines(path, "annotation file"), 1):
        text = line.strip()
        if text and not (text.isascii() and text.isdecimal() and len(text) < 9 and int(text) > 0):
            raise InputError(f"annotation file '{path}', line {k} is {line[:40]!r}; expected the number of an image")
        if text:
            numbers.append(int(text))
    return numbers


def _chosen(names: list[str], which: str) -> list[str]:
    kept = {"24": lambda n: not n.endswith(_RELEVANT), "14": lambda n: n.endswith(_RELEVANT), "38": lambda n: True}[which]
    chosen = [name for name in names if kept(name)]
    if len(chosen) < 2:
        raise InputError(f"labels={which} leaves {len(chosen)} of {len(names)} annotation files; there must be two or more")
    return chosen


def _tags(folder: Path | None, numbers: list[int], base: Path, texts: OldTexts) -> tuple[dict[int, tuple[str, ...]], list[int]]:
    """Number -> tags, and the numbers that have no file."""
    if folder is None:
        raise InputError(f"'{base}' has no folder meta/tags/; give the folder that mirflickr25k.zip was unpacked into")
    tags: dict[int, tuple[str, ...]] = {}
    without = []
    for number in numbers:
        path = folder / f"tags{number}.txt"
        try:
            lines = texts.lines(path, "tag file")
        except InputError:
            lines = []
            without.append(number)
        tags[number] = tuple(dict.fromkeys(filter(None, map(clean_text, lines))))
    return tags, without
