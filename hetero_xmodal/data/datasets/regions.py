"""Region features of your own in one safetensors file, beside captions in COCO's layout::

    FOLDER/
        regions.safetensors         features (images, k, width) and counts (images,): how many of the k rows are regions; perhaps boxes
                                    (images, k, 4), sizes (images, 2) and ids, as the package writes them
        captions.json               as in COCO

Images and captions are put together by file name, id, or the number at the end of either.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import existing_file
from ..regions import Regions, check_finite, open_regions, row_marks
from ..source import Record, Request, Source, check_records
from .coco import read_captions


def open_given_regions(request: Request) -> Source:
    """A folder in this layout; see the module's text.

    Raises
    ------
    InputError : a missing or broken file, NaN among the features, files that do not belong together.
    """
    folder = request.folder()
    regions = open_regions(folder / "regions.safetensors")
    check_finite(regions, f"'{folder / 'regions.safetensors'}'")
    return with_captions(request, regions, folder / "captions.json")


def with_captions(request: Request, regions: Regions, captions: Path) -> Source:
    """Given regions and the captions of the same images, put together by file name, id, or the number at the end of either.

    Raises
    ------
    InputError : *captions* is not in COCO's layout, two of its images belong to the same regions, or none has regions.
    """
    where = f"captions file '{captions}'"
    rows: dict[str, int] = {}
    for row, id in enumerate(regions.ids):
        rows.setdefault(_number(id), row)
    rows |= {str(id): row for row, id in enumerate(regions.ids)}
    records, without, taken = [], [], {}
    listed = read_captions(existing_file(captions, "captions"))
    marks = row_marks(regions.features)
    for number, name, texts, split in listed:
        stem = Path(name).stem
        row = next((rows[key] for key in (stem, str(number), _number(stem), _number(str(number))) if key in rows), None)
        if row is None:
            without.append(stem)
        elif row in taken:
            raise InputError(f"{where}: '{stem}' and '{taken[row]}' both belong to the features of '{regions.ids[row]}'; keep one")
        else:
            taken[row] = stem
            records.append(Record(str(regions.ids[row]), split, texts, mark=marks[row], row=row))
    if not records:
        raise InputError(f"{where}: none of its {len(listed)} images has features; the two files do not belong together")
    notes = []
    if without:
        notes.append(f"{where}: {len(without)} of {len(listed)} images have no features and are left out, the first is '{without[0]}'")
    if len(taken) < len(regions):
        first = next(str(id) for row, id in enumerate(regions.ids) if row not in taken)
        notes.append(f"{where}: {len(regions) - len(taken)} of {len(regions)} images with features have no caption, the first is '{first}'")
    records, more = check_records(records, where)
    return Source(
        request.name, request.kind, request.place, records, gives={"regions", "captions"}, notes=(*notes, *more),
        regions=lambda: {"": regions},
    )  # fmt: skip


def _number(id: Any) -> str:
    """The number at the end of an id without leading zeros, as COCO writes it into file names; the id itself if it has none.

    >>> _number("COCO_train2014_000000132417"), _number("dog")
    ('132417', 'dog')
    """
    found = re.search(r"\d+$", str(id))
    return str(int(found.group())) if found else str(id)
