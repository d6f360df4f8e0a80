"""Region features of your own in one safetensors file, beside captions in COCO's layout::

    FOLDER/
        regions.safetensors         features (images, k, width) and counts (images,): how many of the k rows are regions; perhaps boxes
                                    (images, k, 4), sizes (images, 2) and ids, as the package writes them
        captions.json               as in COCO

Images and captions are joined by id or file name (:mod:`hetero_xmodal.ids`). Without ids, row k belongs to the k-th image of
``captions.json``, and there are as many of both.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from ...counts import agreeing, counted
from ...errors import InputError
from ...files import existing_file
from ...ids import IdTable, short_ids, without_ending
from ..marks import row_marks
from ..regions import Regions, check_finite, open_regions
from ..source import Record, Request, Source, check_records
from ..store import cache_folder, open_store
from .coco import read_captions


def open_given_regions(request: Request) -> Source:
    """A folder in this layout; see the module's text.

    Raises
    ------
    InputError : a missing or broken file, NaN among the features, files that do not belong together.
    """
    folder = request.folder()
    path = folder / "regions.safetensors"
    regions = open_regions(path)
    check_finite(regions, f"'{path}'")
    if "ids" not in open_store(path)[0]:
        listed = read_captions(existing_file(folder / "captions.json", "captions"))
        if len(listed) != len(regions):
            raise InputError(
                f"'{path}' has no ids and {len(regions)} images, but captions.json lists {len(listed)}; write ids, or one row for each"
            )
        regions = replace(regions, ids=short_ids([image.file_name for image in listed]))
        return with_captions(request, regions, folder / "captions.json", by_order=True)
    return with_captions(request, regions, folder / "captions.json")


def with_captions(request: Request, regions: Regions, captions: Path, *, by_order: bool = False) -> Source:
    """Given regions and the captions of the same images, joined by id or file name (:mod:`hetero_xmodal.ids`), or *by_order*.

    Raises
    ------
    InputError : *captions* is not in COCO's layout, an image could have the regions of two, two images have the same regions, or none has.
    """
    where = f"captions file '{captions}'"
    table = IdTable(([id] for id in regions.ids), f"{where} and its features")
    records, without, taken = [], [], {}
    listed = read_captions(existing_file(captions, "captions"))
    marks = row_marks(regions.features, cache_folder(request.cache))
    for place, image in enumerate(listed):
        row = place if by_order else table.find(image.file_name, image.id)
        if row is None:
            without.append(without_ending(image.file_name))
        elif row in taken:
            raise InputError(
                f"{where}: '{image.file_name}' and '{taken[row]}' both belong to the features of '{regions.ids[row]}'; keep one"
            )
        else:
            taken[row] = image.file_name
            records.append(Record(str(regions.ids[row]), image.split, image.captions, mark=marks[row], row=row))
    if not records:
        raise InputError(
            f"{where}: none of its {len(listed)} images has features; the two files do not belong together, or their ids do not: here the "
            f"first image is {[image.file_name for image in listed][:1]}, there {[str(id) for id in regions.ids[:1]]}"
        )
    notes = []
    if without:
        notes.append(
            f"{where}: {len(without)} of {counted(len(listed), 'image')} {agreeing(len(without), 'has', 'have')} no features and "
            f"{agreeing(len(without), 'is', 'are')} left out, the first is '{without[0]}'"
        )
    if len(taken) < len(regions):
        first = next(str(id) for row, id in enumerate(regions.ids) if row not in taken)
        notes.append(f"{where}: {len(regions) - len(taken)} of {len(regions)} images with features have no caption, the first is '{first}'")
    records, more = check_records(records, where)
    return Source(
        request.name, request.kind, request.place, records, gives={"regions", "captions"}, notes=(*notes, *more),
        regions=partial(_in_one, regions),
    )  # fmt: skip


def _in_one(regions: Regions) -> dict[str, Regions]:
    """The regions of all splits in one."""
    return {"": regions}
