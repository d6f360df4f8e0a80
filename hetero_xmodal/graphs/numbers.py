"""Numbers of graphs, images and sentences as users give them: lists, tensors, ranges and bool masks, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from ..errors import InputError

#: what is taken for numbers
Numbers: TypeAlias = Sequence[int] | np.ndarray | Tensor


def checked_numbers(numbers: Any, count: int, what: str) -> np.ndarray:
    """*numbers* as int64 (b,), each from 0 to *count* - 1; those below 0 count from the end, a bool mask (count,) says which.

    Parameters
    ----------
    what : what is counted, as messages name it, ``"graph"``.

    Raises
    ------
    InputError : something else, a number outside, or a mask of another length, which must not be read as the numbers 0 and 1.

    >>> checked_numbers([2, -1], 4, "graph").tolist(), checked_numbers([True, False, True], 3, "graph").tolist()
    ([2, 3], [0, 2])
    """
    try:
        rows = np.asarray(numbers)
    except (TypeError, ValueError, RuntimeError):
        rows = np.empty((), object)
    if rows.ndim == 1 and rows.dtype == bool:
        if len(rows) != count:
            raise InputError(f"indices are a mask of {len(rows)} values; give {count}, one for each {what}")
        rows = np.flatnonzero(rows)
    if rows.ndim == 1 and not len(rows):
        return np.empty(0, np.int64)
    if rows.dtype.kind not in "iu":
        raise InputError(f"indices are {_kind(numbers, rows)}, expected whole numbers 0..{count - 1}")
    if rows.ndim != 1:
        raise InputError(f"indices have the shape {rows.shape}, expected a list of whole numbers 0..{count - 1}")
    wrong = rows[(rows < -count) | (rows >= count)]
    if len(wrong):
        raise InputError(f"{'index' if what == 'graph' else what} {int(wrong[0])} is outside the corpus of {count} {what}s")
    rows = rows.astype(np.int64, copy=False)
    return np.where(rows < 0, rows + count, rows)


def _kind(numbers: Any, rows: np.ndarray) -> str:
    return type(numbers).__name__ if rows.dtype.kind in "OSU" else f"of dtype {rows.dtype} and shape {rows.shape}"
