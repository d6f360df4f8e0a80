"""Regions of images as rows of features: the container for both given and extracted regions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import read_json
from ..ids import id_text
from .store import from_bytes, open_store

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Regions:
    """Region features of n images.

    features : (n, k, d) float16 or float32; a memory-mapped array is read row by row, never whole
    counts : (n,) how many of the k rows of each image are regions (the first ones); the others are padding
    boxes : (n, k, 4) as x1, y1, x2, y2 in pixels of the image, or None
    sizes : (n, 2) width and height of each image in pixels, or None
    ids : names of the images
    provenance : how the features were made (``extractor``, ``width``, ``k``, ``normalise``, ...); JSON values only
    classes : (n, k) the class of each region as a row of ``provenance["classes"]``, -1 for what has none (a patch of a grid), or None
    """

    features: Any
    counts: np.ndarray
    boxes: np.ndarray | None = None
    sizes: np.ndarray | None = None
    ids: Sequence[str] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    classes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def width(self) -> int:
        """Width d of a region vector."""
        return int(self.features.shape[-1])

    def take(self, rows: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor]:
        """Region vectors of the images *rows* one after the other, float32 (regions, d), and how many each has (rows,)."""
        import torch

        rows = np.asarray(rows, dtype=np.int64)
        counts = self.counts[rows]
        if len(rows) and (np.diff(rows) > 0).all():
            block = self.features[rows]
        else:  # a memory-mapped file is read in its own order, and every image once
            unique, inverse = np.unique(rows, return_inverse=True)
            block = self.features[unique][inverse]
        here = np.arange(block.shape[1]) < counts[:, None]
        return torch.from_numpy(np.ascontiguousarray(block[here], dtype=np.float32)), torch.from_numpy(counts.astype(np.int64))

    def classes_of(self, rows: Sequence[int] | np.ndarray) -> Tensor | None:
        """The classes of the regions of the images *rows* one after the other, int64 (regions,), or None if they are not known."""
        import torch

        if self.classes is None:
            return None
        rows = np.asarray(rows, dtype=np.int64)
        here = np.arange(self.classes.shape[1]) < self.counts[rows][:, None]
        return torch.from_numpy(np.asarray(self.classes[rows])[here].astype(np.int64))

    def names(self, row: int) -> list[str]:
        """The names of the regions of an image, ``""`` for what has no class.

        >>> some = Regions(np.zeros((1, 3, 2)), np.array([2]), classes=np.array([[-1, 0, -1]]), provenance={"classes": ["cat"]})
        >>> some.names(0)
        ['', 'cat']
        """
        known = self.provenance.get("classes", ())
        classes = np.full(self.counts[row], -1) if self.classes is None else self.classes[row][: self.counts[row]]
        return [known[k] if k >= 0 else "" for k in classes.tolist()]

    def places(self, rows: Sequence[int] | np.ndarray) -> Tensor | None:
        """Where the regions of the images *rows* lie, float32 (regions, 6), or None without boxes and sizes.

        The columns: left and top edge, width and height as shares of the image, width over height, area as a share of the image.
        """
        import torch

        if self.boxes is None or self.sizes is None:
            return None
        rows = np.asarray(rows, dtype=np.int64)
        here = np.arange(self.boxes.shape[1]) < self.counts[rows][:, None]
        x1, y1, x2, y2 = np.asarray(self.boxes[rows], np.float32)[here].T
        image = np.repeat(np.asarray(self.sizes[rows], np.float32), self.counts[rows], axis=0)
        w, h = (x2 - x1).clip(1e-6), (y2 - y1).clip(1e-6)  # a box without area has no aspect ratio
        relative = [x1 / image[:, 0], y1 / image[:, 1], w / image[:, 0], h / image[:, 1]]
        return torch.from_numpy(np.stack([*relative, (w / h).clip(0, 100), relative[2] * relative[3]], 1))


def check_finite(regions: Regions, where: str) -> None:
    """Check a sample of the rows for NaN and infinity; a check of all rows would take as long as an epoch.

    Raises
    ------
    InputError : one of 32 rows spread evenly over the images holds NaN or infinity.
    """
    rows = np.unique(np.linspace(0, len(regions) - 1, 32).astype(np.int64))
    values = np.asarray(regions.features[rows], dtype=np.float32)
    bad = ~np.isfinite(values).all((1, 2))
    if bad.any():
        raise InputError(f"{where}: the features of image {rows[bad.argmax()]} hold NaN or infinity; make them again")


def given_provenance(folder: Path, layout: str, k: int, width: int) -> dict[str, Any]:
    """The record of how regions made elsewhere came about: their layout and, if there, what ``provenance.json`` in *folder* adds.

    Raises
    ------
    InputError : ``provenance.json`` is no dict.
    """
    record = {"extractor": "given", "layout": layout, "k": k, "width": width}
    if (folder / "provenance.json").exists():
        more = read_json(folder / "provenance.json", "provenance")
        if not isinstance(more, dict):
            raise InputError(f'\'{folder / "provenance.json"}\' is no dict; write for instance {{"detector": "...", "normalise": "l2"}}')
        record = {**more, **record}
    return record


def open_regions(path: str | Path) -> Regions:
    """Regions in a safetensors file, as :mod:`hetero_xmodal.data.tasks.matching.extract` writes them; the features stay in the file.

    Raises
    ------
    InputError : the file is missing, damaged, or holds something else.
    """
    tensors, about = open_store(path)
    missing = [name for name in ("features", "counts") if name not in tensors]
    if missing or tensors["features"].ndim != 3 or tensors["counts"].ndim != 1 or tensors["features"].dtype.kind != "f":
        raise InputError(f"'{path}' holds no regions (features of shape (images, k, width) and counts); it has {', '.join(tensors)}")
    counts = np.asarray(tensors["counts"]).astype(np.int64)
    n, k, width = tensors["features"].shape
    if len(counts) != n or (n and not 0 < counts.min() <= counts.max() <= k):
        raise InputError(f"'{path}': every image must have 1 to {k} regions; its counts do not fit {n} images")
    try:
        record = json.loads(about.get("provenance", "{}"))
        ids = from_bytes(tensors["ids"]) if "ids" in tensors else [str(i) for i in range(n)]
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}': its ids or provenance are not readable ({error})") from None
    ids = _checked_ids(ids, n, str(path))
    if not isinstance(record, dict):
        raise InputError(f"'{path}': its provenance is no object with named fields; write the file again")
    record = record or {"extractor": "given", "k": k, "width": width}
    boxes, sizes, classes = (np.asarray(tensors[name]) if name in tensors else None for name in ("boxes", "sizes", "classes"))
    for name, values, shape in (("boxes", boxes, (n, k, 4)), ("sizes", sizes, (n, 2)), ("classes", classes, (n, k))):
        if values is not None and values.shape != shape:
            raise InputError(f"'{path}': its {name} have shape {values.shape}, expected {shape}")
    if classes is not None:
        _check_classes(classes, record, str(path))
    return Regions(tensors["features"], counts, boxes, sizes, ids, record, classes)


def _check_classes(classes: np.ndarray, record: dict[str, Any], path: str) -> None:
    """Refuse classes that are not rows of the listed names."""
    names = record.get("classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or classes.dtype.kind not in "iu":
        raise InputError(f"'{path}': its regions have classes, but its provenance does not list their names as 'classes'")
    if classes.size and not -1 <= int(classes.min()) <= int(classes.max()) < len(names):
        raise InputError(f"'{path}': its classes have values outside -1..{len(names) - 1}, the rows of the {len(names)} names listed")


def _checked_ids(ids: Any, n: int, path: str) -> list[str]:
    """One id for each of *n* images, all different."""
    if not isinstance(ids, list) or len(ids) != n:
        raise InputError(f"'{path}': its ids are no list of {n}, one for each image")
    ids = [id_text(id, f"'{path}': an id") for id in ids]
    if len(set(ids)) < n:
        twice = next(id for id, count in Counter(ids).items() if count > 1)
        raise InputError(f"'{path}': the id {twice!r} occurs more than once; give each image its own")
    return ids


def select_regions(regions: Regions, rows: Sequence[int] | np.ndarray) -> Regions:
    """The regions of the images *rows* (m,), features (m, k, d), without reading them from their file."""
    rows = np.asarray(rows, dtype=np.int64)
    features = regions.features.select(rows) if hasattr(regions.features, "select") else regions.features[rows]
    boxes, sizes, classes = (None if part is None else part[rows] for part in (regions.boxes, regions.sizes, regions.classes))
    ids = [regions.ids[row] for row in rows.tolist()] if len(regions.ids) else []
    return Regions(features, regions.counts[rows], boxes, sizes, ids, regions.provenance, classes)
