"""Validation of the metrics' arguments: from numpy arrays, torch tensors or nested lists to checked numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError


def array(values: Any, name: str) -> np.ndarray:
    """Convert *values* of any shape to a numeric array; *name* is what error messages call it.

    Raises
    ------
    InputError
        If the rows differ in length or the values are not numbers.
    """
    if hasattr(values, "detach"):  # a torch tensor
        values = values.detach().cpu()
        if values.is_floating_point() and values.element_size() < 4:
            values = values.float()
        values = values.numpy()
    try:
        values = np.asarray(values)
    except ValueError:
        raise InputError(f"{name} is not a rectangular array: its rows differ in length") from None
    if values.dtype.kind not in "biuf":
        raise InputError(f"{name} holds {values.dtype} values; it must hold numbers")
    return values


def matrix(values: Any, name: str) -> np.ndarray:
    """Convert *values* to a numeric matrix (n, m); *name* is used in messages. Integers become floating point if the name is "similarity".

    Raises
    ------
    InputError
        If it is not a matrix with at least one row and one column.
    """
    values = array(values, name)
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"{name} has shape {values.shape}; it must be a matrix with at least one row and one column")
    if name == "similarity" and values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    return values


def as_bool(values: np.ndarray, name: str) -> np.ndarray:
    """Convert an array of 0 and 1, of any shape, to bool.

    Raises
    ------
    InputError
        If it contains another value.
    """
    if values.dtype == bool:
        return values
    result = values != 0
    if not np.array_equal(result, values):
        raise InputError(f"{name} holds {values[result != values][0]}; it must hold 0 and 1 only (of counts, give counts > 0)")
    return result


def embedding_matrix(values: Any, name: str) -> np.ndarray:
    """Convert *values* to float32 embeddings (n, d).

    Raises
    ------
    InputError
        If it is not a matrix, or a row contains NaN or infinity.
    """
    values = np.ascontiguousarray(matrix(values, name), dtype=np.float32)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise InputError(f"{name} row {int(finite.argmin())} holds NaN or infinity; every embedding must be finite")
    return values


def label_matrix(values: Any, name: str, rows: int, of: str) -> np.ndarray:
    """Convert *values* to a float32 matrix (rows, classes) of 0 and 1; *of* is the argument whose rows it labels.

    Raises
    ------
    InputError
        If the shape differs, or a value is neither 0 nor 1.
    """
    values = array(values, name)
    if values.ndim != 2 or values.shape[0] != rows:
        raise InputError(f"{name} has shape {values.shape}; it must be ({rows}, classes), one row of 0 and 1 for each row of {of}")
    return as_bool(values, name).astype(np.float32)


def owners(image_of_caption: Any, images: int, captions: int) -> np.ndarray:
    """Convert *image_of_caption* to int64 image indices (captions,).

    Raises
    ------
    InputError
        If the shape or the type differs, or an index is out of range.
    """
    owner = array(image_of_caption, "image_of_caption")
    if owner.shape != (captions,) or owner.dtype.kind not in "iu":
        raise InputError(
            f"image_of_caption has shape {owner.shape} and type {owner.dtype}; it must hold one whole number per caption, {captions} in all"
        )
    owner = owner.astype(np.int64)
    wrong = np.flatnonzero((owner < 0) | (owner >= images))
    if len(wrong):
        raise InputError(f"caption {wrong[0]} belongs to image {owner[wrong[0]]}, but similarity has images 0 to {images - 1}")
    return owner


def unit_rows(values: np.ndarray) -> np.ndarray:
    """L2-normalise the rows of (n, d)."""
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def is_count(value: Any) -> bool:
    """Whether *value* is an integer of at least 1."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1
