"""Outlines of things as COCO's ``segmentation`` gives them: polygons, run lengths, or run lengths as a text.

>>> from hetero_xmodal.fields import Fields
>>> read_segmentation(Fields({"segmentation": {"size": [3, 2], "counts": "321"}}, "entry 0")).mask((2, 3), (2, 3), "entry 0")
{'size': [3, 2], 'counts': [3, 2, 1]}
>>> read_segmentation(Fields({"segmentation": [[1, 0, 2, 0, 2, 2, 1, 2]]}, "entry 0")).mask((2, 3), (2, 3), "entry 0")
{'size': [3, 2], 'counts': [3, 2, 1]}
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..fields import Fields
from ..region_masks import check_mask, decode_mask, encode_mask
from .boxes import fit_boxes

if TYPE_CHECKING:
    import numpy as np

#: a polygon has at least three points
_LEAST = 6


@dataclass(frozen=True)
class Segmentation:
    """An outline as it was given: polygons (x, y, x, y ...) in pixels, or the run lengths of a mask (:mod:`hetero_xmodal.region_masks`)."""

    polygons: tuple[array[float], ...] = ()
    runs: dict[str, Any] | None = None

    def mask(self, stated: tuple[int, int] | None, size: tuple[int, int], where: str) -> dict[str, Any] | None:
        """Run lengths of a mask of *size* (width, height); ``None`` if no pixel is inside.

        Parameters
        ----------
        stated : (width, height) of the image that the outline was drawn on; ``None``: the same.
        where : how messages begin.

        Raises
        ------
        InputError
            If the mask is that of an image of another shape.
        """
        found = self._drawn(stated, size, where) if self.runs is None else self._scaled(self.runs, size, where)
        return encode_mask(found) if found.any() else None

    def _drawn(self, stated: tuple[int, int] | None, size: tuple[int, int], where: str) -> np.ndarray:
        import numpy as np
        from pycocotools import mask as masks

        (_, _, kx, ky), (width, height) = fit_boxes([(0.0, 0.0, 1.0, 1.0)], stated, size, where)[0], size
        rows = [np.array(some).reshape(-1, 2) * (kx, ky) for some in self.polygons]
        inside = [some.clip(0, (width, height)).ravel().tolist() for some in rows]
        return masks.decode(masks.merge(masks.frPyObjects(inside, height, width))).astype(bool)

    @staticmethod
    def _scaled(runs: dict[str, Any], size: tuple[int, int], where: str) -> np.ndarray:
        import cv2

        height, width = runs["size"]
        found = decode_mask(runs)
        if (width, height) == tuple(size):
            return found
        fit_boxes([], (width, height), size, where)  # refuses another shape
        if (width > height) != (size[0] > size[1]):
            raise InputError(
                f"{where}: a mask has {width} x {height} pixels, but the upright image {size[0]} x {size[1]}; turn the mask too"
            )
        return cv2.resize(found.astype("uint8"), size, interpolation=cv2.INTER_NEAREST).astype(bool)


def read_segmentation(row: Fields) -> Segmentation | None:
    """The ``segmentation`` of an annotation; ``None`` where there is none, or only polygons of fewer than three points.

    Raises
    ------
    InputError
        If it is none of COCO's three layouts, or its run lengths do not fill the mask.
    """
    given = row.get("segmentation", None)
    if given is None:
        return None
    if isinstance(given, dict):
        runs = dict(given)
        if isinstance(runs.get("counts"), str):  # pycocotools reads beyond the end of a damaged text, so it is not asked
            runs["counts"] = _counts(runs["counts"])
            if runs["counts"] is None:
                raise InputError(f"{row.where}: {given['counts'][:20]!r} are no run lengths in COCO's text form; write the mask again")
        check_mask(row.where, runs)
        return Segmentation(runs=runs)
    found = [_numbers(some) for some in given] if isinstance(given, list) else [None]
    polygons = [some for some in found if some is not None]
    if len(polygons) < len(found):
        raise row.refuse("segmentation", "polygons [[x, y, x, y ...] ...] of finite numbers, or COCO's run lengths")
    if any(len(some) % 2 for some in polygons):
        raise row.refuse("segmentation", "polygons of as many x as y")
    polygons = [some for some in polygons if len(some) >= _LEAST]
    return Segmentation(tuple(polygons)) if polygons else None


def _numbers(given: Any) -> array[float] | None:
    """A list of finite numbers; ``None`` for anything else. There may be a million of them, so they are not looked at one by one."""
    try:
        found = array("d", given) if isinstance(given, list) else None
    except (TypeError, OverflowError):
        return None
    return found if found is not None and math.isfinite(sum(found)) else None


def _counts(text: str) -> list[int] | None:
    """Run lengths of COCO's text: five bits a character from "0" on, the sixth says that more follow; from the fourth, differences."""
    counts: list[int] = []
    value = shift = 0
    for bits in (ord(character) - 48 for character in text):
        if not 0 <= bits < 64 or shift > 30:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        value -= (1 << shift) if bits & 16 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return None if shift else counts
