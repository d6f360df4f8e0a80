"""Feature matrices for cross-modal retrieval: one row of image features, one of text features and one of 0/1 labels per pair.

The containers, and what the readers of feature files share; the files themselves are read in :mod:`hetero_xmodal.data.datasets`
(``wikipedia``, ``mat``, ``features``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..counts import counted
from ..deprecation import renamed_fields
from ..errors import InputError, nearest
from ..files import existing_file


@dataclass(frozen=True, eq=False)
class FeatureSplit:
    """Pairs of one split; row i of each array belongs to pair i.

    Attributes
    ----------
    images : numpy.ndarray of float32, shape (n, d_image)
    texts : numpy.ndarray of float32, shape (n, d_text)
    labels : numpy.ndarray of uint8, shape (n, classes)
        0 or 1.

    Raises
    ------
    InputError
        When a row is missing or NaN or infinite, or a label is neither 0 nor 1.

    Examples
    --------
    >>> split = FeatureSplit([[0.5, 1.0], [1.0, 0.0]], [[1.0], [2.0]], [[1, 0], [1, 1]])
    >>> len(split), split.images.shape, split.labels.dtype.name
    (2, (2, 2), 'uint8')
    """

    images: np.ndarray
    texts: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", check_features(self.images, "image features"))
        object.__setattr__(self, "texts", check_features(self.texts, "text features"))
        object.__setattr__(self, "labels", _labels(self.labels))
        rows = {len(self.images), len(self.texts), len(self.labels)}
        if len(rows) > 1:
            raise InputError(
                f"rows do not match: {len(self.images)} image features, {len(self.texts)} text features, {len(self.labels)} label rows; "
                "row i of each must belong to pair i"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, indices: Any) -> FeatureSplit:
        """The given pairs as a split of their own."""
        return FeatureSplit(self.images[indices], self.texts[indices], self.labels[indices])


@renamed_fields(validation="val")
@dataclass(frozen=True, eq=False)
class FeatureSet:
    """A data set of features: the splits ``train`` and ``test``, perhaps ``val``, and the names of the classes.

    Raises
    ------
    InputError
        When splits differ in width, when a class has no training pair, or when all pairs carry the same single class.
    """

    name: str
    train: FeatureSplit
    test: FeatureSplit
    val: FeatureSplit | None = None
    label_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for split_name in ("val", "test"):
            split = getattr(self, split_name)
            for field in ("images", "texts", "labels"):
                width, expected = split and getattr(split, field).shape[1], getattr(self.train, field).shape[1]
                if split is not None and width != expected:
                    raise InputError(f"{self.name}: {split_name} {field} have {width} columns but train {field} have {expected}")
        classes = self.train.labels.shape[1]
        if self.label_names is not None and len(self.label_names) != classes:
            raise InputError(f"{self.name}: {len(self.label_names)} label names for {classes} label columns")
        if classes < 2:
            raise InputError(f"{self.name}: only one class, so every text is right for every image; retrieval needs at least two classes")
        count = self.train.labels.sum(axis=0)
        if (count == 0).any():
            missing = int((count == 0).argmax())
            name = f" ({self.label_names[missing][:80]!r})" if self.label_names else ""
            total = int((count == 0).sum())
            raise InputError(f"{self.name}: class {missing}{name} has no training pair ({total} such in all); drop these label columns")

    def hold_out(self, size: int, *, seed: int = 0) -> FeatureSet:
        """Move *size* random training pairs into the split ``val``; the last training pair of a class always stays.

        Raises
        ------
        InputError
            If there is a split ``val`` already, or *size* pairs cannot be held out with one of every class left for training.

        Examples
        --------
        >>> split = FeatureSplit(np.eye(6), np.eye(6), np.eye(2)[[0, 1, 0, 1, 0, 1]])
        >>> data = FeatureSet("tiny", train=split, test=split).hold_out(2, seed=0)
        >>> len(data.train), len(data.val)
        (4, 2)
        """
        if self.val is not None:
            raise InputError(f"{self.name} has a split val of {counted(len(self.val), 'pair')} already")
        if not 0 < size < len(self.train):
            raise InputError(f"{self.name}: cannot hold out {size} of {len(self.train)} training pairs; give a number in between")
        left = self.train.labels.sum(axis=0, dtype=np.int64)
        held = np.zeros(len(self.train), dtype=bool)
        for i in np.random.default_rng(seed).permutation(len(self.train)):
            after = left - self.train.labels[i]
            if (after > 0).all():
                held[i], left = True, after
                if held.sum() == size:
                    return replace(self, train=self.train.rows(~held), val=self.train.rows(held))
        raise InputError(f"{self.name}: cannot hold out {size} training pairs and keep one of every class for training; hold out fewer")


def load_label_vectors(path: str | Path, *, classes: int | None = None, names: Sequence[str] | None = None) -> np.ndarray:
    """Word vectors of the class names, float32 (classes, d).

    Parameters
    ----------
    path : a ``.mat`` file whose matrix ``inp`` has a row a class, as the DAGNN authors store it; or a ``.txt`` file of word vectors, a word
        and its numbers a line, as GloVe and fastText are published (see :func:`~hetero_xmodal.data.word_vectors.read_word_vectors`).
    classes : number of classes; not checked if left out.
    names : names of the classes, which a ``.txt`` file needs; the vector of a name of several words is their mean.

    Raises
    ------
    InputError : the file is missing or broken, has no finite matrix ``inp``, has not *classes* rows, or lacks a word of *names*.
    """
    path = existing_file(path, "label vector file")
    if path.suffix == ".txt":
        from .word_vectors import vectors_of_names

        if names is None:
            raise InputError(f"word vectors '{path}' are looked up by the names of the labels; give names")
        return vectors_of_names(path, names)
    vectors = check_features(take_array(read_arrays(path), "inp", path), f"label vectors of '{path}'")
    if classes is not None and len(vectors) != classes:
        raise InputError(f"label vectors of '{path}' are for {len(vectors)} classes but the data has {classes}; use those of this data set")
    return vectors


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a ``.mat`` (up to version 7) or ``.npz`` file by name, each of any shape; nothing in the file is executed.

    Raises
    ------
    InputError : the file is neither, is damaged, or holds pickled Python objects.
    """
    import zipfile

    if path.suffix not in (".mat", ".npz"):
        raise InputError(f"feature file '{path}' is neither .mat nor .npz; save the arrays with numpy.savez or scipy.io.savemat")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        from scipy.io import loadmat

        from .mat_file import check_mat

        check_mat(path)
        arrays = {key: value for key, value in loadmat(path).items() if not key.startswith("__")}
        return {key: _dense(value) if hasattr(value, "toarray") else value for key, value in arrays.items()}
    except InputError:
        raise
    except NotImplementedError:
        raise InputError(f"feature file '{path}' is a MATLAB 7.3 file; save it with version 7 (in MATLAB: save(..., '-v7'))") from None
    except (ValueError, TypeError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"feature file '{path}' cannot be read ({_reason(error)}); it may be truncated or of another format") from None
    except Exception as error:  # scipy's reader raises its own and zlib's errors on damaged files
        raise InputError(f"feature file '{path}' cannot be read ({type(error).__name__}: {_reason(error)}); it may be damaged") from None


def _reason(error: Exception) -> str:
    """What a library says of a damaged file, in one short line."""
    return " ".join(str(error).split())[:160]


def _dense(matrix: Any) -> np.ndarray:
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)  # scipy writes wherever a damaged file's indices point
    return matrix.toarray()


def take_array(arrays: dict[str, np.ndarray], key: str, path: Path) -> np.ndarray:
    """The array *key*, of any shape, of a file read by :func:`read_arrays`.

    Raises
    ------
    InputError : the file has no array of that name; the message lists the names it has.
    """
    if key not in arrays:
        raise InputError(f"'{path}' has no array {key!r}{nearest(key, arrays)}; it holds {', '.join(sorted(arrays)) or 'none'}")
    return arrays[key]


def split_at(place: Path, split: str, images: Any, texts: Any, labels: Any) -> FeatureSplit:
    """A :class:`FeatureSplit` whose errors name the file and the split.

    Raises
    ------
    InputError : see :class:`FeatureSplit`.
    """
    try:
        return FeatureSplit(images, texts, labels)
    except InputError as error:
        raise InputError(f"'{place}', {split} split: {error}") from None


def check_features(values: Any, name: str) -> np.ndarray:
    """*values* as a C-contiguous float32 matrix of features (pairs, width); *name* is used in messages.

    Raises
    ------
    InputError : values that are not numbers, not a matrix, empty, NaN or infinite; the message names the first such row.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise InputError(f"{name} hold {values.dtype} values; they must be numbers")
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"{name} have shape {values.shape}; they must be a matrix (pairs, width) with at least one row and one column")
    with np.errstate(over="ignore"):  # too large for 32 bits: infinite, and refused below
        values = np.ascontiguousarray(values, dtype=np.float32)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{name} hold NaN or infinity in row {int(finite.argmin())} ({int((~finite).sum())} such rows); correct or drop them"
        )
    return values


def _labels(values: Any) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"labels have shape {values.shape}; they must be a matrix (pairs, classes) of 0 and 1 with at least one row")
    if values.dtype.kind not in "biuf":
        raise InputError(f"labels hold {values.dtype} values; they must be 0 or 1")
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(f"label of row {row}, class {column} is {values[row, column]}; labels must be 0 or 1, one column for each class")
    return values.astype(np.uint8)
