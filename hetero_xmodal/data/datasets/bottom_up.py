"""The region features of bottom-up attention (Anderson et al. 2018) as published, beside captions in COCO's layout::

    FOLDER/
        *.tsv                       image_id, image_w, image_h, num_boxes, boxes, features, the last two in base 64; or, as the programs
                                    after LXMERT write it, img_id, img_h, img_w, objects_id, objects_conf, attrs_id, attrs_conf,
                                    num_boxes, boxes, features
        captions.json               as in COCO
        provenance.json             optional: a dict that is added to the record of how the features were made

or both files by name: ``bottom-up:FILE.tsv,FILE.json``. Images and captions are joined by id or file name (:mod:`hetero_xmodal.ids`). The
table is decoded once, into the cache, in half precision; it is decoded again when it or ``provenance.json`` has changed.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...fields import LARGEST
from ...files import existing_file
from ...ids import id_text
from ..marks import file_marks
from ..regions import Regions, given_provenance, open_regions
from ..source import Request, Source
from ..store import BlockFile, as_bytes, cache_folder, digest, one_at_a_time, progress_bar
from .regions import with_captions

#: the largest number of half precision, in which features are kept
_HALF = 65_504.0


def open_bottom_up(request: Request) -> Source:
    """A folder in this layout; see the module's text. The features are decoded into the cache when it is opened for the first time.

    Raises
    ------
    InputError : no such files, a line that cannot be decoded, ids that occur twice, files that do not belong together.
    """
    first, _, second = request.place.partition(",")
    if second or first.endswith(".tsv"):
        files, captions = [existing_file(first, "bottom-up file")], Path(second or Path(first).parent / "captions.json")
    else:
        folder = Path(first)
        if not folder.is_dir():
            raise InputError(f"data folder '{folder}' does not exist; give a folder with *.tsv and captions.json, or FILE.tsv,FILE.json")
        files, captions = sorted(folder.glob("*.tsv")), folder / "captions.json"
        if not files:
            raise InputError(f"'{folder}' has no .tsv file; expected the features of bottom-up attention")
    return with_captions(request, read_tsv(files, cache_folder(request.cache)), captions)


def read_tsv(files: str | Path | Sequence[str | Path], cache: str | Path, *, progress: bool | None = None) -> Regions:
    """The features of bottom-up attention, decoded once into a safetensors file in the folder *cache*.

    Raises
    ------
    InputError : a line that cannot be decoded, a number of boxes or a width that does not fit, an id that occurs twice; with the line.
    """
    files = [existing_file(file, "bottom-up file") for file in ([files] if isinstance(files, str | Path) else files)]
    beside = files[0].parent / "provenance.json"
    states = file_marks([*files, *([beside] if beside.exists() else [])], cache)
    key = digest("tsv", states)
    out = Path(cache) / f"bottom-up-{key}.safetensors"
    with one_at_a_time(out):
        if out.exists():
            try:
                return open_regions(out)
            except InputError:
                out.unlink()  # made again
        _decode(files, out, key, progress)
    return open_regions(out)


def _decode(files: list[Path], out: Path, key: str, progress: bool | None) -> None:
    """Two walks through the lines: the first for ids, sizes and numbers of boxes, the second for the features."""
    heads: list[tuple[str, int, int, int, Path, int, int]] = []  # id, width, height, boxes, file, line, byte
    for path in files:
        with path.open("rb") as file:
            place = 0
            for number, line in enumerate(file, 1):
                if line.strip():
                    plain = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                    heads.append((*_head(plain, path, number), path, number, place))
                place += len(line)
    if not heads:
        raise InputError(f"'{files[0]}' holds no image")
    twice = [id for id, count in Counter(head[0] for head in heads).items() if count > 1]
    if twice:
        raise InputError(f"'{files[0]}': {len(twice)} of {len(heads)} image ids occur more than once, the first is '{twice[0]}'; keep one")
    n, k = len(heads), max(head[3] for head in heads)
    counts = np.array([head[3] for head in heads], np.int64)
    with heads[0][4].open("rb") as file:
        file.seek(heads[0][6])
        width = _row(file.readline(), heads[0], None)[1].shape[1]
    about = {"ids": as_bytes([head[0] for head in heads])}
    shapes = {
        "features": (np.float16, (n, k, width)),
        "boxes": (np.float32, (n, k, 4)),
        "counts": (np.int64, (n,)),
        "sizes": (np.int64, (n, 2)),
    }
    record = given_provenance(files[0].parent, "bottom-up", k, int(width))
    block = BlockFile(
        out, shapes | {name: (np.uint8, value.shape) for name, value in about.items()},
        {"kind": "regions", "key": key, "provenance": json.dumps(record)},
    )  # fmt: skip
    opened: dict[Path, Any] = {}
    try:
        block.write("ids", 0, about["ids"])
        block.write("counts", 0, counts)
        block.write("sizes", 0, np.array([head[1:3] for head in heads]))
        with progress_bar("decoding features", n, progress, block.done) as advance:
            for start in range(block.done, n, 64):
                some = heads[start : start + 64]
                features, boxes = np.zeros((len(some), k, width), np.float32), np.zeros((len(some), k, 4), np.float32)
                for row, head in enumerate(some):
                    file = opened.get(head[4]) or opened.setdefault(head[4], head[4].open("rb"))
                    file.seek(head[6])
                    boxes[row, : head[3]], features[row, : head[3]] = _row(file.readline(), head, width)
                block.write("features", start, features)
                block.write("boxes", start, boxes)
                block.note(start + len(some))
                advance(len(some))
        block.finish()
    finally:
        block.close()
        for file in opened.values():
            file.close()


def _head(line: bytes, path: Path, number: int) -> tuple[str, int, int, int]:
    """Id, width, height and number of boxes of a line; the number of columns distinguishes the two layouts."""
    cells = line.rstrip(b"\r\n").split(b"\t")
    where = f"'{path}', line {number}"
    if len(cells) not in (6, 10):
        raise InputError(f"{where} has {len(cells)} cells; expected the 6 or 10 of bottom-up attention, the file may be cut short")
    try:
        id = cells[0].decode("utf-8")
        one, two, count = (int(cells[k].decode("ascii")) for k in (1, 2, -3))
    except UnicodeDecodeError:
        raise InputError(f"{where}: its id or a number is not UTF-8 text; the file may be damaged") from None
    except ValueError:
        raise InputError(f"{where}: width, height or number of boxes is not a whole number ({cells[1][:9]!r}, {cells[2][:9]!r})") from None
    width, height = (one, two) if len(cells) == 6 else (two, one)
    if min(width, height, count) < 1 or max(width, height, count) > LARGEST:
        raise InputError(f"{where}: {count} boxes in an image of {width} x {height} pixels; all must be at least 1 and below 2**31")
    if count > len(cells[-2]):  # base 64 of 16 bytes a box
        raise InputError(f"{where}: {count} boxes do not fit into its {len(cells[-2])} characters of boxes; the file may be damaged")
    return id_text(id, f"{where}: the id"), width, height, count


def _row(line: bytes, head: tuple, width: int | None) -> tuple[np.ndarray, np.ndarray]:
    id, _, _, count, path, number, _ = head
    where = f"'{path}', line {number} (image '{id}')"
    cells = line.rstrip(b"\r\n").split(b"\t")
    try:
        boxes, features = (np.frombuffer(base64.b64decode(cell, validate=True), np.float32) for cell in cells[-2:])
    except (binascii.Error, ValueError) as error:
        raise InputError(f"{where} cannot be decoded ({error}); the file may be cut short or damaged") from None
    if len(boxes) != 4 * count or not len(features) or len(features) % count:
        raise InputError(f"{where}: {len(boxes)} box values and {len(features)} feature values do not fit {count} boxes")
    if width is not None and len(features) != width * count:
        raise InputError(
            f"{where}: its features have width {len(features) // count}, those of the first image have {width}; all must have the same"
        )
    if not np.isfinite(features).all() or not np.isfinite(boxes).all():
        raise InputError(f"{where}: its features or boxes hold NaN or infinity; make them again")
    largest = float(np.abs(features).max())
    if largest > _HALF:
        raise InputError(f"{where}: a feature is {largest:.3g}, beyond {_HALF:.0f}, the largest number kept; the file may be damaged")
    return boxes.reshape(count, 4), features.reshape(count, -1)
