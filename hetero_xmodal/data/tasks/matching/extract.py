"""Images to regions: grid patches of a frozen network, the boxes of any detector, or both, with an exact record of how they were made.

What can be asked for is in :mod:`~hetero_xmodal.data.tasks.matching.region_settings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError
from ...regions import Regions, open_regions
from ...store import BlockFile, FileRows, as_bytes, digest, open_store, progress_bar
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
) -> Regions:
    """Regions of *images*, made as *provenance* says.

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

    Raises
    ------
    InputError : an image that cannot be read (what was done before is kept), unknown settings, *out* holds something else.

    >>> import numpy as np
    >>> images = [np.zeros((40, 60, 3), np.uint8), np.full((50, 50, 3), 200, np.uint8)]
    >>> regions = extract_regions("world", images, ids=["a", "b"])
    >>> regions.features.shape, regions.sizes.tolist()
    ((2, 8, 159), [[60, 40], [50, 50]])
    """
    extractor = provenance if isinstance(provenance, Extractor) else load_extractor(provenance, folders=folders or _folders_of(images))
    record = extractor.provenance
    names = [Path(p).stem if isinstance(p, str | Path) else str(k) for k, p in enumerate(images)] if ids is None else list(ids)
    if len(names) != len(images):
        raise InputError(f"there are {len(images)} images but {len(names)} ids; give one each")
    marks = names if marks is None else list(marks)
    if not len(images):
        raise InputError("there is no image to make regions of")
    if "width" not in record:  # a detector whose width only its output shows
        first = extractor.run([_drawn(images[0])])[0]
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
            for start in range(0, n, BLOCK):
                for name, rows in _block(extractor, images, marks, start, known or {}).items():
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
    import json

    file = BlockFile(out, plan, {"kind": "regions", "key": key, "provenance": json.dumps(record)})
    try:
        for name, value in about.items():
            file.write(name, 0, value)
        with progress_bar("extracting regions", n, progress, file.done) as advance:
            for start in range(file.done, n, BLOCK):
                for name, rows in _block(extractor, images, marks, start, known or {}).items():
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


def _block(extractor: Extractor, images: Sequence[Any], marks: Sequence[str], start: int, known: dict) -> dict[str, np.ndarray]:
    """The regions of one block; those of known images are copied."""
    rows = range(start, min(start + BLOCK, len(images)))
    new = [row for row in rows if marks[row] not in known]
    record = extractor.provenance
    shapes = {"features": (record["k"], record["width"]), "counts": (), "boxes": (record["k"], 4), "sizes": (2,)}
    if record.get("classes"):
        shapes["classes"] = (record["k"],)
    out = {name: np.zeros((len(rows), *shape), np.float32 if name in ("features", "boxes") else np.int64) for name, shape in shapes.items()}
    if new:
        made = extractor.run([_drawn(images[row]) for row in new])
        if made[0].shape[-1] != record["width"]:
            raise InputError(f"regions have {made[0].shape[-1]} columns, but {record['width']} are expected; the extractor has changed")
        if not np.isfinite(made[0]).all():
            raise InputError(f"the regions of images {start} to {start + len(rows) - 1} hold NaN or infinity; check these images")
        for name, values in zip(out, made, strict=True):
            out[name][[row - start for row in new]] = values
    for row in rows:
        if marks[row] in known:
            tensors, place = known[marks[row]]
            for name in out:
                out[name][row - start] = tensors[name][place]
    out["features"] = out["features"].clip(-65504, 65504)  # the largest half-precision numbers
    return out
