"""Features of your own: one ``.npz`` or ``.mat`` file with matrices, row i of each belonging to pair i::

train_images (pairs, width), train_texts (pairs, width), train_labels (pairs, classes) of 0 and 1
the same of test_ and, if you like, of val_
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...files import existing_file
from ..features import FeatureSet, read_arrays, split_at, take_array
from ..source import SPLITS, Request, Source


def open_features(request: Request) -> Source:
    """The features in a file; see the module's text.

    Raises
    ------
    InputError : the file is missing or broken, lacks a matrix, or its rows do not match.
    """
    return feature_source(request, load_features(request.place))


def feature_source(request: Request, data: FeatureSet) -> Source:
    """Features that have been read, as a source."""
    return Source(
        request.name, request.kind, request.place, gives={"features", "labels"}, label_names=data.label_names or (),
        splits=tuple(split for split in SPLITS if getattr(data, split) is not None), features=partial(_as_read, data),
    )  # fmt: skip


def _as_read(data: FeatureSet) -> FeatureSet:
    return data


def load_features(path: str | Path, *, held_out: int | None = None, seed: int = 0) -> FeatureSet:
    """One ``.npz`` or ``.mat`` file of your own features.

    It holds ``train_images``, ``train_texts``, ``train_labels``, the same for ``test``, and, if you like, for ``val``.

    Raises
    ------
    InputError : the file is missing or broken, lacks a matrix, or its rows do not match.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mine.npz"
    >>> part = {"images": np.eye(4), "texts": np.eye(4), "labels": np.eye(2)[[0, 1, 0, 1]]}
    >>> np.savez(path, **{f"{split}_{key}": value for split in ("train", "test") for key, value in part.items()})
    >>> data = load_features(path, held_out=1)
    >>> data.name, len(data.train), len(data.val), len(data.test)
    ('mine', 3, 1, 4)
    """
    path = existing_file(path, "feature file")
    arrays = read_arrays(path)
    splits = {}
    for split in SPLITS:
        keys = [f"{split}_{part}" for part in ("images", "texts", "labels")]
        if split == "val" and not any(key in arrays for key in keys):
            keys = [f"validation_{part}" for part in ("images", "texts", "labels")]  # as older files write it
            if not any(key in arrays for key in keys):
                continue
        splits[split] = split_at(path, split, *(take_array(arrays, key, path) for key in keys))
    data = FeatureSet(path.stem, **splits)
    return data if held_out is None else data.hold_out(held_out, seed=seed)
