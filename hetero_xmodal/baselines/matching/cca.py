"""Linear CCA: directions in which mean regions and captions are most correlated, in closed form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np

from ...data.tasks.matching import Regions, Split, Words
from ...data.tasks.matching.pairs import mean_regions, mean_words
from ...errors import InputError
from ...metrics import recall_at_k
from .base import VectorBaseline, unit_rows

RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
POWERS = (0.0, 0.5, 1.0, 2.0)
DIMS = (32, 64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True)
class CCAMatchingConfig:
    """Settings of CCA; those that are None are selected by Rsum on the validation split.

    texts : representation of a caption: ``words``, the mean of its word vectors (or a sentence encoder's embedding), or ``tfidf``
    image_ridge, text_ridge : ridge of each covariance in units of its mean variance, which reduces the weight of directions of low variance
    power : every direction is scaled by this power of its correlation (Gong et al. 2014); 0 is standard CCA
    dims : dimensions of the common space
    terms : with ``tfidf``, the number of most frequent words (words of a single caption are excluded)

    Raises
    ------
    InputError
        If a value is out of range.
    """

    texts: Literal["words", "tfidf"] = "words"
    image_ridge: float | None = None
    text_ridge: float | None = None
    power: float | None = None
    dims: int | None = None
    terms: int = 2000

    def __post_init__(self) -> None:
        if self.texts not in ("words", "tfidf"):
            raise InputError(f"CCAMatchingConfig: texts is {self.texts!r}, expected 'words' or 'tfidf'")
        for name, least in (("image_ridge", 0), ("text_ridge", 0), ("power", 0), ("dims", 1), ("terms", 1)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise InputError(f"CCAMatchingConfig: {name} is {value}, expected {least} or more")


class CCAMatching(VectorBaseline):
    """Regularised canonical correlation analysis of mean region and caption vectors; pairs are compared by cosine.

    Every caption forms a pair with its image. Vectors are L2-normalised and centred on their training means. scikit-learn's ``CCA`` finds
    the same directions iteratively and without a ridge; a test compares the two.

    Attributes
    ----------
    correlations : numpy.ndarray (dims,)
        Canonical correlations, the largest first.
    validation : float
        Rsum on the validation split.
    """

    name = "CCA"
    Config = CCAMatchingConfig

    def _fit(self, train: Split, validation: Split) -> None:
        if self.config.texts == "tfidf":
            self._tfidf = _tfidf(train.words, self.config.terms)
        images, captions = self._image_inputs(train.regions), self._caption_inputs(train.words)
        pairs = images[train.image_of_caption]
        self._image_mean, self._caption_mean = pairs.mean(axis=0), captions.mean(axis=0)
        pairs, captions = pairs - self._image_mean, captions - self._caption_mean
        x, y = Side(pairs), Side(captions)
        shared = x.vectors.T @ (pairs.T @ captions / len(pairs)) @ y.vectors
        del pairs, captions

        inputs = self._image_inputs(validation.regions) - self._image_mean, self._caption_inputs(validation.words) - self._caption_mean
        best = -np.inf
        config = self.config
        for ridges in product(_choices(config.image_ridge, RIDGES), _choices(config.text_ridge, RIDGES)):
            white = x.whitening(ridges[0]), y.whitening(ridges[1])
            a, correlations, b = leading_singular_vectors(white[0][:, None] * shared * white[1], config.dims or DIMS[-1])
            weights = x.vectors @ (white[0][:, None] * a), y.vectors @ (white[1][:, None] * b)
            projected = [side @ w for side, w in zip(inputs, weights, strict=True)]
            if config.dims is not None and config.dims > len(correlations):
                raise InputError(f"CCA: dims is {config.dims}, but these features give at most {len(correlations)} dimensions")
            for power, dims in product(_choices(config.power, POWERS), _choices(config.dims, _below(len(correlations)))):
                scale = correlations[:dims] ** power
                image_vectors, caption_vectors = (unit_rows(side[:, :dims] * scale) for side in projected)
                rsum = recall_at_k(image_vectors @ caption_vectors.T, validation.image_of_caption)["rsum"]
                if rsum > best:  # of equal values, the smaller ridge, power and dims
                    best = rsum
                    self.config = replace(config, image_ridge=ridges[0], text_ridge=ridges[1], power=power, dims=dims)
                    self.correlations = correlations[:dims]
                    self._image_weights, self._caption_weights = (w[:, :dims] * scale for w in weights)
        self.validation = best

    def _embed_images(self, regions: Regions) -> np.ndarray:
        return (self._image_inputs(regions) - self._image_mean) @ self._image_weights

    def _embed_captions(self, words: Words) -> np.ndarray:
        return (self._caption_inputs(words) - self._caption_mean) @ self._caption_weights

    def _image_inputs(self, regions: Regions) -> np.ndarray:
        return unit_rows(mean_regions(regions).features[:, 0]).astype(np.float64)

    def _caption_inputs(self, words: Words) -> np.ndarray:
        if self.config.texts == "tfidf":
            return self._tfidf.transform(_sentences(words)).toarray()
        if np.ndim(words.values) == 1:
            raise InputError("CCA: these words are rows of a vocabulary and have no vectors; use texts='tfidf'")
        return unit_rows(mean_words(words)).astype(np.float64)


class Side:
    """Principal axes of the centred rows (n, d) of one modality, which give the whitening for any ridge without another decomposition.

    Raises
    ------
    InputError
        If all rows are equal.
    """

    def __init__(self, rows: np.ndarray) -> None:
        values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
        if values[-1] <= 0:
            raise InputError("CCA: the vectors of one side are constant, so they correlate with nothing; give features that vary")
        keep = values > 1e-10 * values[-1]  # directions without variance carry no correlation
        self.mean_variance = values.mean()
        self.values, self.vectors = values[keep], vectors[:, keep]

    def whitening(self, ridge: float) -> np.ndarray:
        """Whitening factors (r,) of the principal axes."""
        return 1 / np.sqrt(self.values + ridge * self.mean_variance)


def leading_singular_vectors(matrix: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The r <= *most* largest nonzero singular values (r,) of a (p, q) matrix, with left (p, r) and right (q, r) singular vectors.

    Computed from the eigenvectors of the smaller of ``M M'`` and ``M' M``, which is several times as fast as a full decomposition.

    >>> a, values, b = leading_singular_vectors(np.diag([3.0, 2.0, 0.0]), 5)
    >>> values.round(6).tolist(), np.abs(a * values @ b.T).round(6).diagonal().tolist()
    ([3.0, 2.0], [3.0, 2.0, 0.0])
    """
    from scipy.linalg import eigh

    if matrix.shape[0] > matrix.shape[1]:
        right, values, left = leading_singular_vectors(matrix.T, most)
        return left, values, right
    n = len(matrix)
    squares, vectors = eigh(matrix @ matrix.T, subset_by_index=(max(0, n - most), n - 1))
    keep = squares > 1e-12 * squares[-1]
    values, left = np.sqrt(squares[keep])[::-1], vectors[:, keep][:, ::-1]
    return left, values, matrix.T @ left / values


def _choices(fixed: Any, candidates: tuple) -> tuple:
    return candidates if fixed is None else (fixed,)


def _below(available: int) -> tuple[int, ...]:
    return (*(d for d in DIMS if d < available), available)


def _sentences(words: Words) -> list[str]:
    if not len(words.tokens):
        raise InputError("CCA on TF-IDF reads the words as text, but these have no tokens")
    return [" ".join(words.tokens[a:b]) for a, b in zip(words.offsets[:-1], words.offsets[1:], strict=True)]


def _tfidf(words: Words, terms: int):
    from sklearn.feature_extraction.text import TfidfVectorizer

    sentences = _sentences(words)
    fewest = 2 if len(words) > 10 else 1
    tfidf = TfidfVectorizer(token_pattern=r"\S+", min_df=fewest, max_features=terms, sublinear_tf=True)
    try:
        return tfidf.fit(sentences)
    except ValueError as error:
        raise InputError(f"CCA on TF-IDF: no word is in {fewest} or more training captions") from error
