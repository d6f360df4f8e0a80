"""Any folder of images with captions, by plain rules.

1. Every file below the folder whose name ends in .jpg, .jpeg, .png, .gif, .bmp, .webp, .tif or .tiff is an image; ordered by path.
2. If there is a ``captions.csv`` with the columns ``image`` (path inside the folder) and ``caption``, it gives the captions: one a
   row, as many rows for an image as it has captions; an image that the table does not name is left out.
3. Otherwise the captions of ``photo.jpg`` stand in ``photo.txt`` beside it, one a line; empty lines do not count.
4. A column ``split`` of the table, or else the top folders ``train/``, ``val/``, ``test/``, name the splits;
   without either, all is ``train``.

An image that cannot be read, or has no caption, is an :class:`InputError` naming it, raised when its item is asked for.
"""

from __future__ import annotations

import csv
from pathlib import Path

from ...errors import InputError
from ...files import existing_file
from ..dataset import Dataset, Item
from .coco import choose_split, existing_folder

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})


def load_folder(folder: str | Path, split: str = "train", size: int | None = None) -> Dataset:
    """The images in *folder*; see the module's text for the rules."""
    folder = existing_folder(folder, "folder:")
    table = _table(folder / "captions.csv") if (folder / "captions.csv").exists() else None
    if table is not None:
        paths = list(table)
        splits = [s for s, _ in table.values()]
    else:
        paths = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.suffix.lower() in IMAGES and p.is_file())
        splits = [p.split("/")[0] if p.split("/")[0] in ("train", "val", "test") and "/" in p else "train" for p in paths]
    if not paths:
        raise InputError(f"data folder '{folder}' holds no image ({', '.join(sorted(IMAGES))})")
    rows = choose_split(paths, split, splits, f"folder:{folder}")
    rows = rows if size is None else rows[:size]

    def make(k: int) -> Item:
        from ...images import read_image

        captions = table[rows[k]][1] if table is not None else _lines(folder / rows[k])
        if not captions:
            raise InputError(
                f"image '{folder / rows[k]}' has no caption; write one a line into '{Path(rows[k]).with_suffix('.txt')}' beside it"
            )
        return Item(read_image(folder / rows[k]), list(captions), id=rows[k], path=folder / rows[k])

    return Dataset(f"folder:{folder}", split, range(len(rows)), make)


def _lines(image: Path) -> list[str]:
    path = image.with_suffix(".txt")
    if not path.exists():
        return []
    try:
        return [" ".join(line.split()) for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"captions '{path}' are not UTF-8 text; save the file as UTF-8") from None


def _table(path: Path) -> dict[str, tuple[str, list[str]]]:
    """Image -> (split, captions), in the order of the table."""
    existing_file(path, "caption table")
    found: dict[str, tuple[str, list[str]]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [c for c in ("image", "caption") if c not in (reader.fieldnames or [])]
            if missing:
                raise InputError(f"caption table '{path}' has no column {missing[0]!r}; its columns are {reader.fieldnames}")
            for row in reader:
                name, caption = (row["image"] or "").strip(), " ".join((row["caption"] or "").split())
                if not name or Path(name).is_absolute() or ".." in Path(name).parts:
                    raise InputError(f"caption table '{path}', line {reader.line_num}: image {name!r} is not a path inside the folder")
                _, captions = found.setdefault(name, ((row.get("split") or "train").strip(), []))
                if caption:
                    captions.append(caption)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"caption table '{path}' is not readable as UTF-8 CSV ({error})") from None
    return found
