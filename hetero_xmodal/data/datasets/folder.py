"""Any folder of images with captions, by plain rules.

1. Every file below the folder whose name ends in .jpg, .jpeg, .png, .gif, .bmp, .webp, .tif or .tiff is an image; ordered by path.
2. If there is a ``captions.csv`` with the columns ``image`` (path inside the folder) and ``caption``, it gives the captions: one a
   row, as many rows for an image as it has captions; an image that the table does not name is left out. ``a.png`` and ``./a.png`` are
   one image. Files as in the third rule are then not read, and a note counts them.
3. Otherwise the captions of ``photo.jpg`` stand in ``photo.txt`` beside it, one a line; empty lines do not count. Only a line feed ends a
   line. Two images such as ``photo.jpg`` and ``photo.png`` cannot share a text file.
4. A column ``split`` of the table, or else the top folders ``train/``, ``val/`` (or ``validation/``, ``dev/``) and ``test/``, name the
   splits. Without either the folder has one split; training holds some images out for validation and test.

The names of the images are UTF-8; of two that differ only in how Unicode writes an accent, each is known by exactly its name. A folder in
the layout of another reader, such as ``data build`` writes it, is refused with the name it is read by.

An image that cannot be read, or has no caption, is an :class:`InputError` naming it, raised when its item is asked for.
"""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from ...errors import InputError
from ...files import existing_file, read_text, text_lines
from ...ids import IMAGE_ENDINGS
from ..dataset import Item
from ..source import SPLITS, Record, Request, Source, check_inside, clean_text, existing_form, is_utf8, split_name

#: files by which the layouts of other readers are known, and their names
_OTHER_LAYOUTS = (
    ("captions.json", "coco"),
    ("annotations/captions_*.json", "coco"),
    ("tags.csv", "photos"),
    ("results*.token", "flickr30k"),
    ("scene_graphs.json", "vg"),
)


def open_folder(request: Request) -> Source:
    """The images in a folder; see the module's text for the rules.

    Raises
    ------
    InputError : no such folder, no image in it, a name of an image that is not UTF-8, a table that lacks a column or names a path outside
        the folder, a folder in the layout of another data set.
    """
    folder = request.folder()
    # hidden folders are nobody's data: thumbnails of a file manager, or what a killed command has left
    files = {p.as_posix() for p in (q.relative_to(folder) for q in folder.rglob("*")) if not any(part.startswith(".") for part in p.parts)}
    paths = sorted(p for p in files if PurePosixPath(p).suffix.lower() in IMAGE_ENDINGS and (folder / p).is_file())
    composed = {unicodedata.normalize("NFC", path) for path in files}
    texts = [path for path in paths if unicodedata.normalize("NFC", _text_of(path)) in composed]
    notes: tuple[str, ...] = ()
    if "captions.csv" in files:
        records = _table(folder)
        if texts:
            notes = (
                f"'{folder / 'captions.csv'}' gives the captions; {len(texts)} .txt files beside images are not read, the first is "
                f"'{_text_of(texts[0])}'",
            )
    else:
        _refuse_unwritable(folder, paths)
        if not texts:
            _refuse_other_layout(folder)
        records = _listed(folder, paths)
    if not records:
        raise InputError(f"data folder '{folder}' holds no image ({', '.join(sorted(IMAGE_ENDINGS))})")
    records = [replace(record, item=partial(_item, record)) for record in records]
    return Source(request.name, request.kind, request.place, records, gives={"images", "captions"}, notes=notes)


def _text_of(path: str) -> str:
    return PurePosixPath(path).with_suffix(".txt").as_posix()


def _listed(folder: Path, paths: list[str]) -> list[Record]:
    """The images of a folder without a table."""
    tops = [p.split("/")[0] if "/" in p and split_name(p.split("/")[0]) in SPLITS else None for p in paths]
    # beside folders named after splits, other images are for training; without any such folder nothing is known
    splits = [top or ("train" if any(tops) else None) for top in tops]
    refuse_shared_captions([folder / path for path in paths])
    forms = Counter(unicodedata.normalize("NFC", path) for path in paths)
    ids = [form if forms[form := unicodedata.normalize("NFC", path)] == 1 else path for path in paths]
    return [Record(id, s, partial(_captions, folder / p), folder / p) for id, p, s in zip(ids, paths, splits, strict=True)]


def _refuse_unwritable(folder: Path, paths: list[str]) -> None:
    odd = [path for path in paths if not is_utf8(path)]
    if odd:
        raise InputError(
            f"data folder {ascii(str(folder))}: the names of {len(odd)} of {len(paths)} images are not UTF-8, the first is "
            f"{ascii(odd[0])}; rename them"
        )


def _refuse_other_layout(folder: Path) -> None:
    """Where no image has a text beside it: the layouts of other readers, known by a file."""
    for pattern, kind in _OTHER_LAYOUTS:
        found = next(folder.glob(pattern), None)
        if found is not None:
            raise InputError(
                f"data folder '{folder}' has no captions in .txt files or captions.csv, but '{found.relative_to(folder)}'; write "
                f"'{kind}:{folder}' to read that"
            )


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
    of_text: dict[str, list[Path]] = defaultdict(list)
    for image in images:
        of_text[unicodedata.normalize("NFC", str(image.with_suffix(".txt")))].append(image)
    for some in of_text.values():
        texts = [image.with_suffix(".txt") for image in some]
        there = [text.exists() for text in texts]
        # names that differ only in how Unicode writes an accent: each has a text of exactly its name
        if len(some) > 1 and any(there) and not (all(there) and len(set(texts)) == len(texts)):
            raise InputError(
                f"'{texts[there.index(True)]}' could belong to {ascii(some[0].name)} or {ascii(some[1].name)}; remove one of the two "
                "images, or write a captions.csv"
            )


def caption_lines(image: Path) -> list[str]:
    """The captions in the text file beside an image, one a line; none if there is no such file.

    Raises
    ------
    InputError : the file is not UTF-8 text.
    """
    path = existing_form(image.parent, image.with_suffix(".txt").name, exact=True)
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


def image_of(folder: Path, cell: str, where: str) -> tuple[str, Path]:
    """The image that a cell of a table names: its id, and its file.

    The id is the path in composed form (NFC). Where there are two files whose names differ only in that form, each has its exact name.

    Raises
    ------
    InputError : the cell leads out of the folder, or may mean two files.

    >>> image_of(Path("here"), "./sea//1.png", "line 2")[0]
    'sea/1.png'
    """
    name = check_inside(cell, where, "the folder")
    if name.isascii():
        return name, folder / name
    image, composed = existing_form(folder, name, exact=True), unicodedata.normalize("NFC", name)
    others = [folder / unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    alone = not all(other.exists() for other in others) or others[0].samefile(others[1])
    return composed if alone else name, image


def _table(folder: Path) -> list[Record]:
    """One record for each image of the table, in its order."""
    path = folder / "captions.csv"
    found: dict[str, tuple[str | None, Path, list[str]]] = {}
    for line, row in table_rows(path, ("image", "caption"), "caption table"):
        where = f"caption table '{path}', line {line}"
        name, image = image_of(folder, row["image"], where)
        split = (row["split"] or "train") if "split" in row else None
        first, _, captions = found.setdefault(name, (split, image, []))
        if split_name(first) != split_name(split):
            raise InputError(f"{where}: image {name!r} has the split {split!r}, but {first!r} in a row before; give it one")
        if row["caption"]:
            captions.append(clean_text(row["caption"]))
    return [Record(name, split, tuple(captions), image) for name, (split, image, captions) in found.items()]
