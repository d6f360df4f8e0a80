"""Regions that were made elsewhere: SCAN's arrays, the TSV of bottom-up attention, and safetensors files of this package.

* :func:`read_scan`, :func:`write_scan`: ``{train,dev,test}_ims.npy`` (N, k, d), ``_caps.txt`` with five lines an image, and, if there,
  ``_ims_bbx.npy`` (N, k, 4), ``_ims_size.npy`` (N, 2) and ``_ids.txt``. Features stay in their file.
* :func:`read_bottom_up`: ``*.tsv`` with the columns ``image_id, image_w, image_h, num_boxes, boxes, features`` or, as the programs after
  LXMERT write it, ``img_id, img_h, img_w, objects_id, objects_conf, attrs_id, attrs_conf, num_boxes, boxes, features``, and
  ``captions.json`` in COCO's layout. It is decoded once, into the cache, in half precision.
* :func:`read_given`: ``regions.safetensors`` and ``captions.json``.

A file ``provenance.json`` in the folder, a dict, is added to the record of how the features were made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError
from ....files import atomic_path, existing_file, read_json, write_text
from .extract import open_regions
from .pairs import Regions
from .readers import Photo, Source, check_photos, read_captions
from .store import BlockFile, FileRows, as_bytes, digest, one_at_a_time, progress_bar

PER_IMAGE = 5
_FILES = {"train": "train", "dev": "validation", "test": "test"}
_HEAD = 4096  # bytes of a row that tell images apart


def _provenance(folder: Path, layout: str, k: int, width: int) -> dict[str, Any]:
    record = {"extractor": "given", "layout": layout, "k": k, "width": width}
    if (folder / "provenance.json").exists():
        more = read_json(folder / "provenance.json", "provenance")
        if not isinstance(more, dict):
            raise InputError(f'\'{folder / "provenance.json"}\' is no dict; write for instance {{"detector": "...", "normalise": "l2"}}')
        record = {**more, **record}
    return record


def _check_finite(regions: Regions, where: str) -> None:
    """Look at some rows: all of them would take as long as an epoch."""
    rows = np.unique(np.linspace(0, len(regions) - 1, 32).astype(np.int64))
    values = np.asarray(regions.features[rows], dtype=np.float32)
    bad = ~np.isfinite(values).all((1, 2))
    if bad.any():
        raise InputError(f"{where}: the features of image {rows[bad.argmax()]} hold NaN or infinity; make them again")


def row_marks(features: FileRows) -> list[str]:
    """A short text for every row, equal where the features of two images begin alike; empty for rows of zeros."""
    size = int(np.prod(features.shape[1:])) * features.dtype.itemsize
    heads = features.heads(min(_HEAD, size))
    return [hashlib.sha256(head).hexdigest()[:16] if any(head) else "" for head in heads]


# ---------------------------------------------------------------------------------------------- SCAN


def read_scan(place: str, cache: Path | None = None) -> Source:
    """A folder in the layout of SCAN's authors.

    Where there are as many images as captions, and every five are the same, each is taken once (as SCAN's own rule ``im_div`` does).

    Raises
    ------
    InputError : fewer or more captions than five an image, other shapes than described, other widths in different splits.
    """
    folder = Path(place)
    if not folder.is_dir():
        raise InputError(f"data folder '{folder}' {'is a file' if folder.exists() else 'does not exist'}; give a folder")
    here = [name for name in _FILES if (folder / f"{name}_ims.npy").exists()]
    if "train" not in here and "test" not in here:
        raise InputError(f"'{folder}' has neither train_ims.npy nor test_ims.npy; expected the layout of SCAN's precomputed features")
    photos: list[Photo] = []
    regions: dict[str, Regions] = {}
    notes: tuple[str, ...] = ()
    for name in here:
        some, made, more = _scan_split(folder, name)
        first = next(iter(regions.values()), made)
        if (made.width, made.features.shape[1]) != (first.width, first.features.shape[1]):
            raise InputError(
                f"'{folder}': {name}_ims.npy holds {made.features.shape[1]} regions of width {made.width}, but the first file has "
                f"{first.features.shape[1]} of width {first.width}; all splits must have the same"
            )
        photos, notes = photos + some, notes + more
        regions[_FILES[name]] = made
    return Source("scan", photos, regions, notes=notes)


def _scan_split(folder: Path, name: str) -> tuple[list[Photo], Regions, tuple[str, ...]]:
    path, text = folder / f"{name}_ims.npy", folder / f"{name}_caps.txt"
    features = open_npy(path, 3)
    captions = _lines(text)
    n = len(features)
    if not n:
        raise InputError(f"'{path}' holds no image")
    marks = row_marks(features)
    repeated = False
    if n == len(captions) and n % PER_IMAGE == 0:
        same = [len(set(marks[i : i + PER_IMAGE])) == 1 and marks[i] != "" for i in range(0, n, PER_IMAGE)]
        if any(same) and not all(same):
            raise InputError(
                f"'{path}': {sum(same)} of {len(same)} groups of {PER_IMAGE} rows repeat one image, others do not; keep every image "
                "once, or all of them five times"
            )
        repeated = all(same)
    each = 1 if n == len(captions) and not repeated else PER_IMAGE
    images = n // PER_IMAGE if repeated else n
    if images * each != len(captions):
        raise InputError(
            f"'{text}' has {len(captions)} captions, but the {images} images of '{path.name}' promise {images * each} ({each} each); "
            "the two files do not belong together, or one is cut short"
        )
    boxes = _beside(folder / f"{name}_ims_bbx.npy", (n, features.shape[1], 4))
    sizes = _sizes(folder / f"{name}_ims_size.npy", n)
    rows = np.arange(0, n, PER_IMAGE) if repeated else np.arange(n)
    ids = [f"{name}-{i}" for i in range(images)]
    if (folder / f"{name}_ids.txt").exists():
        given = _lines(folder / f"{name}_ids.txt")
        if len(given) not in (images, n, len(captions)):
            raise InputError(f"'{folder / f'{name}_ids.txt'}' has {len(given)} ids for {images} images and {len(captions)} captions")
        ids = given[:: len(given) // images]
    photos = [Photo(ids[i], tuple(captions[i * each : (i + 1) * each]), _FILES[name], None, marks[rows[i]], i) for i in range(images)]
    photos, notes = check_photos(photos, f"'{folder}', {name}")
    record = _provenance(folder, "scan", int(features.shape[1]), int(features.shape[2]))
    counts = np.full(images, features.shape[1], np.int64)
    parts = (None if part is None else part[rows] for part in (boxes, sizes))
    made = Regions(features.select(rows) if repeated else features, counts, *parts, ids, record)
    _check_finite(made, f"'{path}'")
    return photos, made, notes


def open_npy(path: str | Path, axes: int) -> FileRows:
    """A ``.npy`` file of floating-point numbers with so many axes, its rows read when they are needed."""
    path = existing_file(path, "array file")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            offset = file.tell()
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"array file '{path}' is not a readable .npy file ({error}); it may be truncated or of another format") from None
    if dtype.kind != "f" or fortran or len(shape) != axes or 0 in shape[1:]:
        raise InputError(
            f"array file '{path}' holds {dtype} values of shape {shape}{' in Fortran order' if fortran else ''}; expected floating-point "
            f"numbers with {axes} axes in C order"
        )
    needed = offset + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if path.stat().st_size < needed:
        raise InputError(f"array file '{path}' has {path.stat().st_size} bytes of {needed}; it is truncated")
    return FileRows(path, offset, dtype, shape)


def _beside(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    if not path.exists():
        return None
    values = np.asarray(_load_npy(path))
    if values.dtype.kind not in "fiu" or values.shape != shape:
        raise InputError(f"array file '{path}' holds {values.dtype} values of shape {values.shape}, expected numbers of shape {shape}")
    return values.astype(np.float32)


def _sizes(path: Path, n: int) -> np.ndarray | None:
    """Width and height of every image: columns, or fields ``image_w`` and ``image_h``."""
    if not path.exists():
        return None
    values = _load_npy(path)
    if values.dtype.names and {"image_w", "image_h"} <= set(values.dtype.names):
        values = np.stack([values["image_w"], values["image_h"]], 1)
    if values.dtype.kind not in "fiu" or values.shape != (n, 2):
        raise InputError(f"array file '{path}' holds {values.dtype} values of shape {values.shape}, expected widths and heights ({n}, 2)")
    return values.astype(np.int64)


def _load_npy(path: Path) -> np.ndarray:
    try:
        return np.load(existing_file(path, "array file"), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(
            f"array file '{path}' cannot be read ({error}); Python objects in it are never loaded, save a plain array of numbers"
        ) from None


def _lines(path: Path) -> list[str]:
    try:
        text = existing_file(path, "text file").read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"'{path}' is not UTF-8 text; save it as UTF-8") from None
    return [" ".join(line.split()) for line in text.removesuffix("\n").split("\n")]


def write_scan(
    folder: str | Path,
    split: str,
    features: Any,
    captions: Sequence[Sequence[str]],
    *,
    boxes: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
    ids: Sequence[str] | None = None,
) -> None:
    """Write one split in SCAN's layout, for programs that read it.

    Parameters
    ----------
    split : ``train``, ``validation`` or ``test``
    features : (N, k, d); written as float32, block by block
    captions : five for each image; of more the first five are written, fewer are refused
    """
    folder, name = Path(folder), {value: key for key, value in _FILES.items()}.get(split)
    if name is None:
        raise InputError(f"split is {split!r}; give {', '.join(_FILES.values())}")
    short = [i for i, some in enumerate(captions) if len(some) < PER_IMAGE]
    if short or len(captions) != len(features):
        what = f"{len(short)} images have fewer than {PER_IMAGE} captions, the first is image {short[0]}" if short else (
            f"there are {len(features)} images and captions of {len(captions)}"
        )  # fmt: skip
        raise InputError(f"SCAN's layout has {PER_IMAGE} captions an image; {what}")
    lines = [" ".join(caption.split()) for some in captions for caption in some[:PER_IMAGE]]
    with atomic_path(folder / f"{name}_ims.npy") as path:
        out = np.lib.format.open_memmap(path, "w+", np.float32, tuple(features.shape))
        for start in range(0, len(features), 256):
            out[start : start + 256] = features[start : start + 256]
        out.flush()
        del out
    for ending, values in (("ims_bbx", boxes), ("ims_size", sizes)):
        if values is not None:
            with atomic_path(folder / f"{name}_{ending}.npy") as path, path.open("wb") as file:
                np.save(file, values, allow_pickle=False)
    if ids is not None:
        write_text(folder / f"{name}_ids.txt", "\n".join(map(str, ids)) + "\n")
    write_text(folder / f"{name}_caps.txt", "\n".join(lines) + "\n")


# ---------------------------------------------------------------------------------------------- bottom-up attention


def read_bottom_up(place: str, cache: Path) -> Source:
    """A folder with ``*.tsv`` and ``captions.json``, or both files written ``FILE.tsv,FILE.json``."""
    first, _, second = place.partition(",")
    if second or first.endswith(".tsv"):
        files, captions = [existing_file(first, "bottom-up file")], Path(second or Path(first).parent / "captions.json")
    else:
        folder = Path(first)
        if not folder.is_dir():
            raise InputError(f"data folder '{folder}' does not exist; give a folder with *.tsv and captions.json, or FILE.tsv,FILE.json")
        files, captions = sorted(folder.glob("*.tsv")), folder / "captions.json"
        if not files:
            raise InputError(f"'{folder}' has no .tsv file; expected the features of bottom-up attention")
    regions = read_tsv(files, cache)
    return _with_captions("bottom-up", regions, captions)


def read_tsv(files: str | Path | Sequence[str | Path], cache: str | Path, *, progress: bool | None = None) -> Regions:
    """The features of bottom-up attention, decoded once into a safetensors file in the folder *cache*.

    Raises
    ------
    InputError : a line that cannot be decoded, a number of boxes or a width that does not fit, an id that occurs twice; with the line.
    """
    files = [existing_file(file, "bottom-up file") for file in ([files] if isinstance(files, str | Path) else files)]
    key = digest("tsv", [(path.stat().st_size, _ends(path)) for path in files])
    out = Path(cache) / f"bottom-up-{key}.safetensors"
    with one_at_a_time(out):
        if out.exists():
            try:
                return open_regions(out)
            except InputError:
                out.unlink()  # made again
        _decode(files, out, key, progress)
    return open_regions(out)


def _ends(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4096)
        file.seek(max(0, path.stat().st_size - 4096))
        return hashlib.sha256(head + file.read()).hexdigest()


def _decode(files: list[Path], out: Path, key: str, progress: bool | None) -> None:
    """Two walks through the lines: the first for ids, sizes and numbers of boxes, the second for the features."""
    heads: list[tuple[str, int, int, int, Path, int, int]] = []  # id, width, height, boxes, file, line, byte
    for path in files:
        with path.open("rb") as file:
            place = 0
            for number, line in enumerate(file, 1):
                if line.strip():
                    heads.append((*_head(line, path, number), path, number, place))
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
    record = _provenance(files[0].parent, "bottom-up", k, int(width))
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
    """Id, width, height and number of boxes of a line; the two layouts are told apart by their number of columns."""
    cells = line.rstrip(b"\r\n").split(b"\t")
    where = f"'{path}', line {number}"
    if len(cells) not in (6, 10):
        raise InputError(f"{where} has {len(cells)} cells; expected the 6 or 10 of bottom-up attention, the file may be cut short")
    try:
        one, two = int(cells[1]), int(cells[2])
        width, height = (one, two) if len(cells) == 6 else (two, one)
        count = int(cells[-3])
    except ValueError:
        raise InputError(f"{where}: width, height or number of boxes is not a whole number ({cells[1]!r}, {cells[2]!r})") from None
    if min(width, height, count) < 1:
        raise InputError(f"{where}: {count} boxes in an image of {width} x {height} pixels; all must be at least 1")
    return cells[0].decode("utf-8", "replace"), width, height, count


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
    return boxes.reshape(count, 4), features.reshape(count, -1)


# ---------------------------------------------------------------------------------------------- captions for given regions


def read_given(place: str, cache: Path | None = None) -> Source:
    """A folder with ``regions.safetensors`` (``features``, ``counts``, perhaps ``boxes``, ``sizes``, ``ids``) and ``captions.json``."""
    folder = Path(place)
    regions = open_regions(folder / "regions.safetensors")
    _check_finite(regions, f"'{folder / 'regions.safetensors'}'")
    return _with_captions("regions", regions, folder / "captions.json")


def _with_captions(kind: str, regions: Regions, captions: Path) -> Source:
    """Given regions and the captions of the same images, put together by file name, id, or the number at the end of either."""
    where = f"captions file '{captions}'"
    rows: dict[str, int] = {}
    for row, id in enumerate(regions.ids):
        rows.setdefault(_number(id), row)
    rows |= {str(id): row for row, id in enumerate(regions.ids)}
    photos, without, taken = [], [], {}
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
            photos.append(Photo(str(regions.ids[row]), texts, split, None, marks[row], row))
    if not photos:
        raise InputError(f"{where}: none of its {len(listed)} images has features; the two files do not belong together")
    notes = []
    if without:
        notes.append(f"{where}: {len(without)} of {len(listed)} images have no features and are left out, the first is '{without[0]}'")
    if len(taken) < len(regions):
        first = next(str(id) for row, id in enumerate(regions.ids) if row not in taken)
        notes.append(f"{where}: {len(regions) - len(taken)} of {len(regions)} images with features have no caption, the first is '{first}'")
    photos, more = check_photos(photos, where)
    return Source(kind, photos, {"": regions}, notes=(*notes, *more))


def _number(id: Any) -> str:
    """The number at the end of an id without leading zeros, as COCO writes it into file names; the id itself if it has none.

    >>> _number("COCO_train2014_000000132417"), _number("dog")
    ('132417', 'dog')
    """
    found = re.search(r"\d+$", str(id))
    return str(int(found.group())) if found else str(id)
