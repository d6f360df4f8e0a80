"""Images to regions: grid patches of a frozen network, the boxes of any detector, or both, with an exact record of how they were made.

What can be asked for is in :mod:`~hetero_xmodal.data.tasks.matching.region_settings`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError
from ....files import path_exists
from ...regions import Regions, open_regions
from ...store import BlockFile, FileRows, as_bytes, digest, open_store, progress_bar
from ..engines import HERE, Engine, one_thread
from .extractors import Extractor, load_extractor

BLOCK = 32


def extract_regions(
    provenance: str | dict[str, Any] | Extractor,
    images: Sequence[Any],
    *,
    ids: Sequence[str] | None = None,
    marks: Sequence[str] | None = None,
    out: str | Path | None = None,
    known: dict[str, tuple[dict[str, FileRows], int]] | None = None,
    folders: Sequence[str | Path] = (),
    progress: bool | None = None,
    engine: Engine = HERE,
) -> Regions:
    """Regions of *images*, made as *provenance* says, one block of images at a time with one thread each.

    Parameters
    ----------
    provenance : a short text, a dict of settings, the ``vocab["images"]`` of a model, or a loaded :class:`Extractor`.
    images : paths, PIL images, arrays, or functions without arguments that give one; they are read block by block.
    ids : names of the images; file names without ending if left out.
    marks : one text for each image, equal only for equal images; the ids if left out.
    out : safetensors file to write, half precision. If it is there already and was made of the same images in the same way, it is
        opened; an interrupted one is continued. ``None`` keeps everything in memory.
    known : rows of images that need no extraction: mark -> (tensors of another file, row).
    folders : data folders in which a file of detections is looked for; if left out, the folder of the first image and the one above it.
    progress : show a bar; ``None``: in a terminal, if there is much to do.
    engine : where the blocks are computed; the result has the same bytes everywhere.

    Raises
    ------
    InputError : an image that cannot be read (what was done before is kept), unknown settings, *out* holds something else.

    >>> import numpy as np
    >>> images = [np.zeros((40, 60, 3), np.uint8), np.full((50, 50, 3), 200, np.uint8)]
    >>> regions = extract_regions("world", images, ids=["a", "b"])
    >>> regions.features.shape, regions.sizes.tolist()
    ((2, 8, 159), [[60, 40], [50, 50]])
    """
    folders = folders or _folders_of(images)
    extractor = provenance if isinstance(provenance, Extractor) else load_extractor(provenance, folders=folders)
    record = extractor.provenance
    names = [Path(p).stem if isinstance(p, str | Path) else str(k) for k, p in enumerate(images)] if ids is None else list(ids)
    if len(names) != len(images):
        raise InputError(f"there are {len(images)} images but {len(names)} ids; give one each")
    marks = names if marks is None else list(marks)
    if not len(images):
        raise InputError("there is no image to make regions of")
    if "width" not in record:  # a detector whose width only its output shows
        first = _run_here(extractor, [_drawn(images[0])])[0]
        record = extractor.provenance = {**record, "width": int(first.shape[-1])}
    n, k, width = len(images), record["k"], record["width"]
    shapes = {
        "features": (np.float16, (n, k, width)),
        "counts": (np.int64, (n,)),
        "boxes": (np.float32, (n, k, 4)),
        "sizes": (np.int64, (n, 2)),
    }
    if record.get("classes"):
        shapes["classes"] = (np.int64, (n, k))
    if out is None:
        arrays = {name: np.zeros(shape, dtype) for name, (dtype, shape) in shapes.items()}
        with progress_bar("extracting regions", n, progress) as advance:
            for start, block in _blocks(extractor, images, marks, 0, known or {}, folders, engine):
                for name, rows in block.items():
                    arrays[name][start : start + BLOCK] = rows
                advance(min(BLOCK, n - start))
        return Regions(ids=names, provenance=record, **arrays)
    about = {"ids": as_bytes(names), "marks": as_bytes(marks)}
    key = digest(record, names, list(marks))
    if Path(out).exists():
        regions = open_regions(out)
        if open_store(out)[1].get("key") != key:
            raise InputError(f"'{out}' holds regions of other images, or made in another way; give another file or delete it")
        return regions
    plan = shapes | {name: (np.uint8, value.shape) for name, value in about.items()}
    file = BlockFile(out, plan, {"kind": "regions", "key": key, "provenance": json.dumps(record)})
    try:
        for name, value in about.items():
            file.write(name, 0, value)
        with progress_bar("extracting regions", n, progress, file.done) as advance:
            for start, block in _blocks(extractor, images, marks, file.done, known or {}, folders, engine):
                for name, rows in block.items():
                    file.write(name, start, rows)
                stop = min(start + BLOCK, n)
                file.note(stop)
                advance(stop - start)
        file.finish()
    finally:
        file.close()
    return open_regions(out)


def _folders_of(images: Sequence[Any]) -> list[Path]:
    """The folder of the first image that is a file, and the one above it."""
    first = next((Path(image) for image in images if isinstance(image, str | Path)), None)
    return [] if first is None else [first.parent, first.parent.parent]


def _drawn(image: Any) -> Any:
    return image() if callable(image) else image


def _blocks(
    extractor: Extractor,
    images: Sequence[Any],
    marks: Sequence[str],
    first: int,
    known: dict,
    folders: Sequence[str | Path],
    engine: Engine,
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """The start of each block from *first* on, and its regions; those of known images are copied."""
    blocks = [range(start, min(start + BLOCK, len(images))) for start in range(first, len(images), BLOCK)]
    new = [[row for row in rows if marks[row] not in known] for rows in blocks]
    show: Any = _drawn
    run: Any = partial(_run_here, extractor)
    if engine.distant:
        show = _movable
        run = partial(_run_there, json.dumps(_movable(extractor.provenance)), tuple(str(Path(folder).absolute()) for folder in folders))
    made = engine.in_order(run, (([show(images[row]) for row in rows],) for rows in new if rows))
    for rows, missing in zip(blocks, new, strict=True):
        yield rows.start, _block(extractor.provenance, rows, missing, next(made) if missing else (), marks, known)


def _run_here(extractor: Extractor, images: list) -> tuple[np.ndarray, ...]:
    with one_thread():
        return extractor.run(images)


def _run_there(record: str, folders: tuple[str, ...], images: list) -> tuple[np.ndarray, ...]:
    """One piece of work for an engine; the extractor is loaded once in every process."""
    return _run_here(_loaded(record, folders), images)


@lru_cache(maxsize=2)
def _loaded(record: str, folders: tuple[str, ...]) -> Extractor:
    return load_extractor(json.loads(record), folders=folders)


def _movable(value: Any) -> Any:
    """An image, or a record of how regions are made, as another process with another working directory can read it."""
    if callable(value):
        return value()
    if isinstance(value, Path):
        return value.absolute()
    if isinstance(value, dict):
        return {key: _movable(entry) if key in ("detector", "features", "network") else entry for key, entry in value.items()}
    if isinstance(value, str):
        name, colon, place = value.rpartition(":")
        return f"{name}{colon}{Path(place).absolute()}" if place and path_exists(place) and Path(place).is_file() else value
    return value


def _block(
    record: dict[str, Any], rows: range, new: list[int], made: tuple[np.ndarray, ...], marks: Sequence[str], known: dict
) -> dict[str, np.ndarray]:
    """The regions of the images *rows*, of which those of the images *new* were made, (new, ...) each, and the others are known."""
    shapes = {"features": (record["k"], record["width"]), "counts": (), "boxes": (record["k"], 4), "sizes": (2,)}
    if record.get("classes"):
        shapes["classes"] = (record["k"],)
    out = {name: np.zeros((len(rows), *shape), np.float32 if name in ("features", "boxes") else np.int64) for name, shape in shapes.items()}
    if new:
        if made[0].shape[-1] != record["width"]:
            raise InputError(f"regions have {made[0].shape[-1]} columns, but {record['width']} are expected; the extractor has changed")
        if not np.isfinite(made[0]).all():
            raise InputError(f"the regions of images {rows.start} to {rows.stop - 1} hold NaN or infinity; check these images")
        for name, values in zip(out, made, strict=True):
            out[name][[row - rows.start for row in new]] = values
    for row in rows:
        if marks[row] in known:
            tensors, place = known[marks[row]]
            for name in out:
                out[name][row - rows.start] = tensors[name][place]
    out["features"] = out["features"].clip(-65504, 65504)  # the largest half-precision numbers
    return out
