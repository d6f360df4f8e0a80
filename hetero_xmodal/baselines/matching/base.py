"""Base classes of the image-text matching baselines: ``fit``, ``similarity``, ``evaluate``, and validation of arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from ...data.tasks.matching import Regions, Split, Words
from ...errors import InputError
from ...metrics import RecallResult, recall_at_k


class MatchingBaseline(ABC):
    """A method that scores the similarity of images and captions; subclasses implement :meth:`_fit` and :meth:`similarity`.

    Methods are trained on the training split; the epoch to keep, and settings that are None in the config, are selected by Rsum (the sum
    of R@1, R@5 and R@10 in both directions) on the validation split.

    Attributes
    ----------
    name : str
        As in papers.
    config : dataclass
        The settings; after ``fit`` including those selected on the validation split.

    Raises
    ------
    InputError
        If *config* is of another class.
    """

    name: ClassVar[str]
    Config: ClassVar[type]

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config
        if not isinstance(self.config, self.Config):
            raise InputError(f"{self.name} needs a {self.Config.__name__}, not a {type(self.config).__name__}")
        self._widths: tuple[int, int | None] | None = None

    def fit(self, train: Split, validation: Split) -> MatchingBaseline:
        """Train on the matched pairs of *train*, select settings on *validation*, and return ``self``.

        Raises
        ------
        InputError
            If there are fewer than two images, an image has no region or a caption no word, the widths of the features differ in
            *validation*, or a feature is NaN.
        """
        for split, what in ((train, "training"), (validation, "validation")):
            _check_split(split, what)
        if len(np.unique(train.image_of_caption)) < 2:
            raise InputError(f"{self.name} needs at least two images, but the training captions describe fewer than two")
        self._widths = (train.regions.width, _word_width(train.words))
        try:
            self._check_regions(validation.regions, "validation images")
            self._check_words(validation.words, "validation captions")
            self._fit(train, validation)
        except BaseException:
            self._widths = None  # not fitted
            raise
        return self

    @abstractmethod
    def similarity(self, split: Split) -> np.ndarray:
        """Similarity of each image and each caption of *split*: (images, captions) float32, higher is better."""

    def evaluate(self, split: Split, *, protocol: str = "any") -> RecallResult:
        """R@1, R@5, R@10 in both directions, median ranks and Rsum under a protocol of :data:`hetero_xmodal.metrics.PROTOCOLS`."""
        return recall_at_k(self.similarity(split), split.image_of_caption, protocol=protocol)

    @abstractmethod
    def _fit(self, train: Split, validation: Split) -> None: ...

    def _rsum(self, split: Split) -> float:
        return recall_at_k(self.similarity(split), split.image_of_caption)["rsum"]

    def _check_regions(self, regions: Regions, what: str = "images") -> None:
        self._check_fitted()
        if regions.width != self._widths[0]:
            raise InputError(f"the regions of the {what} are {regions.width} wide, but {self.name} was fitted to {self._widths[0]}")
        _check_counts(np.asarray(regions.counts), what, "region")

    def _check_words(self, words: Words, what: str = "captions") -> None:
        self._check_fitted()
        width = _word_width(words)
        if width != self._widths[1]:
            kinds = [f"vectors of width {w}" if w else "rows of a vocabulary" for w in (width, self._widths[1])]
            raise InputError(f"the words of the {what} are {kinds[0]}, but {self.name} was fitted to {kinds[1]}")
        _check_counts(np.diff(words.offsets), what, "word")

    def _check_fitted(self) -> None:
        if self._widths is None:
            raise InputError(f"{self.name} is not fitted yet; call fit(train, validation) first")


class VectorBaseline(MatchingBaseline):
    """A method with one unit vector per image and per caption, whose inner product is their similarity."""

    def embed_images(self, regions: Regions) -> np.ndarray:
        """Unit vectors of images, (n, d) float32."""
        self._check_regions(regions)
        return unit_rows(self._embed_images(regions))

    def embed_captions(self, words: Words) -> np.ndarray:
        """Unit vectors of captions, (m, d) float32."""
        self._check_words(words)
        return unit_rows(self._embed_captions(words))

    def similarity(self, split: Split) -> np.ndarray:
        """Cosine similarity of each image and each caption of *split*: (images, captions) float32."""
        return self.embed_images(split.regions) @ self.embed_captions(split.words).T

    @abstractmethod
    def _embed_images(self, regions: Regions) -> np.ndarray: ...

    @abstractmethod
    def _embed_captions(self, words: Words) -> np.ndarray: ...


def unit_rows(values: np.ndarray) -> np.ndarray:
    """L2-normalise the rows of (n, d), as float32; rows of zeros stay zero."""
    values = np.asarray(values, dtype=np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _word_width(words: Words) -> int | None:
    return None if np.ndim(words.values) == 1 else int(words.values.shape[1])


def _check_split(split: Any, what: str) -> None:
    if not isinstance(split, Split):
        raise InputError(f"the {what} data is a {type(split).__name__}; give a Split of hetero_xmodal.data.tasks.matching")
    if len(split) == 0:
        raise InputError(f"the {what} split has no caption")
    _check_counts(np.asarray(split.regions.counts), f"{what} split", "region")
    _check_counts(np.diff(split.words.offsets), f"{what} split", "word")


def _check_counts(counts: np.ndarray, what: str, part: str) -> None:
    if (counts < 1).any():
        whole = "image" if part == "region" else "caption"
        raise InputError(f"{whole} {int((counts < 1).argmax())} of the {what} has no {part}; remove such {whole}s")
