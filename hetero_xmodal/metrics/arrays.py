"""Checks of the arrays that the metrics are given: numpy arrays, torch tensors or nested lists come in, checked numpy arrays go out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError


def array(values: Any, name: str) -> np.ndarray:
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
    values = array(values, name)
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"{name} has shape {values.shape}; it must be a matrix with at least one row and one column")
    if name == "similarity" and values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    return values


def as_bool(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype == bool:
        return values
    result = values != 0
    if not np.array_equal(result, values):
        raise InputError(f"{name} holds {values[result != values][0]}; it must hold 0 and 1 only (of counts, give counts > 0)")
    return result


def embedding_matrix(values: Any, name: str) -> np.ndarray:
    values = np.ascontiguousarray(matrix(values, name), dtype=np.float32)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise InputError(f"{name} row {int(finite.argmin())} holds NaN or infinity; every embedding must be finite")
    return values


def label_matrix(values: Any, name: str, rows: int, of: str) -> np.ndarray:
    values = array(values, name)
    if values.ndim != 2 or values.shape[0] != rows:
        raise InputError(f"{name} has shape {values.shape}; it must be ({rows}, classes), one row of 0 and 1 for each row of {of}")
    return as_bool(values, name).astype(np.float32)


def owners(image_of_caption: Any, images: int, captions: int) -> np.ndarray:
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
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def is_count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1
