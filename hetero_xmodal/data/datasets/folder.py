"""Any folder of images with captions, by plain rules.

1. Every file below the folder whose name ends in .jpg, .jpeg, .png, .gif, .bmp, .webp, .tif or .tiff is an image; ordered by path.
2. If there is a ``captions.csv`` with the columns ``image`` (path inside the folder) and ``caption``, it gives the captions: one a
   row, as many rows for an image as it has captions; an image that the table does not name is left out.
3. Otherwise the captions of ``photo.jpg`` stand in ``photo.txt`` beside it, one a line; empty lines do not count.
4. A column ``split`` of the table, or else the top folders ``train/``, ``val/`` (or ``validation/``, ``dev/``) and ``test/``, name the
   splits. Without either the folder has one split; training holds some images out for validation and test.

An image that cannot be read, or has no caption, is an :class:`InputError` naming it, raised when its item is asked for.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...files import existing_file
from ..dataset import Item
from ..source import SPLITS, Record, Request, Source, check_inside, split_name

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})


def open_folder(request: Request) -> Source:
    """The images in a folder; see the module's text for the rules.

    Raises
    ------
    InputError : no such folder, no image in it, a table that lacks a column or names a path outside the folder.
    """
    folder = request.folder()
    if (folder / "captions.csv").exists():
        found = _table(folder / "captions.csv")
        records = [Record(name, split, tuple(captions), folder / name) for name, (split, captions) in found.items()]
    else:
        paths = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.suffix.lower() in IMAGES and p.is_file())
        tops = [p.split("/")[0] if "/" in p and split_name(p.split("/")[0]) in SPLITS else None for p in paths]
        # beside folders named after splits, other images are for training; without any such folder nothing is known
        splits = [top or ("train" if any(tops) else None) for top in tops]
        records = [Record(p, s, _captions_opener(folder / p), folder / p) for p, s in zip(paths, splits, strict=True)]
    if not records:
        raise InputError(f"data folder '{folder}' holds no image ({', '.join(sorted(IMAGES))})")
    records = [replace(record, item=_item_opener(record)) for record in records]
    return Source(request.name, request.kind, request.place, records, gives={"images", "captions"})


def _captions_opener(image: Path) -> Callable[[], tuple[str, ...]]:
    return lambda: tuple(caption_lines(image))


def _item_opener(record: Record) -> Callable[[], Item]:
    def item() -> Item:
        if not record.texts():
            raise InputError(
                f"image '{record.image}' has no caption; write one a line into '{Path(record.id).with_suffix('.txt')}' beside it"
            )
        return record.make_item()

    return item


def caption_lines(image: Path) -> list[str]:
    """The captions in the text file beside an image, one a line; none if there is no such file.

    Raises
    ------
    InputError : the file is not UTF-8 text.
    """
    path = image.with_suffix(".txt")
    if not path.exists():
        return []
    try:
        return [" ".join(line.split()) for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"captions '{path}' are not UTF-8 text; save the file as UTF-8") from None


def _table(path: Path) -> dict[str, tuple[str | None, list[str]]]:
    """Image -> (split, captions), in the order of the table."""
    existing_file(path, "caption table")
    found: dict[str, tuple[str | None, list[str]]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [c for c in ("image", "caption") if c not in (reader.fieldnames or [])]
            if missing:
                raise InputError(f"caption table '{path}' has no column {missing[0]!r}; its columns are {reader.fieldnames}")
            for row in reader:
                name, caption = (row["image"] or "").strip(), " ".join((row["caption"] or "").split())
                check_inside(name, f"caption table '{path}', line {reader.line_num}", "the folder")
                split = (row["split"] or "train").strip() if "split" in row else None
                _, captions = found.setdefault(name, (split, []))
                if caption:
                    captions.append(caption)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"caption table '{path}' is not readable as UTF-8 CSV ({error})") from None
    return found
