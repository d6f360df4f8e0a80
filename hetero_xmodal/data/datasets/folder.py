"""Any folder of images with captions, by plain rules.

1. Every file below the folder whose name ends in .jpg, .jpeg, .png, .gif, .bmp, .webp, .tif or .tiff is an image; ordered by path.
2. If there is a ``captions.csv`` with the columns ``image`` (path inside the folder) and ``caption``, it gives the captions: one a
   row, as many rows for an image as it has captions; an image that the table does not name is left out.
3. Otherwise the captions of ``photo.jpg`` stand in ``photo.txt`` beside it, one a line; empty lines do not count. Only a line feed ends a
   line. Two images such as ``photo.jpg`` and ``photo.png`` cannot share a text file.
4. A column ``split`` of the table, or else the top folders ``train/``, ``val/`` (or ``validation/``, ``dev/``) and ``test/``, name the
   splits. Without either the folder has one split; training holds some images out for validation and test.

An image that cannot be read, or has no caption, is an :class:`InputError` naming it, raised when its item is asked for.
"""

from __future__ import annotations

import csv
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...errors import InputError
from ...files import existing_file, read_text, text_lines
from ...ids import IMAGE_ENDINGS
from ..dataset import Item
from ..source import SPLITS, Record, Request, Source, check_inside, clean_text, existing_form, split_name


def open_folder(request: Request) -> Source:
    """The images in a folder; see the module's text for the rules.

    Raises
    ------
    InputError : no such folder, no image in it, a table that lacks a column or names a path outside the folder.
    """
    folder = request.folder()
    if (folder / "captions.csv").exists():
        found = _table(folder / "captions.csv")
        records = [Record(name, split, tuple(captions), existing_form(folder, name)) for name, (split, captions) in found.items()]
    else:
        files = [p.relative_to(folder) for p in folder.rglob("*") if p.suffix.lower() in IMAGE_ENDINGS and p.is_file()]
        # hidden folders are nobody's data: thumbnails of a file manager, or what a killed command has left
        paths = sorted(p.as_posix() for p in files if not any(part.startswith(".") for part in p.parts))
        tops = [p.split("/")[0] if "/" in p and split_name(p.split("/")[0]) in SPLITS else None for p in paths]
        # beside folders named after splits, other images are for training; without any such folder nothing is known
        splits = [top or ("train" if any(tops) else None) for top in tops]
        refuse_shared_captions([folder / path for path in paths])
        records = [
            Record(unicodedata.normalize("NFC", p), s, partial(_captions, folder / p), folder / p)
            for p, s in zip(paths, splits, strict=True)
        ]
    if not records:
        raise InputError(f"data folder '{folder}' holds no image ({', '.join(sorted(IMAGE_ENDINGS))})")
    records = [replace(record, item=partial(_item, record)) for record in records]
    return Source(request.name, request.kind, request.place, records, gives={"images", "captions"})


def _captions(image: Path) -> tuple[str, ...]:
    return tuple(caption_lines(image))


def _item(record: Record) -> Item:
    if not record.texts():
        raise InputError(f"image '{record.image}' has no caption; write one a line into '{Path(record.id).with_suffix('.txt')}' beside it")
    return record.make_item()


def refuse_shared_captions(images: list[Path]) -> None:
    """Refuse images that would share a text file of captions.

    Raises
    ------
    InputError : two images whose names differ only in the ending, and a text file of that name.
    """
    of_text: dict[Path, list[Path]] = defaultdict(list)
    for image in images:
        of_text[image.with_suffix(".txt")].append(image)
    for text, some in of_text.items():
        if len(some) > 1 and text.exists():
            raise InputError(
                f"'{text}' could belong to '{some[0].name}' or '{some[1].name}'; remove one of the two images, or write a captions.csv"
            )


def caption_lines(image: Path) -> list[str]:
    """The captions in the text file beside an image, one a line; none if there is no such file.

    Raises
    ------
    InputError : the file is not UTF-8 text.
    """
    path = existing_form(image.parent, image.with_suffix(".txt").name)
    if not path.exists():
        return []
    return [clean_text(line) for line in text_lines(read_text(path, "captions")) if line.strip()]


def table_rows(path: Path, columns: tuple[str, ...], what: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of every row of a CSV file with a heading, its cells without spaces around them.

    Raises
    ------
    InputError : a column is missing, a row has more or fewer cells than the heading, or the file is no CSV in UTF-8.
    """
    existing_file(path, what)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            heading = [name.strip() for name in next(reader, [])]
            missing = next((name for name in columns if name not in heading), None)
            if missing is not None:
                raise InputError(f"{what} '{path}' has no column {missing!r}; its columns are {', '.join(heading)[:200]}")
            if len(set(heading)) < len(heading):
                raise InputError(f"{what} '{path}' has two columns of one name; its columns are {', '.join(heading)[:200]}")
            for row in reader:
                if not row:
                    continue  # an empty line
                if len(row) != len(heading):
                    raise InputError(
                        f"{what} '{path}', line {reader.line_num}: {len(row)} cells, but the heading has {len(heading)}; put a text with "
                        "a comma between quotes"
                    )
                if any("\0" in cell for cell in row):
                    raise InputError(f"{what} '{path}', line {reader.line_num} holds a NUL character; the file is damaged")
                yield reader.line_num, {name: cell.strip() for name, cell in zip(heading, row, strict=True)}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{what} '{path}' is not readable as UTF-8 CSV ({error})") from None


def _table(path: Path) -> dict[str, tuple[str | None, list[str]]]:
    """Image -> (split, captions), in the order of the table."""
    found: dict[str, tuple[str | None, list[str]]] = {}
    for line, row in table_rows(path, ("image", "caption"), "caption table"):
        where, name = f"caption table '{path}', line {line}", unicodedata.normalize("NFC", row["image"])
        check_inside(name, where, "the folder")
        split = (row["split"] or "train") if "split" in row else None
        first, captions = found.setdefault(name, (split, []))
        if split_name(first) != split_name(split):
            raise InputError(f"{where}: image {name!r} has the split {split!r}, but {first!r} in a row before; give it one")
        if row["caption"]:
            captions.append(clean_text(row["caption"]))
    return found
