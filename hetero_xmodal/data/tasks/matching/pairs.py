"""Image-text matching data: regions of images, words of captions, and the image that each caption describes.

==================  ========================================================================================================
:class:`Regions`    k region vectors an image (precomputed by any detector or grid), their boxes, and where they come from
:class:`Words`      the words of every caption, one after the other, as rows of a vocabulary or as vectors of a frozen encoder
:class:`Split`      both, and the image of every caption
:class:`Batch`      some matched pairs, laid out flat: what every model of matching reads
==================  ========================================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....deprecation import renamed_fields
from ....errors import InputError
from ...regions import Regions


@dataclass(frozen=True, eq=False)
class Words:
    """The words of m captions, flat.

    values : (total, d) float vectors of a frozen encoder, or (total,) int64 rows of a vocabulary
    offsets : (m + 1,) caption i has the words ``offsets[i]:offsets[i + 1]``
    tokens : the words as text, (total,) strings, for figures of attention weights
    provenance : how they were made (``encoder``, ``width`` or ``vocabulary``, ``max_words``, ...); JSON values only
    """

    values: Any
    offsets: np.ndarray
    tokens: Sequence[str] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: Sequence[int] | np.ndarray) -> tuple[Tensor, Tensor]:
        """Words of the captions *rows* one after the other, (words, d) float32 or (words,) int64, and how many each has (rows,)."""
        rows = np.asarray(rows, dtype=np.int64)
        starts, counts = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        first = np.cumsum(counts) - counts
        places = np.arange(counts.sum()) - np.repeat(first - starts, counts)
        values = np.ascontiguousarray(self.values[places])
        values = values.astype(np.int64 if values.ndim == 1 else np.float32, copy=False)
        return torch.from_numpy(values), torch.from_numpy(counts.astype(np.int64))


@dataclass(frozen=True, eq=False)
class Batch:
    """b images and b captions, the i-th caption describing the i-th image (or either side alone, the other one empty).

    regions : (R, d) region vectors, image after image; region_counts : (b,)
    words : (W, e) vectors or (W,) rows of the vocabulary, caption after caption; word_counts : (b,)
    images, captions : (b,) row numbers in the split
    places : (R, 6) where each region lies (see :meth:`Regions.places`), or None
    classes : (R,) the class of each region, a row of ``provenance["classes"]`` or -1, or None (see :class:`Regions`)
    """

    regions: Tensor
    region_counts: Tensor
    words: Tensor
    word_counts: Tensor
    images: Tensor
    captions: Tensor
    places: Tensor | None = None
    classes: Tensor | None = None

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on *device*."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(**{name: None if value is None else value.to(device) for name, value in values.items()})


@dataclass(frozen=True, eq=False)
class Split:
    """Images and captions of one split.

    image_of_caption : (captions,) the row of the image that each caption describes
    captions : the sentences
    name : ``train``, ``val`` or ``test``

    Raises
    ------
    InputError : numbers of captions, words and images of captions that differ, or an image row that does not exist.
    """

    regions: Regions
    words: Words
    image_of_caption: np.ndarray
    captions: Sequence[str] = ()
    name: str = ""

    def __post_init__(self) -> None:
        owner = self.image_of_caption
        if len(owner) != len(self.words) or (len(self.captions) and len(self.captions) != len(owner)):
            raise InputError(
                f"split '{self.name}': {len(owner)} captions have an image, {len(self.words)} have words and {len(self.captions)} have a "
                "text; the three must be equal"
            )
        if len(owner) and not 0 <= int(owner.min()) <= int(owner.max()) < len(self.regions):
            raise InputError(f"split '{self.name}': image_of_caption has values outside 0..{len(self.regions) - 1}")

    def __len__(self) -> int:
        """Number of captions, each of which is one matched pair."""
        return len(self.image_of_caption)

    def batch(self, captions: Sequence[int] | np.ndarray) -> Batch:
        """The matched pairs of the captions *captions* (b,), which are row numbers of this split."""
        captions = np.asarray(captions, dtype=np.int64)
        images = self.image_of_caption[captions]
        regions, region_counts = self.regions.take(images)
        words, word_counts = self.words.take(captions)
        numbers = torch.from_numpy(images.astype(np.int64)), torch.from_numpy(captions)
        return Batch(regions, region_counts, words, word_counts, *numbers, self.regions.places(images), self.regions.classes_of(images))


@renamed_fields(validation="val")
@dataclass(frozen=True, eq=False)
class MatchingData:
    """The splits of a data set and the vocabulary with which a model encodes new images and sentences in the same way.

    vocab : JSON values only. ``data``: the kind of data; ``images``: provenance of the regions; ``texts``: provenance of the words, with
        the list ``words`` if they are rows of a vocabulary; ``used``: ids of the training and validation images.
    """

    train: Split
    val: Split
    test: Split
    vocab: dict[str, Any] = field(default_factory=dict)


def mean_regions(regions: Regions) -> Regions:
    """Images as a single region each: the mean of their regions. Reads the features in blocks, never whole.

    >>> mean_regions(Regions(np.array([[[1.0], [3.0]], [[5.0], [0.0]]]), np.array([2, 1]))).features.tolist()
    [[[2.0]], [[5.0]]]
    """
    means = np.empty((len(regions), 1, regions.width), dtype=np.float32)
    for start in range(0, len(regions), 256):
        rows = np.arange(start, min(start + 256, len(regions)))
        flat, counts = regions.take(rows)
        means[rows, 0] = segment_means(flat.numpy(), counts.numpy())
    _check_finite(means, "the region features")
    return replace(regions, features=means, counts=np.ones(len(regions), dtype=np.int64), boxes=None, classes=None)


def mean_words(words: Words) -> np.ndarray:
    """Mean word vector of every caption, (m, d) float32."""
    flat, counts = words.take(np.arange(len(words)))
    means = segment_means(flat.numpy(), counts.numpy())
    _check_finite(means, "the word vectors")
    return means


def segment_means(flat: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means (m, d) of consecutive segments of *flat* (rows, d), whose lengths are *counts* (m,), each at least 1."""
    starts = np.cumsum(counts) - counts
    return np.add.reduceat(flat, starts, axis=0) / counts[:, None].astype(flat.dtype) if len(counts) else flat[:0]


def _check_finite(values: np.ndarray, what: str) -> None:
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if bad.any():
        raise InputError(f"{what} hold NaN or infinity, first in row {int(bad.argmax())}")
