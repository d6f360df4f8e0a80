"""Region features in the layout of SCAN's authors (Lee et al. 2018), three files a split::

    FOLDER/
        train_ims.npy               (images, regions, width) floating-point numbers; also dev_ and test_
        train_caps.txt              five lines an image
        train_ims_bbx.npy           optional: (images, regions, 4) boxes as x1, y1, x2, y2 in pixels; train_boxes.npy in CAMERA's files
        train_ims_size.npy          optional: (images, 2) width and height in pixels; train_img_sizes.npy in CAMERA's files; published ones
                                    may be object arrays of dicts with image_w and image_h, which are read without creating an object
        train_ids.txt               optional: one name a line
        provenance.json             optional: a dict that is added to the record of how the features were made

Features stay in their file and are read row by row. Where a file holds as many images as captions, and every five rows are equal, each
image is taken once (SCAN's own rule ``im_div``). ``dev`` is the split ``val``. COCO has two test files: the 1,000 images of ``test_`` and
the 5,000 of ``testall_``, which ``scan:FOLDER,test=all`` takes, as is done where there is no other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from ...counts import agreeing, counted
from ...errors import InputError
from ...fields import Fields
from ...files import atomic_path, existing_file, read_text, write_text
from ...scenes import check_characters
from ..marks import row_marks
from ..published import with_options
from ..regions import Regions, check_finite, given_provenance
from ..source import Record, Request, Source, check_records, clean_text, split_name
from ..store import FileRows, cache_folder
from .npy_objects import read_dicts

PER_IMAGE = 5
_FILES = {"train": "train", "dev": "val", "test": "test", "testall": "test"}
_WRITTEN = {"train": "train", "val": "dev", "test": "test"}


def open_scan(request: Request) -> Source:
    """A folder in SCAN's layout; see the module's text.

    Where there are as many images as captions, and every five are the same, each is taken once (as SCAN's own rule ``im_div`` does).

    Raises
    ------
    InputError : fewer or more captions than five an image, other shapes than described, other widths in different splits.
    """
    request, options = with_options(request, {"test": ("test", "all")})
    folder = request.folder()
    here = [name for name in _FILES if (folder / f"{name}_ims.npy").exists()]
    if "testall" in here:  # one of the two
        here = [name for name in here if name != ("test" if options["test"] == "all" else "testall") or "test" not in here]
    elif options["test"] == "all":
        raise InputError(f"'{folder}' has no testall_ims.npy; leave test=all out")
    if not {"train", "test", "testall"} & set(here):
        raise InputError(f"'{folder}' has neither train_ims.npy nor test_ims.npy; expected the layout of SCAN's precomputed features")
    records: list[Record] = []
    regions: dict[str, Regions] = {}
    notes: tuple[str, ...] = ()
    for name in here:
        some, made, more = _scan_split(folder, name, cache_folder(request.cache))
        first = next(iter(regions.values()), made)
        if (made.width, made.features.shape[1]) != (first.width, first.features.shape[1]):
            raise InputError(
                f"'{folder}': {name}_ims.npy holds {made.features.shape[1]} regions of width {made.width}, but the first file has "
                f"{first.features.shape[1]} of width {first.width}; all splits must have the same"
            )
        records, notes = records + some, notes + more
        regions[_FILES[name]] = made
    return Source(
        request.name, request.kind, request.place, records, gives={"regions", "captions"}, notes=notes, regions=partial(dict, regions)
    )  # fmt: skip


def _scan_split(folder: Path, name: str, cache: Path) -> tuple[list[Record], Regions, tuple[str, ...]]:
    path, text = folder / f"{name}_ims.npy", folder / f"{name}_caps.txt"
    features = open_npy(path, 3)
    captions = _lines(text)
    n = len(features)
    if not n:
        raise InputError(f"'{path}' holds no image")
    marks = row_marks(features, cache)
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
            f"'{text}' has {counted(len(captions), 'caption')}, but the {images} images of '{path.name}' promise {images * each} "
            f"({each} each); the two files do not belong together, or one is cut short"
        )
    boxes = _beside(_either(folder, name, "ims_bbx", "boxes"), (n, features.shape[1], 4))
    sizes = _sizes(_either(folder, name, "ims_size", "img_sizes"), n)
    rows = np.arange(0, n, PER_IMAGE) if repeated else np.arange(n)
    ids = [f"{name}-{i}" for i in range(images)]
    if (folder / f"{name}_ids.txt").exists():
        given = _lines(folder / f"{name}_ids.txt")
        if len(given) not in (images, n, len(captions)):
            raise InputError(
                f"'{folder / f'{name}_ids.txt'}' has {counted(len(given), 'id')} for {counted(images, 'image')} and "
                f"{counted(len(captions), 'caption')}"
            )
        ids = given[:: len(given) // images]
    records = [Record(ids[i], _FILES[name], tuple(captions[i * each : (i + 1) * each]), mark=marks[rows[i]], row=i) for i in range(images)]
    records, notes = check_records(records, f"'{folder}', {name}")
    provenance = given_provenance(folder, "scan", int(features.shape[1]), int(features.shape[2]))
    counts = np.full(images, features.shape[1], np.int64)
    parts = (None if part is None else part[rows] for part in (boxes, sizes))
    made = Regions(features.select(rows) if repeated else features, counts, *parts, ids, provenance)
    check_finite(made, f"'{path}'")
    return records, made, notes


def open_npy(path: str | Path, axes: int) -> FileRows:
    """A ``.npy`` file of floating-point numbers with *axes* axes, (n, ...), whose rows are read when they are needed.

    Raises
    ------
    InputError : the file is missing, truncated or not ``.npy``, or has another dtype, number of axes or memory order.
    """
    path = existing_file(path, "array file")
    shape, fortran, dtype, offset = _npy_head(path)
    if dtype.kind != "f" or dtype.itemsize > 8 or fortran or len(shape) != axes or 0 in shape[1:]:
        raise InputError(
            f"array file '{path}' holds {dtype} values of shape {shape}{' in Fortran order' if fortran else ''}; expected floating-point "
            f"numbers with {axes} axes in C order"
        )
    return FileRows(path, offset, dtype, shape)


def _npy_head(path: Path, *, objects: bool = False) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, whether in Fortran order, dtype and the byte at which the values begin; the file is long enough for them."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0), (3, 0)):
                raise ValueError(f"its version is {version[0]}.{version[1]}")
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            offset = file.tell()
    # a damaged head is read as Python, which fails in many ways
    except (ValueError, TypeError, SyntaxError, KeyError, OSError, EOFError, RecursionError, MemoryError, TokenError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"array file '{path}' is not a readable .npy file ({reason}); it may be truncated or of another format") from None
    if any(n < 0 for n in shape):
        raise InputError(f"array file '{path}' holds an array of shape {shape}; no axis can be negative, the file may be damaged")
    if dtype.hasobject and objects:
        return shape, fortran, dtype, offset
    if dtype.hasobject:
        raise InputError(f"array file '{path}' cannot be read; Python objects in it are never loaded, save a plain array of numbers")
    needed = offset + dtype.itemsize * math.prod(shape)
    if path.stat().st_size < needed:
        raise InputError(f"array file '{path}' has {path.stat().st_size} bytes of {needed}; it is truncated")
    return shape, fortran, dtype, offset


def _either(folder: Path, name: str, ours: str, cameras: str) -> Path:
    """The file under the name that SCAN's successors use, or under CAMERA's."""
    path, other = folder / f"{name}_{ours}.npy", folder / f"{name}_{cameras}.npy"
    if path.exists() and other.exists():
        raise InputError(f"'{folder}' has both {path.name} and {other.name}; keep one of them")
    return other if other.exists() else path


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
    values = _object_sizes(path, n)
    values = _load_npy(path) if values is None else values
    if values.dtype.names and {"image_w", "image_h"} <= set(values.dtype.names):
        values = np.stack([values["image_w"], values["image_h"]], 1)
    if values.dtype.kind not in "fiu" or values.shape != (n, 2):
        raise InputError(f"array file '{path}' holds {values.dtype} values of shape {values.shape}, expected widths and heights ({n}, 2)")
    return values.astype(np.int64)


def _object_sizes(path: Path, n: int) -> np.ndarray | None:
    """Width and height from an object array of dicts; ``None`` if the file holds plain numbers."""
    shape, _, dtype, offset = _npy_head(existing_file(path, "array file"), objects=True)
    if not dtype.hasobject:
        return None
    where = f"array file '{path}'"
    if shape != (n,) or dtype != np.dtype(object):
        raise InputError(f"{where} holds objects of shape {shape}; expected one dict for each of {n} images")
    with path.open("rb") as file:
        file.seek(offset)
        rows = [Fields(row, f"{where}, image {k}") for k, row in enumerate(read_dicts(file, n, where))]
    return np.array([(row.whole("image_w", low=1), row.whole("image_h", low=1)) for row in rows])


def _load_npy(path: Path) -> np.ndarray:
    shape, fortran, dtype, offset = _npy_head(existing_file(path, "array file"))
    values = np.fromfile(path, dtype, math.prod(shape), offset=offset)
    return values.reshape(shape, order="F" if fortran else "C")


def _lines(path: Path) -> list[str]:
    return [clean_text(line) for line in read_text(path, "text").removesuffix("\n").split("\n")]


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
    split : ``train``, ``val`` or ``test``
    features : (N, k, d); written as float32, block by block
    captions : five for each image; of more the first five are written, fewer are refused

    Raises
    ------
    InputError : an unknown split, or an image with fewer than five captions.
    """
    folder, name = Path(folder), _WRITTEN.get(split_name(split))
    if name is None:
        raise InputError(f"split is {split!r}; give {', '.join(_WRITTEN)}")
    short = [i for i, some in enumerate(captions) if len(some) < PER_IMAGE]
    if short or len(captions) != len(features):
        what = f"there are {len(features)} images and captions of {len(captions)}"
        if short:
            fewer = f"{agreeing(len(short), 'has', 'have')} fewer than {PER_IMAGE} captions"
            what = f"{counted(len(short), 'image')} {fewer}, the first is image {short[0]}"
        raise InputError(f"SCAN's layout has {PER_IMAGE} captions an image; {what}")
    lines = [clean_text(caption) for some in captions for caption in some[:PER_IMAGE]]
    for line in lines:
        check_characters("a caption", line)
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
